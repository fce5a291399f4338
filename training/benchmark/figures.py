"""The benchmark's pictures, as PNG: window length, calibration, robustness, alarms along the recording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.report.figure_style import (
    BLUE,
    FAINT_COLOUR,
    GREEN,
    ORANGE,
    PINK,
    SKY_BLUE,
    TEXT_COLOUR,
    VERMILLION,
)
from training.benchmark.summary import (
    AccuracyLoss,
    BenchmarkedModel,
    loss,
    mean_risks,
    perturbation_groups,
    pooled_reliability,
    protocols,
    windows,
)
from training.report.figure_parts import (
    ACROSS,
    draw_legend,
    name_rows,
    panel_grid,
    series_styles,
    set_title,
    to_png,
)
from training.report.protocols import Protocol, Spread
from training.results.benchmark_result import BenchmarkResult

Dash = Literal["-", "--", ":"]

MOST_MODELS = 6
"""Models that a picture can tell apart."""
MOST_BARS = 4
"""Models whose bars stand side by side."""

_MODEL_COLOURS = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY_BLUE)
"""Okabe and Ito's; a model has the same in every picture of one report."""
_CHANNEL_COLOURS = (*_MODEL_COLOURS, TEXT_COLOUR)
_DASHES: tuple[Dash, ...] = ("-", "--", ":")
"""For inputs of each kind."""
_COVERAGES = np.linspace(0.02, 1, 50)
_SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True)
class TimeLine:
    """The recording of one class, and what model and alarm made of it.

    Attributes:
        name: the class.
        seconds: shape (R,), ascending, since the recording's begin.
        counts: shape (R, C), ADC counts; NaN where there is no reading.
        leak: shape (R,), leak probability, 0..1; NaN where there is no verdict.
        alarm: shape (R,), bool, whether an alarm stands.
    """

    name: str
    seconds: npt.NDArray[np.floating]
    counts: npt.NDArray[np.floating]
    leak: npt.NDArray[np.floating]
    alarm: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.seconds)
        if not rows or {len(self.counts), len(self.leak), len(self.alarm)} != {rows}:
            raise ValueError(
                f"{self.name}: seconds, counts, leak and alarm must have as many rows, at least one, not "
                f"{rows}, {len(self.counts)}, {len(self.leak)} and {len(self.alarm)}"
            )


def draw_windows(results: Sequence[BenchmarkResult]) -> bytes | None:
    """Draw accuracy against the window's length, a line for each protocol; returns a PNG.

    Returns None where there are fewer than two lengths.
    """
    rows = windows(results)
    lengths = {row.results[0].window: row.results[0].period_s for row in rows}
    if len(lengths) < 2:
        return None
    held = protocols(result for row in rows for result in row.results)
    kinds = list(dict.fromkeys(row.inputs for row in rows))[: len(_DASHES)]

    def draw(figure: Figure) -> None:
        top, axes = figure.subplots(2, 1, height_ratios=(0.23 * len(held) * len(kinds) + 0.1, 3.0))
        handles = []
        for protocol, (colour, marker) in zip(held, series_styles(held), strict=True):
            for inputs, dashes in zip(kinds, _DASHES, strict=False):
                mine = [row for row in rows if row.inputs == inputs]
                _draw_lengths(axes, mine, protocol, colour, marker, dashes)
                label = protocol.heading if len(kinds) == 1 else f"{protocol.heading}, {inputs}"
                handles.append(
                    Line2D([], [], color=colour, marker=marker, markersize=5.5, linestyle=dashes, label=label)
                )
        axes.set_xscale("log", base=2)
        ticks = [f"{length}\n{(length - 1) * period:g} s" for length, period in lengths.items()]
        axes.set_xticks(list(lengths), ticks)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("readings in the window, and the time they span")
        axes.set_ylabel("accuracy on test")
        axes.grid()
        draw_legend(top, handles, columns=1)

    return to_png(3.2 + 0.23 * len(held) * len(kinds), draw)


