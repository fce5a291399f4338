"""What an evaluation runs with: the parameters of the classifier node, from the files that configure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from gas_fusion_ros.alarm_defaults import (
    MODEL_ADVISES,
    AlarmChoice,
    default_classes,
    severities_for,
    severities_of,
)
from gas_fusion_ros.alarm_types import AlarmSettings, Severity
from gas_fusion_ros.documents import DocumentError, read_yaml
from gas_fusion_ros.inference import DEVICES, Bundle
from gas_fusion_ros.pairing_types import PairingSettings
from gas_fusion_ros.share import DEFAULT_MODEL, share_dir
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

NODE = "gas_classifier"

T = TypeVar("T")

_PAIRING = {f"pairing.{field.name.removesuffix('_ns')}": field.name for field in fields(PairingSettings)}
_CLASS_LISTS = {f"alarm.{severity.value}_classes": severity for severity in Severity}
_ALARM = {
    "alarm.on_threshold": "on_threshold",
    "alarm.off_threshold": "off_threshold",
    "alarm.on_delay": "on_delay_ns",
    "alarm.off_delay": "off_delay_ns",
    "alarm.timeout": "timeout_ns",
}
_MODEL = ("model", "device", "threads", "channels")
# What only a running node needs, and what every ROS node has.
_IGNORED = ("inbox", "event_log", "pose_topic", "pose_type", "use_sim_time", "start_type_description_service")
_IGNORED_PREFIXES = ("qos_overrides.",)
KNOWN_PARAMETERS = (
    *_MODEL,
    *_PAIRING,
    *_CLASS_LISTS,
    *_ALARM,
    *_IGNORED,
)


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
    return share_dir() / "config" / "replay.yaml"


def read_settings(path: Path) -> ClassifierSettings:
    """Read the classifier's parameters from a ROS file; what it does not set keeps the node's default.

    Raises:
        SettingsError: the file cannot be read or has no section for the node, a parameter is not one of the
            node's, or a value cannot be used.
    """
    parameters = _read_parameters(path)
    try:
        return _settings(parameters)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None


def described(settings: ClassifierSettings, bundle: Bundle, alarm: AlarmSettings) -> dict[str, object]:
    """Return what an evaluation went by, under the parameters' names; what the model advised is filled in."""
    return {
        "model": settings.model,
        "device": settings.device,
        "threads": settings.threads,
        "channels": list(settings.channels or bundle.channels),
        **{name: _as_parameter(settings.pairing, attribute) for name, attribute in _PAIRING.items()},
        **{
            name: [gas for gas, its_severity in alarm.severities.items() if its_severity is severity]
            for name, severity in _CLASS_LISTS.items()
        },
        **{name: _as_parameter(alarm, attribute) for name, attribute in _ALARM.items()},
    }


def _as_parameter(settings: object, attribute: str) -> float:
    value = getattr(settings, attribute)
    return float(value / NANOSECONDS_PER_SECOND) if attribute.endswith("_ns") else value


def _read_parameters(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except (OSError, DocumentError) as error:
        raise SettingsError(f"{path} cannot be read as a parameter file: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} is no ROS parameter file; expected a section {NODE}: ros__parameters:")
    wildcards = {name: section for name, section in content.items() if _last_part(name) in ("*", "**")}
    own = {name: section for name, section in content.items() if _last_part(name) == NODE}
    if len(own) > 1:
        raise SettingsError(f"{path} has several sections for {NODE}: {', '.join(own)}; expected one")
    if not own and not wildcards:
        found = ", ".join(str(name) for name in content) or "none"
        raise SettingsError(f"{path} has no section for {NODE}; there is {found}")
    parameters: dict[str, Any] = {}
    for name, section in {**wildcards, **own}.items():
        values = section.get("ros__parameters") if isinstance(section, dict) else None
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: section {name} has no ros__parameters")
        parameters |= _flattened(values)
    return parameters


def _last_part(name: object) -> str:
    return str(name).rpartition("/")[2]


def _flattened(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Names with dots, as ROS has them, of parameters that may be nested."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flattened(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def _settings(parameters: Mapping[str, Any]) -> ClassifierSettings:
    unknown = [
        name for name in parameters if name not in KNOWN_PARAMETERS and not name.startswith(_IGNORED_PREFIXES)
    ]
    if unknown:
        raise ValueError(
            f"{NODE} has no parameter {', '.join(unknown)}; it has {', '.join(KNOWN_PARAMETERS)}"
        )
    reader = _Reader(parameters)
    defaults = ClassifierSettings()
    settings = ClassifierSettings(
        model=reader.get("model", _text, defaults.model),
        device=reader.get("device", _text, defaults.device),
        threads=reader.get("threads", _integer, defaults.threads),
        channels=tuple(reader.get("channels", _texts, [])),
        pairing=_pairing(reader),
        alarm=_alarm(reader),
    )
    if settings.device not in DEVICES:
        raise ValueError(f"device is '{settings.device}'; it must be one of {', '.join(DEVICES)}")
    if settings.threads < 1:
        raise ValueError(f"threads is {settings.threads}; it must be at least 1")
    return settings


class _Reader:
    """Reads values that are of the right type, or not there."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters

    def get(self, name: str, convert: Callable[[Any], T], default: T) -> T:
        if name not in self._parameters:
            return default
        try:
            return convert(self._parameters[name])
        except ValueError as error:
            raise ValueError(f"{name} is {self._parameters[name]!r}; expected {error}") from None


def _pairing(reader: _Reader) -> PairingSettings:
    values = {
        attribute: reader.get(name, _nanoseconds if attribute.endswith("_ns") else _integer, default)
        for name, attribute in _PAIRING.items()
        for default in [getattr(PairingSettings(), attribute)]
    }
    try:
        return PairingSettings(**values)
    except ValueError as error:
        raise ValueError(f"pairing: {error}") from None


def _alarm(reader: _Reader) -> AlarmChoice:
    nothing: list[str] = []
    lists = {name: reader.get(name, _texts, nothing) for name in _CLASS_LISTS}
    # The node's default stands for a list that is not given, unless neither is.
    given = {severity: lists[name] or default_classes(severity) for name, severity in _CLASS_LISTS.items()}
    chosen = severities_of(given[Severity.WARNING], given[Severity.CRITICAL]) if any(lists.values()) else {}
    return AlarmChoice(
        chosen,
        on_threshold=reader.get("alarm.on_threshold", _advised_number, None),
        off_threshold=reader.get("alarm.off_threshold", _advised_number, None),
        on_delay_ns=reader.get("alarm.on_delay", _advised_time, None),
        off_delay_ns=reader.get("alarm.off_delay", _advised_time, None),
        timeout_ns=reader.get("alarm.timeout", _nanoseconds, AlarmChoice.timeout_ns),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of texts")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:
        raise ValueError("a number")
    return float(value)


def _nanoseconds(value: Any) -> int:
    seconds = _number(value)
    if not 0 <= seconds < 1e9:
        raise ValueError("seconds, 0 or more")
    return round(seconds * NANOSECONDS_PER_SECOND)


def _advised_number(value: Any) -> float | None:
    return None if _number(value) == MODEL_ADVISES else _number(value)


def _advised_time(value: Any) -> int | None:
    return None if _number(value) == MODEL_ADVISES else _nanoseconds(value)
