"""Plays the sensors of a bag into the classifier, under the bag's clock; ends with the bag."""

from __future__ import annotations

import shutil
from pathlib import Path

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.bags.ros2_bag_play import BagPlayback, play_command
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.nodes.launching import PACKAGE, model_arguments, on_active


def generate_launch_description() -> LaunchDescription:
    """Describe the classifier and the player, which starts when the classifier is ready."""
    share = FindPackageShare(PACKAGE)
    classifier = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "classifier.launch.py"])),
        launch_arguments={
            "namespace": LaunchConfiguration("namespace"),
            "params_file": LaunchConfiguration("params_file"),
            "use_sim_time": "true",
            "autostart": "true",
            "respawn": "true",
            "model": LaunchConfiguration("model"),
            "device": LaunchConfiguration("device"),
            "image_transport": LaunchConfiguration("image_transport"),
        }.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="the bag to play: its folder or file"),
            DeclareLaunchArgument("rate", default_value="1.0", description="speed of the playback"),
            DeclareLaunchArgument(
                "loop", default_value="false", choices=["true", "false"], description="play over and over"
            ),
            DeclareLaunchArgument(
                "bag_namespace",
                default_value="",
                description="namespace of the bag that is played; empty finds the sensors' topics in any",
            ),
            DeclareLaunchArgument(
                "gas_topic",
                default_value="",
                description="the bag's topic of readings; empty takes the one that gas-fusion evaluate takes",
            ),
            DeclareLaunchArgument(
                "image_topic", default_value="", description="the bag's topic of images, likewise"
            ),
            DeclareLaunchArgument(
                "namespace", default_value="", description="namespace to play and classify in"
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=PathJoinSubstitution([share, "config", "replay.yaml"]),
                description="parameter file (YAML)",
            ),
            *model_arguments(),
            OpaqueFunction(function=_play_when_ready),
            classifier,
        ]
    )


def _play_when_ready(context: LaunchContext) -> list[Action]:
    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    playing = play_command(
        BagPlayback(
            bag=Path(argument("bag")),
            rate=float(argument("rate")),
            loops=argument("loop") == "true",
            bag_namespace=argument("bag_namespace"),
            namespace=argument("namespace"),
            topics=BagTopics(gas=argument("gas_topic") or None, image=argument("image_topic") or None),
        )
    )
    player = playing.arguments[0]
    if shutil.which(player) is None:
        raise FileNotFoundError(f"{player} is not installed, which plays the bag")
    play = ExecuteProcess(cmd=playing.arguments, output="screen", on_exit=_end)
    said: list[Action] = [LogInfo(msg=doubt.detail) for doubt in playing.doubts]
    heard = SetLaunchConfiguration("image_transport", playing.image_transport)
    return [*said, heard, on_active(("gas_classifier",), [play])]


def _end(event: ProcessExited, context: LaunchContext) -> list[Action]:
    if event.returncode != 0 and not context.is_shutdown:
        raise RuntimeError(f"the player ended with exit code {event.returncode}: {' '.join(event.cmd)}")
    return [Shutdown(reason="the bag has ended")]
