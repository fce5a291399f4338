"""Whatever becomes of lines on their way, no value is read under another name."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serial_forms import NAMES, READ, READINGS, Read, commas, lines

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.line_protocol import checksum
from gas_fusion_ros.drivers.gas.lines.types import Order

EXPECTED = [dict(zip(PAPER_CHANNELS, map(float, row), strict=True)) for row in READINGS]
CUT_LINE = 4
TELLS_CUTS = ("JSON", "angle", "trailing", "quoted", "labels in braces", "pipes around")
"""Forms in which a line that has lost its end is known by what is left."""


def is_right(named: dict[str, float]) -> bool:
    return any(
        all(math.isnan(named[name]) or named[name] == row[name] for name in PAPER_CHANNELS)
        for row in EXPECTED
    )


def differs_in_last_alone(named: dict[str, float]) -> bool:
    """Whether one value alone is another: a number that has lost its last digits."""
    return any(
        sum(named[name] != row[name] and not math.isnan(named[name]) for name in PAPER_CHANNELS) == 1
        and all(str(int(row[n])).startswith(str(int(named[n]))) for n in PAPER_CHANNELS if named[n] != row[n])
        for row in EXPECTED
    )


def with_cut(data: bytes, at: int) -> bytes:
    """Without the end of one line from a byte on, its line end excepted."""
    end = b"\n" if b"\n" in data else b"\r"
    whole = data.split(end)
    number = len(whole) - 1 - len(READINGS) + CUT_LINE
    whole[number] = whole[number].rstrip(b"\r")[:at] + whole[number][len(whole[number].rstrip(b"\r")) :]
    return end.join(whole)


@pytest.mark.parametrize("form", READ)
def test_a_line_that_is_cut_anywhere_gives_no_wrong_name(form: str) -> None:
    data = READ[form](READINGS)
    longest = max(map(len, data.splitlines()))
    for at in range(longest):
        for named in Read(with_cut(data, at)).named():
            if not is_right(named):
                assert not any(form.startswith(name) for name in TELLS_CUTS), (at, named)
                assert differs_in_last_alone(named), (at, named)


def test_a_line_without_the_checksum_that_others_have_is_cut() -> None:
    whole = [f"{row}*{checksum(row.encode()):02X}" for row in map(commas, READINGS)]
    for at in range(len(whole[CUT_LINE])):
        rows = [*whole]
        rows[CUT_LINE] = rows[CUT_LINE][:at]
        assert all(map(is_right, Read(lines(rows)).named()))


NOISE = "XZq|;:=#\t{}\"'()<>/\\@\x00\x07\xff\xb0"


@pytest.mark.parametrize("form", READ)
def test_characters_that_turn_into_others_change_no_name(form: str) -> None:
    # Only what is no digit turns, and into none: a digit that does cannot be told from another reading.
    data = READ[form](READINGS)
    draw = random.Random(form)
    places = [at for at, byte in enumerate(data) if not chr(byte).isdigit() and byte not in b".\r\n"]
    for _ in range(60 if places else 0):
        noisy = bytearray(data)
        noisy[draw.choice(places)] = ord(draw.choice(NOISE))
        for named in Read(bytes(noisy)).named():
            assert is_right(named), bytes(noisy)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[str, ...], bytes, list[dict[str, float]]]:
    """Channels, what a sketch prints of them in a form drawn by lot, and what is right."""
    channels = tuple(draw(st.permutations(PAPER_CHANNELS))[: draw(st.integers(2, 7))])
    counts = st.integers(1, 4094).map(float) | st.just(math.nan)
    rows = draw(st.lists(st.tuples(*[counts] * len(channels)), min_size=1, max_size=9))
    delimiter = draw(st.sampled_from([",", ";", "\t", " | ", ", "]))
    extras = draw(st.lists(st.sampled_from(["ms", "temp_c", "hum_%", "state"]), unique=True, max_size=3))
    columns = draw(st.permutations([*channels, *extras]))
    style = draw(st.sampled_from(["MQ{}", "mq{}", "MQ-{}", "MQ_{}", "mq {}", "MQ{} (raw)", "MQ{}_adc"]))
    names = [style.format(name[2:]) if name in channels else name for name in columns]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    printed = []
    for number, row in enumerate(rows):
        values = dict(zip(channels, (written(value) for value in row), strict=True))
        values |= {"ms": str(2000 * number), "temp_c": "21.4", "hum_%": "48", "state": "on"}
        cells = [values[name] for name in columns]
        if draw(st.booleans()) or not printed:
            printed.append(delimiter.join(names))
        printed.append(delimiter.join(cells))
    return channels, lines(printed, end), [dict(zip(channels, row, strict=True)) for row in rows]


def written(value: float) -> str:
    return "nan" if math.isnan(value) else str(int(value))


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[name] == other[name] or (math.isnan(one[name]) and math.isnan(other[name])) for name in one
    )


@given(layouts())
@settings(max_examples=120, deadline=None)
def test_columns_under_a_header_are_whose_it_says(
    drawn: tuple[tuple[str, ...], bytes, list[dict[str, float]]],
) -> None:
    channels, data, expected = drawn
    read = Read(data, channels).named()
    assert len(read) == len(expected)
    assert all(same(one, other) for one, other in zip(read, expected, strict=True))


@given(st.permutations(PAPER_CHANNELS), st.sampled_from([",", ";", "\t"]), st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_garbage_between_lines_moves_no_value(order: Sequence[str], delimiter: str, garbage: bytes) -> None:
    printed = [delimiter.join(order)]
    printed += [delimiter.join(written(row[name]) for name in order) for row in EXPECTED]
    whole = lines(printed, "\n").splitlines(keepends=True)
    data = b"".join([*whole[:4], garbage, b"\n", *whole[4:]])
    assert all(map(is_right, Read(data).named()))


@given(
    st.lists(
        st.sampled_from([*NAMES, "ms", "5", "51", "nan", ",", ";", ":", "=", "\n", "\t", " ", "{", "}", '"'])
    )
)
@settings(max_examples=200, deadline=None)
def test_names_and_numbers_in_any_order_never_break_the_reader(parts: list[str]) -> None:
    read = Read("".join(parts).encode(), unconfirmed_rows=0)
    assert all(len(row) == len(PAPER_CHANNELS) for row in read.readings)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_bytes_by_lot_are_no_reading(data: bytes) -> None:
    assert Read(data).readings == []


@pytest.mark.parametrize("bad", ["CO,LPG,a,b,c,d,e", "MQ2,MQ3", "MQ2,MQ3,MQ5,MQ6,MQ7,MQ8,MQ13"])
def test_after_a_header_that_does_not_fit_nothing_is_read_until_one_does(bad: str) -> None:
    values, order = commas(READINGS[0]), Order()
    first = Read(lines([bad, values, values]), order=order)
    assert first.readings == []
    assert "no_fitting_header" in first.refused
    # Whoever reads the port next knows of it.
    assert Read(lines([values]), order=order).readings == []
    good = Read(lines([values, commas(NAMES), values]), order=order)
    assert good.named() == EXPECTED[:1]
    assert Read(lines([values]), order=order).named() == EXPECTED[:1]


def test_values_before_a_header_of_another_order_are_told() -> None:
    turned = commas([*READINGS[0][3:], *READINGS[0][:3]])
    data = lines([turned, turned, commas(NAMES[3:] + NAMES[:3]), turned])
    early = Read(data, unconfirmed_rows=0)
    assert len(early.readings) == 3
    assert "late_header" in early.refused
    assert Read(data, unconfirmed_rows=6).named() == EXPECTED[:1]


@pytest.mark.parametrize("first", [0, 1])
def test_where_no_names_are_wanted_they_stay_from_the_first_reading_on(first: int) -> None:
    values = commas(READINGS[0])
    labels = " | ".join(
        f"{name}: {value}" for name, value in zip(NAMES[::-1], READINGS[0][::-1], strict=True)
    )
    read = Read(lines([labels, values] if first == 0 else [values, labels]), channels=None)
    assert all(named == EXPECTED[0] for named in read.named())
    assert len(read.readings) == 1 + first


@pytest.mark.parametrize("clock", [1_714_564_800, 1_714_564_800_123, 7_200_000])
def test_one_line_with_a_clock_in_place_of_a_sensor_is_enough(clock: int) -> None:
    read = Read(lines([commas([clock, *READINGS[0][:6]])]), unconfirmed_rows=0)
    assert read.readings == []
    assert list(read.refused) == ["time_among_values"]
