"""Gas readings from converters that are asked for each sample: a steady clock, and means without mains hum.

A mean over whole periods of a hum is free of it, where the samples lie evenly and not in step with it. A
tenth of a second holds 5 periods of 50 Hz and 6 of 60 Hz: any multiple of it serves both. Samples that came
late, on a busy machine or a slow bus, are weighed by the times at which they came.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, check_channel_names
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.drivers.gas import hum
from gas_fusion_ros.drivers.steady_clock import SteadyClock
from gas_fusion_ros.settings.fields import setting

Values = npt.NDArray[np.float32]

_COMMON_PERIOD_NS = 100_000_000
"""Holds whole periods of 50 and of 60 Hz."""
_MAINS_PERIODS = (5, 6)
"""How many, of each."""
_HARMONICS = 3
_MOST_HUM = 0.1
"""Share of a hum's amplitude from which on it is told that it remains."""
_LONGEST_WAIT_NS = 100_000_000
_QUEUE = 100


def samples_setting(default: int) -> Any:
    """Make a field the number of conversions in a reading."""
    return setting(
        default,
        "conversions of each channel in that time, evenly; not in step with the mains",
        minimum=4,
        maximum=1000,
    )


@dataclass(frozen=True)
class SampledGasSettings:
    """What every sampled array takes.

    Attributes:
        channels: the channels of a reading, in order.
        frame_id: coordinate frame of the array.
        period_ns: time between the beginnings of two readings.
        backoff: pauses between attempts to reconnect.
        read_timeout_ns: time after which a bus that hangs is given up.

    Raises:
        ValueError: they contradict each other; the message names the parameter.
    """

    DRIVER_NAME: ClassVar[str]
    """What the parameters' names begin with."""

    average_ns: int = setting(
        200_000_000,
        "time over which a reading is averaged, s; a multiple of 0.1, which holds whole periods of 50 and of "
        "60 Hz",
        minimum=0.1,
        maximum=10.0,
    )
    samples: int = samples_setting(7)
    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"
    period_ns: int = NANOSECONDS_PER_SECOND // 2
    backoff: Backoff = field(default_factory=lambda: Backoff(longest_ns=2 * NANOSECONDS_PER_SECOND))
    read_timeout_ns: int = 5 * NANOSECONDS_PER_SECOND

    def __post_init__(self) -> None:
        check_channel_names(self.channels)
        name, seconds = self.DRIVER_NAME, self.average_ns / NANOSECONDS_PER_SECOND
        if self.average_ns <= 0 or self.average_ns % _COMMON_PERIOD_NS:
            raise ValueError(f"{name}.average is {seconds:g} s; expected a multiple of 0.1 s, such as 0.2")
        if self.average_ns > self.period_ns:
            raise ValueError(
                f"{name}.average is {seconds:g} s, longer than the time between readings, period = "
                f"{self.period_ns / NANOSECONDS_PER_SECOND:g} s"
            )
        if self._beats(self.samples):
            better = next(number for number in count(self.samples + 1) if not self._beats(number))
            raise ValueError(
                f"{name}.samples is {self.samples}: so many within {seconds:g} s are in step with hum of 50 "
                f"or 60 Hz and would not cancel it; take {better}"
            )

    def _beats(self, samples: int) -> bool:
        """Whether a hum or one of its first harmonics has the same phase at every sample."""
        windows = self.average_ns // _COMMON_PERIOD_NS
        return any(
            periods * windows * harmonic % samples == 0
            for periods in _MAINS_PERIODS
            for harmonic in range(1, _HARMONICS + 1)
        )


@dataclass(frozen=True)
class Sample:
    """A conversion.

    Attributes:
        channel: index of the channel.
        counts: its result; NaN at an end of the converter's range.
        at_ns: when it was taken, on the steady clock.
    """

    channel: int
    counts: float
    at_ns: int


class Converter(Protocol):
    """An open device with an input for each of C channels."""

    @property
    def steps(self) -> int:
        """How many steps sample each channel once."""

    @property
    def inputs(self) -> Sequence[str]:
        """What each channel is connected to, for messages, length C."""

    def convert(self, step: int) -> Sequence[Sample]:
        """Sample the channels of a step; of what does not answer there is no sample.

        Raises:
            OSError: nothing answers any more.
            DriverError: likewise.
        """

    def close(self) -> None:
        """Release the device; does not raise."""


