"""The worker: bounded, newest first to stay, alive after an error."""

from __future__ import annotations

import threading

import pytest

from gas_fusion_ros.base.worker import Worker


class Gate:
    """A handler that notes what it handles and waits at a gate before each item."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.handled: list[int] = []

    def __call__(self, item: int) -> None:
        self.entered.set()
        assert self.opened.wait(10)
        self.handled.append(item)


def ignore(error: Exception) -> None:
    raise AssertionError(error)


def test_newer_item_replaces_the_one_that_waits() -> None:
    gate = Gate()
    worker = Worker(gate, inbox=1, on_error=ignore)
    worker.submit(1)
    assert gate.entered.wait(10)
    for item in (2, 3, 4):
        worker.submit(item)
    gate.opened.set()
    assert worker.wait_idle(10)
    worker.stop()
    assert gate.handled == [1, 4]
    assert worker.skipped == 2


def test_larger_inbox_keeps_all_in_order() -> None:
    gate = Gate()
    worker = Worker(gate, inbox=10, on_error=ignore)
    for item in range(10):
        worker.submit(item)
    gate.opened.set()
    assert worker.wait_idle(10)
    worker.stop()
    assert gate.handled == list(range(10))
    assert worker.skipped == 0


def test_error_is_reported_and_the_thread_lives_on() -> None:
    errors: list[Exception] = []
    handled: list[int] = []

    def handle(item: int) -> None:
        if item == 0:
            raise RuntimeError("bad item")
        handled.append(item)

    worker = Worker(handle, inbox=5, on_error=errors.append)
    worker.submit(0)
    worker.submit(1)
    assert worker.wait_idle(10)
    worker.stop()
    assert handled == [1]
    assert [str(error) for error in errors] == ["bad item"]


def test_what_still_waits_at_stop_is_counted() -> None:
    gate = Gate()
    worker = Worker(gate, inbox=5, on_error=ignore)
    worker.submit(1)
    assert gate.entered.wait(10)
    worker.submit(2)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    while worker.skipped == 0:
        assert stopping.is_alive()
    gate.opened.set()
    stopping.join(10)
    assert gate.handled == [1]
    assert worker.skipped == 1


def test_submit_after_stop_does_not_block_or_handle() -> None:
    handled: list[int] = []
    worker = Worker(handled.append, inbox=1, on_error=ignore)
    worker.stop()
    worker.submit(1)
    assert handled == []


def test_empty_inbox_is_refused() -> None:
    with pytest.raises(ValueError, match="inbox is 0"):
        Worker(ignore, inbox=0, on_error=ignore)


def test_an_item_that_never_ends_is_left_behind_and_tells_nobody() -> None:
    entered, opened, ended = threading.Event(), threading.Event(), threading.Event()
    errors: list[Exception] = []

    def handle(_: int) -> None:
        entered.set()
        assert opened.wait(10)
        ended.set()
        raise RuntimeError("too late")

    worker = Worker(handle, inbox=1, on_error=errors.append)
    worker.submit(1)
    assert entered.wait(10)
    assert not worker.stop(timeout_s=0.01)
    opened.set()
    assert ended.wait(10)
    assert worker.wait_idle(10)
    assert errors == []
    assert worker.stop()


def test_it_tells_how_long_the_item_that_runs_has_taken() -> None:
    gate = Gate()
    worker = Worker(gate, inbox=1, on_error=ignore)
    assert worker.busy_s == 0.0
    worker.submit(1)
    assert gate.entered.wait(10)
    earlier_s = worker.busy_s
    assert 0.0 < earlier_s <= worker.busy_s
    gate.opened.set()
    assert worker.wait_idle(10)
    assert worker.busy_s == 0.0
    worker.stop()
