"""An MLX90640 whose EEPROM is drawn and whose raw data are computed backwards from a scene."""

from __future__ import annotations

import errno
import threading
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from emulated_buses import StoppedTime, fast_clock
from waiting import wait_until

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.buses import SmbusWords
from gas_fusion_ros.drivers.steady_clock import SteadyClock
from gas_fusion_ros.drivers.thermal.mlx90640 import Mlx90640, Mlx90640ThermalDriver, Mlx90640ThermalSettings
from gas_fusion_ros.drivers.thermal.mlx90640_calibration import (
    CalibrationError,
    chip_state,
    read_calibration,
    temperatures,
)

NOW = 10**18
ROWS, COLUMNS = 24, 32
SETTINGS = Mlx90640ThermalSettings(backoff=Backoff(first_ns=2_000_000, longest_ns=20_000_000))
ROW, COLUMN = np.indices((ROWS, COLUMNS))
Reals = npt.NDArray[np.float64]


def scene(coldest: float = -10.0, hottest: float = 150.0) -> Reals:
    return np.linspace(coldest, hottest, ROWS * COLUMNS).reshape(ROWS, COLUMNS)


class Drawn:
    """The numbers of a chip as its EEPROM stores them, drawn, in the ranges of real ones."""

    def __init__(self, seed: int, broken: tuple[tuple[int, int], ...] = ()) -> None:
        draw = np.random.default_rng(seed).integers
        self.broken = broken
        self.row_alpha, self.row_offset = draw(-8, 8, (2, ROWS))
        self.column_alpha, self.column_offset = draw(-8, 8, (2, COLUMNS))
        self.pixel_alpha, self.pixel_offset = draw(-32, 32, (2, ROWS, COLUMNS))
        self.pixel_kta = draw(-4, 4, (ROWS, COLUMNS))
        self.kta = draw(60, 100, (2, 2))
        self.kv = draw(3, 7, (2, 2))

    def eeprom(self) -> list[int]:
        """The words, as the data sheet's map of the EEPROM has them."""
        words = [0] * 832
        words[16] = 4 << 12 | 3 << 8 | 2 << 4 | 0
        words[17] = -75 & 0xFFFF
        words[18:24], words[24:32] = nibbles(self.row_offset), nibbles(self.column_offset)
        words[32] = 7 << 12 | 7 << 8 | 6 << 4 | 5
        words[33] = 9000
        words[34:40], words[40:48] = nibbles(self.row_alpha), nibbles(self.column_alpha)
        words[48] = 6383
        words[49] = 12273
        words[50] = 22 << 10 | 338
        words[51] = (-99 & 0xFF) << 8 | 104
        kv, kta = self.kv & 0xF, self.kta & 0xFF
        words[52] = int(kv[0, 0] << 12 | kv[1, 0] << 8 | kv[0, 1] << 4 | kv[1, 1])
        words[54] = int(kta[0, 0] << 8 | kta[1, 0])
        words[55] = int(kta[0, 1] << 8 | kta[1, 1])
        words[56] = 2 << 12 | 3 << 8 | 6 << 4 | 1
        words[57] = (-3 & 0x3F) << 10 | 147
        words[58] = 2 << 10 | (-75 & 0x3FF)
        words[59] = 4 << 8 | 67
        words[60] = (-16 & 0xFF) << 8 | 13
        words[61] = (-105 & 0xFF) << 8 | (-104 & 0xFF)
        words[62] = (-102 & 0xFF) << 8 | (-100 & 0xFF)
        words[63] = 2 << 12 | 10 << 8 | 5 << 4 | 9
        pixels = (self.pixel_offset & 0x3F) << 10 | (self.pixel_alpha & 0x3F) << 4 | (self.pixel_kta & 7) << 1
        for row, column in self.broken:
            pixels[row, column] = 0
        words[64:] = pixels.ravel().tolist()
        return words

    def ram(self, objects: Reals, ta: float, vdd: float, emissivity: float, page: int) -> list[int]:
        """What the chip measures of a scene: the data sheet's formulas, solved for the raw data."""
        words = [0] * 832
        gain_counts = 6200
        gain = 6383 / gain_counts
        words[810] = round((vdd - 3.3) * (-99 * 32) + (104 - 256) * 32 - 8192) & 0xFFFF
        ratio = ((ta - 25) * (338 / 8) + 12273) * (1 + 22 / 4096 * (vdd - 3.3))
        ptat = 1700
        words[800] = ptat
        words[768] = round(ptat * 2**18 / ratio - ptat * 9.0)
        words[778] = gain_counts
        warm, high = ta - 25, vdd - 3.3
        cp_offset = -75 + (2 if page else 0)
        cp_alpha = 147 / 2**34 * (1 - 3 / 128 if page else 1)
        cp_ir = 12.0
        cp_drift = (1 + 67 / 2**14 * warm) * (1 + 4 / 2**3 * high)
        words[808 if page else 776] = round((cp_ir + cp_offset * cp_drift) / gain) & 0xFFFF
        tgc = 13 / 32
        alpha = (
            self.pixel_alpha * 2**5 + 9000 + self.row_alpha[:, None] * 2**7 + self.column_alpha * 2**6
        ) / 2.0**37
        compensated = (alpha - tgc * cp_alpha) * (1 - 16 / 8192 * warm)
        around, own = (ta - 8 + 273.15) ** 4, (ta + 273.15) ** 4
        background = around - (around - own) / emissivity
        ks = [value / 2**17 for value in (-104, -105, -100, -102)]
        corners = [-40.0, 0.0, 100.0, 300.0]
        starts = [1 / (1 + ks[0] * 40), 1.0, 1 + ks[1] * 100, (1 + ks[1] * 100) * (1 + ks[2] * 200)]
        place = (objects >= 0).astype(int) + (objects >= 100) + (objects >= 300)
        bend = np.array(starts)[place] * (1 + np.array(ks)[place] * (objects - np.array(corners)[place]))
        infrared = compensated * bend * ((objects + 273.15) ** 4 - background)
        offset = self.pixel_offset - 75 + self.row_offset[:, None] * 2**3 + self.column_offset * 2**2
        kta = (self.pixel_kta * 2 + self.kta[ROW % 2, COLUMN % 2]) / 2.0**14
        kv = self.kv[ROW % 2, COLUMN % 2] / 2.0**3
        pixel = (infrared + tgc * cp_ir) * emissivity + offset * (1 + kta * warm) * (1 + kv * high)
        words[:768] = (np.rint(pixel / gain).astype(np.int64) & 0xFFFF).ravel().tolist()
        return words


