"""The figures of report.html: another one is another entry of `FIGURES`, and a function that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.report.pictures import (
    PagePicture,
    confusion_picture,
    offsets_picture,
    reliability_picture,
    timeline_picture,
)
from gas_fusion_ros.report.texts import number_text

Sentence = Callable[[Evaluation], str]


@dataclass(frozen=True)
class ReportFigure:
    """A figure of one bag.

    Attributes:
        heading: stands above it.
        kind: `line` for one over the time of the recording, as wide as the page and above the leaks; `chart`
            for a small one below them.
        draw: draws it; None where there is nothing to show.
        caption: stands below it.
        missing: says why there is nothing to show.
        beside: template of what stands beside it; none where it is empty.
    """

    heading: str
    kind: Literal["line", "chart"]
    draw: Callable[[Evaluation], PagePicture | None]
    caption: Sentence
    missing: Sentence = lambda _: "There is nothing to show."
    beside: str = ""


def _timeline_caption(evaluation: Evaluation) -> str:
    truth = "" if evaluation.report.leaks is None else " Dashed lines: begin and end of the leaks."
    return f"Readings, class probabilities and alarms over the time of the recording.{truth}"


def _offsets_caption(evaluation: Evaluation) -> str:
    offset = evaluation.report.pair_offset_ms
    return (
        f"How far images lay from their readings: half of them at most {number_text(offset.p50, 'ms')}, "
        f"95 % at most {number_text(offset.p95, 'ms')}, all at most {number_text(offset.largest, 'ms')}."
    )


def _no_judgement(evaluation: Evaluation) -> str:
    if not evaluation.report.classified:
        return "Nothing could be classified."
    return "There is no classified reading whose truth is known."


FIGURES = (
    ReportFigure(
        heading="Timeline",
        kind="line",
        draw=lambda evaluation: timeline_picture(evaluation.timeline),
        caption=_timeline_caption,
    ),
    ReportFigure(
        heading="Classes",
        kind="chart",
        draw=lambda evaluation: confusion_picture(evaluation.confusion, evaluation.report.classes),
        caption=lambda _: (
            "Readings by truth and verdict; the darker, the greater the share of the true class."
        ),
        missing=_no_judgement,
        beside="class_scores.html.jinja",
    ),
    ReportFigure(
        heading="Confidence",
        kind="chart",
        draw=lambda evaluation: reliability_picture(evaluation.reliability, evaluation.report.ece),
        caption=lambda _: (
            "How often the verdicts of a confidence are right. On the dashed line confidence can be taken at "
            "its word. ECE, the expected calibration error, is the mean gap."
        ),
        missing=_no_judgement,
    ),
    ReportFigure(
        heading="Pairing",
        kind="chart",
        draw=lambda evaluation: offsets_picture(evaluation.offsets),
        caption=_offsets_caption,
        missing=lambda _: "There is no pair whose offset could be shown.",
        beside="observations.html.jinja",
    ),
)
