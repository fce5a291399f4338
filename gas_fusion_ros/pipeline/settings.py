"""What an evaluation runs with: the parameters of the classifier node, from the files that configure it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gas_fusion_ros.alarm.defaults import AlarmChoice, severities_for, severities_of
from gas_fusion_ros.alarm.types import AlarmSettings, Severity
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, shipped_folder
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.parameters import SPECS
from gas_fusion_ros.settings.parameter_file import ParameterFileError, read_node_parameters
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS, MODEL_ADVISES, ParameterValue

NODE = "gas_classifier"

_PAIRING = {f"pairing.{field.name.removesuffix('_ns')}": field.name for field in fields(PairingSettings)}
_CLASS_LISTS = {f"alarm.{severity.value}_classes": severity for severity in Severity}
_ALARM = {
    "alarm.on_threshold": "on_threshold",
    "alarm.off_threshold": "off_threshold",
    "alarm.on_delay": "on_delay_ns",
    "alarm.off_delay": "off_delay_ns",
    "alarm.timeout": "timeout_ns",
}
_ROWS = {spec.name: spec for spec in (*SPECS, *MANAGED_SPECS)}
_OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")
_OF_EVERY_NODE_PREFIXES = ("qos_overrides.",)
KNOWN_PARAMETERS = (*_ROWS, *_OF_EVERY_NODE)


class SettingsError(ValueError):
    """Parameters cannot be used; the message names the file and the parameter."""


@dataclass(frozen=True)
class ClassifierSettings:
    """The parameters of the classifier node that matter offline; each default is the node's.

    Attributes:
        model: model bundle: a name of a shipped one or a folder.
        device: where the network runs.
        threads: inference threads on the CPU.
        channels: channels of the gas array; empty for the model's.
        pairing: how readings and images are paired.
        alarm: what is chosen for the alarm; without severities, those that fit the model's classes.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    threads: int = 1
    channels: tuple[str, ...] = ()
    pairing: PairingSettings = field(default_factory=PairingSettings)
    alarm: AlarmChoice = field(default_factory=lambda: AlarmChoice({}))

    def alarm_settings(self, bundle: Bundle) -> AlarmSettings:
        """Return the alarm's settings with a model.

        Raises:
            SettingsError: they contradict what the model advises, or name a gas that it does not know.
        """
        choice = self.alarm
        if not choice.severities:
            choice = replace(choice, severities=severities_for(bundle.classes))
        try:
            settings = choice.settings(bundle.alarm)
            settings.check_classes(bundle.classes)
        except ValueError as error:
            raise SettingsError(f"alarm: {error}") from None
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
    except ParameterFileError as error:
        raise SettingsError(str(error)) from None
    try:
        _check(given)
        return _settings({**given, **options})
    except ValueError as error:
        raise SettingsError(f"{shown(path)}: {error}") from None


def described(settings: ClassifierSettings, bundle: Bundle, alarm: AlarmSettings) -> dict[str, object]:
    """Return what an evaluation went by, under the parameters' names; what the model advised is filled in."""
    return {
        "model": settings.model,
        "device": settings.device,
        "threads": settings.threads,
        "channels": list(settings.channels or bundle.channels),
        **{name: _as_parameter(settings.pairing, attribute) for name, attribute in _PAIRING.items()},
        **{
            # An empty list has no type in ROS: one empty text stands for none.
            name: [gas for gas, its_severity in alarm.severities.items() if its_severity is severity] or [""]
            for name, severity in _CLASS_LISTS.items()
        },
        **{name: _as_parameter(alarm, attribute) for name, attribute in _ALARM.items()},
    }


def _as_parameter(settings: object, attribute: str) -> float:
    value = getattr(settings, attribute)
    return float(value / NANOSECONDS_PER_SECOND) if attribute.endswith("_ns") else value


def _check(parameters: Mapping[str, object]) -> None:
    unknown = [
        name
        for name in parameters
        if name not in KNOWN_PARAMETERS and not name.startswith(_OF_EVERY_NODE_PREFIXES)
    ]
    if unknown:
        raise ValueError(f"{NODE} has no parameter {listed(unknown)}; it has {', '.join(KNOWN_PARAMETERS)}")
    refusals = (_ROWS[name].refusal(value) for name, value in parameters.items() if name in _ROWS)
    if refused := "; ".join(refusal for refusal in refusals if refusal):
        raise ValueError(refused)


def _settings(given: Mapping[str, Any]) -> ClassifierSettings:
    """Settings from values that have passed `_check`."""
    values: dict[str, Any] = {**{spec.name: spec.default for spec in SPECS}, **given}
    return ClassifierSettings(
        model=values["model"],
        device=values["device"],
        threads=values["threads"],
        # Unlike the node's, which is for one array: an evaluation asks a bag for the model's.
        channels=tuple(given.get("channels", ())),
        pairing=PairingSettings(
            **{
                attribute: _nanoseconds(values[name]) if attribute.endswith("_ns") else values[name]
                for name, attribute in _PAIRING.items()
            }
        ),
        alarm=_alarm(values, given),
    )


def _alarm(values: Mapping[str, Any], given: Mapping[str, Any]) -> AlarmChoice:
    def advised(name: str) -> float | None:
        return None if values[name] == MODEL_ADVISES else values[name]

    def advised_ns(name: str) -> int | None:
        return None if values[name] == MODEL_ADVISES else _nanoseconds(values[name])

    warning, critical = (values[name] for name in _CLASS_LISTS)
    return AlarmChoice(
        severities_of(warning, critical) if given.keys() & _CLASS_LISTS.keys() else {},
        on_threshold=advised("alarm.on_threshold"),
        off_threshold=advised("alarm.off_threshold"),
        on_delay_ns=advised_ns("alarm.on_delay"),
        off_delay_ns=advised_ns("alarm.off_delay"),
        timeout_ns=_nanoseconds(values["alarm.timeout"]),
    )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS_PER_SECOND)