def nibbles(values: npt.NDArray[np.int64]) -> list[int]:
    four = (values & 0xF).reshape(-1, 4)
    return [int(a | b << 4 | c << 8 | d << 12) for a, b, c, d in four]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize(("ta", "vdd", "emissivity"), [(25, 3.3, 1.0), (41, 3.25, 0.95), (5, 3.35, 0.8)])
def test_a_scene_comes_back_from_its_raw_data(
    seed: int, page: int, ta: float, vdd: float, emissivity: float
) -> None:
    chip = Drawn(seed)
    calibration = read_calibration(np.array(chip.eeprom(), np.uint16))
    ram = np.array(chip.ram(scene(-20.0, 350.0), ta, vdd, emissivity, page), np.uint16)

    assert chip_state(calibration, ram, 2) == pytest.approx((vdd, ta), abs=0.01)
    seen = temperatures(calibration, ram, 2, page, emissivity)
    np.testing.assert_allclose(seen, scene(-20.0, 350.0), atol=0.5)


def test_supply_and_chip_temperature_are_those_of_the_data_sheets_example() -> None:
    calibration = read_calibration(np.array(Drawn(0).eeprom(), np.uint16))
    ram = np.zeros(832, np.uint16)
    ram[810], ram[800], ram[768] = 0xCCC5, 1711, 19442

    assert chip_state(calibration, ram, 2) == pytest.approx((3.319, 39.184), abs=0.001)


@pytest.mark.parametrize("word", [0x0000, 0xFFFF])
def test_what_is_no_eeprom_is_refused(word: int) -> None:
    with pytest.raises(CalibrationError, match="no calibration of an MLX90640"):
        read_calibration(np.full(832, word, np.uint16))


