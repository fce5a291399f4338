"""Starts the gas sensor and the thermal camera."""

from __future__ import annotations

from launch import LaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, common_arguments, lifecycle_node


def generate_launch_description() -> LaunchDescription:
    """Describe the two sensor nodes."""
    robot = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.yaml"])
    return LaunchDescription(
        [
            *common_arguments(params_file=robot),
            *lifecycle_node("gas_sensor"),
            *lifecycle_node("thermal_camera"),
        ]
    )
