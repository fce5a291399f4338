"""One thread that handles items from a bounded inbox, newest first to stay.

The thread that submits is never blocked: when the inbox is full the oldest waiting item gives way.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Runs `handle` on submitted items in a thread of its own.

    Args:
        handle: called with each item; an exception goes to `on_error` and the thread lives on.
        inbox: how many items may wait, at least 1.
        on_error: called in the worker's thread with what `handle` raised.

    Raises:
        ValueError: `inbox` is below 1.
    """

    def __init__(
        self, handle: Callable[[T], None], inbox: int, on_error: Callable[[Exception], None]
    ) -> None:
        if inbox < 1:
            raise ValueError(f"inbox is {inbox}; it must be at least 1")
        self._handle = handle
        self._on_error = on_error
        self._capacity = inbox
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._began_s = 0.0
        self._stopping = False
        self._left_behind = False
        self._skipped = 0
        self._thread = threading.Thread(target=self._run, name="gas_fusion_worker", daemon=True)
        self._thread.start()

    @property
    def skipped(self) -> int:
        """How many items were not handled: they gave way to newer ones or still waited at `stop`."""
        return self._skipped

    @property
    def busy_s(self) -> float:
        """For how long the item that is handled now has been, seconds; 0 without one."""
        with self._changed:
            return time.monotonic() - self._began_s if self._busy else 0.0

    def submit(self, item: T) -> None:
        """Hand `item` to the worker; the oldest waiting item gives way when the inbox is full."""
        with self._changed:
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._skipped += 1
            self._waiting.append(item)
            self._changed.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing waits and nothing runs.

        Returns:
            False when `timeout` (seconds) passed first.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Finish the running item, drop those that wait and end the thread.

        Returns:
            False when the running item took longer than `timeout_s`: the thread is left behind, ends with
            it, and tells nobody what came of it.
        """
        with self._changed:
            self._stopping = True
            self._skipped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._left_behind = self._thread.is_alive()
        return not self._left_behind

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._handle(item[0])
            except Exception as error:
                if not self._left_behind:
                    self._on_error(error)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _next(self) -> tuple[T] | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._stopping)
            if self._stopping:
                return None
            self._busy = True
            self._began_s = time.monotonic()
            return (self._waiting.popleft(),)
