"""What is heard of a run as its messages come in: counted beside the truth, and the newest of it to show."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus
from gas_fusion_ros.base.observation import GasReading, Mode
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.snapshot import HISTORY, Snapshot
from gas_fusion_ros.evaluation.tally import Tally
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.truth.ground_truth import GroundTruth
from gas_fusion_ros.truth.scoring import ScoreSettings
from gas_fusion_ros.truth.track import TruthTrack


class Heard:
    """Feeds the tally of a live run. Its methods are thread-safe; the tally is for when the run is over.

    Args:
        classes: the model's classes, length K.
        channels: names of the gas channels, in the readings' order, length C.
        truth: what was really there; None where nobody knows.
        start_ns: the run's time zero.
        settings: how alarms are scored.

    Attributes:
        tally: what was counted.
        track: the truth that it was counted beside.
        scoring: as the settings given.
        readings: gas readings so far.
        images: thermal images so far.
        newest_classified_ns: newest stamp of a classified reading; 0 before the first.
        alarm: the alarm's last state.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        channels: tuple[str, ...],
        truth: GroundTruth | None,
        start_ns: int,
        settings: ScoreSettings,
    ) -> None:
        self.tally = Tally(classes, channels, PairingSettings().slop_ns, settings, start_ns)
        self.track = TruthTrack(None, settings.grace_ns) if truth is None else truth.track(settings.grace_ns)
        self.scoring = settings
        self.readings = 0
        self.images = 0
        self.newest_classified_ns = 0
        self.alarm = AlarmStatus(AlarmState.CLEAR, start_ns)
        self._channels = channels
        self._truth = truth
        self._start_ns = start_ns
        self._lock = threading.Lock()
        self._newest_counts: deque[npt.NDArray[np.float32]] = deque(maxlen=HISTORY)
        self._last: Classification | None = None

    @property
    def classified_readings(self) -> int:
        """Readings classified so far, with an image or alone."""
        with self._lock:
            return self.tally.classified_readings

    def add_reading(self, reading: GasReading) -> None:
        """A gas reading was published."""
        with self._lock:
            self.readings += 1
            self._newest_counts.append(reading.counts)
            self.tally.add_reading(reading, reading.stamp_ns)

    def add_image(self) -> None:
        """A thermal image was published."""
        with self._lock:
            self.images += 1

    def add_classification(self, said: Classification) -> None:
        """A class was published."""
        with self._lock:
            self._last = said
            self.tally.add_classification(said, said.stamp_ns, self.track)
            if said.mode is not Mode.THERMAL_ONLY:
                self.newest_classified_ns = max(self.newest_classified_ns, said.stamp_ns)

    def add_alarm_state(self, status: AlarmStatus) -> None:
        """The alarm published its state."""
        with self._lock:
            self.alarm = status
            self.tally.add_alarm_state(status)

    def snapshot(self, now_ns: int, end_ns: int, speed: float) -> Snapshot:
        """The run at this moment, for the live view."""
        with self._lock:
            alarm, last = self.alarm, self._last
            return Snapshot(
                elapsed_s=round(max(0, now_ns - self._start_ns) / NANOSECONDS_PER_SECOND, 3),
                duration_s=round((end_ns - self._start_ns) / NANOSECONDS_PER_SECOND, 3),
                speed=speed,
                channels=self._channels,
                history=np.array(self._newest_counts, np.float32).reshape(-1, len(self._channels)),
                probabilities=tuple(last.probabilities.items()) if last else (),
                label=last.label if last else "",
                mode=last.mode.value if last else "",
                truth=self._truth.label(now_ns) if self._truth is not None else "",
                alarm=alarm.state.value,
                gas=alarm.gas,
                readings=self.readings,
                images=self.images,
                classified=self.tally.modes.total(),
            )

    def timeline(self, title: str) -> Timeline:
        """The run as the picture wants it."""
        with self._lock:
            return self.tally.timeline(title, self.track)
