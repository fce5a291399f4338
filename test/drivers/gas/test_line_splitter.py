"""Bytes become lines whatever ends them, and however they are cut on their way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.drivers.gas.lines.splitter import MAX_LINE_BYTES, LineSplitter

ROWS = [b"555,515", b"556,516", b"557,517"]


def contents(*chunks: bytes, began_before: bool = False) -> list[bytes]:
    splitter = LineSplitter(began_before=began_before)
    found = [line for number, chunk in enumerate(chunks) for line in splitter.feed(chunk, number)]
    found += splitter.finish()
    return [line.content.rstrip(b"\r") for line in found if line.content.strip() and not line.is_tail]


@given(st.sampled_from([b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r"]), st.lists(st.integers(0, 40), max_size=6))
def test_lines_are_the_same_however_their_bytes_come(end: bytes, cuts: list[int]) -> None:
    data = b"".join(row + end for row in ROWS)
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(edges)]
    assert [row.strip(b"\r") for row in contents(*chunks)] == ROWS


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_tail_of_a_line_that_began_before_is_told_to_be_one(end: bytes) -> None:
    assert contents(end.join([b"55,515", *ROWS]) + end, began_before=True) == ROWS


def test_a_line_is_dated_by_its_first_byte() -> None:
    splitter = LineSplitter(began_before=False)
    assert splitter.feed(b"55", 7) == []
    first, second = splitter.feed(b"5\n556\n55", 9)
    assert (first.at_ns, second.at_ns) == (7, 9)
    (third,) = splitter.feed(b"7\n", 11)
    assert third.at_ns == 9


def test_lines_of_carriage_returns_after_a_banner_are_found() -> None:
    data = b"ready\r\n" + b"".join(b"%d,515\r" % number for number in range(400))
    assert b"399,515" in contents(*(data[at : at + 100] for at in range(0, len(data), 100)))


def test_what_never_ends_is_let_go() -> None:
    splitter = LineSplitter(began_before=False)
    lines = [line for _ in range(50) for line in splitter.feed(b"7" * 100, 0)]
    assert all(not line.has_end for line in lines)
    assert all(len(line.content) <= MAX_LINE_BYTES + 100 for line in lines)
    tail, whole = splitter.feed(b"8\n555\n", 0)
    assert (tail.is_tail, whole.is_tail, whole.content) == (True, False, b"555")
