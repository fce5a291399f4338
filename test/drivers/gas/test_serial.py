"""The serial driver over a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import random
import termios
import threading
import time
import tty
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.gas.serial import SerialGasDriver, SerialGasSettings, _Orders

NOW = 10**18
CYCLES = int(os.environ.get("GAS_FUSION_CYCLES", "5"))
FLOOD_BYTES = int(os.environ.get("GAS_FUSION_FLOOD_BYTES", "200000"))


class Microcontroller:
    """The far end of a serial port, plugged in at a fixed path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master, self._slave = -1, -1
        self.plug_in()

    def plug_in(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for handle in (self._slave, self._master):
            os.close(handle)

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def unread(self) -> int:
        """Bytes sent that the driver has not read yet."""
        count = array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Microcontroller]:
    device = Microcontroller(tmp_path / "ttyTEST")
    yield device
    device.unplug()


@pytest.fixture
def driver(device: Microcontroller) -> Iterator[SerialGasDriver]:
    backoff = Backoff(first_ns=10_000_000, longest_ns=40_000_000)
    driver = SerialGasDriver(SerialGasSettings(str(device.path), channels=("mq2", "mq3"), backoff=backoff))
    driver.open()
    device.send(b"\n")
    yield driver
    driver.close()


def receive(driver: SerialGasDriver, count: int) -> list[GasReading]:
    readings: list[GasReading] = []

    def enough() -> bool:
        readings.extend(driver.poll(NOW))
        return len(readings) >= count

    wait_until(enough)
    return readings


def test_reads_csv_and_json_lines_with_stamps_in_the_past(
    driver: SerialGasDriver, device: Microcontroller
) -> None:
    device.send(b'555,515\r\n{"mq2": 556, "mq3": null}\n')

    first, second = receive(driver, 2)

    assert first.counts.tolist() == [555, 515]
    assert second.counts[0] == 556
    assert NOW - 60 * 10**9 < first.stamp_ns < second.stamp_ns <= NOW + 1
    assert driver.problems.counts() == {}


def test_a_line_that_comes_in_pieces_is_one_reading(driver: SerialGasDriver, device: Microcontroller) -> None:
    device.send(b"555,5")
    wait_until(lambda: device.unread() == 0)
    device.send(b"15\n")

    assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]


def test_lines_cut_in_half_and_garbage_are_counted_and_passed_over(
    driver: SerialGasDriver, device: Microcontroller
) -> None:
    device.send(b"599,600\n555\n\xff\x00\xfe,12\n5,5,5\n5\n600,601\n")

    assert [reading.counts.tolist() for reading in receive(driver, 2)] == [[599, 600], [600, 601]]
    assert driver.problems.counts() == {"1_values": 2, "no_text": 1, "3_values": 1}
    said = driver.problems.take_unreported()
    assert len(said) == 3
    assert all(str(device.path) in one.detail for one in said)


def test_bytes_without_a_line_end_do_not_pile_up(driver: SerialGasDriver, device: Microcontroller) -> None:
    device.send(b"7" * 1500)
    wait_until(lambda: driver.problems.counts() == {"no_line_end": 1})
    device.send(b",8\n600,601\n")

    assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[600, 601]]


def test_the_tail_of_a_line_that_began_before_connecting_is_ignored(device: Microcontroller) -> None:
    driver = SerialGasDriver(SerialGasSettings(str(device.path), channels=("mq2", "mq3")))
    driver.open()
    try:
        device.send(b"55,515\n600,601\n")

        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[600, 601]]
        assert driver.problems.counts() == {}
    finally:
        driver.close()


def test_reconnects_after_unplugging(driver: SerialGasDriver, device: Microcontroller) -> None:
    device.send(b"555,515\n")
    receive(driver, 1)

    device.unplug()
    wait_until(lambda: driver.state is DriverState.DISCONNECTED)
    device.plug_in()
    wait_until(lambda: driver.state is DriverState.RUNNING)
    device.send(b"\n600,601\n")

    assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[600, 601]]
    assert driver.problems.counts() == {"disconnected": 1}
    assert str(device.path) in driver.problems.take_unreported()[0].detail


@contextmanager
def opened(device: Microcontroller, **settings: Any) -> Iterator[SerialGasDriver]:
    """A driver that has seen a line end."""
    backoff = Backoff(first_ns=10_000_000, longest_ns=40_000_000)
    given = SerialGasSettings(str(device.path), channels=("mq2", "mq3"), backoff=backoff)
    driver = SerialGasDriver(replace(given, **settings))
    driver.open()
    device.send(b"\n")
    try:
        yield driver
    finally:
        driver.close()


