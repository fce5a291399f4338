"""The classifier's parameters, of the live node and of an evaluation alike, and the files that set them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gas_fusion_ros.alarm.settings import AlarmChoice, AlarmSettings, severities_of
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, shipped_folder
from gas_fusion_ros.drivers.thermal.raw_frames import RawSettings
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.precision import AUTO, PRECISIONS
from gas_fusion_ros.model.runtimes import DEVICES
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.settings.fields import group, make_settings, parameters_of, setting, specs_of
from gas_fusion_ros.settings.parameter_file import (
    MissingSectionError,
    ParameterFileError,
    read_node_parameters,
)
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS, ParameterSpec, ParameterValue

NODE = "gas_classifier"
POSE_TYPES = ("PoseStamped", "PoseWithCovarianceStamped", "Odometry")
"""What the topic of the robot's pose may be of."""
IMAGE_TOPICS = {"raw": "thermal/image_raw", "compressed": "thermal/image_raw/compressed"}
"""By the parameter `image_transport`; named as image_transport does."""
NO_STATE_FILE = "none"
"""Value of the parameter `state_file` that keeps no alarm over a restart."""


class SettingsError(ValueError):
    """Parameters cannot be used; the message names the file and the parameter."""


@dataclass(frozen=True)
class ClassifierSettings:
    """What the classifier node takes; an evaluation makes use of the first part."""

    model: str = setting(DEFAULT_MODEL, "model bundle: a name below models/ or a folder")
    device: str = setting("auto", "where the network runs", choices=DEVICES)
    precision: str = setting(
        AUTO,
        "in which numbers the network computes on the CPU; auto takes int8 where the model says that it may "
        "and this kind of CPU is faster in it",
        choices=PRECISIONS,
    )
    threads: int = setting(1, "inference threads on the CPU", minimum=1, maximum=64)
    channels: tuple[str, ...] = setting(
        (),
        "channels of the gas array to read: all of the model's for one that looks at counts, one of them at "
        "least for one of domain log_ratio; [''] for the model's and those of the array",
        read_only=True,
    )
    array_file: str = setting(
        "",
        "file that describes the array, as `gas-fusion calibrate` writes it, or the name of a shipped one; "
        "empty for what gas/array_info tells of it",
    )
    tracking: TrackingSettings = group(TrackingSettings)
    inbox: int = setting(
        1,
        "observations that may wait; beyond it the newest replaces the oldest",
        minimum=1,
        maximum=100_000,
    )
    pairing: PairingSettings = group(PairingSettings)
    expect_images: bool = setting(
        True,
        "whether a thermal camera belongs to the robot, so that its silence is told of",
    )
    image_transport: str = setting(
        "raw",
        "how images come: as sensor_msgs/Image on thermal/image_raw, or as sensor_msgs/CompressedImage on "
        "thermal/image_raw/compressed",
        choices=tuple(IMAGE_TOPICS),
    )
    raw: RawSettings = group(RawSettings)
    allow_reproduction: bool = setting(
        False,
        "whether a model that is a reproduction, trained on rendered pictures, as fusion1 is, may be given "
        "the pictures of a real camera",
    )
    alarm: AlarmChoice = group(AlarmChoice)
    state_file: str = setting(
        "",
        "file that keeps the standing alarms over a restart; empty for alarms/<node>.json below "
        f"$ROS_HOME/gas_fusion_ros, '{NO_STATE_FILE}' for none",
    )
    event_log: str = setting("", "file that gets a JSON line for each alarm event; empty for none")
    event_log_mb: float = setting(
        10.0,
        "size from which on the event log is begun anew, MB; its older part stays beside it as *.1",
        minimum=0.1,
        maximum=10_000.0,
        name="event_log_size",
    )
    pose_topic: str = setting("", "topic of the robot's pose, for the event log; empty for none")
    pose_type: str = setting("PoseStamped", "type of the pose topic", choices=POSE_TYPES)

    def alarm_settings(self, bundle: Bundle) -> AlarmSettings:
        """Return the alarm's settings with a model.

        Raises:
            SettingsError: they contradict what the model advises, or name a gas that it does not know.
        """
        try:
            choice = self.alarm.with_gases_of(bundle.classes)
            if choice.profile not in bundle.profiles:
                raise ValueError(
                    f"model '{bundle.name}' advises no profile '{choice.profile}'; it has "
                    f"{', '.join(bundle.profiles)}"
                )
            settings = choice.settings(bundle.profiles[choice.profile], bundle.departure)
            settings.check_classes(bundle.classes)
        except ValueError as error:
            raise SettingsError(f"alarm: {error}") from None
        return settings


