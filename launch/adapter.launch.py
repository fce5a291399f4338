"""Starts the adapter, in the place of the gas sensor: readings from topics of other people's drivers."""

from __future__ import annotations

from launch import LaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, common_arguments, lifecycle_node


def generate_launch_description() -> LaunchDescription:
    """Describe the adapter node."""
    example = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "adapter.yaml"])
    return LaunchDescription([*common_arguments(params_file=example), *lifecycle_node("gas_adapter")])
