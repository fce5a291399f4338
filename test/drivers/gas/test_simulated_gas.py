"""A simulated patrol plays as readings, the same whoever polls it."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.gas.simulated import SimulatedGasDriver, SimulatedGasSettings
from gas_fusion_ros.simulation.patrol import Patrol

SECOND = 1_000_000_000
SETTINGS = SimulatedGasSettings(
    seed=3, duration_s=200.0, leaks=1, period_ns=SECOND, start_ns=50 * SECOND, channels=("MQ135", "mq2")
)


def make_driver(settings: SimulatedGasSettings = SETTINGS) -> SimulatedGasDriver:
    driver = SimulatedGasDriver(settings)
    driver.open()
    return driver


def test_readings_are_the_patrols_at_their_stamps_and_it_begins_again() -> None:
    driver = make_driver()
    patrol = Patrol(3, 200.0, 1)
    driver.poll(240 * SECOND + 1)

    readings = driver.poll(255 * SECOND)

    assert [reading.stamp_ns // SECOND for reading in readings] == list(range(241, 256))
    assert readings[0].channels == ("MQ135", "mq2")
    for reading in readings:
        elapsed_s = (reading.stamp_ns / SECOND - 50) % 200
        np.testing.assert_array_equal(reading.counts, patrol.reading(elapsed_s)[[6, 0]])


def test_two_drivers_agree_whatever_their_polling() -> None:
    often, rarely = make_driver(), make_driver()
    first = [r for now in range(60 * SECOND, 70 * SECOND, SECOND // 3) for r in often.poll(now)]
    second = [r for now in (60 * SECOND, 70 * SECOND) for r in rarely.poll(now)]

    assert len(first) == 10
    for one, other in zip(first, second, strict=False):
        assert one.stamp_ns == other.stamp_ns
        np.testing.assert_array_equal(one.counts, other.counts)


def test_nothing_comes_before_opening_and_after_closing() -> None:
    driver = SimulatedGasDriver(SETTINGS)
    assert driver.poll(60 * SECOND) == []
    driver.open()
    assert len(driver.poll(60 * SECOND)) == 1
    driver.close()
    driver.close()
    assert driver.poll(61 * SECOND) == []


@pytest.mark.parametrize(
    "change", [{"period_ns": 0}, {"duration_s": 0.0}, {"channels": ("mq2", "mq9")}, {"channels": ()}]
)
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SimulatedGasSettings(**change)  # type: ignore[arg-type]


def test_an_impossible_patrol_is_refused_at_open() -> None:
    with pytest.raises(DriverError, match="simulated patrol: "):
        make_driver(SimulatedGasSettings(duration_s=10.0, leaks=1000))
