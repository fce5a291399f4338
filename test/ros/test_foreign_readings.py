"""Messages of other people's drivers, and what is refused of them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import (
    Float32,
    Float32MultiArray,
    Float64,
    Int16MultiArray,
    Int32MultiArray,
    MultiArrayDimension,
    String,
    UInt16,
)

from gas_fusion_ros.array.description import Unit
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.types import LineForm
from gas_fusion_ros.ros.foreign_readings import (
    CLOUD_TYPE,
    OLFACTION_TYPE,
    TEXT_TYPE,
    ForeignValues,
    converter,
    header_stamp_ns,
)
from gas_fusion_ros.ros.messages import MessageError

CHANNELS = ("mq2", "mq3", "mq135")
STAMP_NS = 1_700_000_000_000_000_000


def type_of(msg: Any) -> str:
    package = type(msg).__module__.partition(".")[0]
    return f"{package}/msg/{type(msg).__name__}"


def converted(
    msg: Any, channels: Sequence[str] = CHANNELS, type_name: str = "", told: list[Remark] | None = None
) -> list[ForeignValues]:
    tell = (told if told is not None else []).append
    return list(converter(type_name or type_of(msg), channels, LineForm.AUTO, tell)(msg, STAMP_NS))


def values(msg: Any, channels: Sequence[str] = CHANNELS) -> list[float]:
    [found] = converted(msg, channels)
    assert found.stamp_ns == STAMP_NS
    return [float(value) for value in found.values]


def cause(msg: Any, channels: Sequence[str] = CHANNELS, type_name: str = "") -> str:
    with pytest.raises(MessageError) as caught:
        converted(msg, channels, type_name)
    return caught.value.cause


def labelled(labels: Sequence[str], data: Sequence[float]) -> Float32MultiArray:
    msg = Float32MultiArray(data=[float(value) for value in data])
    msg.layout.dim = [MultiArrayDimension(label=label, size=1) for label in labels]
    return msg


def cloud(fields: Sequence[tuple[str, int, str]], *points: Sequence[float], big: bool = False) -> PointCloud2:
    """A cloud with fields (name, datatype, code of NumPy), packed."""
    order = ">" if big else "<"
    dtype = np.dtype([(name, f"{order}{code}") for name, _, code in fields])
    data = np.array([tuple(point) for point in points], dtype=dtype)
    return PointCloud2(
        height=1,
        width=len(points),
        fields=[
            PointField(name=name, offset=int(dtype.fields[name][1]), datatype=kind, count=1)  # type: ignore[index]
            for name, kind, _ in fields
        ],
        is_bigendian=big,
        point_step=dtype.itemsize,
        row_step=dtype.itemsize * len(points),
        data=list(data.tobytes()),
    )


@pytest.mark.parametrize("msg", [Float32(data=512.0), Float64(data=512.0), UInt16(data=512)])
def test_a_number_alone(msg: Any) -> None:
    assert values(msg, ["mq2"]) == [512.0]


def test_a_number_that_no_float32_holds_is_no_reading() -> None:
    assert values(Float64(data=1e300), ["mq2"]) == [np.inf]


def test_a_number_alone_is_of_one_channel() -> None:
    assert cause(UInt16(data=1)) == "one_value"


def test_arrays_by_position() -> None:
    assert values(Int32MultiArray(data=[1, 2, 3])) == [1.0, 2.0, 3.0]
    offset = Int16MultiArray(data=[9, 9, 1, 2, 3])
    offset.layout.data_offset = 2
    assert values(offset) == [1.0, 2.0, 3.0]
    assert values(labelled(["channels"], [1, 2, 3])) == [1.0, 2.0, 3.0]
    assert cause(Int32MultiArray(data=[1, 2, 3, 4])) == "array_values"
    assert cause(Int32MultiArray(data=[1, 2])) == "array_values"
    assert cause(Int32MultiArray(data=[1] * 5000)) == "array_values"


@pytest.mark.parametrize(
    "labels",
    [["MQ-135", "MQ-3", "MQ-2", "humidity"], ["mq135,mq3,mq2,humidity"], ["rows", "MQ 135; MQ 3; MQ 2; T"]],
)
def test_arrays_by_their_labels_in_whatever_order(labels: list[str]) -> None:
    assert values(labelled(labels, [3, 2, 1, 40])) == [1.0, 2.0, 3.0]


def test_labels_separated_by_blanks() -> None:
    assert values(labelled(["mq3 mq2 mq135"], [2, 1, 3])) == [1.0, 2.0, 3.0]


def test_labels_that_do_not_fit_are_refused() -> None:
    assert cause(labelled(["mq2", "mq3"], [1, 2, 3])) == "array_labels"
    assert cause(labelled(["mq2", "mq3", "mq4"], [1, 2, 3])) == "missing_channels"
    assert cause(labelled(["mq2", "MQ-2", "mq3", "mq135"], [1, 2, 3, 4])) == "ambiguous_columns"


def test_text_is_read_as_lines_are() -> None:
    told: list[Remark] = []
    found = converted(String(data="mq135: 3, mq2: 1, mq3: 2\r\n\nmq2=4 mq3=5 mq135=6"), told=told)
    assert [one.values.tolist() for one in found] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert told == []


def test_text_after_a_header_goes_by_it() -> None:
    convert = converter(TEXT_TYPE, CHANNELS, LineForm.AUTO, print)
    assert list(convert(String(data="MQ-3;MQ-2;MQ-135"), STAMP_NS)) == []
    [found] = convert(String(data="2;1;3"), STAMP_NS)
    assert found.values.tolist() == [1.0, 2.0, 3.0]


def test_text_that_is_no_reading_is_told_with_the_adapters_own_parameter() -> None:
    told: list[Remark] = []
    convert = converter(TEXT_TYPE, CHANNELS, LineForm.LABELS, told.append)
    assert list(convert(String(data="1,2,3"), STAMP_NS)) == []
    [remark] = told
    assert "serial." not in remark.text
    assert "line_format" in remark.text


def test_clouds_of_any_numbers_and_names() -> None:
    fields = (
        ("x", 7, "f4"),
        ("MQ-135", 8, "f8"),
        ("MQ2", 4, "u2"),
        ("mq_3", 5, "i4"),
        ("intensity", 2, "u1"),
    )
    for big in (False, True):
        assert values(cloud(fields, (0.5, 3, 1, 2, 9), big=big)) == [1.0, 2.0, 3.0]


def test_the_only_point_with_values_is_the_reading() -> None:
    fields = tuple((name, 7, "f4") for name in CHANNELS)
    nothing = [np.nan] * 3
    assert values(cloud(fields, nothing, [1, np.nan, 3], nothing))[::2] == [1.0, 3.0]
    assert np.isnan(values(cloud(fields, nothing))).all()
    assert cause(cloud(fields, [1, 2, 3], [4, 5, 6])) == "cloud_points"
    assert cause(cloud(fields, nothing, nothing)) == "cloud_points"
    assert cause(PointCloud2(width=100_000, height=100_000)) == "cloud_points"


def test_clouds_that_cannot_be_read_are_refused() -> None:
    fields = tuple((name, 7, "f4") for name in CHANNELS)
    assert cause(cloud(fields[:2], [1, 2])) == "missing_channels"
    assert cause(cloud((*fields, ("MQ-2", 7, "f4")), [1, 2, 3, 4])) == "ambiguous_columns"
    assert cause(cloud((("mq2_ppm", 7, "f4"), *fields[1:]), [1, 2, 3])) == "computed_values"
    short = cloud(fields, [1, 2, 3])
    short.row_step = 4
    assert cause(short) == "cloud_layout"
    cut = cloud(fields, [1, 2, 3])
    cut.data = cut.data[:-1]
    assert cause(cut) == "cloud_layout"
    for name, value, expected in (
        ("offset", 10, "cloud_layout"),
        ("datatype", 0, "cloud_field_type"),
        ("count", 2, "cloud_field_type"),
    ):
        bad = cloud(fields, [1, 2, 3])
        setattr(bad.fields[2], name, value)
        assert cause(bad) == expected


def olfaction(raw_units: int) -> Any:
    stamp = SimpleNamespace(sec=12, nanosec=5)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp, frame_id="nose"), raw=2.5, raw_units=raw_units)


@pytest.mark.parametrize(("raw_units", "unit"), [(0, None), (1, Unit.VOLT), (5, Unit.OHM)])
def test_a_gas_sensor_of_olfaction_msgs(raw_units: int, unit: Unit | None) -> None:
    [found] = converted(olfaction(raw_units), ["tgs2600"], OLFACTION_TYPE)
    assert (found.values.tolist(), found.unit) == ([2.5], unit)


@pytest.mark.parametrize("raw_units", [2, 3, 4, 6, 100, 101, 255])
def test_a_gas_sensor_in_other_units_is_refused(raw_units: int) -> None:
    assert cause(olfaction(raw_units), ["tgs2600"], OLFACTION_TYPE) == "olfaction_units"


def test_stamps() -> None:
    assert header_stamp_ns(olfaction(0)) == 12_000_000_005
    assert header_stamp_ns(PointCloud2()) is None
    assert header_stamp_ns(UInt16(data=1)) is None


def test_another_type_is_refused_with_what_can_be_read() -> None:
    with pytest.raises(
        MessageError, match="a sensor_msgs/msg/Image is no reading; what can be read is std_msgs"
    ):
        converter("sensor_msgs/msg/Image", CHANNELS, LineForm.AUTO, print)


def test_units_that_names_say() -> None:
    fields = tuple((f"{name} [V]", 7, "f4") for name in CHANNELS)
    [found] = converted(cloud(fields, [1, 2, 3]), type_name=CLOUD_TYPE)
    assert found.unit is Unit.VOLT
