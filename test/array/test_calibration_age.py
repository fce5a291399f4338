"""An old calibration is warned of, and a date that cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.calibration_age import age_warning
from gas_fusion_ros.array.description import ArrayCalibration

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def warning(date: str, now: datetime = NOW, most_days: float = 30.0) -> str:
    return age_warning(ArrayCalibration(date, 300), now, most_days)


@pytest.mark.parametrize(
    ("date", "said"),
    [
        (
            "2026-01-30T11:59:00+00:00",
            "was calibrated 30 days ago, on 2026-01-30T11:59:00+00:00; calibrate it",
        ),
        ("2025-03-01", "was calibrated 365 days ago"),
        ("2025-03-01T00:00:00Z", "was calibrated 365 days ago"),
        (
            "2026-03-02T12:00:01+00:00",
            "lies ahead of this machine's clock, 2026-03-01T12:00:00+00:00: set the",
        ),
        ("yesterday", "calibration.date is 'yesterday'; expected day and time in ISO 8601"),
    ],
)
def test_what_is_wrong_with_a_date_is_said(date: str, said: str) -> None:
    assert said in warning(date)


@pytest.mark.parametrize(
    "date", ["2026-03-01T12:00:00+00:00", "2026-01-30T12:00:00+00:00", "2026-03-02T02:00:00"]
)
def test_a_young_one_is_not_warned_of_nor_one_whose_zone_was_forgotten(date: str) -> None:
    assert warning(date) == ""


def test_nothing_is_said_where_it_is_switched_off_or_time_is_simulated() -> None:
    assert warning("2001-01-01", most_days=0.0) == ""
    assert warning("2026-01-01", now=datetime(1970, 1, 1, 0, 10, tzinfo=timezone.utc)) == ""


@given(text=st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    assert isinstance(warning(text), str)


@given(age=st.timedeltas(timedelta(0), timedelta(days=9000)), most_days=st.floats(0.5, 9000.0))
def test_it_is_warned_of_from_the_limit_on(age: timedelta, most_days: float) -> None:
    is_old = age > timedelta(days=most_days)
    assert bool(warning((NOW - age).isoformat(), most_days=most_days)) == is_old
