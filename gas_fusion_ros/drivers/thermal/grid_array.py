"""What the drivers of grid arrays on an I2C bus have in common: a thread, degC, and reconnection."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.drivers.steady_clock import SteadyClock

Celsius = npt.NDArray[np.float32]

LONGEST_WAIT_NS = 100_000_000
"""How long a chip may let its reader wait at a time."""
_QUEUE = 8


@dataclass(frozen=True)
class GridArraySettings:
    """What every grid array takes; no parameters.

    Attributes:
        frame_id: optical frame of the array.
        backoff: pauses between attempts to reconnect.
        read_timeout_ns: time after which a bus that hangs is given up.
    """

    frame_id: str = "thermal_camera_optical_frame"
    backoff: Backoff = field(default_factory=lambda: Backoff(longest_ns=NANOSECONDS_PER_SECOND))
    read_timeout_ns: int = 5 * NANOSECONDS_PER_SECOND


class GridChip(Protocol):
    """A chip that is set up."""

    def read(self) -> tuple[Celsius, int] | None:
        """Return a frame and its time on the steady clock; None after a short while without one.

        Raises:
            DriverError: the chip did not answer all the time, or lost its settings meanwhile.
        """

    def close(self) -> None:
        """Close the bus."""


class GridArrayDriver(ABC):
    """Reads frames as 32FC1, degC, in a thread and reconnects after unplugging.

    A lost chip is counted as `disconnected`, a bus that hangs as `device_hangs`; a frame during which that
    happened is none.
    """

    def __init__(self, name: str, settings: GridArraySettings, clock: SteadyClock) -> None:
        """Prepare to read.

        Args:
            name: where the chip is.
            settings: the array.
            clock: by which frames are taken.
        """
        self._settings = settings
        self._clock = clock
        self.problems = Problems()
        self._arrivals: Arrivals[Celsius] = Arrivals(_QUEUE, self.problems, clock.now_ns)
        calls = DeviceCalls(self.open_chip, self._read, _close)
        self._reader = BackgroundReader(
            name, calls, settings.backoff, self.problems, settings.read_timeout_ns
        )

    @property
    def state(self) -> DriverState:
        """Whether the chip answers now."""
        return self._reader.state

    def open(self) -> None:
        """Open the bus, set the chip up and start reading.

        Raises:
            DriverError: the bus cannot be opened, or no such chip answers.
        """
        self._reader.start()

    def poll(self, now_ns: int) -> list[ThermalFrame]:
        """Return the frames read since the last poll, oldest first; a bus that hangs is given up."""
        self._reader.give_up_hung()
        return [
            ThermalFrame(stamp_ns, celsius, "32FC1", self._settings.frame_id)
            for stamp_ns, celsius in self._arrivals.take(now_ns)
        ]

    def close(self) -> None:
        """End the thread and close the bus; safe to call twice."""
        self._reader.stop()

    @abstractmethod
    def open_chip(self) -> GridChip:
        """Open the bus and set the chip up.

        Raises:
            DriverError: the bus cannot be opened, or no such chip answers.
        """

    def _read(self, chip: GridChip) -> None:
        received = chip.read()
        # After a hang the chip may have been reset by who reads it now, and its settings be theirs.
        if received is not None and self._reader.is_current(chip):
            self._arrivals.put(*received)


def _close(chip: GridChip) -> None:
    chip.close()


@contextmanager
def bus_errors_told(chip: str, remedy: str) -> Iterator[None]:
    """Make an error of the bus a DriverError that says what it means.

    Args:
        chip: the chip and where it is.
        remedy: what to look at where nobody answers.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EREMOTEIO, errno.ENXIO):
            reason = f"no answer; see {remedy}"
        elif error.errno == errno.EBUSY:
            reason = "a driver of the kernel holds it; unload that"
        else:
            reason = error.strerror or str(error)
        raise DriverError(f"{chip}: {reason}") from None
