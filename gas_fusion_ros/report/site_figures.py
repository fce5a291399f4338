"""The figures of a site's report: leaks and sensors over time, and where the robots have been."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.report.figure_style import (
    FAINT_COLOUR,
    GRID_COLOUR,
    LINE_COLOURS,
    TEXT_COLOUR,
    VERMILLION,
    PagePicture,
    figure_png,
    plain,
)
from gas_fusion_ros.report.texts import count_text
from gas_fusion_ros.survey.schema import Coverage, LeakFigures, SensorFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 12
"""In a figure: more cannot be told apart."""
_MOST_SIDE = 400
"""Cells of the longer side of the map; beyond it only the middle is drawn."""
_MARGIN_M = 6.0
"""About the cells, for leaks beside the way."""
_LINE_SIZE = (10.0, 3.2)

Line = tuple[str, list[int], list[float]]


def strengths_picture(leaks: Sequence[LeakFigures]) -> PagePicture | None:
    """Draw how strongly each leak was sensed over time; None where no strength is known."""
    lines: list[Line] = []
    for leak in leaks:
        known = [(one.stamp_ns, one.strength) for one in leak.sightings if one.strength is not None]
        if known:
            stamps, strengths = zip(*known, strict=True)
            lines.append((f"{leak.number} {leak.gas}", list(stamps), list(strengths)))
    lines = sorted(lines, key=lambda line: -len(line[1]))[:MOST_LINES]
    return _lines_picture(lines, "strength, 1 at the limit", f"Strength of {count_text(len(lines), 'leak')}")


def drift_picture(sensors: Sequence[SensorFigures]) -> PagePicture | None:
    """Draw ln(Rs/RL) in clean air over time, from its first value on; None where fewer than two are known."""
    lines: list[Line] = []
    for sensor in sensors:
        known = [(one.start_ns, one.log_ratio) for one in sensor.points if one.log_ratio is not None]
        if len(known) > 1:
            first = known[0][1]
            name = f"{sensor.robot} {sensor.channel}".strip()
            lines.append((name, [stamp for stamp, _ in known], [ratio - first for _, ratio in known]))
    lines = lines[:MOST_LINES]
    return _lines_picture(lines, "change of ln(Rs/RL)", f"Drift of {count_text(len(lines), 'sensor')}")


def coverage_picture(coverage: Coverage, leaks: Sequence[LeakFigures]) -> PagePicture:
    """Draw how many patrols passed each cell, and where the leaks are, by their numbers."""
    places = np.array([(cell.i, cell.j) for cell in coverage.cells])
    middle = np.median(places, axis=0)
    low = np.maximum(places.min(axis=0), np.floor(middle - _MOST_SIDE / 2)).astype(int)
    high = np.minimum(places.max(axis=0), np.ceil(middle + _MOST_SIDE / 2)).astype(int)
    counts = np.full(high - low + 1, np.nan)
    for cell in coverage.cells:
        if low[0] <= cell.i <= high[0] and low[1] <= cell.j <= high[1]:
            counts[cell.i - low[0], cell.j - low[1]] = cell.patrols
    here = [leak for leak in leaks if leak.place.frame_id == coverage.frame_id]
    side = coverage.cell_m
    extent = (low[0] * side, (high[0] + 1) * side, low[1] * side, (high[1] + 1) * side)
    most = int(np.nanmax(counts))
    width_m = extent[1] - extent[0] + 2 * _MARGIN_M
    height_m = extent[3] - extent[2] + 2 * _MARGIN_M
    size = (9.0, min(7.0, max(2.2, 8.0 * height_m / max(width_m, 1.0))))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(
            counts.T, origin="lower", extent=extent, cmap="Blues", vmin=0, vmax=most, aspect="equal"
        )
        bar = figure.colorbar(image, ax=axes, shrink=0.8)
        bar.set_label("patrols")
        bar.set_ticks(sorted({1, (most + 1) // 2, most}))
        for leak in here:
            _draw_leak(axes, leak)
        axes.set_xlim(extent[0] - _MARGIN_M, extent[1] + _MARGIN_M)
        axes.set_ylim(extent[2] - _MARGIN_M, extent[3] + _MARGIN_M)
        axes.set_xlabel("x, m")
        axes.set_ylabel("y, m")

    alt = f"Map of {count_text(len(coverage.cells), 'cell')} that {most} patrols passed at most, and of leaks"
    return PagePicture(figure_png(size, draw), alt)


def _draw_leak(axes: Axes, leak: LeakFigures) -> None:
    from matplotlib.patches import Ellipse

    place = leak.place
    (xx, xy), (_, yy) = place.covariance
    ellipse = LeakPlace(place.x, place.y, xx, xy, yy, place.frame_id).ellipse
    shape = Ellipse(
        (place.x, place.y),
        2 * ellipse.long_m,
        2 * ellipse.short_m,
        angle=np.degrees(ellipse.yaw),
        fill=False,
        color=FAINT_COLOUR if leak.judged_false else VERMILLION,
        linestyle="--" if leak.judged_false else "-",
    )
    axes.add_patch(shape)
    axes.annotate(
        f"{leak.number} {plain(leak.gas)}",
        (place.x, place.y),
        textcoords="offset points",
        xytext=(4, 4),
        fontsize=8,
        color=FAINT_COLOUR if leak.judged_false else TEXT_COLOUR,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )


def _lines_picture(lines: Sequence[Line], label: str, alt: str) -> PagePicture | None:
    if not lines:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0.0, color=FAINT_COLOUR, linewidth=0.8)
        for (name, stamps, values), colour in zip(lines, cycle(LINE_COLOURS), strict=False):
            axes.plot(
                _moments(stamps), values, "o-", color=colour, label=plain(name), linewidth=1.4, markersize=4
            )
        axes.grid(color=GRID_COLOUR)
        axes.set_ylabel(label)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
        figure.autofmt_xdate()

    return PagePicture(figure_png(_LINE_SIZE, draw), f"{alt} over time")


def _moments(stamps_ns: Sequence[int]) -> npt.NDArray[np.datetime64]:
    return np.array(stamps_ns, dtype="datetime64[ns]")
