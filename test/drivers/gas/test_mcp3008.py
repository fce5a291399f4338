"""An MCP3008 on an emulated bus: right values, no hum, and nothing wrong when it comes and goes."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest
from emulated_buses import EmulatedMcp3008, StoppedTime, fast_clock, steady
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import wait_until

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.buses import open_spi
from gas_fusion_ros.drivers.gas.mcp3008 import Mcp3008, Mcp3008GasDriver, Mcp3008GasSettings
from gas_fusion_ros.drivers.gas.sampled import Values, WindowSampler

NOW = 10**18
REFERENCE = 3.3
VOLTS = (0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4)
COUNTS = np.array([int(volts / REFERENCE * 1024) for volts in VOLTS])


class Bench:
    """A chip whose eight inputs have their voltages, in time that stands still unless somebody sleeps."""

    def __init__(self, **chosen: object) -> None:
        self.time = StoppedTime()
        self.chip = EmulatedMcp3008(self.time.clock, [steady(volts) for volts in VOLTS], REFERENCE)
        self.settings = Mcp3008GasSettings(**chosen)  # type: ignore[arg-type]
        self.problems = Problems()
        self.readings: list[Values] = []
        self._sampler = WindowSampler(
            self.settings,
            Mcp3008(self.chip, self.settings, self.time.clock),
            self.time.clock,
            self.problems,
            lambda counts, _: self.readings.append(counts),
        )

    def read(self) -> Values:
        """The next reading."""
        number = len(self.readings)
        while len(self.readings) == number:
            self._sampler.advance()
        return self.readings[-1]


def test_each_channel_is_its_input() -> None:
    np.testing.assert_allclose(Bench().read(), COUNTS[:7], atol=0.001)
    wired = Bench(channels=("mq2", "mq135"), inputs=("7", "2"))
    np.testing.assert_allclose(wired.read(), COUNTS[[7, 2]], atol=0.001)


@settings(max_examples=40)
@given(
    frequency=st.sampled_from([50.0, 60.0]),
    harmonic=st.integers(1, 3),
    amplitude=st.floats(0.1, 0.4),
    phase=st.floats(0.0, math.tau),
)
def test_mains_hum_leaves_nothing_behind_whatever_its_phase(
    frequency: float, harmonic: int, amplitude: float, phase: float
) -> None:
    bench = Bench(channels=("mq2",))
    bench.chip.voltages[0] = lambda seconds: (
        1.5 + amplitude * math.sin(math.tau * frequency * harmonic * seconds + phase)
    )

    # The chip rounds down: half a count is lost on average, and rounding itself averages out.
    assert bench.read()[0] == pytest.approx(1.5 / REFERENCE * 1024 - 0.5, abs=0.5)


@pytest.mark.parametrize("volts", [0.0, 3.4])
def test_an_end_of_the_range_is_nan_and_said_with_its_input(volts: float) -> None:
    bench = Bench(channels=("mq2", "mq3"))
    bench.chip.voltages[1] = steady(volts)

    counts = bench.read()
    assert counts[0] == pytest.approx(COUNTS[0])
    assert np.isnan(counts[1])
    (problem,) = bench.problems.take_unreported()
    assert "mq3 on /dev/spidev0.0 input 1" in problem.detail


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"channels": ("a",), "inputs": ("8",)},
            "mcp3008.inputs is 8; expected different numbers",
        ),
        ({"channels": ("a", "b"), "inputs": ("1", "1")}, "different numbers"),
        ({"channels": ("a", "b"), "inputs": ("1",)}, "mcp3008.inputs has 1 entries for 2 channels"),
        ({"channels": tuple(f"c{i}" for i in range(9))}, "at most 8"),
        ({"samples": 20}, "mcp3008.samples is 20: .* take 21"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Mcp3008GasSettings(**chosen)  # type: ignore[arg-type]


class Rig:
    """A chip and a driver that reads it in time that is 20 times as fast."""

    def __init__(self) -> None:
        clock = fast_clock(20)
        self.chip = EmulatedMcp3008(clock, [steady(volts) for volts in VOLTS], REFERENCE)
        settings = Mcp3008GasSettings(
            100_000_000,
            period_ns=100_000_000,
            backoff=Backoff(first_ns=2_000_000, longest_ns=20_000_000),
            read_timeout_ns=1_000_000_000,
        )
        self.driver = Mcp3008GasDriver(settings, self.chip.open_bus, clock)
        self.readings: list[Values] = []

    def has_read(self) -> bool:
        """Whether a whole reading has come since the last call."""
        new = [reading.counts for reading in self.driver.poll(NOW)]
        self.readings += new
        return any(np.isfinite(counts).all() for counts in new)


@pytest.mark.parametrize("floats_to", [0xFF, 0x00])
def test_fifty_times_unplugged_and_back_without_a_wrong_reading(floats_to: int) -> None:
    rig = Rig()
    rig.chip.floats_to = floats_to
    threads = threading.active_count()
    rig.driver.open()
    for cycle in range(50):
        wait_until(rig.has_read)
        rig.chip.unplug_at = 5 * cycle  # at another sample each time
        wait_until(lambda: rig.driver.state is DriverState.DISCONNECTED)
        rig.has_read()
        rig.chip.is_plugged = True
        assert wait_until(rig.has_read) < 5.0
        assert rig.chip.opened - rig.chip.closed == 1
        assert threading.active_count() == threads + 1
    rig.driver.close()

    assert rig.chip.opened == rig.chip.closed
    assert threading.active_count() == threads
    assert rig.driver.problems.counts()["disconnected"] == 50
    assert not (np.abs(np.array(rig.readings) - COUNTS[:7]) > 0.001).any()


def test_a_bus_that_hangs_is_told_and_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, may_end = Rig(), threading.Event()
    transfer = rig.chip.xfer2

    def hang(values: Sequence[int], /) -> list[int]:
        rig.chip.xfer2 = transfer  # type: ignore[method-assign]
        assert may_end.wait(60)
        return transfer(values)

    rig.driver.open()
    wait_until(rig.has_read)
    monkeypatch.setattr(rig.chip, "xfer2", hang)
    wait_until(lambda: not rig.has_read() and rig.driver.problems.counts().get("device_hangs") == 1)
    wait_until(rig.has_read)
    may_end.set()
    wait_until(lambda: rig.chip.opened - rig.chip.closed == 1)
    rig.driver.close()


@pytest.mark.parametrize("floats_to", [0xFF, 0x00])
def test_a_chip_that_does_not_answer_is_refused_and_the_bus_closed(floats_to: int) -> None:
    rig = Rig()
    rig.chip.is_plugged, rig.chip.floats_to = False, floats_to

    with pytest.raises(DriverError, match=r"/dev/spidev0\.0.*supply, wires"):
        rig.driver.open()
    assert rig.chip.opened == rig.chip.closed >= 1


def test_a_missing_library_is_one_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(DriverError, match=r"spidev.*pip install spidev \(rosdep key python3-spidev-pip\)"):
        Mcp3008GasDriver(Mcp3008GasSettings()).open()


class Library(ModuleType):
    """Stands for spidev: its buses cannot be opened, or can."""

    def __init__(self, failure: OSError | None) -> None:
        super().__init__("spidev")
        chip = EmulatedMcp3008(StoppedTime().clock, [], REFERENCE)

        class SpiDev:
            mode = 3
            max_speed_hz = 0

            def open(self, bus: int, device: int) -> None:
                if failure is not None:
                    raise failure
                chip.open(bus, device)

        self.SpiDev = SpiDev


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            FileNotFoundError(2, "No such file"),
            r"does not exist; enable SPI .*dtparam=spi=on.*mcp3008\.device",
        ),
        (PermissionError(13, "Permission denied"), "usermod -aG spi"),
        (OSError(16, "Device or resource busy"), "Device or resource busy"),
    ],
)
def test_a_bus_that_cannot_be_opened_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, failure: OSError, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "spidev", Library(failure))
    with pytest.raises(DriverError, match=said):
        open_spi("/dev/spidev0.0", "mcp3008.device", 1_000_000)


def test_a_bus_is_opened_in_mode_0_with_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", Library(None))
    bus = open_spi("/dev/spidev0.0", "mcp3008.device", 500_000)

    assert (bus.mode, bus.max_speed_hz) == (0, 500_000)


def test_a_file_that_is_no_spi_bus_is_refused_by_name() -> None:
    with pytest.raises(DriverError, match=r"mcp3008\.device is '/dev/spi0'; .*spidev0\.0"):
        open_spi("/dev/spi0", "mcp3008.device", 1_000_000)
