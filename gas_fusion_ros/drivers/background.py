"""Devices that push: a thread that reads, a queue that stamps, and reconnection."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError, DriverState

T = TypeVar("T")
D = TypeVar("D")

_CONNECT_SECONDS = 1.0
_JOIN_SECONDS = 1.0
_LOOK_SECONDS = 0.05
_READ_TIMEOUT_NS = 5 * NANOSECONDS_PER_SECOND
_MOST_GIVEN_UP = 1
"""How many threads may hang in a device while another opens it: each costs a thread and a handle."""


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
    in the same way. Nobody waits long for a device that blocks: what does not answer at the start in time is
    counted as `slow_device` and stays disconnected until it does, and a thread that does not end in time is
    left behind. It lets the device go when it comes back; who reads the device next waits for that.

    Where a driver's `poll` calls `give_up_hung`, a read that does not end is counted as `device_hangs` and
    the device opened again beside it. What it brings when it ends after all is late: `is_current` tells.
    """

    def __init__(
        self,
        name: str,
        calls: DeviceCalls[D],
        backoff: Backoff,
        problems: Problems,
        read_timeout_ns: int = _READ_TIMEOUT_NS,
    ) -> None:
        """Prepare to read.

        Args:
            name: of the device, in messages; two of the same name are the same device.
            calls: how to use it.
            backoff: pauses between attempts to reconnect.
            problems: where failures are counted.
            read_timeout_ns: how long a single read may last before `give_up_hung` gives it up.
        """
        self._name = name
        self._calls = calls
        self._backoff = backoff
        self._problems = problems
        self._read_timeout_ns = read_timeout_ns
        self._session: _Session[D] | None = None

    @property
    def state(self) -> DriverState:
        """Whether the device is there now."""
        if self._session is None:
            return DriverState.CLOSED
        return DriverState.RUNNING if self._session.is_connected else DriverState.DISCONNECTED

    def start(self) -> None:
        """Connect, then read in the background.

        Raises:
            DriverError: the device cannot be opened.
        """
        self.stop()
        session = self._begin()
        if not session.first_try.wait(_CONNECT_SECONDS):
            self._problems.add(
                "slow_device",
                f"{self._name} has not answered for {_CONNECT_SECONDS:g} s; still waiting for it",
            )
        elif (refusal := session.refusal) is not None:
            self.stop()
            raise refusal

    def give_up_hung(self) -> None:
        """Where a read has lasted too long, count it and connect anew; never waits."""
        if self._session is None or self._session.reading_for_ns() <= self._read_timeout_ns:
            return
        self._problems.add(
            "device_hangs",
            f"{self._name} has given nothing and no error for "
            f"{self._read_timeout_ns / NANOSECONDS_PER_SECOND:g} s; opening it again",
        )
        self._session.give_up()
        self._begin()

    def is_current(self, device: D) -> bool:
        """Whether a device is the one that is read now, and not one that was given up or left behind."""
        return self._session is not None and self._session.device is device

    def stop(self) -> None:
        """End the thread and close the device; safe to call twice."""
        if self._session is not None:
            self._session.end(_JOIN_SECONDS)
            self._session = None

    def _begin(self) -> _Session[D]:
        session = _Session(self._name, self._calls, self._backoff, self._problems)
        self._session = session  # before it runs: what it reads at once is current
        session.start()
        return session


class _Session(threading.Thread, Generic[D]):
    """One thread from start to stop, with a state that no other thread changes.

    Attributes:
        first_try: set when the first attempt to connect is over.
        refusal: why that failed; the thread tries again nevertheless, until it is told to end.
        device: what `connect` returned last; None before.
        is_connected: whether the device is there now.
        is_given_up: whether it hung, so that nobody waits for it any more.
    """

    _begun: ClassVar[dict[str, list[_Session[Any]]]] = {}
    """By device, the threads that may hold it still."""

    def __init__(self, name: str, calls: DeviceCalls[D], backoff: Backoff, problems: Problems) -> None:
        super().__init__(name=f"read {name}", daemon=True)
        self._device_name = name
        self._calls = calls
        self._backoff = backoff
        self._problems = problems
        self._stopping = threading.Event()
        self._reading_since_ns: int | None = None
        self._before = [one for one in self._begun.get(name, []) if one.is_alive()]
        self._begun[name] = [*self._before, self]
        self.first_try = threading.Event()
        self.refusal: Exception | None = None
        self.device: D | None = None
        self.is_connected = False
        self.is_given_up = False

    def reading_for_ns(self) -> int:
        """How long the read that is under way has lasted; 0 where none is."""
        since_ns = self._reading_since_ns
        return 0 if since_ns is None else time.monotonic_ns() - since_ns

    def give_up(self) -> None:
        """Ask the thread to end once its read does, and wait for neither."""
        self.is_given_up = True
        self._stopping.set()

    def end(self, timeout_s: float) -> None:
        """Ask the thread to end and wait for it, so long and no longer."""
        self._stopping.set()
        self.join(timeout_s)

    def run(self) -> None:
        """Connect, read, and connect again."""
        device = self._connect_first()
        self.first_try.set()
        while not self._stopping.is_set() or device is not None:
            if device is not None:
                self._read(device)
            device = self._reconnect()

    def _connect_first(self) -> D | None:
        while self._must_wait():
            if self._stopping.wait(_LOOK_SECONDS):
                return None
        try:
            return self._connect()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            self.refusal = DriverError(f"{self._device_name} cannot be opened: {reason}")
        except Exception as error:
            self.refusal = error
        return None

    def _must_wait(self) -> bool:
        self._before = [one for one in self._before if one.is_alive()]
        return len(self._before) > _MOST_GIVEN_UP or not all(one.is_given_up for one in self._before)

    def _connect(self) -> D:
        device = self._calls.connect()
        self.device = device
        self.is_connected = True
        return device

    def _read(self, device: D) -> None:
        """Read until the device is lost or the thread is to end; then let it go."""
        try:
            while not self._stopping.is_set():
                self._reading_since_ns = time.monotonic_ns()
                self._calls.read(device)
        except (DriverError, OSError) as error:
            if not self.is_given_up:  # else it was told as hanging
                self._problems.add("disconnected", f"{self._device_name}: {error}; trying to reconnect")
        except Exception as error:
            # Else the thread would end unheard, and with it all readings.
            self._count_failure(error)
        finally:
            self._reading_since_ns = None
            self.is_connected = False
            self._calls.disconnect(device)

    def _reconnect(self) -> D | None:
        pause_ns = self._backoff.first_ns
        while not self._stopping.wait(pause_ns / NANOSECONDS_PER_SECOND):
            pause_ns = min(2 * pause_ns, self._backoff.longest_ns)
            try:
                return self._connect()
            except (DriverError, OSError):
                continue
            except Exception as error:
                self._count_failure(error)
        return None

    def _count_failure(self, error: Exception) -> None:
        self._problems.add("read_failed", f"{self._device_name}: {type(error).__name__}: {error}")
