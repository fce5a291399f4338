"""An evaluated bag: its report and what the pictures are drawn from, bounded in size whatever the bag's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.truth.scoring import Interval, ReliabilityBin


@dataclass(frozen=True)
class OffsetHistogram:
    """How far images lay from their readings: image stamp minus reading stamp.

    Attributes:
        edges_ms: milliseconds, ascending; one more than there are counts.
        counts: pairs between two edges.
    """

    edges_ms: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class AlarmPicture:
    """What the network saw when an alarm was raised.

    Attributes:
        stamp_ns: the observation's stamp.
        gas: the gas of the alarm.
        label: the verdict that raised it.
        mode: what it was made from.
        probability: of the verdict's most probable class.
        picture: shape (H, W) or (H, W, 3), 0..255.
        heat: shape (H, W), 0..1, Grad-CAM for the most probable class; None where it could not be made.
    """

    stamp_ns: int
    gas: str
    label: str
    mode: str
    probability: float
    picture: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Evaluation:
    """One evaluated bag; K classes.

    Attributes:
        report: everything that report.json holds.
        timeline: readings, probabilities, truth and alarms over time, thinned to some thousand points.
        confusion: shape (K, K + 1), readings by truth and verdict; the last column is `Unknown`.
        reliability: the bins of confidence, those without readings included.
        offsets: how far images lay from their readings.
        alarm_pictures: of the first alarms that were raised with an image.
        alarms: each alarm under the gas it began with.
        without_heat: why alarm pictures lack their Grad-CAM map; empty where none does.
    """

    report: EvaluationReport
    timeline: Timeline
    confusion: npt.NDArray[np.int64]
    reliability: tuple[ReliabilityBin, ...]
    offsets: OffsetHistogram
    alarm_pictures: tuple[AlarmPicture, ...]
    alarms: tuple[Interval, ...]
    without_heat: str = ""
