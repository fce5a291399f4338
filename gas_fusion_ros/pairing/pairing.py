"""Which gas reading goes with which thermal image.

Every reading is an observation: it takes the image nearest in time within `slop`, or goes on alone.
Items are opaque; only their stamps, the node's clock (`now`) and the steady clock of arrival are
looked at, and no clock is read here. docs/pairing.md states the rule and its limits.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

from gas_fusion_ros.pairing.image_history import ImageHistory, StoredImage
from gas_fusion_ros.pairing.types import Pair, PairingCounters, PairingSettings

R = TypeVar("R")
I = TypeVar("I")  # noqa: E741

__all__ = ["Pair", "Pairing", "PairingCounters", "PairingSettings"]

_REMEMBERED_READINGS = 256
"""How many accepted reading stamps are kept to recognise a repeated delivery."""


@dataclass
class _WaitingReading(Generic[R]):
    stamp_ns: int
    item: R
    arrival_ns: int
    deadline_ns: int


@dataclass
class _Stream(Generic[R]):
    """How far a stream has come, and its message that may be the first of a new stretch of time.

    One message far behind the newest may be late or begin a new stretch: only the next one tells. So it
    is held, and `suspected` stays set until a message of the same stream goes beyond the newest.
    """

    newest_ns: int | None = None
    suspected: bool = False
    held: R | None = None

    def lies_back(self, stamp_ns: int, reset_jump_ns: int) -> bool:
        if self.newest_ns is None:
            return False
        behind_ns = self.newest_ns - stamp_ns
        return behind_ns >= 0 if self.suspected else behind_ns > reset_jump_ns

    def take_held(self) -> R | None:
        held, self.held = self.held, None
        return held


class Pairing(Generic[R, I]):
    """Pairs readings with images by stamp. Not thread-safe: the caller holds its own lock."""

    _last_decided_ns: int | None
    _last_thermal_only_ns: int | None

    def __init__(self, settings: PairingSettings | None = None) -> None:
        self.settings = settings if settings is not None else PairingSettings()
        self._counts: Counter[str] = Counter()
        self._now_ns = 0
        self._silent_since_ns = 0
        self._begin_run()

    @property
    def counters(self) -> PairingCounters:
        """What became of everything so far."""
        return PairingCounters(
            **self._counts,
            readings_waiting=len(self._waiting) + (self._readings.held is not None),
            images_waiting=self._history.unused + (self._images.held is not None),
        )

    @property
    def next_deadline_ns(self) -> int | None:
        """When, on the clock, the next wait is over; None while no reading waits."""
        held = self._readings.held
        deadlines = [reading.deadline_ns for reading in (*self._waiting[:1], held) if reading is not None]
        return min(deadlines, default=None)

    def add_reading(self, stamp_ns: int, item: R, now_ns: int, arrival_ns: int) -> list[Pair[R, I]]:
        """Take in a reading; return what is decided now, oldest first.

        Args:
            stamp_ns: acquisition time.
            item: the reading itself, handed on untouched.
            now_ns: the node's clock; 0 while it has not started.
            arrival_ns: the steady clock, for latencies.
        """
        out = self._advance(now_ns)
        self._counts["readings"] += 1
        if stamp_ns <= 0:
            self._counts["zero_stamp_readings"] += 1
            return out
        self._silent_since_ns = now_ns
        reading = _WaitingReading(stamp_ns, item, arrival_ns, now_ns + self.settings.wait_ns)
        if self._is_future(stamp_ns):
            self._counts["future_readings"] += 1
            out.append(self._emit(reading, None))
        elif not self._readings.lies_back(stamp_ns, self.settings.reset_jump_ns):
            out += self._release_held_reading()
            self._readings.suspected = False
            out += self._accept_reading(reading)
        elif self._new_run_suspected():
            held = self._readings.held
            if held is not None and held.stamp_ns == stamp_ns:
                self._counts["duplicate_readings"] += 1
            else:
                out += self._change_run() + self._accept_reading(reading)
        else:
            self._readings.suspected, self._readings.held = True, reading
        return out

    def add_image(
        self, stamp_ns: int, item: I, now_ns: int, arrival_ns: int, size: int = 0
    ) -> list[Pair[R, I]]:
        """Take in an image of `size` bytes; return what is decided now. Else as `add_reading`."""
        out = self._advance(now_ns)
        self._counts["images"] += 1
        image = StoredImage(stamp_ns, item, arrival_ns, size)
        if stamp_ns <= 0:
            self._counts["zero_stamp_images"] += 1
        elif self._is_future(stamp_ns):
            self._counts["future_images"] += 1
        elif not self._images.lies_back(stamp_ns, self.settings.reset_jump_ns):
            self._drop_held_image()
            self._images.suspected = False
            out += self._accept_image(image)
        elif self._new_run_suspected():
            held = self._images.held
            if held is not None and held.stamp_ns == stamp_ns:
                self._counts["duplicate_images"] += 1
            else:
                out += self._change_run() + self._accept_image(image)
        else:
            self._images.suspected, self._images.held = True, image
        return out

    def tick(self, now_ns: int) -> list[Pair[R, I]]:
        """Let time pass; return the readings whose wait is over."""
        return self._advance(now_ns)

    def flush(self) -> list[Pair[R, I]]:
        """End of the streams: decide every waiting reading with the images that are here."""
        out = [self._decide(reading) for reading in self._waiting]
        if self._waiting:
            self._last_decided_ns = self._waiting[-1].stamp_ns
            self._waiting.clear()
        return out + self._release_held_reading()

    def reset(self) -> list[Pair[R, I]]:
        """Begin a new stretch of time: decide every waiting reading, then forget images, stamps and clock."""
        out = self.flush()
        self._drop_held_image()
        self._close_run()
        self._now_ns = self._silent_since_ns = 0
        return out

    # Runs: a stretch of time in which neither the stamps nor the clock go back.

    def _begin_run(self) -> None:
        self._history: ImageHistory[I] = ImageHistory(self.settings.image_history)
        self._waiting: list[_WaitingReading[R]] = []
        self._seen: dict[int, None] = {}
        self._last_decided_ns = None
        self._last_thermal_only_ns = None
        self._readings: _Stream[_WaitingReading[R]] = _Stream()
        self._images: _Stream[StoredImage[I]] = _Stream()

    def _close_run(self) -> None:
        self._counts["images_unused"] += self._history.unused
        self._counts["resets"] += 1
        self._begin_run()

    def _change_run(self) -> list[Pair[R, I]]:
        """Close the old stretch; the messages held in suspicion are the first of the new one."""
        reading, image = self._readings.take_held(), self._images.take_held()
        out = self.flush()
        self._close_run()
        if image is not None:
            out += self._accept_image(image)
        if reading is not None:
            out += self._accept_reading(reading)
        return out

    def _new_run_suspected(self) -> bool:
        return self._readings.suspected or self._images.suspected

    def _release_held_reading(self) -> list[Pair[R, I]]:
        held = self._readings.take_held()
        if held is None:
            return []
        self._counts["late_readings"] += 1
        return [self._decide(held)]

    def _drop_held_image(self) -> None:
        if self._images.take_held() is not None:
            self._counts["stale_images"] += 1

    # The clock.

    def _advance(self, now_ns: int) -> list[Pair[R, I]]:
        out = []
        if self._now_ns <= 0 < now_ns:
            self._restart_waits(now_ns)  # the clock starts: nothing has waited yet
            self._now_ns = now_ns
        elif self._now_ns - now_ns > self.settings.reset_jump_ns:
            self._now_ns = now_ns
            if self._is_future(max(self._readings.newest_ns or 0, self._images.newest_ns or 0)):
                out = self._change_run()
            self._restart_waits(now_ns)
        else:
            self._now_ns = max(self._now_ns, now_ns)
        held = self._readings.held
        if held is not None and 0 < self._now_ns >= held.deadline_ns:
            out += self._release_held_reading()
        return out + self._release()

    def _restart_waits(self, now_ns: int) -> None:
        self._silent_since_ns = now_ns
        for reading in self._waiting:
            reading.deadline_ns = now_ns + self.settings.wait_ns
        if self._readings.held is not None:
            self._readings.held.deadline_ns = now_ns + self.settings.wait_ns

    def _is_future(self, stamp_ns: int) -> bool:
        return 0 < self._now_ns < stamp_ns - self.settings.future_tolerance_ns

    # Taking in what has passed the checks.

    def _accept_reading(self, reading: _WaitingReading[R]) -> list[Pair[R, I]]:
        stamp_ns = reading.stamp_ns
        if stamp_ns in self._seen:
            self._counts["duplicate_readings"] += 1
            return []
        self._seen[stamp_ns] = None
        if len(self._seen) > _REMEMBERED_READINGS:
            del self._seen[next(iter(self._seen))]
        self._readings.newest_ns = max(self._readings.newest_ns or 0, stamp_ns)
        if self._history.may_have_lost(stamp_ns, self.settings.slop_ns):
            self._counts["history_overruns"] += 1
        if self._last_decided_ns is not None and stamp_ns < self._last_decided_ns:
            self._counts["late_readings"] += 1
            return [self._decide(reading)]
        insort(self._waiting, reading, key=_stamp)
        return self._release()

    def _accept_image(self, image: StoredImage[I]) -> list[Pair[R, I]]:
        stamp_ns, newest_ns = image.stamp_ns, self._images.newest_ns
        if stamp_ns in self._history:
            self._counts["duplicate_images"] += 1
            return []
        if self._history.is_older_than_all(stamp_ns):
            self._counts["stale_images"] += 1
            return []
        self._counts["images_unused"] += sum(not evicted.used for evicted in self._history.insert(image))
        if newest_ns is not None and stamp_ns < newest_ns:
            self._counts["late_images"] += 1
            return []
        if newest_ns is not None and stamp_ns - newest_ns < self.settings.min_image_interval_ns:
            self._counts["interval_violations"] += 1
        self._images.newest_ns = stamp_ns
        return self._release() + self._thermal_only(image)

    def _thermal_only(self, image: StoredImage[I]) -> list[Pair[R, I]]:
        if self._now_ns - self._silent_since_ns < self.settings.silence_ns:
            return []
        last_ns = self._last_thermal_only_ns
        if last_ns is not None and image.stamp_ns - last_ns < self.settings.thermal_only_period_ns:
            return []
        self._last_thermal_only_ns = image.stamp_ns
        return [self._emit(None, image)]

    # Deciding and putting out.

    def _release(self) -> list[Pair[R, I]]:
        out = []
        while self._waiting:
            oldest = self._waiting[0]
            if not self._nearest_is_certain(oldest.stamp_ns):
                if not self._wait_is_over(oldest):
                    break
                self._counts["timeouts"] += 1
            out.append(self._decide(self._waiting.pop(0)))
            self._last_decided_ns = oldest.stamp_ns
        return out

    def _nearest_is_certain(self, stamp_ns: int) -> bool:
        """Whether no image still to come can be nearer than the nearest one that is here."""
        newest_ns = self._history.newest_ns
        if newest_ns is None:
            return False
        since = stamp_ns - newest_ns
        until_next = self.settings.min_image_interval_ns - since
        return since <= 0 or until_next >= since or until_next > self.settings.slop_ns

    def _wait_is_over(self, reading: _WaitingReading[R]) -> bool:
        newest_ns = self._readings.newest_ns or 0
        passed_in_stamps = newest_ns - reading.stamp_ns > self.settings.wait_ns
        return passed_in_stamps or 0 < self._now_ns >= reading.deadline_ns

    def _decide(self, reading: _WaitingReading[R]) -> Pair[R, I]:
        return self._emit(reading, self._history.nearest(reading.stamp_ns, self.settings.slop_ns))

    def _emit(self, reading: _WaitingReading[R] | None, image: StoredImage[I] | None) -> Pair[R, I]:
        stretch = self._counts["resets"]
        if image is not None and not image.used:
            image.used = True
            self._counts["images_used"] += 1
        if reading is None:
            assert image is not None
            self._counts["thermal_only"] += 1
            return Pair(None, image.item, None, image.stamp_ns, image.arrival_ns, stretch)
        if image is None:
            self._counts["gas_only"] += 1
            return Pair(reading.item, None, reading.stamp_ns, None, reading.arrival_ns, stretch)
        self._counts["pairs"] += 1
        arrival_ns = max(reading.arrival_ns, image.arrival_ns)
        return Pair(reading.item, image.item, reading.stamp_ns, image.stamp_ns, arrival_ns, stretch)


def _stamp(reading: _WaitingReading[R]) -> int:
    return reading.stamp_ns
