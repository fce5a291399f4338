"""A CSV in the data set's layout plays as readings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.gas.recorded import RecordedGasDriver, RecordedGasSettings

SECOND = 1_000_000_000
T0 = 1_000 * SECOND
HEADER = "Serial Number,MQ2,Other,MQ8,Gas\n"


def make_driver(path: Path, loop: bool = False) -> RecordedGasDriver:
    settings = RecordedGasSettings(
        str(path), period_ns=SECOND, loop=loop, start_ns=T0, channels=("mq8", "Mq2")
    )
    driver = RecordedGasDriver(settings)
    driver.open()
    return driver


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "Gas_Sensors_Measurements.csv"
    path.write_text(HEADER + "0,1,x,81,NoGas\n1,2,x,82,NoGas\n2,3,x,83,Smoke\n")
    return path


def test_plays_the_configured_channels_row_by_row_then_ends(csv_path: Path) -> None:
    driver = make_driver(csv_path)

    readings = [reading for now in range(T0, T0 + 6 * SECOND, SECOND) for reading in driver.poll(now)]

    assert [reading.stamp_ns - T0 for reading in readings] == [0, SECOND, 2 * SECOND]
    assert readings[0].channels == ("mq8", "Mq2")
    assert readings[0].counts.dtype == np.float32
    assert [reading.counts.tolist() for reading in readings] == [[81, 1], [82, 2], [83, 3]]
    assert driver.state is DriverState.FINISHED


def test_loops(csv_path: Path) -> None:
    driver = make_driver(csv_path.parent, loop=True)
    driver.poll(T0 + 1)

    assert [r.counts[1] for r in driver.poll(T0 + 5 * SECOND)] == [2, 3, 1, 2, 3]
    assert driver.state is DriverState.RUNNING


def test_an_unreadable_row_is_counted_once_with_its_line_and_leaves_a_gap(csv_path: Path) -> None:
    csv_path.write_text(HEADER + "0,1,x,81,NoGas\n1,2,x,\x00,NoGas\n2,3,x,83,Smoke\n")
    driver = make_driver(csv_path, loop=True)
    driver.poll(T0)

    readings = driver.poll(T0 + 6 * SECOND)

    assert [(r.stamp_ns - T0) // SECOND for r in readings] == [2, 3, 5, 6]
    assert driver.problems.counts() == {"unreadable_row": 1}
    assert "Gas_Sensors_Measurements.csv line 3: " in driver.problems.take_unreported()[0].detail


def test_a_missing_file_or_channel_is_refused_at_open(csv_path: Path) -> None:
    with pytest.raises(DriverError, match="does not exist"):
        make_driver(csv_path.parent / "missing.csv")
    csv_path.write_text("Serial Number,MQ2,Gas\n0,1,NoGas\n")
    with pytest.raises(DriverError, match=r"line 1: no column for mq8.*with the parameter channels: mq2"):
        make_driver(csv_path)


def test_a_closed_driver_is_silent_and_opens_again(csv_path: Path) -> None:
    driver = make_driver(csv_path)
    driver.close()
    driver.close()
    assert driver.poll(T0 + SECOND) == []

    driver.open()
    assert len(driver.poll(T0)) == 1


@pytest.mark.parametrize("change", [{"period_ns": 0}, {"channels": ()}])
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        RecordedGasSettings("x.csv", **change)  # type: ignore[arg-type]
