"""ADS1115 converters on an emulated bus: right values, no hum, and nothing wrong when chips come and go."""

from __future__ import annotations

import math
import sys
import threading
import time

import numpy as np
import pytest
from emulated_buses import EmulatedAds1115, EmulatedI2c, StoppedTime, Voltage, fast_clock, steady
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import wait_until

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import find_array
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.buses import open_i2c
from gas_fusion_ros.drivers.gas.ads1115 import Ads1115Array, Ads1115GasDriver, Ads1115GasSettings
from gas_fusion_ros.drivers.gas.sampled import Values, WindowSampler

NOW = 10**18
VOLTS = (0.5, 1.1, 1.7, 2.3, 2.9, 3.5, 4.9)
"""Of the paper's seven channels."""
COUNTS = np.array([volts / 6.144 * 32768 for volts in VOLTS])


class Bench:
    """Two chips that read the seven voltages, in time that stands still unless somebody sleeps."""

    def __init__(self, **chosen: object) -> None:
        self.time = StoppedTime()
        voltages = [steady(volts) for volts in VOLTS]
        self.first = EmulatedAds1115(self.time.clock, voltages[:4])
        self.second = EmulatedAds1115(self.time.clock, [*voltages[4:], steady(0.0)])
        self.bus = EmulatedI2c({0x48: self.first, 0x49: self.second})
        self.settings = Ads1115GasSettings(**chosen)  # type: ignore[arg-type]
        self.problems = Problems()
        self.readings: list[Values] = []
        self.middles: list[int] = []
        array = Ads1115Array(self.bus, self.settings, self.time.clock, self.problems)
        self._sampler = WindowSampler(self.settings, array, self.time.clock, self.problems, self._take)

    def _take(self, counts: Values, middle_ns: int) -> None:
        self.readings.append(counts)
        self.middles.append(middle_ns)

    def read(self) -> Values:
        """The next reading."""
        number = len(self.readings)
        while len(self.readings) == number:
            self._sampler.advance()
        return self.readings[-1]


def test_each_channel_is_its_input_in_counts_of_the_widest_range() -> None:
    bench = Bench()

    np.testing.assert_allclose(bench.read(), COUNTS, atol=0.51)
    assert bench.problems.counts() == {}


def test_the_shipped_array_file_has_the_full_scale_of_these_counts() -> None:
    array = load_array(find_array("ads1115"))

    assert array.full_scale == pytest.approx(5.0 / 6.144 * 32768, abs=0.5)
    assert array.names == PAPER_CHANNELS


def test_inputs_may_be_wired_in_any_order() -> None:
    bench = Bench(channels=("mq7", "mq2", "mq3"), inputs=("0x49:0", "0x48:0", "0x48:3"))

    np.testing.assert_allclose(bench.read(), COUNTS[[4, 0, 3]], atol=0.51)


@pytest.mark.parametrize("volts", ["6.144", "4.096", "2.048", "1.024", "0.512", "0.256"])
def test_every_range_gives_the_same_unit_and_the_narrow_ones_more_digits(volts: str) -> None:
    bench = Bench(channels=("mq2",), ranges=(volts,))
    true = 0.9 * float(volts) + 0.00001
    bench.first.voltages[0] = steady(true)

    assert bench.read()[0] == pytest.approx(true / 6.144 * 32768, abs=0.51 * float(volts) / 6.144)


def test_each_input_may_have_its_own_range() -> None:
    bench = Bench(channels=("mq2", "mq3"), ranges=("0.512", "2.048"))

    np.testing.assert_allclose(bench.read(), COUNTS[:2], atol=0.2)


def test_a_voltage_beyond_the_range_is_nan_and_said_with_its_input() -> None:
    bench = Bench(channels=("mq2", "mq3"), ranges=("0.256", "2.048"))
    bench.first.voltages[1] = steady(0.0)

    assert np.isnan(bench.read()).all()
    details = {one.cause: one.detail for one in bench.problems.take_unreported()}
    assert "0x48:0 (0 to 0.256 V)" in details["range_end_mq2"]
    assert "0x48:1 (0 to 2.048 V)" in details["range_end_mq3"]


def hum(volts: float, amplitude: float, frequency: float, phase: float) -> Voltage:
    return lambda seconds: volts + amplitude * math.sin(math.tau * frequency * seconds + phase)


