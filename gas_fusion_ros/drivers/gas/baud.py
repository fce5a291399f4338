"""Finds the baud rate of a port by what its bytes look like."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import serial

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.gas.lines.garbled import share_no_text
from gas_fusion_ros.drivers.gas.serial_port import received

USUAL_RATES = (115200, 9600, 57600, 38400, 19200, 230400, 250000, 74880, 460800, 921600, 4800, 2400, 1200)
_ENOUGH_BYTES = 240
_ENOUGH_ENDS = 16
_WAIT_NS = 5 * NANOSECONDS_PER_SECOND // 2
_FIRST_WAIT_NS = 6 * NANOSECONDS_PER_SECOND
_MOST_NO_TEXT = 0.02


@dataclass(frozen=True)
class FoundBaud:
    """A rate at which a port's bytes are text.

    Attributes:
        baud: bits per second; None where they are text at none.
        sample: what came at that rate, else what came last; empty from a silent port.
    """

    baud: int | None
    sample: bytes


def find_baud(port: serial.Serial, now_ns: Callable[[], int] = time.monotonic_ns) -> FoundBaud:
    """Try the usual rates one after the other, and leave the port at the one at which its bytes are text.

    The first byte is waited for the longest: a board that starts when its port is opened is silent at first.

    Raises:
        OSError: the port is gone.
    """
    found = b""
    for number, baud in enumerate(USUAL_RATES):
        port.baudrate = baud
        if number:
            port.reset_input_buffer()
        sample = take_sample(port, now_ns)
        if _is_lines(sample):
            return FoundBaud(baud, sample)
        if not sample and not number:
            break  # No rate makes bytes of silence.
        found = sample or found
    return FoundBaud(None, found)


def take_sample(port: serial.Serial, now_ns: Callable[[], int] = time.monotonic_ns) -> bytes:
    """Return the first bytes that come at the port's rate: some lines, or enough to see that they are none.

    Raises:
        OSError: the port is gone.
    """
    began_ns = now_ns()
    sample = b""
    while now_ns() < began_ns + (_WAIT_NS if sample else _FIRST_WAIT_NS):
        sample += received(port)
        has_enough = len(sample) >= _ENOUGH_BYTES and not _is_text(sample)
        if has_enough or (_is_text(sample) and sample.count(b"\n") + sample.count(b"\r") >= _ENOUGH_ENDS):
            break
    return sample


def _is_text(sample: bytes) -> bool:
    return share_no_text(sample) <= _MOST_NO_TEXT


def _is_lines(sample: bytes) -> bool:
    return _is_text(sample) and (b"\n" in sample or b"\r" in sample)
