#!/usr/bin/env bash
# Runs one node of the robot in this very process, as gas-fusion@.service does: run_node.sh gas_sensor
set -eo pipefail  # not -u: the setup files of ROS read variables that are not set

node=$1
# shellcheck disable=SC1090
source "${GAS_FUSION_SETUP:?is not set: the setup.bash of the workspace, see robot.env}"

program=$(command -v "$node") || true
IFS=: read -ra prefixes <<<"${AMENT_PREFIX_PATH:-}"
for prefix in "${prefixes[@]}"; do
  if [ -x "$prefix/lib/gas_fusion_ros/$node" ]; then
    program=$prefix/lib/gas_fusion_ros/$node
    break
  fi
done
if [ -z "$program" ]; then
  echo "$node is no executable of gas_fusion_ros in what $GAS_FUSION_SETUP sets up" >&2
  exit 1
fi

# Lines go to the journal, which is bounded; the files of ROS's own log are not.
# shellcheck disable=SC2086
exec "$program" --ros-args \
  --params-file "${GAS_FUSION_PARAMETERS:?is not set: the robot parameter file, see robot.env}" \
  -p autostart:=true -r "__ns:=${GAS_FUSION_NAMESPACE:-/}" --enclave "/gas_fusion_ros/$node" \
  --disable-external-lib-logs ${GAS_FUSION_ARGUMENTS:-}
