"""What other people's drivers publish of gas sensors -> values of channels.

Numbers alone, arrays by position or by their labels, lines of text, point clouds of whatever field types, and
olfaction_msgs/GasSensor. Decoding goes by the fields alone, as in `messages`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import Unit
from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames, Resolution, ambiguous
from gas_fusion_ros.drivers.gas.lines.reader import LineReader
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark
from gas_fusion_ros.drivers.gas.lines.splitter import MAX_LINE_BYTES, Line
from gas_fusion_ros.drivers.gas.lines.types import LineForm, Order, Tellers
from gas_fusion_ros.ros.messages import MAX_FIELDS, MessageError, stamp_to_ns

if TYPE_CHECKING:
    from sensor_msgs.msg import PointCloud2, PointField
    from std_msgs.msg import Float32MultiArray, String

Values = npt.NDArray[np.float32]

MOST_POINTS = 4096
"""Of a cloud that is to hold one reading: no array has so many."""
_MOST_LINES = 256
_RECENT_BYTES = 512

_NUMBERS = (
    "Float32",
    "Float64",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
)
NUMBER_TYPES = tuple(f"std_msgs/msg/{name}" for name in _NUMBERS)
ARRAY_TYPES = tuple(f"std_msgs/msg/{name}MultiArray" for name in _NUMBERS)
TEXT_TYPE = "std_msgs/msg/String"
CLOUD_TYPE = "sensor_msgs/msg/PointCloud2"
OLFACTION_TYPE = "olfaction_msgs/msg/GasSensor"
FOREIGN_TYPES = (*NUMBER_TYPES, *ARRAY_TYPES, TEXT_TYPE, CLOUD_TYPE, OLFACTION_TYPE)
"""The types that can be converted."""
TYPES_TOLD = (
    "std_msgs Float32 and other numbers, Float32MultiArray and others, String, sensor_msgs/PointCloud2, "
    "olfaction_msgs/GasSensor"
)
"""The same for people."""

# sensor_msgs/PointField by its constants' values.
_FIELD_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
_OLFACTION_UNITS = {0: None, 1: Unit.VOLT, 5: Unit.OHM}
"""olfaction_msgs/GasSensor's constants UNITS_UNKNOWN, UNITS_VOLT, UNITS_OHM; others are no raw readings."""
_OLFACTION_OTHERS = {2: "ampere", 3: "ppm", 4: "ppb", 6: "ppm m", 100: "degC", 101: "relative humidity"}
_QUANTITY_UNITS = {Quantity.VOLT: Unit.VOLT, Quantity.OHM: Unit.OHM}


@dataclass(frozen=True)
class ForeignValues:
    """What one message, or one of its lines, says of the C channels of its topic.

    Attributes:
        stamp_ns: acquisition time.
        values: shape (C,), float32; NaN where a channel has none.
        unit: what the values are, where the message says so.
    """

    stamp_ns: int
    values: Values
    unit: Unit | None = None


Convert = Callable[[Any, int], Sequence[ForeignValues]]
"""Takes a message and its acquisition time. Raises MessageError where it cannot be used."""


def converter(
    type_name: str, channels: Sequence[str], line_form: LineForm, tell: Callable[[Remark], None]
) -> Convert:
    """Return what converts the messages of one topic.

    Args:
        type_name: their type, one of `FOREIGN_TYPES`.
        channels: whose values they hold; in this order where messages do not name them.
        line_form: which forms of lines of text are read.
        tell: is told what lines of text were refused, and what was left out of others.

    Raises:
        MessageError: messages of this type are none of sensors, or hold one channel only.
    """
    if type_name in (*NUMBER_TYPES, OLFACTION_TYPE):
        if len(channels) != 1:
            raise MessageError(
                "one_value",
                f"a {type_name} has one value, and its row in sources names {listed(channels)}; write a row "
                "for each sensor's topic",
            )
        return _of_number if type_name in NUMBER_TYPES else _of_olfaction
    if type_name in ARRAY_TYPES:
        names = ColumnNames(channels)
        return lambda msg, stamp_ns: [_of_array(msg, stamp_ns, names)]
    if type_name == TEXT_TYPE:
        return _TextConverter(channels, line_form, tell)
    if type_name == CLOUD_TYPE:
        return _CloudConverter(channels)
    raise MessageError("topic_type", f"a {shown(type_name)} is no reading; what can be read is {TYPES_TOLD}")