_ROWS = {spec.name: spec for spec in (*specs_of(ClassifierSettings), *MANAGED_SPECS)}
_OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")
_OF_EVERY_NODE_PREFIXES = ("qos_overrides.",)
KNOWN_PARAMETERS = (*_ROWS, *_OF_EVERY_NODE)


def offline_settings(given: Mapping[str, Any]) -> ClassifierSettings:
    """Return what an evaluation runs with where these parameters are given, each a value that is allowed.

    Raises:
        ValueError: they name no gas that raises an alarm.
    """
    settings = make_settings(ClassifierSettings, given)
    severities_of(settings.alarm.warning_classes, settings.alarm.critical_classes)  # refuses none at all
    return settings


def replay_parameters_file() -> Path:
    """The shipped file that `replay.launch.py` configures the classifier with.

    Raises:
        FileNotFoundError: the package's files are not there.
    """
    return shipped_folder() / "config" / "replay.yaml"


def read_settings(path: Path, options: Mapping[str, ParameterValue] | None = None) -> ClassifierSettings:
    """Read the classifier's parameters from a ROS file; what it does not set keeps the node's default.

    Every value is judged as the live node judges it, whether an evaluation makes use of it or not.

    Args:
        path: the file.
        options: parameters that go before those of the file, by name: command-line options, each called
            as the last part of its parameter's name.

    Raises:
        SettingsError: the file cannot be read or has no section for the node, a parameter is not one of the
            node's, or a value cannot be used.
    """
    options = options or {}
    for name, value in options.items():
        if refusal := _ROWS[name].refusal(value):
            raise SettingsError(f"--{name.rpartition('.')[2]}: {refusal}")
    try:
        given = read_node_parameters(path, NODE)
    except MissingSectionError as error:
        raise SettingsError(
            f"{error}; add your sections to a copy of config/replay.yaml, which has it"
        ) from None
    except ParameterFileError as error:
        raise SettingsError(str(error)) from None
    try:
        check_parameters(NODE, [*_ROWS.values()], given)
        return offline_settings({**given, **options})
    except ValueError as error:
        raise SettingsError(f"{shown(path)}: {error}") from None


def described(settings: ClassifierSettings, bundle: Bundle, alarm: AlarmSettings) -> dict[str, object]:
    """Return what an evaluation went by, under the parameters' names; what the model advised is filled in."""
    aside = ("severities", "novelty_is_evidence")
    used = {one.name: getattr(alarm, one.name) for one in fields(alarm) if one.name not in aside}
    named = {
        gas: severity
        for gas, severity in alarm.severities.items()
        if gas != UNKNOWN or alarm.novelty_is_evidence
    }
    chosen = replace(settings.alarm, **used).with_severities(named)
    return {
        "model": settings.model,
        "device": settings.device,
        "precision": settings.precision,
        "threads": settings.threads,
        "channels": list(settings.channels or bundle.channels),
        "array_file": settings.array_file,
        "allow_reproduction": settings.allow_reproduction,
        **parameters_of(settings.tracking, "tracking."),
        **parameters_of(settings.pairing, "pairing."),
        **parameters_of(settings.raw, "raw."),
        **{
            name: value
            for name, value in parameters_of(chosen, "alarm.").items()
            if name != "alarm.shelve_time"
        },
    }


def check_parameters(node: str, specs: Sequence[ParameterSpec], parameters: Mapping[str, object]) -> None:
    """Judge what a file sets for a node.

    Args:
        node: its name.
        specs: its own parameters, without those that every node has.
        parameters: the values given, by name.

    Raises:
        ValueError: one is not the node's, or its value is not allowed.
    """
    rows = {spec.name: spec for spec in specs}
    known = (*rows, *_OF_EVERY_NODE)
    unknown = [
        name for name in parameters if name not in known and not name.startswith(_OF_EVERY_NODE_PREFIXES)
    ]
    if unknown:
        raise ValueError(f"{node} has no parameter {listed(unknown)}; it has {', '.join(known)}")
    refusals = (rows[name].refusal(value) for name, value in parameters.items() if name in rows)
    if refused := "; ".join(refusal for refusal in refusals if refusal):
        raise ValueError(refused)
