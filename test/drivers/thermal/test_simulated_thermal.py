"""A simulated patrol plays as radiometric frames, in step with its gas readings."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.drivers.gas.simulated import SimulatedGasDriver, SimulatedGasSettings
from gas_fusion_ros.drivers.thermal.simulated import SimulatedThermalDriver, SimulatedThermalSettings
from gas_fusion_ros.simulation.patrol import Patrol

SECOND = 1_000_000_000
SETTINGS = SimulatedThermalSettings(seed=3, duration_s=200.0, leaks=1, period_ns=SECOND // 2)


def make_driver() -> SimulatedThermalDriver:
    driver = SimulatedThermalDriver(SETTINGS)
    driver.open()
    return driver


def test_frames_are_the_patrols_at_their_stamps() -> None:
    driver = make_driver()
    driver.poll(100 * SECOND)

    frames = driver.poll(101 * SECOND)

    assert [frame.stamp_ns for frame in frames] == [100 * SECOND + SECOND // 2, 101 * SECOND]
    assert {frame.encoding for frame in frames} == {"32FC1"}
    assert frames[1].pixels.shape == (156, 206)
    # In the steps of a radiometric camera's counts, 0.01 K.
    np.testing.assert_allclose(frames[1].pixels, Patrol(3, 200.0, 1).frame(101.0), atol=0.0051)
    assert frames[1].pixels.dtype == np.float32


def test_a_gas_driver_polled_at_other_times_has_stamps_in_common() -> None:
    thermal = make_driver()
    gas = SimulatedGasDriver(SimulatedGasSettings(seed=3, duration_s=200.0, leaks=1, period_ns=SECOND))
    gas.open()
    thermal.poll(100 * SECOND)
    gas.poll(100 * SECOND + 77)

    readings = gas.poll(102 * SECOND + 5)
    frames = thermal.poll(102 * SECOND + 333)

    assert {reading.stamp_ns for reading in readings} <= {frame.stamp_ns for frame in frames}
    assert len(readings) == 2


def test_nothing_comes_before_opening_and_after_closing() -> None:
    driver = SimulatedThermalDriver(SETTINGS)
    assert driver.poll(60 * SECOND) == []
    driver.open()
    assert len(driver.poll(60 * SECOND)) == 1
    driver.close()
    driver.close()
    assert driver.poll(61 * SECOND) == []


@pytest.mark.parametrize("change", [{"period_ns": -1}, {"duration_s": -1.0}])
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SimulatedThermalSettings(**change)  # type: ignore[arg-type]
