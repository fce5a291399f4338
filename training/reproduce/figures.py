"""The report's pictures, as PNG: comparison of the protocols, confusion matrices, training curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import attrgetter

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from gas_fusion_ros.report.figure_style import BLUE, FAINT_COLOUR, GREEN, TEXT_COLOUR, VERMILLION
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
from training.reproduce.summary import ComparedModel, Comparison
from training.results.run_result import RunResult


def draw_comparison(comparison: Comparison) -> bytes:
    """Draw each model's accuracy under every protocol, and the paper's figure; returns a PNG."""
    entries = comparison.measured
    legend, panel = 0.23 * (len(comparison.protocols) + 1) + 0.1, 0.44 * len(entries) + 0.6

    def draw(figure: Figure) -> None:
        top, axes = figure.subplots(2, 1, height_ratios=(legend, panel))
        styles = series_styles(comparison.protocols)
        for index, (protocol, style) in enumerate(zip(comparison.protocols, styles, strict=True)):
            offset = 0.15 * (index - (len(styles) - 1) / 2)
            _draw_spreads(axes, entries, protocol, offset, style)
        _draw_paper(axes, entries)
        rule = len([entry for entry in comparison.in_paper if entry.results])
        if 0 < rule < len(entries):
            axes.axhline(rule - 0.5, color=FAINT_COLOUR, linewidth=0.8, linestyle=(0, (4, 4)))
        name_rows(axes, [entry.title for entry in entries])
        axes.set_xlabel("accuracy on test")
        draw_legend(top, _series_handles(comparison.protocols), columns=1)

    return to_png(legend + panel, draw)


def draw_confusion(comparison: Comparison, protocol: Protocol) -> bytes:
    """Draw the models' confusion matrices, summed over the runs under a protocol; returns a PNG.

    Each row, a true class, is in percent of its rows.
    """
    entries = [entry for entry in comparison.measured if entry.under(protocol)]
    down = math.ceil(len(entries) / ACROSS)

    def draw(figure: Figure) -> None:
        grid = panel_grid(figure, down)
        for index, (axes, entry) in enumerate(zip(grid.flat, entries, strict=False)):
            results = entry.under(protocol)
            _draw_matrix(axes, _shares(results), results[0].classes)
            set_title(axes, entry.title)
            if index % ACROSS:
                axes.set_yticklabels([])
            if index + ACROSS < len(entries):
                axes.set_xticklabels([])
        figure.supxlabel("verdict", fontsize=9.5)
        figure.supylabel("truth", fontsize=9.5)

    return to_png(2.6 * down + 0.75, draw)


def draw_curves(comparison: Comparison, protocol: Protocol) -> bytes | None:
    """Draw losses and validation accuracy per epoch, a line for each run; returns a PNG.

    Returns None where no run under the protocol has a history.
    """
    entries = [entry for entry in comparison.measured if any(run.history for run in entry.under(protocol))]
    if not entries:
        return None
    down = math.ceil(len(entries) / ACROSS)

    def draw(figure: Figure) -> None:
        heights = (0.3, *(2.9,) * down)
        top, *rows = figure.subfigures(down + 1, 1, squeeze=False, height_ratios=heights)[:, 0]
        panels = [row.subplots(2, ACROSS, squeeze=False, sharex="col", sharey="row") for row in rows]
        losses = [axes for row in panels for axes in row[0]]
        accuracies = [axes for row in panels for axes in row[1]]
        for loss, accuracy, entry in zip(losses, accuracies, entries, strict=False):
            _draw_history(loss, accuracy, entry.under(protocol))
            set_title(loss, entry.title)
        _share_limits(losses[: len(entries)])
        _share_limits(accuracies[: len(entries)])
        for axes in (*losses[len(entries) :], *accuracies[len(entries) :]):
            axes.axis("off")
        for row in panels:
            row[0, 0].set_ylabel("loss")
            row[1, 0].set_ylabel("accuracy")
        draw_legend(top.subplots(), _CURVE_HANDLES, columns=len(_CURVE_HANDLES))

    return to_png(2.9 * down + 0.3, draw)


def _draw_spreads(
    axes: Axes, entries: Sequence[ComparedModel], protocol: Protocol, offset: float, style: tuple[str, str]
) -> None:
    """One series: means, with lines from the lowest to the highest, `offset` below the rows' middles."""
    colour, marker = style
    for y, entry in enumerate(entries):
        spread = Spread.of(entry.under(protocol), attrgetter("accuracy"))
        if spread is not None:
            axes.plot((spread.low, spread.high), (y + offset,) * 2, color=colour, linewidth=1.6, alpha=0.55)
            axes.plot(spread.mean, y + offset, marker=marker, markersize=5.5, color=colour, linestyle="")


