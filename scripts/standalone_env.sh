# To be sourced: makes this shell's environment fit .venv, which carries its own ROS 2.
# shellcheck shell=bash

# A sourced ROS installation would put its libraries and modules before those of .venv.
if [ -n "${AMENT_PREFIX_PATH:-}${ROS_DISTRO:-}" ]; then
  echo "==> Leaving the sourced ROS 2 ${ROS_DISTRO:-installation} aside: this runs on .venv alone." \
    "To run on yours, build the package with colcon." >&2
  unset AMENT_PREFIX_PATH AMENT_CURRENT_PREFIX COLCON_PREFIX_PATH CMAKE_PREFIX_PATH PYTHONPATH LD_LIBRARY_PATH
  unset ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION ROS_LOCALHOST_ONLY ROS_STATIC_PEERS RMW_IMPLEMENTATION
fi

# Nothing leaves this machine, and nothing else on it answers.
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
export ROS_DOMAIN_ID=$((RANDOM % 100 + 1))
