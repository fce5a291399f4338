"""What report.html shows of the frames at the alarms."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.evaluated_bag import AlarmPicture, Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.report.figure_style import time_text
from gas_fusion_ros.report.pictures import PagePicture, alarm_frame, explained_class
from gas_fusion_ros.report.texts import DASH, count_text, percent_text

_SAME_ALARM_S = 0.001


@dataclass(frozen=True)
class ShownFrame:
    """The frame at an alarm.

    Attributes:
        picture: the frame, and its map where there is one.
        gas: the alarm's gas.
        text: when, and by which verdict; follows the gas.
        is_false: whether the alarm was false.
        shows_nothing: whether the map is empty.
    """

    picture: PagePicture
    gas: str
    text: str
    is_false: bool
    shows_nothing: bool


def frames_text(evaluation: Evaluation) -> str:
    """What the frames are, or why there are none."""
    report, pictures = evaluation.report, evaluation.alarm_pictures
    if not report.alarms:
        return "No alarm was raised."
    if not pictures:
        return f"{DASH} No alarm was raised on a verdict with an image."
    without = f" Without maps: {evaluation.without_heat}" if evaluation.without_heat else ""
    return (
        f"What the network saw at {len(pictures)} of {count_text(len(report.alarms), 'alarm')}. Beside it, "
        f"by Grad-CAM, what in the picture spoke for the likeliest class: the brighter, the more.{without}"
    )


def shown_frames(evaluation: Evaluation) -> list[ShownFrame]:
    """The frames, in the order of their alarms."""
    if not evaluation.report.alarms:
        return []
    return [_shown(picture, evaluation.report) for picture in evaluation.alarm_pictures]


def _shown(picture: AlarmPicture, report: EvaluationReport) -> ShownFrame:
    seconds = (picture.stamp_ns - report.started_ns) / NANOSECONDS_PER_SECOND
    return ShownFrame(
        alarm_frame(picture),
        picture.gas,
        f" at {time_text(seconds, report.duration_s)}; verdict {picture.label}{_likeliest(picture)} "
        f"{percent_text(picture.probability)}, {picture.mode}",
        is_false=any(
            alarm.false is True and abs(alarm.start_s - seconds) < _SAME_ALARM_S for alarm in report.alarms
        ),
        shows_nothing=picture.heat is not None and not picture.heat.any(),
    )


def _likeliest(picture: AlarmPicture) -> str:
    """What the probability is of, where it is not of the verdict."""
    return f", {explained_class(picture)}" if picture.label == UNKNOWN else ""
