"""A serial port: how it is opened, and what its silence means."""

from __future__ import annotations

import os
import termios

import serial
from serial.tools import list_ports

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.gas.lines.remark import Remark

_READ_TIMEOUT_SECONDS = 0.2
_AGAIN_NS = NANOSECONDS_PER_SECOND // 2


def open_port(port: str, baud: int) -> serial.Serial:
    """Open a port for one reader alone; `read` waits 0.2 s at most.

    Raises:
        DriverError: it cannot be set to that rate.
        OSError: it is not there, or somebody has it.
    """
    try:
        # exclusive: two readers of one port would each get half of the bytes.
        return serial.Serial(port, baud, timeout=_READ_TIMEOUT_SECONDS, exclusive=True)
    except (ValueError, termios.error) as error:
        raise DriverError(f"{port} cannot be set to {baud} baud: {error}") from None


def received(port: serial.Serial) -> bytes:
    """Return what has come, or what comes within 0.2 s.

    Raises:
        OSError: the port is gone.
    """
    return bytes(port.read(max(1, port.in_waiting)))


def ports() -> list[str]:
    """Return the serial ports of this machine."""
    return sorted(one.device for one in list_ports.comports())


def board_at(port: str) -> str:
    """Return by its USB numbers which board is at a port; empty where it has none."""
    device = os.path.realpath(port)
    found = (one for one in list_ports.comports() if one.device == device and one.vid is not None)
    return next((f"{one.vid:04x}:{one.pid:04x}:{one.serial_number or ''}" for one in found), "")


class SilenceWatch:
    """Says when a port that is open sends nothing, or no line.

    Args:
        port: its name.
        baud: bits per second that it was opened with.
        after_ns: silence from which on it is said.
        now_ns: a steady clock's time.
    """

    def __init__(self, port: str, baud: int, after_ns: int, now_ns: int) -> None:
        self._port = port
        self._baud = baud
        self._after_ns = after_ns
        self._line_ns = self._told_ns = now_ns
        self._bytes = 0

    def look(self, data: bytes, now_ns: int) -> Remark | None:
        """Take in what has come since the last call; return what is to be said, twice a second at most."""
        self._bytes += len(data)
        last_end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        if last_end >= 0:
            self._line_ns = self._told_ns = now_ns
            self._bytes = len(data) - last_end - 1
        silent_ns = now_ns - self._line_ns
        if silent_ns < self._after_ns or now_ns - self._told_ns < _AGAIN_NS:
            return None
        self._told_ns = now_ns
        seconds = self._after_ns / NANOSECONDS_PER_SECOND
        if self._bytes:
            return Remark(
                "no_line_end",
                f"{self._port}: {self._bytes} bytes and no line end for {seconds:g} s at {self._baud} baud",
                "end each line with Serial.println; if that is done, check the baud rate",
            )
        return Remark(
            "silent",
            f"{self._port}: nothing has come for {seconds:g} s at {self._baud} baud",
            "check that the sketch prints lines, each with a line end (Serial.println), that serial.baud is "
            "what it gives to Serial.begin, and the cable; gas-fusion listen shows what comes",
        )