@settings(max_examples=40)
@given(
    frequency=st.sampled_from([50.0, 60.0]),
    harmonic=st.integers(1, 3),
    amplitude=st.floats(0.1, 0.4),
    phase=st.floats(0.0, math.tau),
    window=st.sampled_from([(100_000_000, 7), (200_000_000, 7), (200_000_000, 11), (500_000_000, 13)]),
)
def test_mains_hum_leaves_nothing_behind_whatever_its_phase(
    frequency: float, harmonic: int, amplitude: float, phase: float, window: tuple[int, int]
) -> None:
    bench = Bench(channels=("mq2", "mq3"), average_ns=window[0], samples=window[1])
    bench.first.voltages[0] = hum(2.0, amplitude, frequency * harmonic, phase)

    counts = bench.read()

    assert counts[0] == pytest.approx(2.0 / 6.144 * 32768, abs=1.0)
    assert np.ptp(bench.first.results[::2]) > amplitude / 6.144 * 32768  # single samples are far off


@pytest.mark.parametrize("frequency", [49.8, 50.2, 59.8, 60.2])
def test_mains_a_little_beside_its_frequency_leave_a_twentieth(frequency: float) -> None:
    bench = Bench(channels=("mq2",))
    bench.first.voltages[0] = hum(2.0, 0.3, frequency, 0.7)

    assert bench.read()[0] == pytest.approx(2.0 / 6.144 * 32768, abs=0.05 * 0.3 / 6.144 * 32768)


def test_readings_come_with_the_period_and_are_dated_in_their_middle() -> None:
    bench = Bench(period_ns=1_000_000_000)
    began_ns = bench.time.now_ns
    for _ in range(3):
        bench.read()

    assert bench.middles[0] - began_ns == pytest.approx(100_000_000, abs=10_000_000)
    assert np.diff(bench.middles).tolist() == [1_000_000_000, 1_000_000_000]


def test_a_dead_chip_costs_its_own_channels_and_is_back_when_it_answers() -> None:
    bench = Bench(period_ns=200_000_000)
    bench.second.unplug()

    counts = bench.read()
    np.testing.assert_allclose(counts[:4], COUNTS[:4], atol=0.51)
    assert np.isnan(counts[4:]).all()
    (problem,) = bench.problems.take_unreported()
    assert problem.cause == "chip_lost_0x49"
    assert "0x49 (mq7, mq8, mq135): no answer" in problem.detail

    bench.second.plug_in()
    plugged_ns = bench.time.now_ns
    while np.isnan(bench.read()).any():
        assert bench.time.now_ns - plugged_ns < 2_000_000_000
    np.testing.assert_allclose(bench.readings[-1], COUNTS, atol=0.51)


def test_a_conversion_that_does_not_end_is_a_lost_chip_after_a_short_while() -> None:
    bench = Bench(period_ns=200_000_000)
    bench.second.is_stuck = True
    began_ns = bench.time.now_ns

    counts = bench.read()

    np.testing.assert_allclose(counts[:4], COUNTS[:4], atol=0.51)
    assert np.isnan(counts[4:]).all()
    assert bench.time.now_ns - began_ns < 300_000_000
    assert "does not end" in bench.problems.take_unreported()[0].detail
    bench.second.is_stuck = False
    bench.second.reset()
    for _ in range(8):
        counts = bench.read()
    np.testing.assert_allclose(counts, COUNTS, atol=0.51)


@pytest.mark.parametrize("event", ["unplug_at", "reset_at"])
def test_a_chip_that_fails_at_any_moment_never_gives_a_wrong_value(event: str) -> None:
    for transaction in range(90):
        bench = Bench(period_ns=200_000_000)
        setattr(bench.second, event, transaction)
        for _ in range(2):
            counts = bench.read()
            wrong = np.abs(counts - COUNTS) > 0.51
            assert not wrong.any(), (transaction, counts)


def test_a_foreign_chip_at_the_address_is_told() -> None:
    bench = Bench(period_ns=200_000_000)
    bench.second.is_foreign = True

    assert np.isnan(bench.read()[4:]).all()
    assert "no ADS1115" in bench.problems.take_unreported()[0].detail