class WindowSampler:
    """Makes readings of conversions, a step at a time: those of a window, evenly, then of the next.

    A channel of which one sample is missing or at an end of the range is NaN: the mean of the others would
    look true.
    """

    def __init__(
        self,
        settings: SampledGasSettings,
        converter: Converter,
        clock: SteadyClock,
        problems: Problems,
        deliver: Callable[[Values, int], None],
    ) -> None:
        """Begin the first window now.

        Args:
            settings: window and samples.
            converter: the device, which `close` closes.
            clock: by which samples are taken.
            problems: where a channel at the end of its range is counted, hum that remains, and a window that
                took too long.
            deliver: is given each reading, shape (C,), with the mean time of its samples.
        """
        self._settings = settings
        self._converter = converter
        self._clock = clock
        self._problems = problems
        self._deliver = deliver
        self._steps = settings.samples * converter.steps
        self._begin(clock.now_ns())

    def advance(self) -> None:
        """Take the next sample when its time has come; wait for that for a tenth of a second at most."""
        due_ns = self._began_ns + self._step * self._settings.average_ns // self._steps
        wait_ns = due_ns - self._clock.now_ns()
        if wait_ns > 0:
            self._clock.sleep_s(min(wait_ns, _LONGEST_WAIT_NS) / NANOSECONDS_PER_SECOND)
        if wait_ns > _LONGEST_WAIT_NS:
            return
        row = self._step // self._converter.steps
        for sample in self._converter.convert(self._step % self._converter.steps):
            self._counts[row, sample.channel] = sample.counts
            self._seconds[row, sample.channel] = (sample.at_ns - self._began_ns) / NANOSECONDS_PER_SECOND
        self._step += 1
        if self._step == self._steps:
            self._finish()

    def close(self) -> None:
        """Close the converter."""
        self._converter.close()

    def _begin(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._step = 0
        shape = self._settings.samples, len(self._settings.channels)
        self._counts, self._seconds = np.full(shape, np.nan), np.full(shape, np.nan)

    def _finish(self) -> None:
        settings, now_ns = self._settings, self._clock.now_ns()
        means = [self._mean(channel) for channel in range(len(settings.channels))]
        if np.isfinite(self._seconds).any():
            middle_s = float(np.nanmean(self._seconds))
            middle_ns = self._began_ns + round(middle_s * NANOSECONDS_PER_SECOND)
            self._deliver(np.array(means, dtype=np.float32), middle_ns)
        if now_ns > self._began_ns + settings.period_ns:
            took_s = (now_ns - self._began_ns) / NANOSECONDS_PER_SECOND
            self._problems.add(
                "slow_reading",
                f"a reading took {took_s:.2f} s, longer than period: lower "
                f"{settings.DRIVER_NAME}.samples, raise period, or speed up the bus",
            )
        self._begin(max(self._began_ns + settings.period_ns, now_ns))

    def _mean(self, channel: int) -> float:
        """Return a channel's mean; NaN where a sample is missing or at an end of the range."""
        name = self._settings.channels[channel]
        seconds, counts = self._seconds[:, channel], self._counts[:, channel]
        if np.isnan(seconds).any():
            return np.nan
        if np.isnan(counts).any():
            self._problems.add(
                f"range_end_{name}",
                f"channel {name} on {self._converter.inputs[channel]} is at an end of its range: a broken "
                "wire, a short circuit, or a voltage beyond the range",
            )
            return np.nan
        weights = hum.weights(seconds)
        share = hum.remaining(seconds, weights)
        if share > _MOST_HUM:
            self._problems.add(
                "mains_hum",
                f"samples of {name} came so late that {share:.0%} of any mains hum remains: the machine is "
                f"too busy, or take more {self._settings.DRIVER_NAME}.samples",
            )
        return float(weights @ counts)


class SampledGasDriver(ABC):
    """Samples a converter in a thread and reconnects after unplugging.

    A reading is stamped with the mean time of its samples. A lost device is counted as `disconnected`, a bus
    that hangs as `device_hangs`.
    """

    def __init__(self, device: str, settings: SampledGasSettings, clock: SteadyClock) -> None:
        """Prepare to read.

        Args:
            device: the device's file.
            settings: the array, and how to sample it.
            clock: by which samples are taken.
        """
        self._settings = settings
        self._clock = clock
        self.problems = Problems()
        self._arrivals: Arrivals[Values] = Arrivals(_QUEUE, self.problems, clock.now_ns)
        calls = DeviceCalls(self._connect, WindowSampler.advance, WindowSampler.close)
        self._reader = BackgroundReader(
            device, calls, settings.backoff, self.problems, settings.read_timeout_ns
        )

    @property
    def state(self) -> DriverState:
        """Whether the converter answers now."""
        return self._reader.state

    def open(self) -> None:
        """Open the device and start sampling.

        Raises:
            DriverError: it cannot be opened, or no chip answers.
        """
        self._reader.start()

    def poll(self, now_ns: int) -> list[GasReading]:
        """Return the readings made since the last poll, oldest first; a bus that hangs is given up."""
        self._reader.give_up_hung()
        return [
            GasReading(stamp_ns, self._settings.channels, counts, self._settings.frame_id)
            for stamp_ns, counts in self._arrivals.take(now_ns)
        ]

    def close(self) -> None:
        """End the thread and close the device; safe to call twice."""
        self._reader.stop()

    @abstractmethod
    def open_converter(self) -> Converter:
        """Open the device and see that it answers.

        Raises:
            DriverError: it cannot be opened, or nothing answers.
        """

    def _connect(self) -> WindowSampler:
        converter = self.open_converter()
        sampler: WindowSampler

        def deliver(counts: Values, at_ns: int) -> None:
            if self._reader.is_current(sampler):  # Of one that hung nobody knows when it was read.
                self._arrivals.put(counts, at_ns)

        sampler = WindowSampler(self._settings, converter, self._clock, self.problems, deliver)
        return sampler
