"""The figures of report.html: another one is another entry of `FIGURES`, and a function that draws it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation, OffsetHistogram
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.report.figure_style import (
    BLUE,
    FAINT_COLOUR,
    GRID_COLOUR,
    TEXT_COLOUR,
    VERMILLION,
    PagePicture,
    figure_png,
    plain,
)
from gas_fusion_ros.report.texts import count_text, number_text
from gas_fusion_ros.report.timeline_picture import timeline_png
from gas_fusion_ros.truth.scoring import ReliabilityBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DARK_SHARE = 0.55
"""Share from which on a cell of the confusion matrix is too dark for dark text."""

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


def timeline_picture(timeline: Timeline) -> PagePicture:
    """Draw readings, class probabilities, alarms and truth over time; without the headline."""
    leaks = "" if timeline.truth is None else ", and the truth"
    alt = (
        f"Over time: readings of {len(timeline.channels)} sensors, probabilities of "
        f"{len(timeline.classes)} classes, {count_text(len(timeline.alarms), 'alarm')}{leaks}"
    )
    return PagePicture(timeline_png(replace(timeline, title="")), alt)


def confusion_picture(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> PagePicture | None:
    """Draw how often each class was called what; None where no reading was judged.

    Args:
        confusion: shape (K, K + 1), readings by truth and verdict, the last column `Unknown`.
        classes: names of the classes, length K.
    """
    judged = int(confusion.sum())
    if not judged:
        return None
    right = int(np.trace(confusion))
    alt = f"Confusion matrix of {len(classes)} classes: {right} of {judged} readings called by their class"
    # Cells shrink where there are many classes, so that the picture fits a page.
    cell = min(0.78, 7.0 / (len(classes) + 1))
    size = (cell * (len(classes) + 1) + 1.3, cell * len(classes) + 1.2)

    def draw(figure: Figure) -> None:
        _draw_matrix(figure.subplots(), confusion, classes, cell)

    return PagePicture(figure_png(size, draw), alt)


def _draw_matrix(axes: Axes, confusion: npt.NDArray[np.int64], classes: Sequence[str], cell: float) -> None:
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    said = [*classes, UNKNOWN]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.axvline(len(classes) - 0.5, color="white", linewidth=4)
    axes.set_xticks(
        range(len(said)), [plain(name, 14) for name in said], rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(classes)), [plain(name, 14) for name in classes])
    axes.set_xlabel("verdict")
    axes.set_ylabel("truth")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (row, column), share in np.ndenumerate(shares):
        count = int(confusion[row, column])
        colour = FAINT_COLOUR if not count else "white" if share > _DARK_SHARE else TEXT_COLOUR
        axes.text(
            column,
            row,
            _count_text(count),
            ha="center",
            va="center",
            color=colour,
            fontsize=min(10.5, 14 * cell),
        )


def _count_text(count: int) -> str:
    """A count of at most five letters."""
    return str(count) if count < 100_000 else f"{count / 1000:.0f}k"


def reliability_picture(bins: Sequence[ReliabilityBin], ece: float | None) -> PagePicture | None:
    """Draw accuracy by confidence, with the number of verdicts in each bin; None where none was judged.

    Args:
        bins: of equal width, from 0 to 1.
        ece: the expected calibration error.
    """
    judged = sum(entry.count for entry in bins)
    if not judged or ece is None:
        return None
    alt = (
        f"Accuracy by confidence over {judged} verdicts in {len(bins)} bins: they lie "
        f"{ece * 100:.1f} percentage points apart on average"
    )

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1.25), "hspace": 0.1}
        )
        _draw_accuracies(upper, bins, ece)
        _draw_counts(lower, bins)

    return PagePicture(figure_png((4.8, 4.9), draw), alt)


def _draw_accuracies(axes: Axes, bins: Sequence[ReliabilityBin], ece: float) -> None:
    width = 1 / len(bins)
    filled = [(index, entry) for index, entry in enumerate(bins) if entry.count]
    axes.bar(
        [(index + 0.5) * width for index, _ in filled],
        [entry.accuracy for _, entry in filled],
        width=0.92 * width,
        color=BLUE,
        alpha=0.85,
    )
    for _, entry in filled:
        gap = (entry.accuracy, entry.confidence)
        axes.plot((entry.confidence,) * 2, gap, color=VERMILLION, linewidth=1.6)
    axes.plot((0, 1), (0, 1), color=FAINT_COLOUR, linewidth=1, linestyle=(0, (4, 4)))
    axes.text(0.03, 0.94, f"ECE {ece:.3f}", va="top", fontweight="bold", transform=axes.transAxes)
    axes.text(
        0.03,
        0.85,
        "blue: share that is right\nred: gap to the confidence",
        va="top",
        fontsize=8.5,
        transform=axes.transAxes,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_counts(axes: Axes, bins: Sequence[ReliabilityBin]) -> None:
    width = 1 / len(bins)
    counts = [entry.count for entry in bins]
    axes.bar([(index + 0.5) * width for index in range(len(bins))], counts, 0.92 * width, color=FAINT_COLOUR)
    # Nearly all verdicts are sure: on a linear scale the other bins would vanish.
    axes.set_yscale("log")
    decades = max(1, math.ceil(math.log10(max(counts) * 1.2)))
    axes.set_ylim(0.7, 10**decades)
    axes.set_yticks([10**power for power in range(0, decades + 1, 1 + decades // 4)])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.set_ylabel("verdicts")
    axes.set_xlabel("confidence")
    axes.grid(axis="y", color=GRID_COLOUR, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def offsets_picture(offsets: OffsetHistogram) -> PagePicture | None:
    """Draw how far images lay from their readings; None where there is no pair."""
    pairs = sum(offsets.counts)
    if not pairs:
        return None
    used = [index for index, count in enumerate(offsets.counts) if count]
    low, high = offsets.edges_ms[used[0]], offsets.edges_ms[used[-1] + 1]
    alt = f"Histogram of {pairs} pairs by image stamp minus reading stamp, from {low:g} to {high:g} ms"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edges = np.asarray(offsets.edges_ms)
        axes.bar(edges[:-1], offsets.counts, width=np.diff(edges), align="edge", color=BLUE, linewidth=0)
        axes.axvline(0, color=FAINT_COLOUR, linewidth=1, linestyle=(0, (4, 4)))
        # Some empty bins on either side: a bin alone says nothing about how wide it is.
        margin = max(0.04 * max(high - low, abs(low), abs(high)), 3 * float(np.diff(edges).min()))
        axes.set_xlim(min(low, 0) - margin, max(high, 0) + margin)
        axes.set_xlabel("image stamp \u2212 reading stamp [ms]")
        axes.set_ylabel("pairs")
        axes.grid(axis="y", color=GRID_COLOUR, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)

    return PagePicture(figure_png((4.8, 2.9), draw), alt)


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
            "its word. ECE, the error of the probabilities, is the mean gap."
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
