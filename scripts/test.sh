#!/usr/bin/env bash
# Runs the tests, a process per core; installs what they need into .venv first. Arguments go to pytest.
# Where they name a file of tests there is one process, so that `-s` and `--pdb` work.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/standalone_env.sh"
bash "$root/scripts/setup_venv.sh" test
cd "$root"

# Else each of the many processes that tests start compiles anew what it imports.
unset PYTHONDONTWRITEBYTECODE
# A file stays in one process: its tests share what is expensive to make.
parallel=(-n logical --maxprocesses 4 --dist loadfile)
for argument in "$@"; do
  [[ $argument != *.py* ]] || parallel=()
done
# Else torch takes all cores in each process.
[ ${#parallel[@]} -eq 0 ] || export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec .venv/bin/python -m pytest "${parallel[@]}" "$@"