def draw_reliability(shown: Sequence[BenchmarkedModel], protocol: Protocol) -> bytes | None:
    """Draw accuracy against confidence, a panel for each model; returns a PNG.

    Returns None where no run under the protocol has reliability points.

    Args:
        shown: the models, the first `MOST_MODELS` of them drawn.
        protocol: whose runs.
    """
    measured = [
        (row, points) for row in shown[:MOST_MODELS] if (points := pooled_reliability(row.under(protocol)))
    ]
    if not measured:
        return None
    down = math.ceil(len(measured) / ACROSS)

    def draw(figure: Figure) -> None:
        for axes, (row, points) in zip(panel_grid(figure, down).flat, measured, strict=False):
            axes.axis("on")
            axes.plot((0, 1), (0, 1), color=FAINT_COLOUR, linewidth=0.9, linestyle=(0, (4, 4)))
            confidence, accuracy = (
                [point.confidence for point in points],
                [point.accuracy for point in points],
            )
            sizes = np.array([point.rows for point in points], dtype=float)
            axes.plot(confidence, accuracy, color=BLUE, linewidth=1.2)
            axes.scatter(confidence, accuracy, s=8 + 90 * sizes / sizes.sum(), color=BLUE, zorder=3)
            error = Spread.of(row.under(protocol), lambda result: result.ece)
            if error is not None:
                axes.text(0.97, 0.05, f"ECE {error.mean:.3f}", ha="right", transform=axes.transAxes)
            axes.set(xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
            axes.grid()
            axes.set_axisbelow(True)
            set_title(axes, row.title)
        figure.supxlabel("confidence", fontsize=9.5)
        figure.supylabel("accuracy", fontsize=9.5)

    return to_png(2.6 * down + 0.4, draw)


def draw_risk_coverage(shown: Sequence[BenchmarkedModel], protocol: Protocol) -> bytes | None:
    """Draw the risk of answering only the most confident rows, a line for each model; returns a PNG.

    Returns None where no run under the protocol has a risk-coverage curve.

    Args:
        shown: the models, the first `MOST_MODELS` of them drawn.
        protocol: whose runs.
    """
    curves = [
        (row.title, colour, risks)
        for row, colour in zip(shown, _MODEL_COLOURS, strict=False)
        if (risks := mean_risks(row.under(protocol), _COVERAGES)) is not None
    ]
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for title, colour, risks in curves:
            axes.plot(_COVERAGES * 100, risks * 100, color=colour, linewidth=1.6, label=title)
        axes.set_xlabel("rows answered, most confident first, %")
        axes.set_ylabel("of these wrong, %")
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.grid()
        axes.legend(loc="upper left", fontsize=9)

    return to_png(3.4, draw)


def draw_robustness(shown: Sequence[BenchmarkedModel], protocol: Protocol) -> bytes | None:
    """Draw points of accuracy lost under each kind of perturbation, a bar for each model; returns a PNG.

    A line goes on from the mean over the perturbations of a kind to the worst. Returns None where no run
    under the protocol was perturbed.

    Args:
        shown: the models, the first `MOST_BARS` of them drawn.
        protocol: whose runs.
    """
    drawn = [
        (row, colour)
        for row, colour in zip(shown[:MOST_BARS], _MODEL_COLOURS, strict=False)
        if any(result.perturbed for result in row.under(protocol))
    ]
    groups = perturbation_groups(result for row, _ in drawn for result in row.under(protocol))
    if not groups:
        return None
    legend, panel = 0.23 * len(drawn) + 0.1, (0.13 * len(drawn) + 0.2) * len(groups) + 0.6

    def draw(figure: Figure) -> None:
        top, axes = figure.subplots(2, 1, height_ratios=(legend, panel))
        width = 0.8 / len(drawn)
        for index, (row, colour) in enumerate(drawn):
            places = np.arange(len(groups)) + width * (index - (len(drawn) - 1) / 2)
            losses = [loss(row.under(protocol), group) for group in groups]
            _draw_losses(axes, places, losses, width, colour)
        name_rows(axes, [group.heading for group in groups])
        axes.axvline(0, color=FAINT_COLOUR, linewidth=0.8)
        axes.set_xlabel("points of accuracy lost; line: to the worst of each kind")
        draw_legend(top, [Patch(color=colour, label=row.title) for row, colour in drawn], columns=1)

    return to_png(legend + panel, draw)


def draw_alarms(lines: Sequence[TimeLine], channels: Sequence[str]) -> bytes:
    """Draw each class's recording on a time line: readings, leak probability, alarms; returns a PNG.

    Args:
        lines: one for each class, at least one.
        channels: names of the channels, length C.

    Raises:
        ValueError: there is no line, or one has another number of channels.
    """
    if not lines:
        raise ValueError("lines must hold a time line for each class, at least one")
    for line in lines:
        if line.counts.shape[1:] != (len(channels),):
            raise ValueError(
                f"{line.name}: counts must have the shape (R, {len(channels)}), not {line.counts.shape}"
            )
    colours = [_CHANNEL_COLOURS[index % len(_CHANNEL_COLOURS)] for index in range(len(channels))]

    def draw(figure: Figure) -> None:
        heights = (0.5, *(1.9,) * len(lines))
        top, *rows = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        panels = [row.subplots(2, 1, sharex=True, height_ratios=(1.5, 1)) for row in rows]
        for (readings, probability), line in zip(panels, lines, strict=True):
            minutes = line.seconds / _SECONDS_PER_MINUTE
            for counts, colour in zip(line.counts.T, colours, strict=True):
                readings.plot(minutes, counts, color=colour, linewidth=0.8)
            probability.plot(minutes, line.leak, color=TEXT_COLOUR, linewidth=0.9)
            for axes in (readings, probability):
                for begin, end in _stretches(minutes, line.alarm):
                    axes.axvspan(begin, end, color=VERMILLION, alpha=0.22, linewidth=0)
                axes.grid(axis="x")
                axes.margins(x=0)
            readings.set_title(_time_line_title(line), fontsize=9, fontweight="bold", loc="left")
            readings.set_ylabel("ADC counts")
            probability.set_ylabel("leak")
            probability.set_ylim(-0.05, 1.05)
        panels[-1][1].set_xlabel("minutes")
        handles = [
            Line2D([], [], color=colour, label=name) for name, colour in zip(channels, colours, strict=True)
        ]
        handles.append(Line2D([], [], color=VERMILLION, alpha=0.22, linewidth=8, label="alarm stands"))
        draw_legend(top.subplots(), handles, columns=4)

    return to_png(1.9 * len(lines) + 0.5, draw)


def _draw_lengths(
    axes: Axes, rows: Iterable[BenchmarkedModel], protocol: Protocol, colour: str, marker: str, dashes: Dash
) -> None:
    """One line of means, with bars from the lowest to the highest."""
    spreads = [
        (row.results[0].window, found)
        for row in rows
        if (found := Spread.of(row.under(protocol), lambda result: result.accuracy)) is not None
    ]
    lengths = [length for length, _ in spreads]
    means = [found.mean for _, found in spreads]
    axes.plot(lengths, means, color=colour, marker=marker, markersize=5.5, linewidth=1.6, linestyle=dashes)
    for length, found in spreads:
        axes.plot((length, length), (found.low, found.high), color=colour, linewidth=1.6, alpha=0.4)


def _draw_losses(
    axes: Axes,
    places: npt.NDArray[np.floating],
    losses: Sequence[AccuracyLoss | None],
    width: float,
    colour: str,
) -> None:
    for place, lost in zip(places, losses, strict=True):
        if lost is not None:
            axes.barh(place, lost.mean, height=width * 0.9, color=colour)
            axes.plot((lost.mean, lost.worst), (place, place), color=colour, linewidth=1.2)


def _stretches(
    minutes: npt.NDArray[np.floating], alarm: npt.NDArray[np.bool_]
) -> Iterable[tuple[float, float]]:
    """Yield begin and end of each stretch in which an alarm stands: up to the first reading without."""
    edges = np.flatnonzero(np.diff(alarm.astype(np.int8), prepend=0, append=0))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        yield float(minutes[first]), float(minutes[min(after, len(minutes) - 1)])


def _time_line_title(line: TimeLine) -> str:
    return f"{line.name} (clean air)" if line.name == CLEAN_AIR else line.name
