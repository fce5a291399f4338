"""Starts the whole pipeline: gas sensor, thermal camera and classifier; on demand the relay to a broker."""

from __future__ import annotations

from launch import LaunchDescription
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
    """Describe the three nodes of the pipeline, and the relay."""
    robot = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "robot.yaml"])
    return LaunchDescription(
        [
            *common_arguments(params_file=robot),
            *model_arguments(),
            *lifecycle_node("gas_sensor"),
            *lifecycle_node("thermal_camera"),
            *lifecycle_node("gas_classifier", overrides=("model", "device")),
            *alarm_relay(),
        ]
    )