def header_stamp_ns(msg: Any) -> int | None:
    """Return the acquisition time of a message; None where it has none, or one of zero."""
    header = getattr(msg, "header", None)
    stamp_ns = 0 if header is None else stamp_to_ns(header.stamp)
    return stamp_ns if stamp_ns > 0 else None


def _float32(values: npt.ArrayLike) -> Values:
    # What a float32 cannot hold becomes infinite, and no reading is.
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float64).astype(np.float32)


# --- one value ------------------------------------------------------------------------------


def _of_number(msg: Any, stamp_ns: int) -> list[ForeignValues]:
    return [ForeignValues(stamp_ns, _float32([msg.data]))]


def _of_olfaction(msg: Any, stamp_ns: int) -> list[ForeignValues]:
    units = int(msg.raw_units)
    if units not in _OLFACTION_UNITS:
        found = _OLFACTION_OTHERS.get(units, f"raw_units {units}")
        raise MessageError(
            "olfaction_units",
            f"raw of a GasSensor is in {found}; what can be read is volt, ohm, or a converter's counts with "
            "raw_units UNITS_UNKNOWN",
        )
    return [ForeignValues(stamp_ns, _float32([msg.raw]), _OLFACTION_UNITS[units])]


# --- arrays ---------------------------------------------------------------------------------


def _of_array(msg: Float32MultiArray, stamp_ns: int, names: ColumnNames) -> ForeignValues:
    """Return the values of the wanted channels, by the labels of the layout or by their position."""
    assert names.channels is not None
    offset = int(msg.layout.data_offset)
    count = max(len(msg.data) - offset, 0)
    dims = msg.layout.dim[:MAX_FIELDS]
    labels = _labels([str(one.label) for one in dims], names, count)
    if count > MAX_FIELDS or (labels is None and count != len(names.channels)):
        raise MessageError(
            "array_values",
            f"it has {count} values; expected {len(names.channels)}: {listed(names.channels)}; name its "
            "sensors in sources, in the order of its values",
        )
    values = _float32(msg.data[offset:])
    if labels is None:
        return ForeignValues(stamp_ns, values)
    resolution = _resolved(names, labels, "layout.dim")
    places = [place for (place,) in resolution.places]
    return ForeignValues(stamp_ns, values[places], _QUANTITY_UNITS.get(resolution.quantity))


def _labels(labels: Sequence[str], names: ColumnNames, count: int) -> list[str] | None:
    """Return a name for each value where labels name sensors: one each, or one label all; None else.

    Raises:
        MessageError: they name sensors, but not of all values.
    """
    split = [_names_in(label, names) for label in labels]
    naming = [found for found in split if any(names.read(name) for name in found)]
    if not naming:
        return None
    if len(labels) == count and all(len(found) == 1 for found in split):
        return list(labels)
    if len(naming) == 1 and len(naming[0]) == count:
        return naming[0]
    raise MessageError(
        "array_labels",
        f"layout.dim has the labels {listed(labels)} and there are {count} values; expected a label for each "
        "value, or one with all names separated by commas",
    )


def _names_in(label: str, names: ColumnNames) -> list[str]:
    """Return the names that a label holds, separated by a sign, or by blanks where each is a sensor's."""
    words = label.split()
    if len(words) > 1 and all(names.read(word) for word in words):
        return words[: MAX_FIELDS + 1]
    return [part.strip() for part in re.split(r"[,;|]", label)[: MAX_FIELDS + 1]]


def _resolved(names: ColumnNames, found: Sequence[str], owner: str) -> Resolution:
    """Return where the wanted channels are among these names.

    Raises:
        MessageError: one is missing, is a computed quantity only, or may be one of several.
    """
    try:
        resolution = names.resolve(found, owner)
    except LineRefusedError as error:
        raise _misnamed(error.remark) from None
    for channel, places in zip(resolution.channels, resolution.places, strict=True):
        if len(places) > 1:
            raise _misnamed(ambiguous(channel, found, places, owner))
    return resolution


def _misnamed(remark: Remark) -> MessageError:
    return MessageError(
        remark.cause, f"{remark.reason}; name in sources the sensors that are there, or correct its publisher"
    )


# --- lines of text --------------------------------------------------------------------------


