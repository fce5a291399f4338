"""Starts the pipeline on a simulated patrol that repeats, under a clock of its own."""

from __future__ import annotations

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, check_entry, model_arguments, on_active


def generate_launch_description() -> LaunchDescription:
    """Describe the pipeline and the clock, which starts when all are ready."""
    share = FindPackageShare(PACKAGE)
    params_file = LaunchConfiguration("params_file")
    speed = ParameterValue(LaunchConfiguration("speed"), value_type=float)
    clock = Node(
        package=PACKAGE,
        executable="sim_clock",
        name="sim_clock",
        parameters=[params_file, {"speed": speed}],
        output="screen",
    )
    pipeline = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "pipeline.launch.py"])),
        launch_arguments={
            "namespace": LaunchConfiguration("namespace"),
            "params_file": params_file,
            "use_sim_time": "true",
            "autostart": "true",
            "respawn": "true",
            "model": LaunchConfiguration("model"),
            "device": LaunchConfiguration("device"),
        }.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of nodes and topics"),
            DeclareLaunchArgument(
                "params_file",
                default_value=PathJoinSubstitution([share, "config", "simulation.yaml"]),
                description="parameter file (YAML)",
            ),
            DeclareLaunchArgument(
                "speed",
                default_value="5.0",
                description="simulated seconds per second; simulation.yaml is made for up to 10",
            ),
            *model_arguments(),
            OpaqueFunction(function=_check_clock),
            on_active(("gas_classifier", "gas_sensor", "thermal_camera"), [clock]),
            pipeline,
        ]
    )


def _check_clock(context: LaunchContext) -> list[Action]:
    # Every robot's time: it has no namespace.
    check_entry(context, "sim_clock", namespace="")
    return []
