"""An AMG8833 on an emulated bus: true temperatures, and no frame that is not one when it comes and goes."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from emulated_buses import EmulatedAmg8833, EmulatedI2c, StoppedTime, fast_clock
from waiting import wait_until

from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.thermal.amg8833 import (
    Amg8833,
    Amg8833ThermalDriver,
    Amg8833ThermalSettings,
    decoded,
)

NOW = 10**18
SCENE = np.linspace(-12.25, 81.5, 64).reshape(8, 8)
"""degC; no two pixels alike, some below zero."""
SEEN = np.rint(SCENE / 0.25) * 0.25
SETTINGS = Amg8833ThermalSettings(backoff=Backoff(first_ns=2_000_000, longest_ns=20_000_000))


def test_a_pixel_is_twelve_bits_of_twos_complement_in_quarters_of_a_kelvin() -> None:
    # The examples of the specification's table of temperatures.
    steps = {0x1F4: 125.0, 0x064: 25.0, 0x001: 0.25, 0x000: 0.0, 0xFFF: -0.25, 0xF9C: -25.0, 0xF24: -55.0}
    words = [*steps, *[0] * (64 - len(steps))]

    celsius = decoded(np.array(words, "<u2").tobytes())

    assert celsius.shape == (8, 8)
    assert celsius.dtype == np.float32
    assert celsius.ravel()[: len(steps)].tolist() == list(steps.values())


class Bench:
    """A chip that sees the scene, in time that stands still unless somebody sleeps."""

    def __init__(self, settings: Amg8833ThermalSettings = SETTINGS) -> None:
        self.time = StoppedTime()
        self.chip = EmulatedAmg8833(self.time.clock, SCENE)
        self.bus = EmulatedI2c({int(settings.address, 16): self.chip})
        self.received: list[tuple[int, npt.NDArray[np.float32]]] = []
        self._settings = settings

    def read(self, frames: int) -> list[tuple[int, npt.NDArray[np.float32]]]:
        """Set the chip up and read so many frames; each with its time."""
        chip = Amg8833(self.bus, self._settings, self.time.clock)
        while len(self.received) < frames:
            received = chip.read()
            if received is not None:
                self.received.append((received[1], received[0]))
        return self.received


@pytest.mark.parametrize("address", ["0x68", "0x69"])
@pytest.mark.parametrize(("rate", "period_ns"), [(10.0, 100_000_000), (1.0, 1_000_000_000)])
def test_frames_come_with_the_chips_rate_once_it_has_settled(
    address: str, rate: float, period_ns: int
) -> None:
    bench = Bench(replace(SETTINGS, address=address, rate_hz=rate))
    began_ns = bench.time.now_ns

    times, frames = zip(*bench.read(3), strict=True)

    for frame in frames:
        np.testing.assert_array_equal(frame, SEEN)
    assert times[0] - began_ns >= 2 * period_ns
    assert np.diff(times).tolist() == [period_ns] * 2
    assert bench.chip.writes[:3] == [(0x00, 0x00), (0x01, 0x3F), (0x01, 0x30)]
    assert (0x02, 0 if rate == 10.0 else 1) in bench.chip.writes


def test_a_chip_that_sleeps_is_woken() -> None:
    bench = Bench()
    bench.chip.registers[0x00] = 0x10

    np.testing.assert_array_equal(bench.read(1)[0][1], SEEN)


@pytest.mark.parametrize("event", ["unplug_at", "unplug_within_at", "reset_at"])
def test_a_chip_that_fails_at_any_moment_never_gives_a_wrong_frame(event: str) -> None:
    refusals = []
    for transaction in range(36):
        bench = Bench()
        setattr(bench.chip, event, transaction)
        try:
            bench.read(4)
        except DriverError as error:
            refusals.append(str(error))
        for _, frame in bench.received:
            np.testing.assert_array_equal(frame, SEEN)
    assert all("0x69" in refusal for refusal in refusals)
    # A reset before the chip is set up is none: it is reset then anyway.
    assert len(refusals) >= 20


@pytest.mark.parametrize(("register", "value"), [(0x00, 0x59), (0x02, 0x12), (0x03, 0x05)])
def test_a_foreign_chip_is_told_before_anything_is_written_to_it(register: int, value: int) -> None:
    bench = Bench()
    bench.chip.registers[register] = value

    with pytest.raises(DriverError, match=r"the chip at 0x69 on /dev/i2c-1 is no AMG8833.*amg8833\.address"):
        bench.read(1)
    assert bench.chip.writes == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"address": "0x6a"}, "amg8833.address is '0x6a'; expected one of 0x68, 0x69"),
        ({"rate_hz": 5.0}, "amg8833.rate is 5; the chip has 10 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Amg8833ThermalSettings(**chosen)  # type: ignore[arg-type]


# From here on in a thread, as in a node, with time 20 times as fast.


class Rig:
    """A chip that sees the scene, and a driver that reads it fast."""

    def __init__(self, settings: Amg8833ThermalSettings = SETTINGS) -> None:
        clock = fast_clock(20)
        self.chip = EmulatedAmg8833(clock, SCENE)
        self.bus = EmulatedI2c({0x69: self.chip})
        self.driver = Amg8833ThermalDriver(settings, self.bus.open, clock)

    def has_read(self) -> bool:
        """Whether a frame has come since the last call; all that came are the scene."""
        frames = self.driver.poll(NOW)
        for frame in frames:
            assert frame.encoding == "32FC1"
            assert NOW - 10**9 < frame.stamp_ns <= NOW
            np.testing.assert_array_equal(frame.pixels, SEEN)
        return bool(frames)


def test_fifty_times_unplugged_and_back_without_a_wrong_frame() -> None:
    rig = Rig()
    threads = threading.active_count()
    rig.driver.open()
    for cycle in range(50):
        wait_until(rig.has_read)
        # At another point of the protocol each time.
        setattr(rig.chip, "unplug_within_at" if cycle % 2 else "unplug_at", cycle // 2 % 6)
        wait_until(lambda: rig.driver.state is DriverState.DISCONNECTED)
        rig.has_read()
        rig.chip.plug_in()
        assert wait_until(rig.has_read) < 5.0
        assert rig.bus.opened - rig.bus.closed == 1
        assert threading.active_count() == threads + 1
    rig.driver.close()
    rig.driver.close()

    assert rig.driver.state is DriverState.CLOSED
    assert rig.bus.opened == rig.bus.closed
    assert threading.active_count() == threads
    assert rig.driver.problems.counts() == {"disconnected": 50}
    assert "0x69" in rig.driver.problems.take_unreported()[0].detail


@pytest.mark.parametrize("rate", [10.0, 1.0])
def test_it_is_back_within_five_seconds_of_its_own_time(rate: float) -> None:
    settings = Amg8833ThermalSettings(rate_hz=rate)
    bench = Bench(settings)
    began_ns = bench.time.now_ns
    bench.read(1)

    assert settings.backoff.longest_ns + bench.time.now_ns - began_ns < 5_000_000_000


def test_a_bus_that_disappears_is_opened_again() -> None:
    rig = Rig()
    rig.driver.open()
    wait_until(rig.has_read)
    rig.bus.is_there = False
    wait_until(lambda: rig.driver.state is DriverState.DISCONNECTED)
    rig.has_read()
    rig.bus.is_there = True
    wait_until(rig.has_read)
    rig.driver.close()

    assert "No such device" in rig.driver.problems.take_unreported()[0].detail


def test_a_bus_that_hangs_blocks_neither_poll_nor_close() -> None:
    rig = Rig()
    rig.driver.open()
    wait_until(rig.has_read)
    rig.bus.hangs = threading.Event()
    began = time.monotonic()
    rig.driver.poll(NOW)
    rig.driver.close()
    assert time.monotonic() - began < 3.0

    rig.bus.hangs.set()
    wait_until(lambda: rig.bus.opened == rig.bus.closed)


def test_a_bus_that_hangs_is_told_and_no_frame_of_it_is_wrong_when_it_comes_back() -> None:
    rig = Rig(replace(SETTINGS, read_timeout_ns=100_000_000))
    rig.driver.open()
    wait_until(rig.has_read)
    rig.bus.hangs = threading.Event()

    def is_told() -> bool:
        rig.has_read()
        return "device_hangs" in rig.driver.problems.counts()

    wait_until(is_told)
    rig.chip.reset()
    rig.bus.hangs.set()
    wait_until(lambda: rig.bus.opened == rig.bus.closed + 1)
    rig.has_read()
    wait_until(rig.has_read)
    rig.driver.close()
    assert rig.bus.opened == rig.bus.closed


def test_without_a_chip_it_is_refused_with_the_address_and_the_bus_is_closed() -> None:
    rig = Rig()
    rig.chip.unplug()

    with pytest.raises(DriverError, match=r"the AMG8833 at 0x69 on /dev/i2c-1: no answer.*amg8833\.address"):
        rig.driver.open()
    assert rig.bus.opened == rig.bus.closed >= 1


def test_a_missing_library_is_one_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    driver = Amg8833ThermalDriver(Amg8833ThermalSettings())

    with pytest.raises(DriverError, match="smbus2"):
        driver.open()
