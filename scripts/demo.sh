#!/usr/bin/env bash
# Plays a simulated patrol with gas leaks through the whole pipeline; installs what it needs into .venv first.
# Arguments go to `gas-fusion demo`: see `bash scripts/demo.sh --help`.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/standalone_env.sh"
bash "$root/scripts/setup_venv.sh" demo
exec "$root/.venv/bin/gas-fusion" demo "$@"
