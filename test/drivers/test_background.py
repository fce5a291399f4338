"""Arrivals are stamped by their age on the caller's clock, in order."""

from __future__ import annotations

import threading

from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.problems import Problems


class SteadyClock:
    """A steady clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_an_item_is_stamped_by_its_age() -> None:
    clock = SteadyClock()
    arrivals: Arrivals[str] = Arrivals(10, Problems(), clock)
    arrivals.put("a", 100)
    arrivals.put("b", 150)
    clock.now_ns = 170

    assert arrivals.take(5_000) == [(4_930, "a"), (4_980, "b")]
    assert arrivals.take(6_000) == []


def test_items_that_arrived_together_get_different_stamps() -> None:
    arrivals: Arrivals[str] = Arrivals(10, Problems(), SteadyClock())
    arrivals.put("a", 0)
    arrivals.put("b", 0)

    assert arrivals.take(5_000) == [(5_000, "a"), (5_001, "b")]


def test_stamps_follow_a_clock_that_goes_back() -> None:
    arrivals: Arrivals[str] = Arrivals(10, Problems(), SteadyClock())
    arrivals.put("a", 0)
    arrivals.take(5_000)
    arrivals.put("b", 0)

    assert arrivals.take(1_000) == [(1_000, "b")]


def test_what_comes_before_the_clock_runs_gets_no_stamp() -> None:
    arrivals: Arrivals[str] = Arrivals(10, Problems(), SteadyClock())
    arrivals.put("a", 0)

    assert arrivals.take(0) == []
    arrivals.put("b", 0)
    assert arrivals.take(5_000) == [(5_000, "b")]


def test_a_full_queue_loses_its_oldest_and_counts_it() -> None:
    problems = Problems()
    arrivals: Arrivals[int] = Arrivals(2, problems, SteadyClock())
    for item in range(5):
        arrivals.put(item, 0)

    assert [item for _, item in arrivals.take(100)] == [3, 4]
    assert problems.counts() == {"queue_overflow": 3}


def test_a_failure_nobody_foresaw_is_counted_and_the_device_read_again() -> None:
    problems = Problems()
    read_again = threading.Event()
    connections: list[int] = []

    def connect() -> int:
        connections.append(len(connections))
        return connections[-1]

    def read(connection: int) -> None:
        if connection == 0:
            raise ZeroDivisionError("a bug")
        read_again.set()

    backoff = Backoff(first_ns=1_000_000, longest_ns=1_000_000)
    reader = BackgroundReader("/dev/mine", DeviceCalls(connect, read, lambda _: None), backoff, problems)
    reader.start()

    assert read_again.wait(20.0)
    reader.stop()
    assert problems.counts() == {"read_failed": 1}
