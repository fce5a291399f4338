"""Baselines are measured in settled clean air alone; anything else is refused with the reason."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.calibration import CalibrationError, DriftError, calibrate
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Unit

NAMES = ("mq2", "mq3", "mq135")
ARRAY = ArrayDescription(tuple(ArrayChannel(name) for name in NAMES))
DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
S = 10**9


def air(rows: int = 300, level: float = 300.0, noise: float = 1.0) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return level + np.arange(3) * 50.0 + rng.normal(0.0, noise, (rows, 3))


def test_the_baseline_is_the_mean_of_clean_air() -> None:
    readings = air()
    found = calibrate(ARRAY, readings, DATE, np.arange(300, dtype=np.int64) * 2 * S)
    expected = ARRAY.log_resistances(readings)
    for index, channel in enumerate(found.channels):
        assert channel.baseline == pytest.approx(expected[:, index].mean(), abs=1e-4)
        assert channel.spread == pytest.approx(expected[:, index].std(), abs=1e-4)
    assert found.calibration is not None
    assert (found.calibration.date, found.calibration.readings) == ("2026-01-02T03:04:05+00:00", 300)
    assert found.calibration.duration_s == 598.0
    np.testing.assert_allclose(found.deviations(readings).mean(axis=0), 0.0, atol=1e-4)


@given(scale=st.floats(0.01, 100.0))
def test_the_converter_does_not_matter(scale: float) -> None:
    wide = ArrayDescription(ARRAY.channels, full_scale=1023.0 * scale)
    ours, theirs = calibrate(ARRAY, air(), DATE), calibrate(wide, air() * scale, DATE)
    for one, other in zip(ours.channels, theirs.channels, strict=True):
        assert one.baseline == pytest.approx(other.baseline, abs=1e-4)


def test_a_dead_channel_stays_uncalibrated() -> None:
    readings = air()
    readings[:, 1] = np.nan
    found = calibrate(ARRAY, readings, DATE)
    assert [channel.baseline is None for channel in found.channels] == [False, True, False]


def drifting() -> npt.NDArray[np.float64]:
    return air() * np.exp(np.linspace(0.0, 0.4, 300))[:, None]


def with_a_leak() -> npt.NDArray[np.float64]:
    readings = air()
    readings[150:160] *= 2.0
    return readings


def torn() -> npt.NDArray[np.float64]:
    readings = air()
    readings[::5, 2] = np.nan
    return readings


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (air(59), "59 readings are too few; record at least 60"),
        (np.full((300, 3), np.nan), "no channel has a valid reading"),
        (air(level=1020.0), r"saturated, at an end of 0 \.\.\. 1023 counts: mq2 \(median 10"),
        (torn(), r"too few valid readings of mq135 \(80%\)"),
        (drifting(), r"the array drifts: ln\(Rs/RL\) of .*mq2 by -0\.\d+.* let it warm up"),
        (
            with_a_leak(),
            r"3% of the readings, the first of them number 151, are of another air.*the minute after a gas",
        ),
    ],
)
def test_what_is_no_settled_clean_air_is_refused(readings: npt.NDArray[np.float64], reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        calibrate(ARRAY, readings, DATE)


def test_one_channel_alone_may_wander() -> None:
    readings = air()
    readings[:, 0] *= np.exp(np.linspace(0.0, 0.5, 300))
    assert calibrate(ARRAY, readings, DATE).calibration is not None


def real_air() -> list[npt.NDArray[np.float64]]:
    """Recordings of 15 minutes of plain air, five channels, 10 bits."""
    path = os.environ.get("GAS_FUSION_DAILY_AIR")
    if not path:
        pytest.skip("GAS_FUSION_DAILY_AIR is not set: it names the folder of the recordings of daily air")
    found: dict[str, list[list[float]]] = defaultdict(list)
    with gzip.open(Path(path) / "recordings.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["file"].rsplit(".", 1)[0].endswith("_air"):
                names = ("MQ2_raw", "MQ3_raw", "MQ9_raw", "MQ135_raw", "TGS2602_raw")
                found[row["file"]].append([float(row[name] or "nan") for name in names])
    return [np.array(rows) for rows in found.values()]


def test_real_air_of_most_days_is_good_enough() -> None:
    array = ArrayDescription(tuple(ArrayChannel(name) for name in ("mq2", "mq3", "mq9", "mq135", "tgs2602")))
    recordings, refused = real_air(), 0
    for readings in recordings:
        try:
            calibrate(array, readings, DATE)
        except CalibrationError:
            refused += 1
    assert len(recordings) > 100
    assert refused <= 0.05 * len(recordings)


def test_boards_that_were_just_switched_on_are_refused() -> None:
    path = os.environ.get("GAS_FUSION_BOARDS")
    if not path:
        pytest.skip("GAS_FUSION_BOARDS is not set: it names the folder of the boards' readings")
    boards: dict[str, list[list[float]]] = defaultdict(list)
    with (Path(path) / "boards.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "air"]
    names = [name for name in rows[0] if name.startswith("MQ")]
    for row in rows:
        boards[row["board"]].append([float(row[name] or "nan") for name in names])
    array = ArrayDescription(tuple(ArrayChannel(name) for name in names), Unit.VOLT, 5.0)
    for readings in boards.values():
        with pytest.raises(CalibrationError):
            calibrate(array, np.array(readings)[:100], DATE)


def test_more_drift_is_taken_where_it_is_allowed() -> None:
    with pytest.raises(DriftError):
        calibrate(ARRAY, drifting(), DATE)
    found = calibrate(ARRAY, drifting(), DATE, most_drift=1.0)
    assert found.channels[0].baseline is not None
    with pytest.raises(CalibrationError, match="of another air"):
        calibrate(ARRAY, drifting() * np.where(np.arange(300) < 280, 1.0, 0.3)[:, None], DATE, most_drift=0.5)


def test_millivolts_of_a_fine_converter_are_no_end_of_its_range() -> None:
    array = replace(ARRAY, unit=Unit.VOLT, full_scale=5.0)
    rng = np.random.default_rng(3)
    found = calibrate(array, rng.normal(0.003, 0.0001, (300, 3)), DATE)
    assert all(one.baseline == pytest.approx(np.log(5.0 / 0.003), abs=0.02) for one in found.channels)
    with pytest.raises(CalibrationError, match="saturated"):
        calibrate(array, np.abs(rng.normal(0.0, 0.0002, (300, 3))), DATE)
