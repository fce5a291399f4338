"""What a run leaves behind: report.json and the timeline picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.report.figure_style import (
    BAND_COLOUR,
    FAINT_COLOUR,
    GRID_COLOUR,
    LINE_COLOURS,
    OTHER_GAS_COLOURS,
    TEXT_COLOUR,
    UNKNOWN_COLOUR,
    class_colours,
    figure_png,
    plain,
    tick_step,
    time_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure


_MAX_POINTS = 4000


def draw_timeline(timeline: Timeline, path: Path) -> None:
    """Draw readings, class probabilities, truth and alarms over time into a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(timeline_png(timeline))


def timeline_png(timeline: Timeline) -> bytes:
    """Return the picture of `draw_timeline`, as PNG."""
    top = 0.9 if timeline.title else 0.98

    def draw(figure: Figure) -> None:
        readings, classes, bands = figure.subplots(
            3,
            1,
            sharex=True,
            gridspec_kw={
                "height_ratios": (5, 4, 1.7),
                "hspace": 0.16,
                "left": 0.075,
                "right": 0.885,
                "top": top,
                "bottom": 0.08,
            },
        )
        _draw_readings(readings, timeline)
        _draw_probabilities(classes, timeline)
        _draw_bands(bands, timeline)
        _decorate(figure, timeline, (readings, classes, bands))

    return figure_png((12, 7.2), draw)


def _draw_readings(axes: Axes, timeline: Timeline) -> None:
    step = max(1, len(timeline.reading_stamps_ns) // _MAX_POINTS)
    seconds = timeline.seconds(timeline.reading_stamps_ns)[::step]
    ends: list[tuple[float, str, str]] = []
    for index, name in enumerate(timeline.channels):
        colour = LINE_COLOURS[index % len(LINE_COLOURS)]
        counts = timeline.counts[::step, index]
        axes.plot(seconds, counts, color=colour, linewidth=1.3, solid_joinstyle="round")
        finite = counts[np.isfinite(counts)]
        if len(finite):
            ends.append((float(np.median(finite[-5:])), name, colour))
    axes.set_ylabel("gas sensors\n[ADC counts]")
    axes.margins(y=0.08)
    axes.grid(axis="y", color=GRID_COLOUR, linewidth=0.8)
    _label_line_ends(axes, ends)


def _label_line_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    low, high = axes.get_ylim()
    gap = (high - low) * 0.068
    ordered = sorted(ends)
    heights = np.array([value for value, _, _ in ordered])
    for index in range(1, len(heights)):
        heights[index] = max(heights[index], heights[index - 1] + gap)
    for index in reversed(range(len(heights))):
        ceiling = high - gap / 2 if index == len(heights) - 1 else heights[index + 1] - gap
        heights[index] = min(heights[index], ceiling)
    for height, (value, name, colour) in zip(heights, ordered, strict=True):
        axes.annotate(
            plain(name.upper()),
            xy=(1.0, value),
            xytext=(1.016, height),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            color=colour,
            va="center",
            fontweight="bold",
            fontsize=9.5,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        )


def _draw_probabilities(axes: Axes, timeline: Timeline) -> None:
    colours = class_colours(timeline.classes)
    # Clean air lies at the bottom, so that gas hangs from the top like a curtain.
    order = sorted(range(len(timeline.classes)), key=lambda index: timeline.classes[index] != CLEAN_AIR)
    step = max(1, len(timeline.verdict_stamps_ns) // _MAX_POINTS)
    if len(timeline.verdict_stamps_ns):
        axes.stackplot(
            timeline.seconds(timeline.verdict_stamps_ns)[::step],
            [timeline.probabilities[::step, index] for index in order],
            colors=[colours[timeline.classes[index]] for index in order],
            linewidth=0,
        )
    axes.set_ylabel("class\nprobability")
    axes.set_ylim(0, 1)
    axes.set_yticks((0, 0.5, 1))
    handles: list[PolyCollection] = [
        axes.fill_between(
            [], [], color=colours[timeline.classes[index]], label=plain(timeline.classes[index])
        )
        for index in reversed(order)
    ]
    if timeline.unknown:
        handles.append(_hatch_unknown(axes, timeline))
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.008, 0.5),
        frameon=False,
        handlelength=1.1,
        handleheight=1.1,
        labelspacing=0.7,
    )


def _hatch_unknown(axes: Axes, timeline: Timeline) -> PolyCollection:
    """Hatch the times at which the probabilities stand for nothing; return what the legend shows of it."""
    return axes.broken_barh(
        [timeline.span(interval) for interval in timeline.unknown],
        (0, 1),
        facecolors="#FFFFFFB0",
        edgecolors=UNKNOWN_COLOUR,
        hatch="////",
        linewidth=0.5,
        label=UNKNOWN,
    )


def _draw_bands(axes: Axes, timeline: Timeline) -> None:
    truth = timeline.truth
    colours = class_colours((*timeline.classes, UNKNOWN, *(interval.label for interval in truth or ())))
    bands = {"alarm": timeline.alarms} if truth is None else {"alarm": timeline.alarms, "truth": truth}
    heights = range(len(bands))
    axes.barh(
        heights,
        (timeline.end_ns - timeline.start_ns) / NANOSECONDS_PER_SECOND,
        height=0.74,
        color=BAND_COLOUR,
    )
    for y, intervals in enumerate(bands.values()):
        for interval in intervals:
            if interval.label == CLEAN_AIR:
                continue
            colour = colours.get(interval.label, OTHER_GAS_COLOURS[-1])
            start, duration = timeline.span(interval)
            axes.broken_barh([(start, duration)], (y - 0.37, 0.74), facecolors=colour, zorder=4)
            _label_bar(axes, timeline, interval.label, (start, duration), y, colour)
    axes.set_yticks(heights, list(bands))
    axes.set_ylim(-0.55, len(bands) - 0.45)
    axes.tick_params(axis="y", length=0)


def _label_bar(
    axes: Axes, timeline: Timeline, label: str, span: tuple[float, float], y: float, colour: str
) -> None:
    start, duration = span
    total = (timeline.end_ns - timeline.start_ns) / NANOSECONDS_PER_SECOND
    if duration * 115 < total * (len(label) + 1):
        return
    dark = colour in {"#3D4852", "#0072B2"}
    axes.text(
        start + duration / 2,
        y,
        plain(label),
        ha="center",
        va="center_baseline",
        fontsize=9,
        color="white" if dark else TEXT_COLOUR,
        clip_on=True,
        zorder=5,
    )


def _decorate(figure: Figure, timeline: Timeline, panels: Sequence[Axes]) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    total = max((timeline.end_ns - timeline.start_ns) / NANOSECONDS_PER_SECOND, 1e-3)
    for axes in panels:
        axes.set_xlim(0, total)
        axes.spines[["top", "right"]].set_visible(False)
        for leak in timeline.truth or ():
            if leak.label != CLEAN_AIR:
                start, duration = timeline.span(leak)
                for edge in (start, start + duration):
                    axes.axvline(edge, color=FAINT_COLOUR, linewidth=0.7, linestyle=(0, (4, 4)), zorder=3)
    last = panels[-1]
    last.spines["left"].set_visible(False)
    last.xaxis.set_major_locator(MultipleLocator(tick_step(total)))
    unit = "h:min:s" if total >= 3600 else "min:s"
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: time_text(value, total)))
    last.set_xlabel(f"time [{unit}]")
    figure.text(0.075, 0.945, plain(timeline.title, 110), fontsize=14, fontweight="bold")
    figure.align_ylabels(list(panels))
