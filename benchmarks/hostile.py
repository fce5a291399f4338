"""Messages that nobody sane would send, drawn at random: what `benchmarks.fuzz` throws at the classifier."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header, UInt32

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.pixel_formats import PIXEL_FORMATS

HUGE_SHARE = 0.03
"""How many of the messages are megabytes long."""

_LONG_TEXT = 5_000_000
_LONG_FRAME_ID = 1_000_000
_FORGED = "\n[FATAL] [1.0] [gas_classifier]: alarm: active -> clear\x1b[2J\r\x85\u2028"
_TEXTS = (
    "",
    "map",
    "mq2",
    "mq2" + _FORGED,
    "\u202egnp.ekoms\u2066",
    "\x00\x07\x1b]0;title\x07",
    "true",
    "TRUE",
    "running",
    "warming_up",
    "calibrating",
    "disconnected",
    "%s %n {0} {}",
    "\U0001f4a8" * 200,
)
_FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-300,
    1e38,
    -1e38,
    1e300,
    -1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
)
_SIZES = (0, 1, 3, 4, 8, 40, 255, 1024, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
_AHEAD_NS = NANOSECONDS_PER_SECOND // 2
_ENCODINGS = tuple(PIXEL_FORMATS)


@dataclass(frozen=True)
class Hostile:
    """One message, the topic that it is for, and whether it is megabytes long."""

    topic: str
    message: Any
    is_huge: bool


class HostileMessages:
    """Draws messages; the same ones for the same seed but for the stamps that lie near `now`.

    Args:
        seed: of the draw.
        now_ns: tells the time that stamps lie around, nanoseconds.
        pose_topic: the topic of the robot's pose.
    """

    def __init__(self, seed: int, now_ns: Callable[[], int], pose_topic: str) -> None:
        self._rng = random.Random(seed)
        self._now_ns = now_ns
        self._is_huge = False
        self._kinds: dict[str, Callable[[], Any]] = {
            "gas/readings": self._reading,
            "thermal/image_raw": self._image,
            "gas/array_info": self._status,
            "thermal/camera_status": self._status,
            "gas/acknowledge": self._number,
            "gas/shelve": self._number,
            pose_topic: self._pose,
        }

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that messages are drawn for."""
        return tuple(self._kinds)

    def draw(self) -> Hostile:
        """Return the next message."""
        self._is_huge = is_huge = self._rng.random() < HUGE_SHARE
        topic = self._rng.choice(self.topics)
        return Hostile(topic, self._kinds[topic](), is_huge)

    # What messages are made of.

    def _text(self, size: int = _LONG_TEXT) -> str:
        """A text of about `size` bytes where the message is to be huge."""
        text = self._rng.choice(_TEXTS)
        return _repeated(text, size) if self._is_huge else text

    def _header(self) -> Header:
        return Header(stamp=self._stamp(), frame_id=self._text(_LONG_FRAME_ID))

    def _stamp(self) -> Time:
        rng = self._rng
        near_ns = self._now_ns() + rng.choice((0, rng.randint(-NANOSECONDS_PER_SECOND, _AHEAD_NS)))
        shift_ns = rng.choice((0, 0, 0, 0, -3600, 3600, -15, 15, -(10**9))) * NANOSECONDS_PER_SECOND
        odd = ((0, 0), (-1, 0), (-(2**31), 0), (2**31 - 1, 0), (2**31 - 1, 2**32 - 1), (0, 1), (1, 2**32 - 1))
        if rng.random() < 0.3:
            seconds, rest = rng.choice(odd)
            return Time(sec=seconds, nanosec=rest)
        return messages.ns_to_stamp(near_ns + shift_ns)

    def _bytes(self, count: int) -> array[int]:
        return array("B", self._rng.randbytes(count))

    # Messages.

    def _reading(self) -> PointCloud2:
        rng = self._rng
        counts = [rng.choice((*_FLOATS[:7], *_FLOATS[9:], 300.0, 600.0)) for _ in PAPER_CHANNELS]
        reading = GasReading(1, PAPER_CHANNELS, counts)  # type: ignore[arg-type]
        message = messages.encode_reading(reading)
        message.header = self._header()
        for _ in range(rng.randint(0, 3)):
            rng.choice(
                (
                    self._spoil_field,
                    self._spoil_field,
                    self._spoil_sizes,
                    self._spoil_data,
                    self._spoil_many,
                )
            )(message)
        message.is_bigendian = rng.random() < 0.2
        return message

    def _spoil_field(self, message: PointCloud2) -> None:
        if not message.fields:
            return
        field = self._rng.choice(message.fields)
        field.name = self._text()
        field.offset = self._rng.choice(_SIZES)
        field.datatype = self._rng.randint(0, 255) if self._rng.random() < 0.3 else 7
        field.count = self._rng.choice((0, 1, 1, 1, 2, 2**32 - 1))

    def _spoil_sizes(self, message: PointCloud2) -> None:
        name = self._rng.choice(("width", "height", "point_step", "row_step"))
        setattr(message, name, self._rng.choice(_SIZES))

    def _spoil_data(self, message: PointCloud2) -> None:
        count = _LONG_TEXT if self._is_huge else self._rng.choice((0, 1, 39, 41, 4096))
        message.data = self._bytes(count)
        if self._rng.random() < 0.5:
            message.row_step = count

    def _spoil_many(self, message: PointCloud2) -> None:
        count = 5000 if self._is_huge else self._rng.choice((0, 1, 256, 300))
        message.fields = [PointField(name=f"mq{n}", datatype=7, count=1) for n in range(count)]

    def _image(self) -> Image:
        rng = self._rng
        encoding = rng.choice(_ENCODINGS)
        width, height = rng.choice(((8, 8), (80, 60), (206, 156), (7, 7), (1, 4096), (4096, 8), (0, 0)))
        if self._is_huge:
            width, height = rng.choice(((2048, 2048), (1920, 1080), (8, 524_288), (524_288, 8)))
        step = width * PIXEL_FORMATS[encoding].size + rng.choice((0, 0, 0, 1, 5))
        message = Image(header=self._header(), width=width, height=height, step=step, encoding=encoding)
        message.data = self._pixels(step * height)
        message.is_bigendian = rng.choice((0, 0, 1, 255))
        if rng.random() < 0.5:
            return message
        name = rng.choice(("width", "height", "step"))
        setattr(message, name, rng.choice(_SIZES))
        if rng.random() < 0.3:
            message.encoding = self._text()
        return message

    def _pixels(self, count: int) -> array[int]:
        """Noise, one value throughout, or as floats NaN, or the largest of both signs."""
        if self._rng.random() < 0.4:
            return self._bytes(count)
        one = bytes([self._rng.randrange(256)])
        pattern = self._rng.choice((one, b"\x00\x00\xc0\x7f", b"\xff\xff\x7f\x7f\xff\xff\x7f\xff"))
        return array("B", (pattern * (count // len(pattern) + 1))[:count])

    def _status(self) -> DiagnosticArray:
        header = Header(stamp=self._stamp(), frame_id=self._text())
        if self._is_huge:
            return DiagnosticArray(header=header, status=self._huge_statuses())
        count = self._rng.choice((0, 1, 1, 1, 3))
        return DiagnosticArray(header=header, status=[self._one_status() for _ in range(count)])

    def _huge_statuses(self) -> list[DiagnosticStatus]:
        """Very many short ones, or a single one with very long values."""
        self._is_huge = False
        if self._rng.random() < 0.5:
            return [self._one_status() for _ in range(2000)]
        status = self._one_status()
        status.message = "\n[FATAL] " * (_LONG_TEXT // 9)
        for pair in status.values[:3]:
            pair.value = _repeated(pair.value, _LONG_TEXT)
        return [status]

    def _one_status(self) -> DiagnosticStatus:
        rng = self._rng
        keys = [key for key in ("driver", "is_sensor", "state") if rng.random() < 0.9]
        keys += [self._text() for _ in range(rng.randint(0, 3))]
        values = [KeyValue(key=key, value=self._text()) for key in keys]
        level = bytes([rng.randrange(256)])
        return DiagnosticStatus(level=level, name=self._text(), message=self._text(), values=values)

    def _number(self) -> UInt32:
        return UInt32(data=self._rng.choice((0, 1, 2, 3, 2**31, 2**32 - 1)))

    def _pose(self) -> PoseStamped:
        message = PoseStamped(header=self._header())
        for part, names in ((message.pose.position, "xyz"), (message.pose.orientation, "xyzw")):
            for name in names:
                setattr(part, name, self._rng.choice(_FLOATS))
        return message


def _repeated(text: str, size: int) -> str:
    text = text or "x"
    return text * (size // len(text.encode()))
