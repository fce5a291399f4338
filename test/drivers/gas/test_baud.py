"""The baud rate is found by what bytes look like."""

from __future__ import annotations

import random

import pytest
from serial_forms import READ, READINGS

from gas_fusion_ros.drivers.gas.baud import USUAL_RATES, find_baud, take_sample
from gas_fusion_ros.drivers.gas.serial_port import SilenceWatch

SECOND = 1_000_000_000
LINE = READ["commas"](READINGS[:1])


class Port:
    """A board that sends a line every two seconds; at any other rate than its own that is garbage."""

    def __init__(self, rate: int | None, first_ns: int = 0) -> None:
        self.baudrate = USUAL_RATES[0]
        self.now = 0
        self._rate = rate
        self._next = first_ns
        self._draw = random.Random(1)

    def now_ns(self) -> int:
        return self.now

    @property
    def in_waiting(self) -> int:
        return 0

    def read(self, _: int) -> bytes:
        self.now += SECOND // 5
        if self._rate is None or self.now < self._next:
            return b""
        self._next = self.now + 2 * SECOND
        return LINE if self.baudrate == self._rate else self._draw.randbytes(len(LINE))

    def reset_input_buffer(self) -> None:
        """Nothing waits."""


@pytest.mark.parametrize("rate", [115200, 9600, 38400])
def test_the_rate_at_which_bytes_are_lines_is_taken(rate: int) -> None:
    port = Port(rate, first_ns=4 * SECOND)
    found = find_baud(port, port.now_ns)
    assert (found.baud, port.baudrate) == (rate, rate)
    assert LINE in found.sample


def test_a_silent_port_has_no_rate_and_is_not_tried_for_long() -> None:
    port = Port(None)
    found = find_baud(port, port.now_ns)
    assert (found.baud, found.sample) == (None, b"")
    assert port.now < 10 * SECOND


def test_bytes_that_are_text_at_no_rate_are_shown() -> None:
    port = Port(31250)
    found = find_baud(port, port.now_ns)
    assert found.baud is None
    assert found.sample


def test_a_sample_ends_with_the_time() -> None:
    port = Port(115200)
    assert take_sample(port, port.now_ns) == 2 * LINE
    assert port.now < 4 * SECOND


def test_silence_is_told_again_while_it_lasts_and_ends_with_a_line() -> None:
    watch = SilenceWatch("/dev/ttyX", 9600, 10 * SECOND, 0)
    assert watch.look(b"", 9 * SECOND) is None
    told = watch.look(b"", 10 * SECOND)
    assert told is not None
    assert (told.cause, "9600 baud" in told.reason, "println" in told.remedy) == ("silent", True, True)
    assert watch.look(b"", 10 * SECOND + 1) is None
    assert watch.look(b"", 11 * SECOND) is not None
    assert watch.look(b"5,6\n5", 12 * SECOND) is None
    later = watch.look(b"", 22 * SECOND)
    assert later is not None
    assert later.cause == "no_line_end"
