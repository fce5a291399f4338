#!/usr/bin/env bash
# Runs what a container is given in the workspace. A launch file of the package gets the robot's namespace and parameter
# file as gas-fusion@.service has them (deploy/systemd/robot.env), unless it is given others behind the image's name.
set -eo pipefail  # not -u: the setup files of ROS read variables that are not set

# shellcheck disable=SC1090
source "${GAS_FUSION_SETUP:-/opt/gas_fusion/install/setup.bash}"

is_given() {  # NAME ARGUMENT...
  local name=$1 argument
  for argument in "${@:2}"; do
    [[ $argument == "$name:="* ]] && return 0
  done
  return 1
}

if [[ "$1 $2 $3" == "ros2 launch gas_fusion_ros" ]]; then
  if [ -n "$GAS_FUSION_ARGUMENTS" ]; then
    echo "GAS_FUSION_ARGUMENTS is for single nodes (run_node.sh) and would have no effect on a launch file: unset it, and" \
      "give the launch file's own arguments behind the image's name" >&2
    exit 2
  fi
  if [ "${GAS_FUSION_NAMESPACE:-/}" != / ] && ! is_given namespace "$@"; then
    set -- "$@" "namespace:=$GAS_FUSION_NAMESPACE"
  fi
  case $4 in
    demo.launch.py | replay.launch.py) ;;  # of no robot: they have parameters of their own
    *) is_given params_file "$@" || set -- "$@" "params_file:=${GAS_FUSION_PARAMETERS:-/etc/gas_fusion/robot.yaml}" ;;
  esac
fi
exec "$@"
