"""Arrivals are stamped by their age on the caller's clock, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from waiting import wait_until

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls


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


class BlockingDevice:
    """A device that can be held by one at a time, and whose calls wait at gates."""

    def __init__(self) -> None:
        self.may_connect = threading.Event()
        self.may_read = threading.Event()
        self.is_read = threading.Event()
        self.held = threading.Lock()
        self.is_plugged = True

    def connect(self) -> int:
        assert self.may_connect.wait(20)
        if not self.held.acquire(blocking=False):
            raise DriverError("busy")
        if not self.is_plugged:
            self.held.release()
            raise DriverError("not there")
        return 1

    def read(self, _: int) -> None:
        self.is_read.set()
        assert self.may_read.wait(20)
        time.sleep(0.001)  # as a read that waits for data

    def disconnect(self, _: int) -> None:
        self.held.release()

    def reader(self, problems: Problems) -> BackgroundReader[int]:
        backoff = Backoff(first_ns=1_000_000, longest_ns=1_000_000)
        calls = DeviceCalls(self.connect, self.read, self.disconnect)
        return BackgroundReader("/dev/slow", calls, backoff, problems)


@pytest.fixture
def device() -> Iterator[BlockingDevice]:
    device = BlockingDevice()
    yield device
    for gate in (device.may_connect, device.may_read):
        gate.set()


def test_a_device_that_blocks_at_the_start_holds_nobody_up_and_is_read_once_it_answers(
    device: BlockingDevice,
) -> None:
    problems = Problems()
    reader = device.reader(problems)
    began = time.monotonic()
    reader.start()
    assert time.monotonic() - began < 2.0
    assert reader.state is DriverState.DISCONNECTED
    assert problems.counts() == {"slow_device": 1}
    device.may_read.set()
    device.may_connect.set()
    wait_until(lambda: reader.state is DriverState.RUNNING)
    reader.stop()
    assert not device.held.locked()


def test_a_device_that_blocks_in_connect_is_let_go_after_the_stop(device: BlockingDevice) -> None:
    reader = device.reader(Problems())
    reader.start()
    began = time.monotonic()
    reader.stop()
    assert time.monotonic() - began < 2.0
    assert reader.state is DriverState.CLOSED
    device.may_connect.set()
    other = device.reader(Problems())
    other.start()
    device.may_read.set()
    wait_until(lambda: other.state is DriverState.RUNNING)
    other.stop()


def test_a_thread_left_behind_neither_fails_the_next_start_nor_changes_its_state(
    device: BlockingDevice,
) -> None:
    device.may_connect.set()
    problems = Problems()
    reader = device.reader(problems)
    reader.start()
    assert device.is_read.wait(20)
    reader.stop()  # while the thread is stuck in `read`, with the device in its hands
    reader.start()
    assert reader.state is DriverState.DISCONNECTED
    device.may_read.set()
    wait_until(lambda: reader.state is DriverState.RUNNING)
    wait_until(lambda: [one.name for one in threading.enumerate()].count("read /dev/slow") == 1)
    assert reader.state is DriverState.RUNNING
    assert problems.counts() == {"slow_device": 1}
    reader.stop()
    assert not device.held.locked()


def test_a_device_that_appears_after_a_slow_refusal_is_read(device: BlockingDevice) -> None:
    device.is_plugged = False
    reader = device.reader(Problems())
    reader.start()
    device.may_read.set()
    device.may_connect.set()
    assert reader.state is DriverState.DISCONNECTED
    device.is_plugged = True
    wait_until(lambda: reader.state is DriverState.RUNNING)
    reader.stop()


def test_a_refused_start_leaves_no_thread(device: BlockingDevice) -> None:
    device.may_connect.set()
    device.is_plugged = False
    reader = device.reader(Problems())
    with pytest.raises(DriverError, match="not there"):
        reader.start()
    assert reader.state is DriverState.CLOSED
    assert not any(thread.name == "read /dev/slow" for thread in threading.enumerate())


class HangingDevice:
    """A device each of whose connections hangs in its read until it is told to end."""

    def __init__(self) -> None:
        self.connections: list[threading.Event] = []
        self.let_go = 0

    def connect(self) -> threading.Event:
        self.connections.append(threading.Event())
        return self.connections[-1]

    @staticmethod
    def read(may_end: threading.Event) -> None:
        assert may_end.wait(60)
        raise OSError("late")

    def disconnect(self, _: threading.Event) -> None:
        self.let_go += 1


@pytest.fixture
def hanging() -> Iterator[tuple[HangingDevice, BackgroundReader[threading.Event], Problems]]:
    device, problems = HangingDevice(), Problems()
    calls = DeviceCalls(device.connect, device.read, device.disconnect)
    backoff = Backoff(first_ns=1_000_000, longest_ns=1_000_000)
    reader = BackgroundReader("/dev/hanging", calls, backoff, problems, read_timeout_ns=20_000_000)
    reader.start()
    yield device, reader, problems
    reader.give_up_hung()
    for may_end in device.connections:
        may_end.set()
    reader.stop()
    wait_until(lambda: not threads_of("/dev/hanging"))


def threads_of(device: str) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == f"read {device}"]


Hanging = tuple[HangingDevice, BackgroundReader[threading.Event], Problems]


def test_a_hanging_read_is_given_up_once_and_the_device_opened_beside_it(hanging: Hanging) -> None:
    device, reader, problems = hanging

    def is_opened_again() -> bool:
        reader.give_up_hung()
        return len(device.connections) == 2

    wait_until(is_opened_again)
    assert problems.counts() == {"device_hangs": 1}
    assert not reader.is_current(device.connections[0])
    wait_until(lambda: reader.is_current(device.connections[1]))
    device.connections[0].set()
    wait_until(lambda: device.let_go == 1)
    assert problems.counts() == {"device_hangs": 1}  # and not `disconnected`: it is connected


def test_a_device_that_always_hangs_costs_a_bounded_number_of_threads(hanging: Hanging) -> None:
    device, reader, problems = hanging

    def has_hung_twice() -> bool:
        reader.give_up_hung()
        return problems.counts().get("device_hangs", 0) == 2

    wait_until(has_hung_twice)
    for _ in range(20):
        reader.give_up_hung()
        time.sleep(0.005)
    assert len(device.connections) == 2
    assert len(threads_of("/dev/hanging")) == 3
    assert reader.state is DriverState.DISCONNECTED

    device.connections[0].set()
    wait_until(lambda: len(device.connections) == 3)
    assert problems.counts() == {"device_hangs": 2}


def test_a_read_in_time_is_never_given_up(device: BlockingDevice) -> None:
    device.may_connect.set()
    problems = Problems()
    reader = device.reader(problems)
    reader.start()
    assert device.is_read.wait(20)
    reader.give_up_hung()
    device.may_read.set()
    assert problems.counts() == {}
    assert reader.state is DriverState.RUNNING
    reader.stop()
