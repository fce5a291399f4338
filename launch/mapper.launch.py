"""Starts the leak mapper beside a pipeline that runs: where each leak is, and the gas map along the route."""

from __future__ import annotations

from launch import LaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, common_arguments, lifecycle_node


def generate_launch_description() -> LaunchDescription:
    """Describe the mapper."""
    robot = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.yaml"])
    return LaunchDescription([*common_arguments(params_file=robot), *lifecycle_node("leak_mapper")])