def test_a_header_sent_once_holds_for_whoever_opens_the_port_next(device: Microcontroller) -> None:
    with opened(device) as driver:
        device.send(b"MQ-3;MQ-2\n515;555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]
    with opened(device) as driver:
        device.send(b"516;556\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[556, 516]]
        device.unplug()
        wait_until(lambda: driver.state is DriverState.DISCONNECTED)
        device.plug_in()
        wait_until(lambda: driver.state is DriverState.RUNNING)
        device.send(b"\n517;557\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[557, 517]]


def test_a_header_with_which_a_board_starts_when_its_port_is_opened_is_heard(device: Microcontroller) -> None:
    driver = SerialGasDriver(SerialGasSettings(str(device.path), channels=("mq2", "mq3")))
    driver.open()
    try:
        device.send(b"MQ3,MQ2\n515,555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]
    finally:
        driver.close()


def test_a_board_that_starts_anew_with_other_columns_gives_no_wrong_name(device: Microcontroller) -> None:
    with opened(device) as driver:
        device.send(b"555,515\n556,516\n557,5MQ3,MQ2\n517,557\n518,558\nMQ3,MQ2\n519,559\n")
        counts = [reading.counts.tolist() for reading in receive(driver, 3)]
        assert counts == [[555, 515], [556, 516], [559, 519]]


def test_a_new_process_knows_no_header(device: Microcontroller, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin_anew() -> None:
        monkeypatch.setattr("gas_fusion_ros.drivers.gas.serial._ORDERS", _Orders())

    with opened(device) as driver:
        device.send(b"MQ-3;MQ-2\n515;555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]
    begin_anew()
    with opened(device, format="header") as driver:
        device.send(b"516;556\n")
        wait_until(lambda: driver.problems.counts() == {"no_header_yet": 1})
        assert driver.poll(time.monotonic_ns()) == []
    begin_anew()
    with opened(device) as driver:
        device.send(b"516;556\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[516, 556]]


def test_after_a_header_that_does_not_fit_nothing_comes_until_one_does(device: Microcontroller) -> None:
    with opened(device) as driver:
        device.send(b"CO,LPG\n1,2\n")
        wait_until(lambda: "no_fitting_header" in driver.problems.counts())
    with opened(device) as driver:
        device.send(b"3,4\nMQ3,MQ2\n515,555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]


def test_nothing_is_read_before_a_header_where_one_is_asked_for(device: Microcontroller) -> None:
    with opened(device, format="header") as driver:
        device.send(b"1,2\nmq3,mq2\n515,555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]
        assert driver.problems.counts() == {"no_header_yet": 1}


def test_the_protocol_alone_is_as_strict_as_it_is_written(device: Microcontroller) -> None:
    with opened(device, format="protocol") as driver:
        device.send(b"555;515\nMQ2: 555 | MQ3: 515\nMQ3,MQ2\n515,555\n")
        assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[555, 515]]
        assert driver.problems.counts() == {"bad_line": 2}


def test_lines_that_end_with_a_carriage_return_are_read_at_once(device: Microcontroller) -> None:
    driver = SerialGasDriver(SerialGasSettings(str(device.path), channels=("mq2", "mq3")))
    driver.open()
    try:
        device.send(b"5,515\r600,601\r602,603\r")
        assert [reading.counts.tolist() for reading in receive(driver, 2)] == [[600, 601], [602, 603]]
    finally:
        driver.close()


def test_what_is_left_out_is_said_once(device: Microcontroller) -> None:
    with opened(device) as driver:
        device.send(b"mq2,temp,mq3\n" + b"".join(b"%d,21,515\n" % (555 + number) for number in range(9)))
        receive(driver, 9)
        assert driver.problems.counts() == {"columns_left_out": 1}
        assert "temp" in driver.problems.take_unreported()[0].detail


@pytest.mark.parametrize(("sent", "cause"), [(b"", "silent"), (b"600,6", "no_line_end")])
def test_a_port_without_lines_is_told_with_baud_and_line_end(
    device: Microcontroller, sent: bytes, cause: str
) -> None:
    with opened(device, silence_ns=300_000_000) as driver:
        device.send(sent)
        wait_until(lambda: driver.problems.counts().get(cause, 0) > 1)
        (said,) = (one.detail for one in driver.problems.take_unreported() if one.cause == cause)
        assert "115200 baud" in said
        assert "println" in said


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


def replug(driver: SerialGasDriver, device: Microcontroller, number: int) -> None:
    """Unplug in the middle of a line, and plug in again amid garbage: what is read is right, and soon."""
    device.send(b"5%d,515\n6,6" % number)
    received = [one.counts.tolist() for one in receive(driver, 1)]
    device.unplug()
    wait_until(lambda: driver.state is DriverState.DISCONNECTED)
    device.plug_in()
    since = time.monotonic()
    wait_until(lambda: driver.state is DriverState.RUNNING)
    device.send(b"00,601\n\xff\x00\xfe\n7\n6%d,601\n" % number)
    received += [one.counts.tolist() for one in receive(driver, 1)]
    assert time.monotonic() - since < 5.0
    assert received == [[float(f"5{number}"), 515], [float(f"6{number}"), 601]]


def test_unplugging_again_and_again_leaves_nothing_behind(device: Microcontroller) -> None:
    with opened(device) as driver:
        replug(driver, device, 0)
        before = handles(), threading.active_count()
        for number in range(1, CYCLES):
            replug(driver, device, number)
        assert (handles(), threading.active_count()) == before


def test_a_flood_of_garbage_gives_no_reading_and_readings_come_after_it(device: Microcontroller) -> None:
    draw = random.Random(2)
    with opened(device) as driver:
        left = FLOOD_BYTES
        while left > 0:
            device.send(draw.randbytes(min(left, 2048)))
            left -= 2048
        since = time.monotonic()
        device.send(b"\n600,601\n")
        assert [one.counts.tolist() for one in receive(driver, 1)] == [[600, 601]]
        assert time.monotonic() - since < 5.0


def test_a_port_that_is_not_there_is_refused_at_open(tmp_path: Path) -> None:
    driver = SerialGasDriver(SerialGasSettings(str(tmp_path / "ttyNONE")))

    with pytest.raises(DriverError, match="ttyNONE"):
        driver.open()
    driver.close()


def test_a_closed_driver_frees_the_port(driver: SerialGasDriver, device: Microcontroller) -> None:
    driver.close()
    driver.close()
    assert driver.state is DriverState.CLOSED

    other = SerialGasDriver(SerialGasSettings(str(device.path)))
    other.open()
    other.close()


@pytest.mark.parametrize("change", [{"baud": 0}, {"channels": ()}, {"format": "xml"}])
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SerialGasSettings("/dev/ttyX", **change)  # type: ignore[arg-type]
