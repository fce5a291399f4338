"""Watches where readings and images come from, and names what is missing.

It tells why no reading is heard, that images stop or never find a reading, and that a source is no sensor.
Time is that of the watch, see `alarm.clock.Instant`. No ROS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from gas_fusion_ros.alarm.clock import SCALE, Conditions
from gas_fusion_ros.alarm.types import Reason
from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

_FORGETTING_NS = 30 * NANOSECONDS_PER_SECOND
"""The graph shows a publisher that was killed for less than this."""
_OFFSETS = 15
"""Latest messages of which the median tells how far a clock is off."""
_SINCE_BOOT_S = 3e8
"""Ten years: no clock that was ever set is as far behind."""
_TAI_S = 37.0
"""What TAI is ahead of UTC since 2017."""
_NEAR_S = 0.75
_MOST_ZONE_H = 14
SLOW_WARNING = "classification_slow"
"""Code of the warning that classes come late."""
PICTURES_REFUSED = "pictures_refused"
"""Code of the warning that the camera's pictures are not used."""
RUNNING, DISCONNECTED = "running", "disconnected"
WARMING_UP = "warming_up"
CALIBRATING = "calibrating"
INHIBITING = {
    WARMING_UP: "the sensors are warming up: their readings mean nothing yet",
    CALIBRATING: "the array is being calibrated",
}
"""States of an array in which no leak can be told, as `gas/array_info` says them, and what they mean."""
STATES = (RUNNING, DISCONNECTED, "finished", "closed", "inactive", *INHIBITING)
"""Every state of a source; another one is not known to be safe."""


