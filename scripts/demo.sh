#!/usr/bin/env bash
# Plays a simulated patrol with gas leaks through the whole pipeline; installs what it needs into .venv first.
#   bash scripts/demo.sh [--seed N] [--leaks N] [--duration S] [--speed S] [--model NAME] [--output DIR] [--watch]
#   bash scripts/demo.sh --recorded DIR     a folder of recorded readings, or a CSV, instead
# docs/demo.md has every option. They are those of `gas-fusion demo`, to which they go as they are.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [[ "${1:-}" == --help ]]; then
  sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
fi
source "$root/scripts/standalone_env.sh"
bash "$root/scripts/setup_venv.sh" demo
exec "$root/.venv/bin/gas-fusion" demo "$@"