def test_a_bus_that_is_too_slow_for_the_window_is_told_with_the_remedy() -> None:
    bench = Bench(average_ns=100_000_000, samples=101, period_ns=100_000_000)
    bench.first.voltages[0] = hum(2.0, 0.3, 50.0, 0.3)

    assert bench.read()[0] == pytest.approx(2.0 / 6.144 * 32768, abs=10.0)
    (problem,) = bench.problems.take_unreported()
    assert problem.cause == "slow_reading"
    assert "lower ads1115.samples" in problem.detail


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"inputs": ("0x47:0",) * 7}, "ads1115.inputs has '0x47:0'; expected an address from 0x48 to 0x4b"),
        ({"channels": ("a",), "inputs": ("0x48:4",)}, "'0x48:4'"),
        ({"channels": ("a",), "inputs": ("72:0",)}, "'72:0'"),
        ({"channels": ("a", "b"), "inputs": ("0x48:1", "0x48:1")}, "names 0x48:1 twice"),
        ({"channels": ("a", "b"), "inputs": ("0x48:1",)}, "ads1115.inputs has 1 entries for 2 channels"),
        ({"channels": tuple(f"c{i}" for i in range(17))}, "at most 16"),
        ({"channels": ("a", "b"), "ranges": ("5", "5")}, "ads1115.ranges has '5'; expected one of 6.144"),
        ({"channels": ("a", "b"), "ranges": ("0.256",) * 3}, "ads1115.ranges has 3 entries"),
        ({"average_ns": 150_000_000}, "ads1115.average is 0.15 s; expected a multiple of 0.1 s"),
        ({"period_ns": 100_000_000}, "longer than the time between readings, period = 0.1 s"),
        ({"samples": 10}, "ads1115.samples is 10: .* take 11"),
        ({"samples": 12}, "ads1115.samples is 12: .* take 13"),
        ({"channels": ("a", "a")}, "channels must be different"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Ads1115GasSettings(**chosen)  # type: ignore[arg-type]


# From here on in a thread, as in a node, with time 20 times as fast.


class Rig:
    """One chip with four voltages, and a driver that reads it fast."""

    def __init__(self) -> None:
        clock = fast_clock(20)
        self.chip = EmulatedAds1115(clock, [steady(volts) for volts in VOLTS[:4]])
        self.bus = EmulatedI2c({0x48: self.chip})
        settings = Ads1115GasSettings(
            100_000_000,
            channels=PAPER_CHANNELS[:4],
            period_ns=100_000_000,
            backoff=Backoff(first_ns=2_000_000, longest_ns=20_000_000),
        )
        self.driver = Ads1115GasDriver(settings, self.bus.open, clock)
        self.readings: list[Values] = []

    def has_read(self) -> bool:
        """Whether a whole reading has come since the last call."""
        new = [reading.counts for reading in self.driver.poll(NOW)]
        self.readings += new
        return any(np.isfinite(counts).all() for counts in new)


def test_fifty_times_unplugged_and_back_without_a_wrong_reading() -> None:
    rig = Rig()
    threads = threading.active_count()
    rig.driver.open()
    for cycle in range(50):
        wait_until(rig.has_read)
        rig.chip.unplug_at = cycle  # at another point of the protocol each time
        wait_until(lambda: rig.driver.state is DriverState.DISCONNECTED)
        rig.has_read()
        rig.chip.plug_in()
        assert wait_until(rig.has_read) < 5.0
        assert rig.bus.opened - rig.bus.closed == 1
        assert threading.active_count() == threads + 1
    rig.driver.close()

    assert rig.bus.opened == rig.bus.closed
    assert threading.active_count() == threads
    assert rig.driver.problems.counts()["disconnected"] == 50
    values = np.array(rig.readings)
    assert not (np.abs(values - COUNTS[:4]) > 0.51).any()


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
    rig.driver.close()

    assert rig.driver.state is DriverState.CLOSED
    assert rig.bus.opened == rig.bus.closed
    details = {one.cause: one.detail for one in rig.driver.problems.take_unreported()}
    assert "No such device" in details["disconnected"]


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


def test_without_any_chip_it_is_refused_with_addresses_and_the_bus_is_closed() -> None:
    rig = Rig()
    rig.chip.unplug()

    with pytest.raises(DriverError, match=r"no ADS1115 answers on /dev/i2c-1.*0x48.*ADDR pin"):
        rig.driver.open()
    assert rig.bus.opened == rig.bus.closed >= 1


def test_a_missing_library_is_one_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    driver = Ads1115GasDriver(Ads1115GasSettings())

    with pytest.raises(DriverError, match=r"smbus2.*pip install smbus2 \(rosdep key python3-smbus2-pip\)"):
        driver.open()
    driver.close()


def test_a_bus_that_does_not_exist_is_refused_with_the_remedy() -> None:
    pytest.importorskip("smbus2")
    with pytest.raises(DriverError, match=r"/dev/i2c-99 does not exist; enable I2C .*ads1115\.device"):
        open_i2c("/dev/i2c-99", "ads1115.device")