def _draw_paper(axes: Axes, entries: Sequence[ComparedModel]) -> None:
    for y, entry in enumerate(entries):
        if entry.paper is not None:
            axes.plot((entry.paper.accuracy,) * 2, (y - 0.4, y + 0.4), color="black", linewidth=1.6)


def _series_handles(protocols: Sequence[Protocol]) -> list[Line2D]:
    handles = [Line2D([], [], color="black", marker="|", markersize=9, markeredgewidth=1.6, linestyle="")]
    handles[0].set_label("paper, random split")
    for protocol, (colour, marker) in zip(protocols, series_styles(protocols), strict=True):
        over = "positions" if protocol.positions else "seeds"
        label = f"{protocol.heading}: mean and range over {over}"
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5.5, label=label))
    return handles


def _shares(results: Iterable[RunResult]) -> npt.NDArray[np.float64]:
    """Confusion summed over the runs, shape (K, K), each row's shares; NaN for a class without rows."""
    counts = np.sum([result.confusion for result in results], axis=0, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _draw_matrix(axes: Axes, shares: npt.NDArray[np.float64], classes: Sequence[str]) -> None:
    axes.axis("on")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    axes.set_xticks(
        range(len(classes)), classes, rotation=40, ha="right", rotation_mode="anchor", fontsize=8.5
    )
    axes.set_yticks(range(len(classes)), classes, fontsize=8.5)
    axes.tick_params(length=0)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.55 else TEXT_COLOUR
        axes.text(column, row, _percent(share), ha="center", va="center", fontsize=8.5, color=colour)


def _percent(share: float) -> str:
    """Whole percent; empty for none, and never "0" for a few or "100" for all but a few."""
    if share == 0 or math.isnan(share):
        return ""
    if share < 0.005:
        return "<1"
    if 0.995 <= share < 1:
        return ">99"
    return f"{share * 100:.0f}"


_CURVE_HANDLES = (
    Line2D([], [], color=BLUE, label="training loss"),
    Line2D([], [], color=VERMILLION, label="validation loss"),
    Line2D([], [], color=VERMILLION, marker="o", markersize=4, linestyle="", label="epoch kept"),
    Line2D([], [], color=GREEN, label="validation accuracy"),
)


def _draw_history(loss: Axes, accuracy: Axes, results: Iterable[RunResult]) -> None:
    for result in results:
        epochs = [entry.epoch for entry in result.history]
        validation = [entry.val_loss for entry in result.history]
        loss.plot(epochs, [entry.train_loss for entry in result.history], color=BLUE, linewidth=0.9)
        loss.plot(epochs, validation, color=VERMILLION, linewidth=0.9)
        accuracy.plot(epochs, [entry.val_accuracy for entry in result.history], color=GREEN, linewidth=0.9)
        if result.best_epoch in epochs:
            kept = validation[epochs.index(result.best_epoch)]
            loss.plot(result.best_epoch, kept, marker="o", markersize=3.5, color=VERMILLION)
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter("{x:g}")
    loss.yaxis.set_minor_formatter(NullFormatter())
    accuracy.set_xlabel("epoch")
    for axes in (loss, accuracy):
        axes.grid(axis="y")


def _share_limits(panels: Sequence[Axes]) -> None:
    """Give all panels one scale, so that models can be compared."""
    limits = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
