"""What an evaluation costs beside the bare reading of its bag: `python -m benchmarks.evaluation [--pairs 5]`.

A simulated patrol of ten minutes (54 MB, an image with each reading) is evaluated by `gas-fusion evaluate`,
with and without report.html, and read by the library `rosbags` alone, which deserializes every message: in
turns, each a process of its own. Compared is their CPU time from start to end, start of Python included.
Exit code 1 where a median ratio is beyond its limit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.replay_bags import write_patrol

MAX_WITH_REPORT = 6.0
MAX_WITHOUT_REPORT = 4.5

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Turn:
    """CPU seconds of each process.

    Attributes:
        with_report: the whole command.
        without_report: the same with `--no-html`.
        reading: the library's reading of the bag.
    """

    with_report: float
    without_report: float
    reading: float

    @property
    def ratios(self) -> tuple[float, float]:
        """Of the command with and without its report to the reading."""
        return self.with_report / self.reading, self.without_report / self.reading


def cpu_s(*arguments: str) -> float:
    """Run a module in a process of its own, and return its CPU time, seconds.

    Raises:
        RuntimeError: it failed.
    """
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=_ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed; its reason stands above")
    return used.ru_utime + used.ru_stime


def turns(bag: Path, pairs: int) -> Iterator[Turn]:
    """Evaluate and read a bag so often."""
    for number in range(pairs):
        output = bag.parent / f"output{number}"
        evaluate = ("gas_fusion_ros", "evaluate", str(bag), "--output")
        with_report = cpu_s(*evaluate, str(output / "whole"))
        without_report = cpu_s(*evaluate, str(output / "bare"), "--no-html")
        yield Turn(with_report, without_report, cpu_s("benchmarks.library_reading", str(bag)))


def result_table(measured: Sequence[Turn]) -> Table:
    """Each turn, and the medians."""
    table = Table("turn", "with report, s CPU", "ratio", "without, s CPU", "ratio", "reading, s CPU")
    for number, turn in enumerate(measured, start=1):
        table.add_row(str(number), *_cells(turn, turn.ratios))
    middle = Turn(
        *(statistics.median(getattr(turn, name) for turn in measured) for name in Turn.__dataclass_fields__)
    )
    table.add_row("median", *_cells(middle, median_ratios(measured)))
    return table


def _cells(turn: Turn, ratios: tuple[float, float]) -> tuple[str, ...]:
    whole, bare = ratios
    return (
        f"{turn.with_report:.2f}",
        f"{whole:.2f}",
        f"{turn.without_report:.2f}",
        f"{bare:.2f}",
        f"{turn.reading:.2f}",
    )


def median_ratios(measured: Sequence[Turn]) -> tuple[float, float]:
    """Median ratio with and without the report."""
    whole, bare = zip(*(turn.ratios for turn in measured), strict=True)
    return statistics.median(whole), statistics.median(bare)


def broken_limits(measured: Sequence[Turn]) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    whole, bare = median_ratios(measured)
    checks = [
        (whole, MAX_WITH_REPORT, "with its report"),
        (bare, MAX_WITHOUT_REPORT, "without"),
    ]
    return [
        f"an evaluation {which} takes {ratio:.2f} times the reading, at most {limit:g}"
        for ratio, limit, which in checks
        if ratio > limit
    ]


def main(pairs: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 5) -> None:
    """Measure what an evaluation costs beside the bare reading of its bag."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "patrol"
        write_patrol(bag, rounds=1)
        measured = list(turns(bag, pairs))
    console.print(result_table(measured))
    broken = broken_limits(measured)
    for text in broken:
        console.print(f"limit not kept: {text}")
    raise typer.Exit(int(bool(broken)))


if __name__ == "__main__":
    typer.run(main)
