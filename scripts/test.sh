#!/usr/bin/env bash
# Runs the tests; installs what they need into .venv first. Arguments go to pytest.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/standalone_env.sh"
bash "$root/scripts/setup_venv.sh" test
cd "$root"
exec .venv/bin/python -m pytest "$@"
