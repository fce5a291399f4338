#!/usr/bin/env bash
# Makes .venv at the repository's root: ROS 2 as wheels, torch, and this package in place.
# Does nothing where .venv is complete and the requirement files have not changed.
# PYTHON=/path/to/python3.x chooses the interpreter.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
stamp="$venv/complete"

die() {
  echo "error: $*" >&2
  exit 1
}

find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    # The interpreter below a virtual environment, so that an activated .venv does not rebuild itself.
    if "$candidate" -c '
import os, sys
if not (3, 10) <= sys.version_info < (3, 14):
    sys.exit(1)
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))' 2>/dev/null; then
      return
    fi
  done
  return 1
}

check_machine() {
  local machine
  machine="$(uname -s) $(uname -m)"
  [ "$machine" = "Linux x86_64" ] ||
    die "the ROS 2 wheels exist for Linux x86_64 only, this is $machine; use a ROS 2 installation and colcon instead"
}

check_venv_module() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$python cannot make virtual environments; on Debian and Ubuntu: sudo apt install python3-venv"
}

step() {
  echo "==> [$1/4] $2"
}

install() {
  "$venv/bin/python" -m pip install --disable-pip-version-check "$@" ||
    die "installing failed (see above); is there a network? Run this again to start over"
}

check_machine
python="$(find_python)" ||
  die "${PYTHON:-python3} is not a Python 3.10 to 3.13 (the ROS 2 wheels exist for these); name one: PYTHON=/path/to/python3.12 bash $0"

# One at a time: demo.sh and test.sh share the environment.
exec 9<"$root"
if ! flock --nonblock 9; then
  echo "==> waiting for another installation into $venv"
  flock 9
fi

# An environment holds absolute paths and belongs to one interpreter: another place or Python needs a new one.
place="$root $("$python" -c 'import sys; print(sys.executable, sys.version_info[:2])')"
contents="$(cd "$root" && cat requirements/*.txt setup.py setup.cfg standalone/pyproject.toml "scripts/setup_venv.sh" | sha256sum)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$place"$'\n'"$contents" ]; then
  exit 0
fi

check_venv_module
installed_place="$(head -n 1 "$stamp" 2>/dev/null || true)"
# Written again as the last act, so an interrupted installation starts over next time.
rm -f "$stamp"
if [ "$installed_place" = "$place" ]; then
  step 1 "The requirements changed: updating $venv"
else
  step 1 "Making $venv with $python"
  "$python" -m venv --clear "$venv"
fi

step 2 "Installing ROS 2 Kilted"
install -r "$root/requirements/ros.txt"
step 3 "Installing torch and torchvision"
install -r "$root/requirements/torch.txt"
step 4 "Installing everything else, and this package in place"
install -r "$root/requirements/runtime.txt" -r "$root/requirements/development.txt"
# message_filters and cv_bridge of standalone/ stand in for those of a ROS installation.
install --no-build-isolation --no-deps -e "$root/standalone" -e "$root"

printf '%s\n%s\n' "$place" "$contents" >"$stamp"
echo "==> Ready: $venv"