class Chip:
    """A chip on a bus of its own that measures the scene, half after half, in its own time.

    Counts who opens and closes the bus.
    """

    _RESET_CONTROL = 0x1901

    def __init__(self, clock: SteadyClock, drawn: Drawn) -> None:
        self.eeprom = drawn.eeprom()
        self.pages = [drawn.ram(scene(), 30.0, 3.3, 0.95, page) for page in (0, 1)]
        self.is_plugged = True
        self.unplug_at: int | None = None
        """After so many more transactions it is gone."""
        self.unplug_within_at: int | None = None
        """After so many more transactions it is gone in the middle of the next: the rest reads as ones."""
        self.reset_at: int | None = None
        """After so many more transactions its supply fails for a moment."""
        self.hangs: threading.Event | None = None
        self.is_halted = False
        self.read_ns = 0
        """How long it takes to read the RAM."""
        self.opened = self.closed = 0
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._control = self._RESET_CONTROL
        self._began_ns = self._clock.now_ns()
        self._taken = 0

    def open(self, device: str, parameter: str) -> Chip:
        assert (device, parameter) == ("/dev/i2c-1", "mlx90640.device")
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1

    def plug_in(self) -> None:
        self.reset()
        self.is_plugged = True

    def read_words(self, address: int, register: int, count: int, /) -> list[int]:
        self._transact(address)
        if register == 0x0400:
            self._clock.sleep_s(self.read_ns / 1e9)
        words = self._words(register)[:count]
        if self._is_time("unplug_within_at"):
            self.is_plugged = False
            words[count // 3 :] = [0xFFFF] * (count - count // 3)
        return words

    def write_word(self, address: int, register: int, word: int, /) -> None:
        self._transact(address)
        if register == 0x800D:
            self._control, self._began_ns, self._taken = word, self._clock.now_ns(), 0
        else:
            assert register == 0x8000
            self._taken = self._measured()

    def _words(self, register: int) -> list[int]:
        done = self._measured()
        if register == 0x8000:
            return [0x0008 * (done > self._taken) | (done + 1) % 2]
        if register == 0x800D:
            return [self._control]
        if register == 0x2400:
            return list(self.eeprom)
        # What is left of a chip's first measurements after its reset is not yet true.
        page = (done + 1) % 2
        words = np.array(self.pages[page]) if done > 1 else np.full(832, 0x0101)
        words[:768][np.not_equal((ROW + COLUMN) % 2, page).ravel()] = (
            0x0101  # the other half is of another time
        )
        return [int(word) for word in words]

    def _measured(self) -> int:
        """How many halves, since the reset."""
        if self.is_halted:
            return self._taken
        halves_per_s = 2.0 ** ((self._control >> 7 & 7) - 1)
        return int((self._clock.now_ns() - self._began_ns) * halves_per_s / 1e9)

    def _is_time(self, name: str) -> bool:
        left = getattr(self, name)
        if left is not None:
            setattr(self, name, left - 1 if left else None)
        return left == 0

    def _transact(self, address: int) -> None:
        if self.hangs is not None:
            self.hangs.wait(60.0)
        if self._is_time("unplug_at"):
            self.is_plugged = False
        if self._is_time("reset_at"):
            self.reset()
        if address != 0x33 or not self.is_plugged:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")


def is_the_scene(celsius: npt.NDArray[np.generic]) -> bool:
    return np.allclose(celsius.astype(np.float64), scene(), rtol=0.0, atol=0.5)


class Bench:
    """A chip in time that stands still unless somebody sleeps."""

    def __init__(self, drawn: Drawn | None = None) -> None:
        self.time = StoppedTime()
        self.chip = Chip(self.time.clock, drawn or Drawn(3))
        self.problems = Problems()
        self.times: list[int] = []
        self.frames: list[npt.NDArray[np.float32]] = []

    def read(self, frames: int) -> None:
        chip = Mlx90640(self.chip, SETTINGS, self.time.clock, self.problems)
        while len(self.frames) < frames:
            received = chip.read()
            if received is not None:
                self.frames.append(received[0])
                self.times.append(received[1])


def test_a_frame_is_two_halves_of_a_chess_board() -> None:
    bench = Bench()
    bench.read(3)

    assert all(is_the_scene(frame) for frame in bench.frames)
    np.testing.assert_allclose(np.diff(bench.times), 500_000_000, atol=10_000_000)


def test_a_broken_pixel_is_the_mean_of_those_around() -> None:
    bench = Bench(Drawn(3, broken=((0, 0), (10, 12))))
    bench.read(1)

    assert np.isfinite(bench.frames[0]).all()
    assert bench.frames[0][10, 12] == pytest.approx(scene()[10, 12], abs=0.5)


@pytest.mark.parametrize("event", ["unplug_at", "unplug_within_at", "reset_at"])
def test_a_chip_that_fails_at_any_moment_never_gives_a_wrong_frame(event: str) -> None:
    refusals = []
    for transaction in [*range(16), *range(60, 76), *range(180, 204)]:
        bench = Bench()
        setattr(bench.chip, event, transaction)
        try:
            bench.read(2)
        except DriverError as error:
            refusals.append(str(error))
        assert all(is_the_scene(frame) for frame in bench.frames)
    assert all("0x33" in refusal for refusal in refusals)
    assert len(refusals) >= 40


def test_a_chip_that_measures_nothing_any_more_is_told() -> None:
    bench = Bench()
    bench.chip.is_halted = True

    with pytest.raises(DriverError, match="the MLX90640 at 0x33 measures nothing any more"):
        bench.read(1)


def test_a_half_that_was_overwritten_while_it_was_read_is_none_and_the_bus_is_told() -> None:
    bench = Bench()
    bench.chip.read_ns = 300_000_000
    chip = Mlx90640(bench.chip, SETTINGS, bench.time.clock, bench.problems)

    assert [chip.read() for _ in range(10)] == [None] * 10
    (problem,) = bench.problems.take_unreported()
    assert problem.cause == "slow_bus"
    assert "lower mlx90640.rate" in problem.detail


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"address": "51"}, "mlx90640.address is '51'; expected such as 0x33"),
        ({"rate_hz": 2.0}, "mlx90640.rate is 2; expected 1, 4, 8 or 16"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Mlx90640ThermalSettings(**chosen)  # type: ignore[arg-type]


class Rig:
    """A chip, and a driver that reads it in a thread, ten times as fast as it would."""

    def __init__(self, settings: Mlx90640ThermalSettings = SETTINGS) -> None:
        clock = fast_clock(10)
        self.chip = Chip(clock, Drawn(4))
        self.driver = Mlx90640ThermalDriver(settings, self.chip.open, clock)

    def has_read(self) -> bool:
        """Whether a frame has come since the last call; all that came are the scene."""
        frames = self.driver.poll(NOW)
        for frame in frames:
            assert frame.encoding == "32FC1"
            assert is_the_scene(frame.pixels)
        return bool(frames)


def test_fifty_times_unplugged_and_back_without_a_wrong_frame() -> None:
    rig = Rig()
    threads = threading.active_count()
    rig.driver.open()
    for cycle in range(50):
        wait_until(rig.has_read)
        setattr(rig.chip, "unplug_within_at" if cycle % 2 else "unplug_at", cycle // 2)
        wait_until(lambda: rig.driver.state is DriverState.DISCONNECTED)
        rig.has_read()
        rig.chip.plug_in()
        assert wait_until(rig.has_read) < 5.0
        assert rig.chip.opened - rig.chip.closed == 1
        assert threading.active_count() == threads + 1
    rig.driver.close()

    assert rig.chip.opened == rig.chip.closed
    assert threading.active_count() == threads
    assert rig.driver.problems.counts()["disconnected"] == 50


def test_a_bus_that_hangs_is_told_and_holds_nobody_up() -> None:
    rig = Rig(replace(SETTINGS, read_timeout_ns=300_000_000))
    rig.driver.open()
    wait_until(rig.has_read)
    rig.chip.hangs = threading.Event()

    def is_told() -> bool:
        rig.has_read()
        return "device_hangs" in rig.driver.problems.counts()

    wait_until(is_told)
    began = time.monotonic()
    rig.driver.close()
    assert time.monotonic() - began < 3.0
    rig.chip.hangs.set()
    wait_until(lambda: rig.chip.opened == rig.chip.closed)


def test_without_a_chip_or_with_another_it_is_refused_with_the_remedy() -> None:
    rig = Rig()
    rig.chip.is_plugged = False
    with pytest.raises(DriverError, match=r"MLX90640 at 0x33 on /dev/i2c-1: no answer.*mlx90640\.address"):
        rig.driver.open()
    rig.chip.plug_in()
    rig.chip.eeprom = [0] * 832
    with pytest.raises(DriverError, match=r"at 0x33 on /dev/i2c-1 is no MLX90640.*set mlx90640\.address"):
        rig.driver.open()
    assert rig.chip.opened == rig.chip.closed


def test_registers_of_sixteen_bits_go_over_the_bus_high_byte_first() -> None:
    sent: list[tuple[int, int, bytes]] = []

    class Bus:
        def i2c_rdwr(self, *messages: object) -> None:
            for message in messages:
                sent.append((message.addr, message.flags, bytes(message)))  # type: ignore[attr-defined, call-overload]
            answer = messages[-1]
            if answer.flags & 1:  # type: ignore[attr-defined]
                for place, byte in enumerate(b"\x12\x34\xab\xcd"):
                    answer.buf[place] = bytes([byte])  # type: ignore[attr-defined]

    pytest.importorskip("smbus2")
    words = SmbusWords(Bus())
    assert words.read_words(0x33, 0x2407, 2) == [0x1234, 0xABCD]
    words.write_word(0x33, 0x800D, 0x1981)

    assert sent[0] == (0x33, 0, b"\x24\x07")
    assert sent[1][:2] == (0x33, 1)
    assert sent[2] == (0x33, 0, b"\x80\x0d\x19\x81")
