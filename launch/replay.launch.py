"""Plays the sensors of a bag into the classifier, under the bag's clock; ends with the bag."""

from __future__ import annotations

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from gas_fusion_ros.nodes.launching import PACKAGE, model_arguments, on_active

# Only what the sensors said: the verdicts in the bag would mix with those made now.
TOPICS = ("gas/readings", "thermal/image_raw", "thermal/image", "thermal/camera_info")
CLOCK_RATE_HZ = "100"


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
            "model": LaunchConfiguration("model"),
            "device": LaunchConfiguration("device"),
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
                "bag_namespace", default_value="", description="namespace that the bag was recorded in"
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

    recorded = [_topic(argument("bag_namespace"), topic) for topic in TOPICS]
    played = [_topic(argument("namespace"), topic) for topic in TOPICS]
    command = ["ros2", "bag", "play", argument("bag"), "--clock", CLOCK_RATE_HZ, "--rate", argument("rate")]
    if argument("loop") == "true":
        command.append("--loop")
    command += ["--disable-keyboard-controls", "--topics", *recorded]
    command += ["--remap", *(f"{old}:={new}" for old, new in zip(recorded, played, strict=True))]
    play = ExecuteProcess(cmd=command, output="screen", on_exit=[Shutdown(reason="the bag has ended")])
    return [on_active("gas_classifier", [play])]


def _topic(namespace: str, topic: str) -> str:
    return "/".join(["", *filter(None, namespace.split("/")), topic])
