"""Lines of the serial protocol, whole and broken."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.drivers.gas.line_protocol import LineError, LineParser, checksum

CHANNELS = ("mq2", "MQ3")


def parse(line: bytes) -> list[float | None] | None:
    counts = LineParser(CHANNELS).parse(line)
    return None if counts is None else [None if math.isnan(value) else value for value in counts.tolist()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"555,515", [555, 515]),
        (b" 555 , 515.5\r", [555, 515.5]),
        (b"555,nan", [555, None]),
        (b",515", [None, 515]),
        (b'{"mq3": 515, "MQ2": 555, "t": 21}', [555, 515]),
        (b'{"mq2": null, "mq3": 515}', [None, 515]),
        (b'{"mq2": NaN, "mq3": 515}', [None, 515]),
        (b"# warming up", None),
        (b"", None),
        (b"\r", None),
    ],
)
def test_a_good_line_is_read(line: bytes, expected: list[float | None] | None) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"555", "has 1 fields; expected 2: mq2,mq3"),
        (b"555,515,377", "has 3 fields"),
        (b"555,5l5", "channel mq3 is '5l5'"),
        (b"1e99,515", "channel mq2 is 1e\\+99"),
        (b"inf,515", "channel mq2 is inf"),
        (b"\xff\xfe5,515", "is not ASCII text; check the baud rate"),
        (b'{"mq2": 555, "mq', "is not a whole JSON object"),
        (b'{"mq2": 555}', "has no key mq3"),
        (b'{"mq2": 555, "mq3": "515"}', "channel mq3 is '515'"),
        (b'{"mq2": true, "mq3": 515}', "channel mq2 is True"),
        (b'{"mq2": 1' + 400 * b"0" + b', "mq3": 515}', "channel mq2 is 10+; expected ADC counts"),
        (b'{"mq2": ' + 100_000 * b"[", "is not a whole JSON object"),
        (b"hello,world", "the header 'hello,world' has no column mq2, mq3"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(line: bytes, detail: str) -> None:
    with pytest.raises(LineError, match=detail):
        parse(line)


def test_a_header_changes_the_order_of_later_lines() -> None:
    parser = LineParser(CHANNELS)

    assert parser.parse(b"MQ3,supply_mv,MQ2") is None
    counts = parser.parse(b"515,4980,555")

    assert counts is not None
    assert counts.tolist() == [555, 515]


@pytest.mark.parametrize("line", [b"555,515", b'{"mq2": 555, "mq3": 515}'])
def test_a_checksum_is_verified(line: bytes) -> None:
    assert parse(line + b"*%02X" % checksum(line)) == [555, 515]
    assert parse(line + b"*%02x\r" % checksum(line)) == [555, 515]
    with pytest.raises(LineError, match="wrong checksum"):
        parse(line.replace(b"555", b"55") + b"*%02X" % checksum(line))


@given(st.binary(max_size=80))
def test_garbage_is_either_refused_or_read_never_worse(line: bytes) -> None:
    try:
        counts = LineParser(CHANNELS).parse(line)
    except LineError:
        return
    assert counts is None or counts.shape == (2,)
