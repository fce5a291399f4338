"""What a sensor node says of its device: `gas/array_info`, `thermal/camera_status` and a channel's health.

As `messages` it goes by the fields alone, and leaves the making to a `MessageMaker`. An array describes
itself in the fields of its file, see `array.array_file`, with the numbers as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gas_fusion_ros.alarm.source_watch import INHIBITING, RUNNING, STATES, Source
from gas_fusion_ros.array.array_file import FORMAT_VERSION, array_content, read_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription
from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.quoting import one_line, quoted, shown
from gas_fusion_ros.drivers.gas.channel_health import ChannelState
from gas_fusion_ros.ros.message_maker import ROS_MESSAGES, MessageMaker
from gas_fusion_ros.ros.messages import (
    MAX_FIELDS,
    Level,
    MessageError,
    diagnostic_array,
    diagnostic_status,
    key_values,
)

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

_SOURCE = "source"
_OF_ARRAY = ("unit", "full_scale", "divider", "serial_id")
_ALWAYS = ("unit", "full_scale", "divider")
"""What each array that describes itself says; without any of them a message describes none."""
_CALIBRATION = "calibration."
_SENSOR = "sensor"
"""Each channel of an array that describes itself says it, empty where its type is not known."""
_OF_CHANNEL = tuple(one.name for one in fields(ArrayChannel) if one.name != "name")
_OF_CALIBRATION = tuple(one.name for one in fields(ArrayCalibration))
_TEXTS = ("unit", "divider", "serial_id", _SENSOR, "date")

_HEALTH = {
    ChannelHealth.OK: (Level.OK, "ok"),
    ChannelHealth.WARMING_UP: (Level.WARN, "warming up"),
    ChannelHealth.STUCK: (Level.WARN, "stuck: the value does not change"),
    ChannelHealth.OUT_OF_RANGE: (Level.ERROR, "out of range: published as NaN"),
    ChannelHealth.NAN: (Level.ERROR, "no value"),
}


def channel_diagnostics(
    states: Iterable[ChannelState], node_name: str, hardware_id: str = ""
) -> list[DiagnosticStatus]:
    """Make one DiagnosticStatus per gas channel, named `<node>: <channel>`.

    Its values are `counts` (ADC counts as measured) and `health`. The level is WARN while the
    channel warms up or is stuck, for its value is used, and ERROR where it has none to use.
    """
    statuses = []
    for state in states:
        level, message = _HEALTH[state.health]
        values = {"counts": f"{state.counts:g}", "health": state.health.value}
        statuses.append(diagnostic_status(f"{node_name}: {state.name}", level, message, values, hardware_id))
    return statuses


def decode_source(msg: DiagnosticArray, topic: str) -> Source:
    """Read what a sensor node says of its device: a message of `gas/array_info` or `thermal/camera_status`.

    Raises:
        MessageError: it lacks a status or one of the values it must have, or its state is none.
    """
    values = key_values(msg.status[0]) if msg.status else {}
    missing = [key for key in ("driver", "is_sensor", "state") if key not in values]
    if missing:
        raise MessageError("source_wrong", f"a message of {topic} has no value {', '.join(missing)}")
    if values["state"] not in STATES:
        raise MessageError(
            "source_wrong",
            f"state {quoted(values['state'])} in a message of {topic} is none of {', '.join(STATES)}",
        )
    return Source(values["driver"], values["is_sensor"] == "true", values["state"])


def decode_array(msg: DiagnosticArray, topic: str) -> ArrayDescription | None:
    """Read how an array describes itself in a message of `gas/array_info`.

    Returns:
        The array with the channels that it describes, in their order; None where the message describes none.

    Raises:
        MessageError: it says a part only of what each array says, or a value is none that an array file may
            have; the message names the field.
    """
    values = key_values(msg.status[0]) if msg.status else {}
    missing = [key for key in _ALWAYS if key not in values]
    if len(missing) == len(_ALWAYS):
        return None
    try:
        if missing:
            raise ValueError(f"the array has no value {', '.join(missing)}")
        return read_array(_content(values, _described_channels(msg)))
    except ValueError as error:
        raise MessageError("array_wrong", one_line(f"a message of {topic}: {error}")) from None


def encode_source_status(
    source: Source,
    stamp_ns: int,
    frame_id: str,
    node_name: str,
    maker: MessageMaker = ROS_MESSAGES,
    array: ArrayDescription | None = None,
) -> DiagnosticArray:
    """Make the DiagnosticArray of a source.

    Its first status is named `<node>: source` and has the values `driver`, `is_sensor` (`true` or `false`)
    and `state`; of an array that is described `unit`, `full_scale`, `divider`, `serial_id` and, once it is
    calibrated, `calibration.date`, `calibration.readings` and what else is known of that; and, where there
    are any, `warnings`, joined by `; `.

    One further status for each channel is named `<node>: <channel>`: first those of the array, each with the
    value `sensor` and, where they are known, `baseline`, `spread` and `load_ohm`. A channel whose health is
    known has the value `health`.

    Args:
        source: what stands behind the samples.
        stamp_ns: when it was so.
        frame_id: frame of the samples.
        node_name: what the statuses are named after.
        maker: who makes the message.
        array: how a gas sensor array describes itself; None where nobody says.
    """
    message = source.state if source.is_sensor else f"{source.state}, not a sensor: {source.driver}"
    values = {
        "driver": source.driver,
        "is_sensor": str(source.is_sensor).lower(),
        "state": source.state,
        **_array_values(array),
        **({"warnings": "; ".join(source.warnings)} if source.warnings else {}),
    }
    statuses = [
        diagnostic_status(f"{node_name}: {_SOURCE}", _source_level(source), message, values, maker=maker)
    ]
    healths = dict(source.channels)
    described = _channel_values(array)
    for name in dict.fromkeys([*described, *healths]):
        health = healths.get(name)
        level, message = (Level.STALE, "not read yet") if health is None else _HEALTH[health]
        told = {} if health is None else {"health": health.value}
        status = diagnostic_status(
            f"{node_name}: {name}", level, message, {**told, **described.get(name, {})}, maker=maker
        )
        statuses.append(status)
    return diagnostic_array(statuses, stamp_ns, frame_id, maker)


def _array_values(array: ArrayDescription | None) -> dict[str, object]:
    if array is None:
        return {}
    content = array_content(array)
    calibration = content.get("calibration", {})
    return {
        **{key: content[key] for key in _OF_ARRAY},
        **{f"{_CALIBRATION}{key}": value for key, value in calibration.items()},
    }


def _channel_values(array: ArrayDescription | None) -> dict[str, dict[str, object]]:
    if array is None:
        return {}
    channels: Mapping[str, dict[str, object]] = array_content(array)["channels"]
    return {name: {_SENSOR: "", **known} for name, known in channels.items()}


def _content(values: Mapping[str, str], channels: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what the file of such an array would hold."""
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "channels": {name: _numbers(known, _OF_CHANNEL) for name, known in channels.items()},
        **_numbers(values, _OF_ARRAY),
    }
    calibration = {
        key.removeprefix(_CALIBRATION): value for key, value in values.items() if key.startswith(_CALIBRATION)
    }
    if calibration:
        content["calibration"] = _numbers(calibration, _OF_CALIBRATION)
    return content


