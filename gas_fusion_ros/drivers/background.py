"""Devices that push: a thread that reads, a queue that stamps, and reconnection."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.problems import Problems
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

T = TypeVar("T")
D = TypeVar("D")

_JOIN_SECONDS = 3.0


class Arrivals(Generic[T]):
    """A thread-safe queue from a reader thread to `poll`.

    The thread knows only when on the steady clock an item arrived. `take` turns its age into a stamp on
    the caller's clock, which may be simulated, and keeps stamps strictly increasing.
    """

    def __init__(
        self, capacity: int, problems: Problems, steady_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._lock = threading.Lock()
        self._items: deque[tuple[int, T]] = deque()
        self._capacity = capacity
        self._problems = problems
        self._steady_ns = steady_ns
        self._last_stamp_ns = 0

    def steady_now_ns(self) -> int:
        """The steady clock's time, nanoseconds."""
        return self._steady_ns()

    def put(self, item: T, arrival_ns: int) -> None:
        """Add an item that arrived at `arrival_ns` on the steady clock; the oldest goes if it is full."""
        with self._lock:
            self._items.append((arrival_ns, item))
            overflow = len(self._items) > self._capacity
            if overflow:
                self._items.popleft()
        if overflow:
            self._problems.add(
                "queue_overflow", f"more than {self._capacity} items waited; poll the driver more often"
            )

    def take(self, now_ns: int) -> list[tuple[int, T]]:
        """All items with their stamps on the clock that now shows `now_ns`, oldest first.

        A time of zero means that the clock is not running yet: what came before has no stamp and is dropped.
        """
        with self._lock:
            items = list(self._items)
            self._items.clear()
        if now_ns <= 0:
            return []
        if self._last_stamp_ns > now_ns:
            self._last_stamp_ns = 0  # The caller's clock went back.
        steady_now_ns = self._steady_ns()
        stamped = []
        for arrival_ns, item in items:
            age_ns = max(0, steady_now_ns - arrival_ns)
            self._last_stamp_ns = max(self._last_stamp_ns + 1, now_ns - age_ns)
            stamped.append((self._last_stamp_ns, item))
        return stamped


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts to reconnect: doubling from the first to the longest, nanoseconds."""

    first_ns: int = 250_000_000
    longest_ns: int = 5_000_000_000

    def __post_init__(self) -> None:
        if not 0 < self.first_ns <= self.longest_ns:
            raise ValueError("backoff: 0 < first_ns <= longest_ns must hold")


@dataclass(frozen=True)
class DeviceCalls(Generic[D]):
    """How to use a device. The first two raise DriverError or OSError when it is gone.

    Attributes:
        connect: opens it.
        read: waits for data for a fraction of a second at most and hands it on.
        disconnect: closes it; does not raise.
    """

    connect: Callable[[], D]
    read: Callable[[D], None]
    disconnect: Callable[[D], None]


class BackgroundReader(Generic[D]):
    """Reads a device in a thread and connects again when it is unplugged.

    Losing the device is counted as `disconnected`; any other failure to read, as `read_failed`, is met
    in the same way.
    """

    def __init__(self, name: str, calls: DeviceCalls[D], backoff: Backoff, problems: Problems) -> None:
        self._name = name
        self._calls = calls
        self._backoff = backoff
        self._problems = problems
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._connected = False

    @property
    def state(self) -> DriverState:
        """Whether the device is there now."""
        if self._thread is None:
            return DriverState.CLOSED
        return DriverState.RUNNING if self._connected else DriverState.DISCONNECTED

    def start(self) -> None:
        """Connect, then read in the background.

        Raises:
            DriverError: the device cannot be opened.
        """
        self.stop()
        try:
            device = self._calls.connect()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise DriverError(f"{self._name} cannot be opened: {reason}") from None
        self._stop = threading.Event()
        self._connected = True
        self._thread = threading.Thread(
            target=self._run, args=(device, self._stop), name=f"read {self._name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the device; safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None

    def _run(self, first: D, stop: threading.Event) -> None:
        device: D | None = first
        while device is not None:
            try:
                while not stop.is_set():
                    self._calls.read(device)
            except (DriverError, OSError) as error:
                self._problems.add("disconnected", f"{self._name}: {error}; trying to reconnect")
            except Exception as error:
                # Else the thread would end unheard, and with it all readings.
                self._problems.add("read_failed", f"{self._name}: {type(error).__name__}: {error}")
            finally:
                self._connected = False
                self._calls.disconnect(device)
            device = self._reconnect(stop)

    def _reconnect(self, stop: threading.Event) -> D | None:
        pause_ns = self._backoff.first_ns
        while not stop.wait(pause_ns / NANOSECONDS_PER_SECOND):
            try:
                device = self._calls.connect()
            except (DriverError, OSError):
                pause_ns = min(2 * pause_ns, self._backoff.longest_ns)
            else:
                self._connected = True
                return device
        return None