class _TextConverter:
    """Reads lines in whatever form they are; a message holds one or several, whole ones."""

    def __init__(self, channels: Sequence[str], form: LineForm, tell: Callable[[Remark], None]) -> None:
        self._tell = tell
        self._noted: set[str] = set()
        self._reader = LineReader(channels, form, Order(), Tellers(self._refuse, self._note))

    def __call__(self, msg: String, stamp_ns: int) -> list[ForeignValues]:
        data = str(msg.data).encode("utf-8", "replace")
        lines = data.splitlines()
        if len(lines) > _MOST_LINES:
            raise MessageError(
                "text_lines", f"it has {len(lines)} lines; expected one per reading, {_MOST_LINES} at most"
            )
        recent = data[-_RECENT_BYTES:]
        found = []
        for content in lines:
            line = Line(stamp_ns, content, has_end=len(content) <= MAX_LINE_BYTES)
            readings = self._reader.take(line, recent)
            manner = self._reader.manner
            unit = None if manner is None else _QUANTITY_UNITS.get(manner.quantity)
            found += [ForeignValues(reading.at_ns, reading.counts, unit) for reading in readings]
        return found

    def _refuse(self, remark: Remark) -> None:
        # The reader speaks of the parameter by which a port's lines are read.
        self._tell(Remark(remark.cause, *(_of_topics(text) for text in (remark.reason, remark.remedy))))

    def _note(self, remark: Remark) -> None:
        """Say once what is no loss."""
        if remark.cause not in self._noted:
            self._noted.add(remark.cause)
            self._refuse(remark)


def _of_topics(text: str) -> str:
    return text.replace("serial.format", "line_format")


# --- point clouds ---------------------------------------------------------------------------


class _CloudConverter:
    """Reads the fields of a cloud by their names, whatever their types; one point is the reading."""

    def __init__(self, channels: Sequence[str]) -> None:
        self._names = ColumnNames(channels)
        self._found: tuple[str, ...] = ()
        self._resolution: Resolution | None = None

    def __call__(self, msg: PointCloud2, stamp_ns: int) -> list[ForeignValues]:
        _check_layout(msg)
        resolution = self._resolve(tuple(str(field.name) for field in msg.fields))
        fields = [msg.fields[place] for (place,) in resolution.places]
        points = np.stack([_column(msg, field) for field in fields], axis=-1)
        return [ForeignValues(stamp_ns, _reading_of(points), _QUANTITY_UNITS.get(resolution.quantity))]

    def _resolve(self, found: tuple[str, ...]) -> Resolution:
        if self._resolution is None or found != self._found:
            self._resolution, self._found = _resolved(self._names, found, "a PointCloud2"), found
        return self._resolution


def _check_layout(msg: PointCloud2) -> None:
    points = int(msg.width) * int(msg.height)
    if not 0 < points <= MOST_POINTS:
        raise MessageError("cloud_points", f"it has {points} points; expected one, with a reading")
    if len(msg.fields) > MAX_FIELDS:
        raise MessageError("cloud_fields", f"it has {len(msg.fields)} fields; expected {MAX_FIELDS} at most")
    if msg.row_step < msg.width * msg.point_step or len(msg.data) < msg.row_step * msg.height:
        raise MessageError(
            "cloud_layout",
            f"its {len(msg.data)} bytes are not height {msg.height} * row_step {msg.row_step}, with "
            f"width {msg.width} * point_step {msg.point_step} in a row; correct its publisher",
        )


def _column(msg: PointCloud2, field: PointField) -> Values:
    """Return a field of all points, shape (N,)."""
    code = _FIELD_TYPES.get(int(field.datatype))
    if code is None or field.count != 1:
        raise MessageError(
            "cloud_field_type",
            f"field {shown(field.name)} has datatype {field.datatype} x {field.count}; expected one number",
        )
    dtype = np.dtype(code).newbyteorder(">" if msg.is_bigendian else "<")
    if field.offset + dtype.itemsize > msg.point_step:
        raise MessageError(
            "cloud_layout",
            f"field {shown(field.name)} at offset {field.offset} does not fit into point_step "
            f"{msg.point_step}; correct its publisher",
        )
    steps = (int(msg.row_step), int(msg.point_step))
    shape = (int(msg.height), int(msg.width))
    return _float32(np.ndarray(shape, dtype, bytes(msg.data), int(field.offset), steps).ravel())


def _reading_of(points: npt.NDArray[np.float32]) -> Values:
    """Return the only point, or the only one with values; shape (N, C) to (C,)."""
    if len(points) > 1:
        points = points[np.isfinite(points).any(axis=1)]
    if len(points) != 1:
        raise MessageError(
            "cloud_points",
            f"{len(points)} of its points have values; expected exactly one: which of them is the reading is "
            "not certain",
        )
    return np.asarray(points[0])