def _described_channels(msg: DiagnosticArray) -> dict[str, dict[str, str]]:
    """Return the values of each channel that the array describes, by name.

    Raises:
        ValueError: there are more than any array has, a status is not named after the first one's node, or a
            channel comes twice.
    """
    first, *others = msg.status
    if len(others) > MAX_FIELDS:
        raise ValueError(f"it has {len(others)} channels; an array has {MAX_FIELDS} at most")
    prefix = str(first.name).removesuffix(_SOURCE)
    channels: dict[str, dict[str, str]] = {}
    for status in others:
        values = key_values(status)
        if _SENSOR not in values:
            continue
        name = str(status.name)
        channel = name.removeprefix(prefix)
        if not name.startswith(prefix) or not channel:
            raise ValueError(f"the status {shown(name)} is of no channel; expected {prefix}<channel>")
        if channel in channels:
            raise ValueError(f"it has the channel {shown(channel)} twice")
        channels[channel] = values
    return channels


def _numbers(values: Mapping[str, str], known: tuple[str, ...]) -> dict[str, Any]:
    """Return the known ones of these fields, numbers as such; one that is none stays text, to be refused."""
    return {key: values[key] if key in _TEXTS else _number(values[key]) for key in known if key in values}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _source_level(source: Source) -> Level:
    if source.state not in (RUNNING, *INHIBITING):
        return Level.ERROR
    is_well = source.is_sensor and source.state == RUNNING and not source.warnings
    return Level.OK if is_well else Level.WARN
