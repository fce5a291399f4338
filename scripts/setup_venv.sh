#!/usr/bin/env bash
# Makes .venv at the repository's root: ROS 2 as wheels, and this package in place.
#   setup_venv.sh demo   what the nodes, the demo and gas-fusion need, in the versions of requirements/versions.txt
#   setup_venv.sh test   that, and what tests and training need besides: torch, linters, a broker
# Does nothing where .venv has it already and the requirement files have not changed.
# PYTHON=/path/to/python3.x chooses the interpreter.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
purpose="${1:?demo or test}"

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
  echo "==> $1"
}

install() {
  "$venv/bin/python" -m pip install --disable-pip-version-check "$@" ||
    die "installing failed (see above); is there a network? Run this again to start over"
}

check_machine
# Making it anew would empty what the link leads to.
[ ! -L "$venv" ] || die "$venv is a link; remove it, or install into where it leads by hand"
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
# The files of requirements/ by name, all of them where none is given.
contents_of() {
  (
    cd "$root/requirements"
    [ $# -gt 0 ] || set -- *.txt
    cat "$@" ../setup.py ../setup.cfg ../standalone/pyproject.toml ../scripts/setup_venv.sh | sha256sum
  )
}
demo_stamp="$venv/demo_complete"
demo="$place"$'\n'"$(contents_of ros.txt runtime.txt versions.txt)"
test_stamp="$venv/test_complete"
test="$place"$'\n'"$(contents_of)"

holds() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# Each stamp is written as the last act, so that an interrupted installation starts over next time.
make_demo() {
  check_venv_module
  local installed_place
  installed_place="$(head -n 1 "$demo_stamp" 2>/dev/null || true)"
  rm -f "$demo_stamp" "$test_stamp"
  if [ "$installed_place" = "$place" ]; then
    step "The requirements changed: updating $venv"
  else
    step "Making $venv with $python"
    "$python" -m venv --clear "$venv"
  fi
  step "Installing ROS 2 Kilted and what the nodes need"
  # Compiling what is never imported takes longer than the rest.
  install --no-compile -c "$root/requirements/versions.txt" \
    -r "$root/requirements/ros.txt" -r "$root/requirements/runtime.txt"
  # message_filters and cv_bridge of standalone/ stand in for those of a ROS installation.
  install --no-build-isolation --no-deps -e "$root/standalone" -e "$root"
  printf '%s\n' "$demo" >"$demo_stamp"
}

# The broker that tests talk to, unpacked into .venv: nothing is installed on the machine, and nothing started.
fetch_broker() {
  if [ -x /usr/sbin/mosquitto ] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    return
  fi
  local packages="$venv/mosquitto/packages"
  step "Fetching mosquitto"
  rm -rf "$venv/mosquitto"
  mkdir -p "$packages/partial"
  local download=(apt-get -qq -y install --download-only --no-install-recommends
    -o Debug::NoLocking=1 -o "Dir::Cache::Archives=$packages" mosquitto)
  # A fresh container has no package lists yet, and only root may get them.
  if "${download[@]}" >/dev/null || { [ "$(id -u)" = 0 ] && apt-get -qq update && "${download[@]}" >/dev/null; }; then
    for package in "$packages"/*.deb; do
      dpkg-deb -x "$package" "$venv/mosquitto"
    done
  else
    echo "==> No mosquitto to be had: tests that need a broker will skip" >&2
  fi
  rm -rf "$packages"
}

make_test() {
  rm -f "$test_stamp"
  step "Installing torch and torchvision"
  install -r "$root/requirements/torch.txt"
  step "Installing what tests and training need"
  install -r "$root/requirements/development.txt"
  fetch_broker
  printf '%s\n' "$test" >"$test_stamp"
}

made=
if ! holds "$demo_stamp" "$demo"; then
  make_demo
  made=yes
fi
if [ "$purpose" = test ] && ! holds "$test_stamp" "$test"; then
  make_test
  made=yes
fi
[ -z "$made" ] || step "Ready: $venv"
