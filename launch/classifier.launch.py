"""Starts the classifier alone, for sensors that run elsewhere or come from a bag."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import (
    PACKAGE,
    alarm_relay,
    common_arguments,
    lifecycle_node,
    model_arguments,
)


def generate_launch_description() -> LaunchDescription:
    """Describe the classifier node."""
    robot = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.yaml"])
    return LaunchDescription(
        [
            *common_arguments(params_file=robot),
            *model_arguments(),
            DeclareLaunchArgument(
                "image_transport",
                default_value="",
                choices=["", "raw", "compressed"],
                description="how images come; empty takes the parameter file's",
            ),
            *lifecycle_node("gas_classifier", overrides=("model", "device", "image_transport")),
            *alarm_relay(),
        ]
    )
