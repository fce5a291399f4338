"""Remembers a run as its messages come in: for the live view, the score and the picture."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import UNKNOWN, Mode
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.report import Latency
from gas_fusion_ros.demo.snapshot import HISTORY, Snapshot
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.truth.decoding import AlarmReport, Classification
from gas_fusion_ros.truth.ground_truth import GroundTruth
from gas_fusion_ros.truth.scoring import (
    Interval,
    Judgement,
    Leak,
    Score,
    ScoreSettings,
    accuracy,
    alarm_intervals,
    label_intervals,
    score,
    unknown_share,
)


class RunLog:
    """Everything a run's report is made of. Thread-safe; of the order of 100 bytes per reading.

    Args:
        channels: names of the gas channels, in the readings' order.
        truth: what was really there; None where nobody knows.
        start_ns: the run's time zero.
    """

    def __init__(self, channels: Sequence[str], truth: GroundTruth | None, start_ns: int) -> None:
        self._channels = tuple(channels)
        self._truth = truth
        self._start_ns = start_ns
        self._lock = threading.Lock()
        self._reading_stamps: list[int] = []
        self._counts: list[npt.NDArray[np.float32]] = []
        self._images = 0
        self._classifications: list[Classification] = []
        self._modes: Counter[Mode] = Counter()
        self._newest_classified_ns = 0
        self._alarm_states: list[AlarmReport] = []

    @property
    def readings(self) -> int:
        """Gas readings so far."""
        with self._lock:
            return len(self._reading_stamps)

    @property
    def images(self) -> int:
        """Thermal images so far."""
        with self._lock:
            return self._images

    @property
    def newest_classified_ns(self) -> int:
        """Newest stamp of a classified reading; 0 before the first."""
        with self._lock:
            return self._newest_classified_ns

    @property
    def alarm(self) -> AlarmReport:
        """The alarm's last state."""
        with self._lock:
            return self._alarm_states[-1] if self._alarm_states else AlarmReport(self._start_ns, "clear")

    def classified(self, mode: Mode) -> int:
        """Classifications made from `mode` so far."""
        with self._lock:
            return self._modes[mode]

    @property
    def classified_readings(self) -> int:
        """Readings classified so far, with an image or alone."""
        with self._lock:
            return self._modes[Mode.FUSION] + self._modes[Mode.GAS_ONLY]

    def add_reading(self, stamp_ns: int, counts: npt.NDArray[np.float32]) -> None:
        """A gas reading was published; counts of shape (C,)."""
        with self._lock:
            self._reading_stamps.append(stamp_ns)
            self._counts.append(counts)

    def add_image(self) -> None:
        """A thermal image was published."""
        with self._lock:
            self._images += 1

    def add_classification(self, classification: Classification) -> None:
        """A class was published."""
        with self._lock:
            self._classifications.append(classification)
            self._modes[classification.mode] += 1
            if classification.mode is not Mode.THERMAL_ONLY:
                self._newest_classified_ns = max(self._newest_classified_ns, classification.stamp_ns)

    def add_alarm_state(self, report: AlarmReport) -> None:
        """The alarm published its state."""
        with self._lock:
            self._alarm_states.append(report)

    def snapshot(self, now_ns: int, end_ns: int, speed: float) -> Snapshot:
        """The run at this moment, for the live view."""
        alarm = self.alarm
        with self._lock:
            last = self._classifications[-1] if self._classifications else None
            return Snapshot(
                elapsed_s=round(max(0, now_ns - self._start_ns) / NANOSECONDS_PER_SECOND, 3),
                duration_s=round((end_ns - self._start_ns) / NANOSECONDS_PER_SECOND, 3),
                speed=speed,
                channels=self._channels,
                history=self._stacked_counts(self._counts[-HISTORY:]),
                probabilities=tuple(last.probabilities.items()) if last else (),
                label=last.label if last else "",
                mode=last.mode.value if last else "",
                truth=self._truth.label(now_ns) if self._truth is not None else "",
                alarm="fault" if alarm.fault and alarm.state == "clear" else alarm.state,
                gas=alarm.gas,
                readings=len(self._reading_stamps),
                images=self._images,
                classified=len(self._classifications),
            )

    def latency(self) -> Latency:
        """Percentiles of the latency of every classification."""
        with self._lock:
            return Latency.of([classification.latency_ms for classification in self._classifications])

    def alarms(self, end_ns: int) -> list[Interval]:
        """When each alarm sensed its gas."""
        with self._lock:
            states = [(report.stamp_ns, report.sensed) for report in self._alarm_states]
        return alarm_intervals(states, end_ns)

    def score(self, end_ns: int, settings: ScoreSettings) -> Score | None:
        """Compare the run until `end_ns` with the truth: leaks that had not begun do not count.

        None where the truth is not known.
        """
        if self._truth is None:
            return None
        judgements = self._judgements(Mode.FUSION, Mode.GAS_ONLY)
        return score(self.leaks(end_ns), self.alarms(end_ns), judgements, settings)

    def accuracy_by_mode(self) -> dict[str, float]:
        """Class accuracy of each mode that classified readings."""
        shares = {
            mode.value: accuracy(self._judgements(mode)) for mode in Mode if mode is not Mode.THERMAL_ONLY
        }
        return {mode: share for mode, share in shares.items() if share is not None}

    def unknown_share(self) -> float | None:
        """Share of the classified readings whose verdict is `Unknown`; None where none was classified."""
        with self._lock:
            return unknown_share(
                [said.label for said in self._classifications if said.mode is not Mode.THERMAL_ONLY]
            )

    def leaks(self, end_ns: int) -> list[Leak]:
        """The leaks that had begun by `end_ns`, cut there; none where the truth is not known."""
        if self._truth is None:
            return []
        return [
            replace(leak, end_ns=min(leak.end_ns, end_ns))
            for leak in self._truth.leaks
            if leak.start_ns < end_ns
        ]

    def timeline(self, title: str, end_ns: int) -> Timeline:
        """The run until `end_ns` as the picture wants it."""
        said = self._sorted_classifications()
        classes = tuple(said[0].probabilities) if said else ()
        with self._lock:
            stamps = np.array(self._reading_stamps, dtype=np.int64)
            counts = self._stacked_counts(self._counts)
        return Timeline(
            title=title,
            start_ns=self._start_ns,
            end_ns=end_ns,
            channels=self._channels,
            reading_stamps_ns=stamps,
            counts=counts,
            classes=classes,
            verdict_stamps_ns=np.array([one.stamp_ns for one in said], dtype=np.int64),
            probabilities=np.array(
                [[one.probabilities.get(name, 0.0) for name in classes] for one in said], dtype=np.float32
            ).reshape(len(said), len(classes)),
            truth=tuple(self.leaks(end_ns)) if self._truth is not None else None,
            alarms=tuple(self.alarms(end_ns)),
            unknown=tuple(
                interval
                for interval in label_intervals((one.stamp_ns, one.label) for one in said)
                if interval.label == UNKNOWN
            ),
        )

    def _judgements(self, *modes: Mode) -> list[Judgement]:
        truth = self._truth
        if truth is None:
            return []
        return [
            Judgement(said.stamp_ns, said.label, truth.label(said.stamp_ns))
            for said in self._sorted_classifications()
            if said.mode in modes
        ]

    def _sorted_classifications(self) -> list[Classification]:
        with self._lock:
            return sorted(self._classifications, key=lambda said: said.stamp_ns)

    def _stacked_counts(self, counts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        if not counts:
            return np.empty((0, len(self._channels)), dtype=np.float32)
        return np.stack(counts)
