"""What the pairing is set with, gives out and counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Generic, TypeVar

from gas_fusion_ros.settings.fields import setting

R = TypeVar("R")
I = TypeVar("I")  # noqa: E741

_MS = 1_000_000
_MOST_OFFSET_NS = 10**19


@dataclass(frozen=True)
class PairingSettings:
    """How readings and images are paired; every time in integer nanoseconds."""

    slop_ns: int = setting(
        60 * _MS,
        "largest offset between a reading and its image, s",
        minimum=0.0,
        maximum=10.0,
    )
    wait_ns: int = setting(
        200 * _MS,
        "how long a reading waits for its image, s",
        minimum=0.0,
        maximum=10.0,
    )
    min_image_interval_ns: int = setting(
        0,
        "shortest time between two images, s: a reading goes on before the next image where that cannot "
        "be nearer; 0 assumes nothing",
        minimum=0.0,
        maximum=10.0,
    )
    future_tolerance_ns: int = setting(
        500 * _MS,
        "how far ahead of the clock a stamp may be, s",
        minimum=0.0,
        maximum=3600.0,
    )
    reset_jump_ns: int = setting(
        1000 * _MS,
        "time going back by more than this clears history, s",
        minimum=0.001,
        maximum=3600.0,
    )
    silence_ns: int = setting(
        3000 * _MS,
        "without a reading for this long, images go on alone, s",
        minimum=0.1,
        maximum=3600.0,
    )
    thermal_only_period_ns: int = setting(
        500 * _MS,
        "time between two images that go on alone, s",
        minimum=0.0,
        maximum=60.0,
    )
    image_offset_ns: int = setting(
        0,
        "what is added to each image's stamp, s: for a camera whose stamps are off by a constant; positive "
        "where they lie behind",
        minimum=-1e10,
        maximum=1e10,
    )
    image_history: int = setting(
        64,
        "images kept for readings that come late",
        minimum=1,
        maximum=1000,
    )

    def __post_init__(self) -> None:
        least = {"reset_jump_ns": 1, "silence_ns": 1, "image_history": 1, "image_offset_ns": -_MOST_OFFSET_NS}
        for one in fields(self):
            value, minimum = getattr(self, one.name), least.get(one.name, 0)
            if not isinstance(value, int) or value < minimum:
                raise ValueError(f"{one.name} must be an integer of at least {minimum}, not {value!r}")


@dataclass(frozen=True)
class Pair(Generic[R, I]):
    """What one classification is made of: a reading with its image, or either alone.

    Attributes:
        reading: the reading; None where an image goes on alone.
        image: the image nearest to the reading; None where none was near enough.
        reading_stamp_ns: the reading's stamp; None without one.
        image_stamp_ns: the image's stamp; None without one.
        arrival_ns: steady-clock time at which the later of the two arrived.
        stretch: number of the stretch of time that it belongs to; a new one begins where time goes back.
    """

    reading: R | None
    image: I | None
    reading_stamp_ns: int | None
    image_stamp_ns: int | None
    arrival_ns: int
    stretch: int = 0


@dataclass(frozen=True)
class PairingCounters:
    """A snapshot of what became of every reading and image since the start; resets do not clear it.

    Always: readings == pairs + gas_only + dropped_readings + readings_waiting, and
    images == images_used + images_unused + dropped_images + images_waiting.

    Attributes:
        readings: readings given in.
        images: images given in.
        pairs: readings that went on with an image.
        gas_only: readings that went on alone.
        thermal_only: images that went on alone.
        zero_stamp_readings: dropped, stamp not set.
        zero_stamp_images: dropped, stamp not set.
        duplicate_readings: dropped, same stamp as a reading before.
        duplicate_images: dropped, same stamp as an image before.
        future_readings: went on alone at once, their stamp ahead of the clock.
        future_images: dropped, their stamp ahead of the clock.
        late_readings: arrived after a later reading had gone on; sent on at once.
        late_images: arrived after a later image; used where still in time.
        stale_images: dropped, older than the whole image history.
        images_used: images that went into at least one pair or went on alone.
        images_unused: images that left the history without any use (usual: cameras are faster).
        timeouts: readings that went on because their wait was over.
        history_overruns: readings whose nearest image may have left the history before they came.
        interval_violations: images nearer to the one before than the declared `min_image_interval_ns`.
        resets: new runs: stamps or clock went back, or `reset` was called.
        readings_waiting: readings inside, not yet decided.
        images_waiting: images inside, not yet used.
    """

    readings: int = 0
    images: int = 0
    pairs: int = 0
    gas_only: int = 0
    thermal_only: int = 0
    zero_stamp_readings: int = 0
    zero_stamp_images: int = 0
    duplicate_readings: int = 0
    duplicate_images: int = 0
    future_readings: int = 0
    future_images: int = 0
    late_readings: int = 0
    late_images: int = 0
    stale_images: int = 0
    images_used: int = 0
    images_unused: int = 0
    timeouts: int = 0
    history_overruns: int = 0
    interval_violations: int = 0
    resets: int = 0
    readings_waiting: int = 0
    images_waiting: int = 0

    @property
    def dropped_readings(self) -> int:
        """Readings that led to no observation."""
        return self.zero_stamp_readings + self.duplicate_readings

    @property
    def dropped_images(self) -> int:
        """Images refused for their stamp."""
        return self.zero_stamp_images + self.duplicate_images + self.future_images + self.stale_images

    def as_dict(self) -> dict[str, int]:
        """Name and value of each counter, for diagnostics and reports."""
        return asdict(self)
