"""Three digits behind a sign: thousands or a fraction where the lines tell which, else refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serial_forms import Read, lines

CHANNELS = ("mq2", "mq3", "mq5")
ROWS = st.lists(st.tuples(*[st.integers(0, 65_535)] * 3), min_size=1, max_size=12)


def read(printed: list[str], channels: tuple[str, ...] = CHANNELS) -> Read:
    return Read(lines(printed), channels=channels, unconfirmed_rows=0)


def grouped(count: int, mark: str) -> str:
    return f"{count:,}".replace(",", mark)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from([",", "."]), st.sampled_from([";", "\t", " | "]), st.booleans())
def test_counts_with_marks_are_counts_or_nothing(
    rows: list[tuple[int, ...]], mark: str, between: str, named: bool
) -> None:
    for row in rows:
        cells = [grouped(count, mark) for count in row]
        if named:
            cells = [f"{name}={cell}" for name, cell in zip(CHANNELS, cells, strict=True)]
        (found,) = read([between.join(cells)]).readings or [None]
        # What may be volts with three decimals is read as such.
        may_be_volts = mark == "." and all(1000 <= count <= 5500 or count < 6 for count in row)
        assert found is None or list(found) == list(row) or may_be_volts


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from([",", "."]))
def test_a_stream_with_whole_numbers_tells_that_marks_are_thousands(
    rows: list[tuple[int, ...]], mark: str
) -> None:
    printed = [[512] * 3, *rows, [6000] * 3]
    found = read([";".join(grouped(count, mark) for count in row) for row in printed]).readings
    assert [list(map(round, row)) for row in found] == [list(row) for row in printed]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0.0, 1000.0)] * 3), min_size=1, max_size=8),
    st.sampled_from([",", "."]),
    st.sampled_from([1, 2, 4]),
)
def test_fractions_of_other_than_three_digits_are_fractions(
    rows: list[tuple[float, ...]], mark: str, digits: int
) -> None:
    printed = [[f"{value:.{digits}f}" for value in row] for row in rows]
    found = read([";".join(cells).replace(".", mark) for cells in printed])
    expected = [[pytest.approx(float(cell), rel=1e-6) for cell in cells] for cells in printed]
    assert all(list(row) in expected for row in found.readings)
    assert "thousands_or_fraction" not in found.refused


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0.0, 5.0)] * 3), min_size=1, max_size=8), st.sampled_from([",", "."]))
def test_volts_of_three_digits_are_never_thousands(rows: list[tuple[float, ...]], mark: str) -> None:
    printed = [[f"{value:.3f}" for value in row] for row in rows]
    found = read([";".join(cells).replace(".", mark) for cells in printed])
    assert all(max(row) <= 5.0 for row in found.readings)
    assert mark == "," or "thousands_or_fraction" not in found.refused


@pytest.mark.parametrize(
    ("printed", "values"),
    [
        (["5,550;5,150;5,100"], []),
        (["7.030;5.310;6.100"], []),
        (["MQ2: 5,550 | MQ3: 5,150 | MQ5: 5,100"], []),
        (["7.030;5.310;6.100", "7.030;950;6.100", "7.030;5.310;6.100"], [7030, 950, 6100, 7030, 5310, 6100]),
        (["0,512;5,150;5,100"], [0.512, 5.15, 5.1]),
        (["5,550;5,150;5,10", "5,550;5,150;5,100"], [5.55, 5.15, 5.1] * 2),
        (["7030;5310;6100", "7.030;5.310;6.100"], [7030, 5310, 6100, 7.03, 5.31, 6.1]),
        (["5,550 V;5,150 V;5,100 V"], [5.55, 5.15, 5.1]),
        (["512.125;498.250;301.500"], [512.125, 498.25, 301.5]),
        (['{"mq2": 7.125, "mq3": 6.125, "mq5": 5.125}'], [7.125, 6.125, 5.125]),
        (['{"mq2": "5,550", "mq3": "5,150", "mq5": "5,100"}'], []),
    ],
)
def test_what_the_lines_tell_is_read_and_the_rest_refused(printed: list[str], values: list[float]) -> None:
    found = read(printed)
    assert [value for row in found.readings for value in row] == pytest.approx(values)
    if not values:
        assert list(found.refused) == ["thousands_or_fraction"]


def test_the_remedy_shows_the_number_without_marks() -> None:
    (told,) = read(["5,550;5,150;5,100"]).refused.values()
    assert "'5,550' may be 5550 or a fraction" in str(told)
    assert "print counts without thousands marks, 5550" in str(told)
