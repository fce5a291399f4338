"""Starts what an operator looks at: the node that draws, and RViz where it is asked for."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, common_arguments, lifecycle_node


def generate_launch_description() -> LaunchDescription:
    """Describe the operator's view, and RViz in its namespace."""
    share = FindPackageShare(PACKAGE)
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        # Its topics are relative: they are the robot's whose namespace it runs in.
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", LaunchConfiguration("rviz_config")],
        parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )
    return LaunchDescription(
        [
            *common_arguments(params_file=PathJoinSubstitution([share, "config", "robot.yaml"])),
            DeclareLaunchArgument(
                "rviz",
                default_value="false",
                choices=["true", "false"],
                description="start RViz too, which must be installed",
            ),
            DeclareLaunchArgument(
                "rviz_config",
                default_value=PathJoinSubstitution([share, "config", "rviz", "operator.rviz"]),
                description="what RViz shows",
            ),
            *lifecycle_node("operator_view"),
            rviz,
        ]
    )
