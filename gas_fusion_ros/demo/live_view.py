"""Shows a run while it plays: a live view in a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN
from gas_fusion_ros.demo.snapshot import HISTORY, Snapshot

_SPARKS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 40
_PLAIN_PERIOD_S = 5.0
_FRAME_LINES = 2
_ALARM_STYLES = {
    "clear": "green",
    "pending": "yellow",
    "active": "bold white on red",
    "acknowledged": "bold black on yellow",
    "latched": "bold white on magenta",
    "fault": "bold white on red",
}
_UNKNOWN_BAR_STYLE = "grey50"
_SENSING_STATES = frozenset({"pending", "active", "acknowledged", "latched"})


class View(Closing):
    """Shows snapshots, between entering and leaving it."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show `snapshot`; called several times a second."""


def create_view(console: Console, title: str) -> View:
    """The live view in a terminal, plain lines where the output is a file or a pipe."""
    return TerminalView(console, title) if console.is_terminal else PlainView(console, title)


class TerminalView(View):
    """Readings with their recent course, class bars, alarm and progress, redrawn in place."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> TerminalView:
        """Start drawing."""
        self._live.start()
        return self

    def close(self) -> None:
        """Stop drawing; the last picture stays."""
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw."""
        height = self._live.console.height
        self._live.update(render(snapshot, self._title, height), refresh=True)


class PlainView(View):
    """A line every few seconds of wall time and one whenever the alarm changes its state."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._alarm = "clear"
        self._next_line_s = 0.0

    def __enter__(self) -> PlainView:
        """Print the title."""
        self._print(self._title)
        return self

    def close(self) -> None:
        """Nothing to restore."""

    def show(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one or the alarm has changed."""
        now_s = time.monotonic()
        if snapshot.alarm == self._alarm and now_s < self._next_line_s:
            return
        self._alarm = snapshot.alarm
        self._next_line_s = now_s + _PLAIN_PERIOD_S
        self._print(plain_line(snapshot))

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def plain_line(snapshot: Snapshot) -> str:
    """The snapshot in one line without colour."""
    alarm = f"{snapshot.alarm} {snapshot.gas}".strip()
    return (
        f"{clock_text(snapshot.elapsed_s)} of {clock_text(snapshot.duration_s)}"
        f"  readings {snapshot.readings}  images {snapshot.images}  classified {snapshot.classified}"
        f"  class {snapshot.label or '-'}  truth {snapshot.truth or '-'}  alarm {alarm}"
    )


def render(snapshot: Snapshot, title: str, height: int = 24) -> RenderableType:
    """The snapshot as a rich renderable; where `height` lines are too few the readings go first."""
    sections: list[RenderableType] = [_alarm_line(snapshot), _progress(snapshot)]
    lines = _FRAME_LINES + 3
    for section, rows in (
        (_class_table(snapshot), len(snapshot.probabilities)),
        (_readings_table(snapshot), len(snapshot.channels)),
    ):
        lines += rows + 1
        if lines <= height:
            sections.insert(0, section)
    body = Group(*(part for section in sections for part in (section, Text())))
    body.renderables.pop()
    return Panel(body, title=title, title_align="left", border_style="grey50", width=80)


def sparkline(values: Sequence[float] | npt.NDArray[np.float32]) -> str:
    """The course of `values` in block characters, lowest to highest; a blank for NaN."""
    series = np.asarray(values, dtype=np.float64)
    finite = series[np.isfinite(series)]
    if not len(finite):
        return " " * len(series)
    low, span = float(finite.min()), float(np.ptp(finite))
    if span == 0:
        return "".join(_SPARKS[0] if np.isfinite(value) else " " for value in series)
    levels = (series - low) / span * (len(_SPARKS) - 1)
    return "".join(_SPARKS[round(level)] if np.isfinite(level) else " " for level in levels)


def clock_text(seconds: float) -> str:
    """`m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours}:{minutes_of_hour:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _readings_table(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=10)
    table.add_column(width=6, justify="right")
    table.add_column()
    for index, channel in enumerate(snapshot.channels):
        course = snapshot.history[:, index] if len(snapshot.history) else np.empty(0, dtype=np.float32)
        last = float(course[-1]) if len(course) else float("nan")
        shown = f"{last:.0f}" if np.isfinite(last) else "--"
        table.add_row(channel.upper(), shown, Text(sparkline(course[-HISTORY:]), style="cyan"))
    return table


def _class_table(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=10)
    table.add_column(width=6, justify="right")
    table.add_column(width=_BAR_WIDTH)
    table.add_column()
    for name, probability in snapshot.probabilities:
        style = "green" if name == CLEAN_AIR else "orange1"
        style = _UNKNOWN_BAR_STYLE if snapshot.label == UNKNOWN else style
        bar = Text("█" * round(probability * _BAR_WIDTH), style=style)
        shown = Text(name, style="bold" if name == snapshot.label else "")
        table.add_row(shown, f"{probability:.2f}", bar, "< truth" if name == snapshot.truth else "")
    return table


def _alarm_line(snapshot: Snapshot) -> Text:
    words = f" {snapshot.alarm.upper()} "
    if snapshot.gas and snapshot.alarm in _SENSING_STATES:
        words += f"{snapshot.gas} "
    verdict = "   Unknown: unlike training" if snapshot.label == UNKNOWN else ""
    return Text.assemble(
        ("alarm       ", ""),
        (words, _ALARM_STYLES.get(snapshot.alarm, "")),
        (f"   {snapshot.mode}", "dim"),
        (verdict, "bold yellow"),
    )


def _progress(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    total = max(snapshot.duration_s, 1e-9)
    table.add_row(
        f"{clock_text(snapshot.elapsed_s)} / {clock_text(snapshot.duration_s)}",
        ProgressBar(total=total, completed=min(snapshot.elapsed_s, total), width=24),
        f"x{snapshot.speed:.1f}",
        Text(
            f"{snapshot.readings} readings  {snapshot.images} images",
            style="dim",
        ),
    )
    return table
