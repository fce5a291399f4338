"""The YAML file that describes an array; docs/array.md explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.base.documents import MOST_BYTES, DocumentError, read_yaml
from gas_fusion_ros.base.files import read_regular, write_whole
from gas_fusion_ros.base.quoting import listed, one_line, quoted, shown

FORMAT_VERSION = 1
ARRAY_FILE_NAME = "array.yaml"
"""What it is called in a folder of readings, whose array it describes."""

_FIELDS = ("format_version", "serial_id", "unit", "full_scale", "divider", "channels", "calibration")
_CHANNEL_FIELDS = ("sensor", "baseline", "spread")
_CALIBRATION_FIELDS = ("date", "readings", "duration_s")
_HEAD = "# An array of gas sensors; `gas-fusion calibrate` writes its baselines in clean air, ln(Rs/RL).\n"

C = TypeVar("C", bound=Enum)


class ArrayFileError(ValueError):
    """A file describes no array; the message names the file, the field and what would be right."""


def load_array(path: Path) -> ArrayDescription:
    """Read an array file.

    Raises:
        ArrayFileError: it cannot be read, or a field is missing, unknown or unusable.
    """
    try:
        return read_array(read_yaml(path))
    except OSError as error:
        raise ArrayFileError(f"array file {shown(path)} cannot be read: {error.strerror or error}") from None
    except (DocumentError, ValueError) as error:
        raise ArrayFileError(f"array file {shown(path)}: {error}") from None


def write_array(path: Path, array: ArrayDescription) -> None:
    """Write an array file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, format_array(array).encode())


def replace_array(path: Path, array: ArrayDescription) -> Path | None:
    """Write an array file, whole or not at all; what stands there is kept beside it.

    Returns:
        Where the previous file is kept, `<name>.previous`; None where there was none.

    Raises:
        OSError: one of the two cannot be written, or the previous one cannot be read.
    """
    kept = None
    if path.exists():
        kept = path.with_name(f"{path.name}.previous")
        write_whole(kept, read_regular(path, MOST_BYTES))
    write_array(path, array)
    return kept


def format_array(array: ArrayDescription) -> str:
    """Return the text of an array file."""
    return _HEAD + yaml.safe_dump(array_content(array), sort_keys=False, allow_unicode=True)


def array_content(array: ArrayDescription) -> dict[str, Any]:
    """Return what an array file holds."""
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "serial_id": array.serial_id,
        "unit": array.unit.value,
        "full_scale": array.full_scale,
        "divider": array.divider.value,
        "channels": {
            one.name: {
                key: value for key, value in asdict(one).items() if key != "name" and value not in (None, "")
            }
            for one in array.channels
        },
    }
    if array.calibration is not None:
        content["calibration"] = {
            key: value for key, value in asdict(array.calibration).items() if value is not None
        }
    return content


def read_array(content: Any) -> ArrayDescription:
    """Return the array that the content of an array file describes.

    Raises:
        ValueError: a field is missing, unknown or unusable.
    """
    fields = _table(content, "the file", _FIELDS)
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"format_version is {_told(version)}; this release reads {FORMAT_VERSION}")
    channels = fields.get("channels")
    if not isinstance(channels, dict) or not channels:
        raise ValueError(
            "channels must be a table with a line for each sensor, such as `mq2: {sensor: MQ-2}`"
        )
    unit = _choice(fields, "unit", Unit, Unit.COUNTS)
    return ArrayDescription(
        tuple(_channel(name, one) for name, one in channels.items()),
        unit,
        _number(fields, "full_scale", "full_scale") or ArrayDescription.full_scale,
        _choice(fields, "divider", Divider, Divider.LOAD_LOW),
        _text(fields, "serial_id", "serial_id"),
        _calibration(fields.get("calibration")),
    )


def _channel(name: Any, content: Any) -> ArrayChannel:
    if not isinstance(name, str):
        raise ValueError(f"channel {_told(name)} must be a name; write it in quotation marks")
    place = f"channels.{one_line(name, 40)}"
    fields = _table({} if content is None else content, place, _CHANNEL_FIELDS)
    return ArrayChannel(
        name,
        _text(fields, "sensor", f"{place}.sensor"),
        _number(fields, "baseline", f"{place}.baseline"),
        _number(fields, "spread", f"{place}.spread"),
    )


def _calibration(content: Any) -> ArrayCalibration | None:
    if content is None:
        return None
    fields = _table(content, "calibration", _CALIBRATION_FIELDS)
    readings = fields.get("readings")
    if isinstance(readings, bool) or not isinstance(readings, int) or readings < 1:
        raise ValueError(f"calibration.readings is {_told(readings)}; expected a whole number above 0")
    date = fields.get("date")
    # YAML reads an unquoted time as one.
    told = date.isoformat() if isinstance(date, datetime) else date
    if not isinstance(told, str):
        raise ValueError(f"calibration.date is {_told(date)}; expected day and time in ISO 8601")
    return ArrayCalibration(told, readings, _number(fields, "duration_s", "calibration.duration_s"))


def _table(content: Any, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{place} must be a table of {', '.join(known)}")
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise ValueError(f"{place} has no field {listed(unknown)}; it has {', '.join(known)}")
    return content


def _choice(fields: Mapping[str, Any], key: str, kind: type[C], default: C) -> C:
    value = fields.get(key, default.value)
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(one.value) for one in kind)
        raise ValueError(f"{key} is {_told(value)}; expected one of {known}") from None


def _number(fields: Mapping[str, Any], key: str, place: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    # Written so, NaN is refused too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise ValueError(f"{place} is {_told(value)}; expected a number")
    return float(value)


def _text(fields: Mapping[str, Any], key: str, place: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str) or len(value) > 100:
        raise ValueError(f"{place} is {_told(value)}; expected a text of at most 100 characters")
    return value


def _told(value: object) -> str:
    return quoted(value) if isinstance(value, str) else one_line(repr(value), 60)