@dataclass(frozen=True)
class Source:
    """What a sensor node says of its device.

    Attributes:
        driver: name of its driver, such as `serial`.
        is_sensor: whether it is a device, and no simulation or recording.
        state: `running`, `disconnected` or `finished` as the driver is, `warming_up` while a channel of an
            array warms up, `calibrating`, or `inactive` while the node is.
        channels: name and health of each channel of an array, in order; none of a camera.
        warnings: what else is to be said of it, which keeps no leak from being told.
    """

    driver: str
    is_sensor: bool
    state: str
    channels: tuple[tuple[str, ChannelHealth], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def inhibits(self) -> tuple[Reason, ...]:
        """Why no leak can be told with it now; empty where one can."""
        return (Reason(self.state, INHIBITING[self.state]),) if self.state in INHIBITING else ()


@dataclass(frozen=True)
class Publishers:
    """Who publishes a topic, as the graph tells.

    Attributes:
        heard: publishers that this subscription is matched with.
        refused: publishers whose quality of service does not fit it.
    """

    heard: int = 0
    refused: int = 0


@dataclass(frozen=True)
class SourceSettings:
    """When something counts as missing.

    Attributes:
        timeout_ns: how long nothing must have come, nanoseconds.
        expects_images: whether a camera belongs to the robot.
    """

    timeout_ns: int
    expects_images: bool


class _HeardTopic:
    """What was last heard on a topic; times on the watch."""

    def __init__(self, now_ns: int) -> None:
        self.heard_ns = now_ns
        self.has_begun = False
        self._offsets_ns: deque[int] = deque(maxlen=_OFFSETS)
        self.publishers = Publishers(heard=1)

    def hear(self, stamp_ns: int, watch_ns: int) -> None:
        self.heard_ns, self.has_begun = watch_ns, True
        self._offsets_ns.append(stamp_ns - watch_ns)

    @property
    def offset_ns(self) -> int:
        """How far the latest stamps lie from the watch, the median: single messages come late."""
        return sorted(self._offsets_ns)[len(self._offsets_ns) // 2] if self._offsets_ns else 0


class _Several:
    """Whether a topic that must have one publisher has several; one that was killed counts for a while."""

    def __init__(self, now_ns: int) -> None:
        self.count = 1
        self._single_ns = now_ns

    def is_so(self, watch_ns: int) -> bool:
        if self.count < 2:
            self._single_ns = watch_ns
        return watch_ns - self._single_ns > _FORGETTING_NS


class SourceWatch:
    """Follows both streams. Not thread-safe.

    Args:
        settings: when something counts as missing.
        watch_ns: now.

    Attributes:
        array: what the array says of itself; None while nothing understandable was heard.
        camera: likewise.
        scale: why the readings cannot be of the array that the model is given; empty where they can.
        refusal: why the camera's pictures are not used; empty where they are.
    """

    def __init__(self, settings: SourceSettings, watch_ns: int) -> None:
        self._settings = settings
        self._gas = _HeardTopic(watch_ns)
        self._images = _HeardTopic(watch_ns)
        self._valid_ns = watch_ns
        self._arrays, self._alarms = _Several(watch_ns), _Several(watch_ns)
        self._channels_valid_ns: dict[str, int] = {}
        self._pairs = 0
        self._paired_ns = watch_ns
        self._array_is_told_of = False
        self._array_known_ns = watch_ns
        self.array: Source | None = None
        self.camera: Source | None = None
        self.scale = ""
        self.refusal = ""

    @property
    def image_offset_s(self) -> float | None:
        """How far images' stamps lie from those of readings that arrive with them, s; None without either.

        What their roads differ by is in it.
        """
        if not (self._gas.has_begun and self._images.has_begun):
            return None
        return (self._images.offset_ns - self._gas.offset_ns) / NANOSECONDS_PER_SECOND

    def has_readings(self, watch_ns: int) -> bool:
        """Whether readings have been heard of late."""
        return self._gas.has_begun and not self._is_over(self._gas.heard_ns, watch_ns)

    def hear_reading(self, stamp_ns: int, watch_ns: int, channels: Mapping[str, bool]) -> None:
        """A reading has arrived; told of each of its channels is whether it has a value."""
        self._gas.hear(stamp_ns, watch_ns)
        for name, is_valid in channels.items():
            self._channels_valid_ns.setdefault(name, watch_ns)
            if is_valid:
                self._valid_ns = self._channels_valid_ns[name] = watch_ns

    def hear_image(self, stamp_ns: int, watch_ns: int) -> None:
        """An image has arrived."""
        self._images.hear(stamp_ns, watch_ns)

    def see_publishers(
        self, gas: Publishers, images: Publishers, array: Publishers, alarm: Publishers
    ) -> None:
        """Take in what the graph tells of both topics, of `gas/array_info` and of `gas/alarm`."""
        self._gas.publishers, self._images.publishers = gas, images
        self._array_is_told_of = array.heard > 0
        self._arrays.count, self._alarms.count = gas.heard, alarm.heard

    def conditions(self, pairs: int, lag_ns: int, watch_ns: int) -> Conditions:
        """Return what is missing now.

        Args:
            pairs: readings that have gone on with an image so far.
            lag_ns: for how long the oldest reading that still waits for its class has been heard.
            watch_ns: now.
        """
        if pairs != self._pairs:
            self._pairs, self._paired_ns = pairs, watch_ns
        warnings = [
            self._gas_missing(watch_ns),
            self._several_arrays(watch_ns),
            self._channels_missing(watch_ns),
            self._lag(lag_ns, watch_ns),
            self._images_missing(watch_ns) if self._settings.expects_images else None,
            _no_sensor("array", "gas array", self.array),
            _no_sensor("camera", "thermal camera", self.camera),
            Reason(PICTURES_REFUSED, self.refusal) if self.refusal else None,
        ]
        warned = tuple(reason for reason in warnings if reason is not None)
        faults = self._several_alarms(watch_ns) + self._scale_wrong()
        if self.array is not None or not self._array_is_told_of:
            self._array_known_ns = watch_ns
            return Conditions(faults, self.array.inhibits if self.array is not None else (), warned)
        unknown = self._array_unknown()
        # It may be warming up, and say so in a moment. One that stays unknown must hide no leak.
        if self._is_over(self._array_known_ns, watch_ns):
            return Conditions(faults + unknown, (), warned)
        return Conditions(faults, unknown, warned)

    def _several_alarms(self, watch_ns: int) -> tuple[Reason, ...]:
        """Of two classifiers on one topic one may say that all is well where the other knows of a leak."""
        if not self._alarms.is_so(watch_ns):
            return ()
        text = (
            f"gas/alarm has {self._alarms.count} publishers, which contradict one another; stop all but one"
        )
        return (Reason("alarm_publishers", text),)

    def _scale_wrong(self) -> tuple[Reason, ...]:
        return (Reason(SCALE, self.scale),) if self.scale else ()

    def _array_unknown(self) -> tuple[Reason, ...]:
        text = "gas/array_info is published, and nothing that can be understood has been heard yet"
        return (Reason("array_unknown", text),)

    def _is_over(self, since_ns: int, watch_ns: int) -> bool:
        return watch_ns - since_ns > self._settings.timeout_ns

    def _gas_missing(self, watch_ns: int) -> Reason | None:
        if not self._is_over(self._valid_ns, watch_ns):
            return None
        if not self._is_over(self._gas.heard_ns, watch_ns):
            return Reason(
                "readings_invalid",
                "gas readings come, but every channel of them is invalid: see the channels' health in "
                "/diagnostics",
            )
        if self.array is not None and self.array.state == DISCONNECTED:
            return Reason("gas_disconnected", "the gas array is unplugged; its node tries to reconnect")
        return _silent("gas", "gas/readings", self._gas.publishers)

    def _channels_missing(self, watch_ns: int) -> Reason | None:
        if self._is_over(self._valid_ns, watch_ns):
            return None  # more is missing than some of them
        missing = [name for name, at_ns in self._channels_valid_ns.items() if self._is_over(at_ns, watch_ns)]
        if not missing:
            return None
        return Reason(
            "channels_invalid",
            f"no value from {listed(missing)}: a leak that only they would sense is missed; /diagnostics has "
            "the health of the channels",
        )

    def _several_arrays(self, watch_ns: int) -> Reason | None:
        if not self._arrays.is_so(watch_ns):
            return None
        return Reason(
            "gas_publishers",
            f"gas/readings has {self._arrays.count} publishers, which are taken for one array: a leak that "
            "only one of them senses may be missed; give each array a classifier and a namespace of its own",
        )

    def _images_missing(self, watch_ns: int) -> Reason | None:
        if self._is_over(self._images.heard_ns, watch_ns):
            return _silent("images", "thermal/image_raw", self._images.publishers, _BY_GAS_ALONE)
        if self._is_over(self._gas.heard_ns, watch_ns) or not self._is_over(self._paired_ns, watch_ns):
            return None
        offset_s = self.image_offset_s or 0.0
        return Reason(
            "images_unpaired",
            f"no image finds its reading: their stamps differ by {offset_s:+.3f} s{_clock_told(offset_s)}, "
            f"more than pairing.slop; set both clocks by NTP, pairing.image_offset to {-offset_s:.3f} where "
            f"that is constant, or pairing.slop to the period of the images; {_BY_GAS_ALONE}",
        )

    def _lag(self, lag_ns: int, watch_ns: int) -> Reason | None:
        """Told from half the timeout on; from the whole one on it is a fault as well."""
        if self._is_over(self._gas.heard_ns, watch_ns) or 2 * lag_ns <= self._settings.timeout_ns:
            return None
        seconds = lag_ns // NANOSECONDS_PER_SECOND
        return Reason(
            SLOW_WARNING,
            f"readings wait {seconds} s and more for their class: lighten the load, or raise threads",
        )


def _clock_told(offset_s: float) -> str:
    """Say which clock images are stamped by, where the difference tells."""
    if offset_s < -_SINCE_BOOT_S:
        return " (images are stamped since the camera's start)"
    if abs(offset_s - _TAI_S) < _NEAR_S:
        return " (images are stamped in TAI, not UTC)"
    hours = round(offset_s / 1800) / 2
    if hours and abs(hours) <= _MOST_ZONE_H and abs(offset_s - 3600 * hours) < _NEAR_S:
        return f" (images are stamped in local time: {hours:+g} h)"
    return ""


_BY_GAS_ALONE = "leaks are judged by gas alone meanwhile"


def _silent(code: str, topic: str, publishers: Publishers, effect: str = "") -> Reason:
    effect = f"; {effect}" if effect else ""
    if publishers.heard:
        return Reason(f"{code}_silent", f"the publisher of {topic} is silent{effect}")
    if publishers.refused:
        return Reason(
            f"{code}_qos",
            f"{topic} is published with a quality of service that this subscription does not take; change "
            f"its publisher's or this node's qos_overrides{effect}",
        )
    return Reason(f"{code}_no_publisher", f"nobody publishes {topic}: is its node running?{effect}")


def _no_sensor(code: str, what: str, source: Source | None) -> Reason | None:
    if source is None or source.is_sensor:
        return None
    return Reason(f"{code}_not_a_sensor", f"the {what} is not a sensor: its driver is {shown(source.driver)}")
