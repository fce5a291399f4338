"""The pairing of readings and images as a filter of message_filters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from message_filters import SimpleFilter

from gas_fusion_ros.base.observation import GasReading, Observation
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.pairing.pairing import Pair, Pairing, PairingCounters, PairingSettings
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.pending_frame import PendingFrame

if TYPE_CHECKING:
    from rclpy.clock import Clock
    from sensor_msgs.msg import CompressedImage, Image, PointCloud2


def _decoded(msg: Image | CompressedImage) -> PendingFrame:
    return PendingFrame.of(messages.decode_frame(msg))


class ObservationSynchronizer(SimpleFilter):
    """Joins gas readings and thermal images to observations, by the rule of `pairing`.

    Its output, to callbacks given to `registerCallback`, is one Observation per gas reading, in
    the order of their stamps; and frames alone while the gas array is silent. Safe to feed from
    several threads: callbacks run one at a time, so they should be short.

    A message that cannot be decoded and an exception of a callback are counted in `problems`;
    neither keeps later observations from coming out.

    Args:
        gas_filter: a filter whose output is sensor_msgs/PointCloud2, such as a Subscriber.
        image_filter: a filter whose output is sensor_msgs/Image or sensor_msgs/CompressedImage.
        decode: makes a reading of a message of `gas_filter`, or raises a `messages.MessageError`.
        settings: how readings and images are paired.
        clock: the node's clock; what it says is compared with the stamps.
        problems: where to count what goes wrong.
        on_reading: hears each reading as it arrives, before it is paired.
        on_image: likewise each image.
        take_image: makes a frame of a message of `image_filter`, or raises a `messages.MessageError`. Its
            pixels are asked for where it goes on.

    Raises:
        ImportError: cv_bridge cannot be used; says what to do.
    """

    def __init__(
        self,
        gas_filter: SimpleFilter,
        image_filter: SimpleFilter,
        decode: Callable[[PointCloud2], GasReading],
        settings: PairingSettings,
        clock: Clock,
        problems: Problems,
        on_reading: Callable[[GasReading], None] = lambda _: None,
        on_image: Callable[[PendingFrame], None] = lambda _: None,
        take_image: Callable[[Image | CompressedImage], PendingFrame] = _decoded,
    ) -> None:
        super().__init__()
        messages.cv_bridge()
        self._decode = decode
        self._take_image = take_image
        self._clock = clock
        self._problems = problems
        self._on_reading = on_reading
        self._on_image = on_image
        self._pairing: Pairing[GasReading, PendingFrame] = Pairing(settings)
        # Held while callbacks run, so that observations keep their order whichever thread feeds;
        # reentrant, so that a callback may call back.
        self._lock = threading.RLock()
        gas_filter.registerCallback(self.add_reading)
        image_filter.registerCallback(self.add_image)

    @property
    def counters(self) -> PairingCounters:
        """What became of the readings and images so far."""
        with self._lock:
            return self._pairing.counters

    def add_reading(self, msg: PointCloud2) -> None:
        """Take in a gas reading that just arrived."""
        arrival_ns = time.monotonic_ns()
        try:
            reading = self._decode(msg)
        except messages.MessageError as error:
            self._problems.add(error.cause, error.detail)
            return
        self._on_reading(reading)
        with self._lock:
            self._deliver(self._pairing.add_reading(reading.stamp_ns, reading, self._now_ns(), arrival_ns))

    def add_image(self, msg: Image | CompressedImage) -> None:
        """Take in a thermal image that just arrived."""
        arrival_ns = time.monotonic_ns()
        try:
            frame = self._take_image(msg)
        except messages.MessageError as error:
            self._problems.add(error.cause, error.detail)
            return
        self._on_image(frame)
        with self._lock:
            self._deliver(
                self._pairing.add_image(frame.stamp_ns, frame, self._now_ns(), arrival_ns, frame.size)
            )

    @property
    def patience_ns(self) -> int | None:
        """How long it is until `tick` has a reading to let go on; None while none waits."""
        with self._lock:
            due_ns = self._pairing.next_deadline_ns
            return None if due_ns is None else due_ns - self._now_ns()

    def tick(self) -> None:
        """Let the readings go on that have waited long enough."""
        with self._lock:
            self._deliver(self._pairing.tick(self._now_ns()))

    def flush(self) -> None:
        """Let every waiting reading go on now, with the best image there is."""
        with self._lock:
            self._deliver(self._pairing.flush())

    def reset(self) -> None:
        """Begin a new stretch of time: let every waiting reading go on, then forget images and stamps."""
        with self._lock:
            self._deliver(self._pairing.reset())

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802 - the name is message_filters'
        """Hand `msg` to every callback; one that fails is counted and does not stop the others."""
        for callback, arguments in list(self.callbacks.values()):
            try:
                callback(*msg, *arguments)
            except Exception as error:
                name = getattr(callback, "__qualname__", repr(callback))
                self._problems.add("callback_failed", f"{name} raised {type(error).__name__}: {error}")

    def _now_ns(self) -> int:
        return int(self._clock.now().nanoseconds)

    def _deliver(self, pairs: Iterable[Pair[GasReading, PendingFrame]]) -> None:
        for pair in pairs:
            frame = None if pair.image is None else pair.image.frame
            self.signalMessage(Observation(pair.reading, frame, pair.arrival_ns, pair.stretch))
