"""Gas readings from a microcontroller on a serial port, one line per reading."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import serial

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.drivers.gas.lines.protocol_lines import ProtocolLines
from gas_fusion_ros.drivers.gas.lines.reader import LineReader
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.splitter import LineSplitter
from gas_fusion_ros.drivers.gas.lines.types import LineForm, Lines, Order, Tellers
from gas_fusion_ros.drivers.gas.serial_port import SilenceWatch, board_at, open_port, received
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.settings.fields import setting

_QUEUE = 1000
_MOST_NOTED = 32


@dataclass(frozen=True)
class SerialGasSettings:
    """Which port to read, and the array behind it.

    Attributes:
        port: a device file, best a stable name below `/dev/serial/by-id`.
        baud: bits per second.
        format: a `LineForm`.
        silence_ns: how long nothing may come before it is said.
        channels: the channels of a line, in order, unless the line or a header names them.
        frame_id: coordinate frame of the array.
        backoff: pauses between attempts to reconnect.
    """

    port: str = setting("/dev/ttyACM0", "the microcontroller's port")
    baud: int = setting(115200, "bits per second", minimum=300, maximum=4_000_000)
    format: str = setting(
        LineForm.AUTO.value,
        "how lines are written: auto reads every form that is unambiguous; protocol the project's own alone; "
        "values only values in the order of channels, whatever other names stand above them; header nothing "
        "before a line of names; labels and json only lines that name each value",
        choices=tuple(form.value for form in LineForm),
    )
    silence_ns: int = setting(
        10 * NANOSECONDS_PER_SECOND,
        "how long no line may come from an open port before it is said, s",
        minimum=1.0,
        maximum=3600.0,
        name="silence_after",
    )
    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.baud <= 0:
            raise ValueError(f"baud is {self.baud}; expected a positive number such as 115200")
        if self.format not in {form.value for form in LineForm}:
            raise ValueError(f"format is {self.format!r}; expected one of {', '.join(LineForm)}")
        if not self.channels:
            raise ValueError("channels is empty; expected at least one name")


class _Orders:
    """The last header of each board at each port, for as long as the process lives.

    A sketch may send it at its start alone, and a node that is configured again comes later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[tuple[str, str], Order] = {}

    def of(self, port: str, board: str) -> Order:
        with self._lock:
            return self._orders.setdefault((port, board), Order())


_ORDERS = _Orders()


@dataclass
class _Connection:
    """An open port and what has come of it."""

    port: serial.Serial
    lines: Lines
    silence: SilenceWatch
    # Whoever connects while a line is on its way sees only its end, which may look whole.
    splitter: LineSplitter = field(default_factory=lambda: LineSplitter(began_before=True))


class SerialGasDriver:
    """Reads a serial port in a thread and reconnects after unplugging.

    A reading is stamped when its first byte arrived. A line that is no reading is counted by why it is none,
    a lost port as `disconnected`, one that sends nothing as `silent`. Whatever precedes the first line end
    after connecting is ignored.
    """

    def __init__(self, settings: SerialGasSettings) -> None:
        self._settings = settings
        self.channels = settings.channels
        self.problems = Problems()
        self._arrivals: Arrivals[npt.NDArray[np.float32]] = Arrivals(_QUEUE, self.problems)
        calls = DeviceCalls(self._connect, self._read, lambda connection: connection.port.close())
        self._reader = BackgroundReader(settings.port, calls, settings.backoff, self.problems)
        self._noted: set[Remark] = set()

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
        port = open_port(settings.port, settings.baud)
        now_ns = self._arrivals.steady_now_ns()
        silence = SilenceWatch(settings.port, settings.baud, settings.silence_ns, now_ns)
        return _Connection(port, self._lines(), silence)

    def _lines(self) -> Lines:
        settings = self._settings
        form, tellers = LineForm(settings.format), Tellers(self._refuse, self._note)
        if form is LineForm.PROTOCOL:
            return ProtocolLines(self.channels, tellers)
        return LineReader(self.channels, form, _ORDERS.of(settings.port, board_at(settings.port)), tellers)

    def _read(self, connection: _Connection) -> None:
        data = received(connection.port)
        now_ns = self._arrivals.steady_now_ns()
        for line in connection.splitter.feed(data, now_ns):
            for reading in connection.lines.take(line, connection.splitter.recent):
                self._arrivals.put(reading.counts, reading.at_ns)
        silence = connection.silence.look(data, now_ns)
        if silence is not None:
            self.problems.add(silence.cause, silence.text)

    def _refuse(self, remark: Remark) -> None:
        self.problems.add(remark.cause, f"{self._settings.port}: {remark.text}")

    def _note(self, remark: Remark) -> None:
        """Say once what is no loss, so that no later line is taken for one."""
        if remark not in self._noted and len(self._noted) < _MOST_NOTED:
            self._noted.add(remark)
            self.problems.add(remark.cause, f"{self._settings.port}: {remark.text}")


DRIVER = DriverEntry("serial", SerialGasSettings, SerialGasDriver)
