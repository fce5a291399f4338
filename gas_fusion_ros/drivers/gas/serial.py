"""Gas readings from a microcontroller on a serial port, one line per reading."""

from __future__ import annotations

import termios
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import serial

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.drivers.gas.line_protocol import MAX_LINE_BYTES, LineError, LineParser
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.settings.fields import setting

_READ_TIMEOUT_SECONDS = 0.2
_QUEUE = 1000


@dataclass(frozen=True)
class SerialGasSettings:
    """Which port to read, and the array behind it.

    Attributes:
        port: a device file, best a stable name below `/dev/serial/by-id`.
        channels: the channels of a line, in order, unless a header line names them.
        frame_id: coordinate frame of the array.
        backoff: pauses between attempts to reconnect.
    """

    port: str = setting("/dev/ttyACM0", "the microcontroller's port")
    baud: int = setting(115200, "bits per second", minimum=300, maximum=4_000_000)
    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.baud <= 0:
            raise ValueError(f"baud is {self.baud}; expected a positive number such as 115200")
        if not self.channels:
            raise ValueError("channels is empty; expected at least one name")


class _Port(Protocol):
    """What is used of serial.Serial."""

    @property
    def in_waiting(self) -> int: ...

    def read(self, size: int) -> bytes: ...

    def close(self) -> None: ...


@dataclass
class _Connection:
    """An open port and the line it is in the middle of."""

    port: _Port
    parser: LineParser
    pending: bytearray = field(default_factory=bytearray)
    began_ns: int = 0
    # Whoever connects while a line is on its way sees only its end, which may look whole.
    synchronized: bool = False


class SerialGasDriver:
    """Reads a serial port in a thread and reconnects after unplugging.

    A reading is stamped when its first byte arrived. A line that is no reading is counted as
    `bad_line`, a lost port as `disconnected`. Whatever precedes the first line end after
    connecting is ignored.
    """

    def __init__(self, settings: SerialGasSettings) -> None:
        self._settings = settings
        self.channels = settings.channels
        self.problems = Problems()
        self._arrivals: Arrivals[npt.NDArray[np.float32]] = Arrivals(_QUEUE, self.problems)
        calls = DeviceCalls(self._connect, self._read, lambda connection: connection.port.close())
        self._reader = BackgroundReader(settings.port, calls, settings.backoff, self.problems)

    @property
    def state(self) -> DriverState:
        """Whether the port is there now."""
        return self._reader.state

    def open(self) -> None:
        """Open the port and start reading.

        Raises:
            DriverError: the port cannot be opened.
        """
        self._reader.start()

    def poll(self, now_ns: int) -> list[GasReading]:
        """Return the readings received since the last poll, oldest first."""
        return [
            GasReading(stamp_ns, self.channels, counts, self._settings.frame_id)
            for stamp_ns, counts in self._arrivals.take(now_ns)
        ]

    def close(self) -> None:
        """End the thread and close the port; safe to call twice."""
        self._reader.stop()

    def _connect(self) -> _Connection:
        settings = self._settings
        try:
            # exclusive: two readers of one port would each get half of the bytes.
            port = serial.Serial(settings.port, settings.baud, timeout=_READ_TIMEOUT_SECONDS, exclusive=True)
        except (ValueError, termios.error) as error:
            raise DriverError(f"{settings.port} cannot be set to {settings.baud} baud: {error}") from None
        return _Connection(port, LineParser(self.channels))

    def _read(self, connection: _Connection) -> None:
        received = connection.port.read(max(1, connection.port.in_waiting))
        now_ns = self._arrivals.steady_now_ns()
        if not connection.pending:
            connection.began_ns = now_ns
        *lines, rest = (bytes(connection.pending) + received).split(b"\n")
        for line in lines:
            self._take(connection, line)
            connection.began_ns = now_ns
        if len(rest) > MAX_LINE_BYTES:
            self.problems.add("bad_line", f"more than {MAX_LINE_BYTES} bytes without a line end")
            connection.synchronized = False
            rest = b""
        connection.pending = bytearray(rest)

    def _take(self, connection: _Connection, line: bytes) -> None:
        if not connection.synchronized:
            connection.synchronized = True
            return
        try:
            counts = connection.parser.parse(line)
        except LineError as error:
            self.problems.add("bad_line", f"{self._settings.port}: {error}")
            return
        if counts is not None:
            self._arrivals.put(counts, connection.began_ns)


DRIVER = DriverEntry("serial", SerialGasSettings, SerialGasDriver)
