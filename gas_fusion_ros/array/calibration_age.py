"""How old a calibration is, and what is wrong with its date."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from gas_fusion_ros.array.description import ArrayCalibration
from gas_fusion_ros.base.quoting import quoted

FIRST_REAL_YEAR = 2000
"""What lies before is the time of a simulation, or of a clock that nobody has set."""

_CLOCKS_DIFFER = timedelta(days=1)
"""Also a time that somebody wrote down without its zone is less than this ahead."""


def age_warning(calibration: ArrayCalibration, now: datetime, most_days: float) -> str:
    """Say what is to be said of a calibration's date; empty where nothing is.

    Args:
        calibration: when it was.
        now: with a time zone. Before the year 2000 nothing is known of an age.
        most_days: age from which on it is warned of; 0 says nothing at all.
    """
    if most_days <= 0 or now.year < FIRST_REAL_YEAR:
        return ""
    date = _parsed(calibration.date)
    if date is None:
        return (
            f"calibration.date is {quoted(calibration.date)}; expected day and time in ISO 8601, so its "
            "age is not known"
        )
    age = now - date
    if -age > _CLOCKS_DIFFER:
        return (
            f"the calibration's date {calibration.date} lies ahead of this machine's clock, "
            f"{now.isoformat(timespec='seconds')}: set the clock, or mend the file"
        )
    if age > timedelta(days=most_days):
        return (
            f"the array was calibrated {age.days} days ago, on {calibration.date}; calibrate it again in "
            "clean air"
        )
    return ""


def _parsed(text: str) -> datetime | None:
    try:
        # Python 3.10 knows no Z.
        date = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
