"""Decimal signs, thousands marks and words for missing values are told from one another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.table.numbers import MISSING, NumberForm, number_form
from gas_fusion_ros.base.table.options import TableError


@pytest.mark.parametrize(
    ("cells", "delimiter", "decimal", "has_thousands"),
    [
        (["700", "701"], ",", ".", False),
        (["700.5", "701"], ",", ".", False),
        (["700,5", "701"], ";", ",", False),
        (["1.234,5", "987,5"], ";", ",", True),
        (["1,234.5", "987.5"], "\t", ".", True),
        (["0,123", "0,456"], "\t", ",", False),
        (["3,412", "2,551"], ";", ",", False),
        (["987", "1,023"], ",", ".", True),
        (["987", "1.023"], ";", ",", True),
        (["987", "1.023"], ",", ".", False),
        (["1.234.567", "987"], ";", ",", True),
    ],
)
def test_the_form_is_told_by_the_cells(
    cells: Sequence[str], delimiter: str, decimal: str, has_thousands: bool
) -> None:
    assert number_form([cells], delimiter) == NumberForm(decimal, has_thousands)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["700,5", "700.5"], r"a decimal comma \('700,5'\) and with a decimal point \('700.5'\); write all"),
        (["1,234", "2,345"], "'1,234' may be thousands or a fraction; write numbers without thousands marks"),
        (["1,234", "1.234"], "'1,234' and '1.234' may both be thousands or fractions; write"),
    ],
)
def test_a_doubt_is_told(cells: Sequence[str], said: str) -> None:
    with pytest.raises(TableError, match=said):
        number_form([cells], "\t")


@pytest.mark.parametrize("cell", [*sorted(MISSING), " NA ", "NaN", "-INF"])
def test_what_stands_for_no_value_is_nan(cell: str) -> None:
    assert math.isnan(NumberForm().value(cell))
    assert math.isnan(NumberForm(",", True).value(cell))


@pytest.mark.parametrize("cell", ["abc", "1_000", "12 ppm", "0x10", "1e", "--5", "1,5"])
def test_what_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        NumberForm().value(cell)


@given(st.integers(-10_000_000, 10_000_000), st.sampled_from([".", ","]), st.booleans())
def test_a_number_is_read_as_it_was_written(hundredths: int, decimal: str, has_thousands: bool) -> None:
    text = f"{hundredths / 100:,.2f}" if has_thousands else f"{hundredths / 100:.2f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert NumberForm(decimal, has_thousands).value(text) == pytest.approx(hundredths / 100)
