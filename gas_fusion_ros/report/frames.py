"""What report.html shows of the frames at the alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.evaluated_bag import AlarmPicture, Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.model.grad_cam import strongest_place
from gas_fusion_ros.model.pseudo_colour import heat_overlay
from gas_fusion_ros.report.figure_style import (
    PagePicture,
    row_png,
    time_text,
)
from gas_fusion_ros.report.texts import DASH, count_text, percent_text

Number = TypeVar("Number", np.uint8, np.float32)
ALARM_TILE = 152
"""Side of a frame beside its map, pixels: 24 of them, whatever they show, weigh less than a megabyte."""
_ALARM_COLOURS = 48
_ALARM_GAP = 6


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


def alarm_frame(picture: AlarmPicture) -> PagePicture:
    """Put what the network saw at an alarm beside the same with its Grad-CAM map, where there is one."""
    frame = _tile(_as_rgb(picture.picture))
    if picture.heat is None:
        return PagePicture(_row(frame), f"Thermal frame at the alarm for {picture.gas}")
    heat = np.clip(_tile(picture.heat), 0, 1)
    if not heat.any():
        found = f"nothing in it speaks for {explained_class(picture)}"
    else:
        found = f"on the right what in it speaks for {explained_class(picture)}, most {strongest_place(heat)}"
    return PagePicture(
        _row(frame, heat_overlay(frame, heat)), f"Thermal frame at the alarm for {picture.gas}; {found}"
    )


def explained_class(picture: AlarmPicture) -> str:
    """What the map is of, in words: an `Unknown` input has a likeliest class too."""
    return "the likeliest class" if picture.label == UNKNOWN else picture.label


def _row(*tiles: npt.NDArray[np.uint8]) -> bytes:
    return row_png(tiles, _ALARM_GAP, _ALARM_COLOURS)


def _as_rgb(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture of shape (H, W), (H, W, 1) or (H, W, 3) as (H, W, 3)."""
    pixels = picture if picture.ndim == 3 else picture[:, :, np.newaxis]
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _tile(pixels: npt.NDArray[Number]) -> npt.NDArray[Number]:
    shrinks = max(pixels.shape[:2]) > ALARM_TILE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    resized = cv2.resize(pixels, (ALARM_TILE, ALARM_TILE), interpolation=method)
    return np.asarray(resized, dtype=pixels.dtype)
