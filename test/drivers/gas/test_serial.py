"""The serial driver over a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import termios
import time
import tty
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.gas.serial import SerialGasDriver, SerialGasSettings

NOW = 10**18
DEADLINE_SECONDS = 20.0


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


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.005)


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
    device.send(b"555\n\xff\x00\xfe,12\n5,5,5\n600,601\n")

    assert [reading.counts.tolist() for reading in receive(driver, 1)] == [[600, 601]]
    assert driver.problems.counts() == {"bad_line": 3}
    assert len(driver.problems.take_unreported()) == 1


def test_bytes_without_a_line_end_do_not_pile_up(driver: SerialGasDriver, device: Microcontroller) -> None:
    device.send(b"7" * 1500)
    wait_until(lambda: driver.problems.counts() == {"bad_line": 1})
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


@pytest.mark.parametrize("change", [{"baud": 0}, {"channels": ()}])
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SerialGasSettings("/dev/ttyX", **change)  # type: ignore[arg-type]
