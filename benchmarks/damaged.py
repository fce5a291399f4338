"""What damaged bags cost: `python -m benchmarks.damaged [--bags 400] [--seed 0] [--work FOLDER]`.

Damages so many small bags of each kind of storage at random, and runs `gas-fusion inspect` or `gas-fusion
evaluate` on each in a process of its own. A table tells the longest time and the most memory that one took,
the exit codes, and how many failed otherwise than in a line: by a traceback, another exit code, a line that
is none, or by not ending. Their bags are left in the folder. Exit code 1 where there is one, or a limit is
not kept.
"""

from __future__ import annotations

import os
import random
import resource
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.damaged_bags import KINDS, damaged, write_whole_bag

MAX_SECONDS = 30.0
MAX_PEAK_MB = 600.0
ADDRESS_SPACE = 6 << 30
"""What a process may ask for, bytes: it spares the machine where the bound on memory is not kept."""

_EXPECTED = (0, 1, 2)
_LONGEST_LINE = 2100


@dataclass(frozen=True)
class Run:
    """What one command did.

    Attributes:
        exit_code: its exit code; negative the signal that ended it; None where it had to be ended.
        seconds: how long it took.
        peak_mb: the most memory that it had.
        said: what it wrote to stdout and stderr.
    """

    exit_code: int | None
    seconds: float
    peak_mb: float
    said: str

    @property
    def fault(self) -> str:
        """What is wrong with it; empty where nothing is."""
        if self.exit_code is None:
            return f"no end within {MAX_SECONDS:g} s"
        if "Traceback" in self.said:
            return "a traceback"
        if self.exit_code not in _EXPECTED:
            return f"exit code {self.exit_code}"
        lines = self.said.split("\n")
        if not all(line.isprintable() and len(line) <= _LONGEST_LINE for line in lines):
            return "a line that is none"
        if self.exit_code == 2 and sum(line != "" for line in lines) != 1:
            return "not one line"
        return ""


def run_command(*arguments: str, max_seconds: float = MAX_SECONDS) -> Run:
    """Run `gas-fusion` with these arguments in a process of its own, forked from this one."""
    # Imported before the fork, so that each process does not load it anew.
    from gas_fusion_ros.cli import app

    with tempfile.TemporaryFile() as output:
        began_s = time.perf_counter()
        child = os.fork()
        if child == 0:
            _be_the_command(lambda: app(list(arguments)), output.fileno())
        has_ended = _wait(child, max_seconds)
        if not has_ended:
            os.kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        seconds = time.perf_counter() - began_s
        output.seek(0)
        said = output.read().decode("utf-8", errors="backslashreplace")
    code = os.waitstatus_to_exitcode(status) if has_ended else None
    return Run(code, seconds, used.ru_maxrss * 1024 / 1e6, said)


def _be_the_command(command: Callable[[], object], output: int) -> None:
    """Run a command instead of what this process was; never returns."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(COLUMNS="200", NO_COLOR="1", TERM="dumb")
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _wait(child: int, max_seconds: float) -> bool:
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], max_seconds)[0])
    finally:
        os.close(handle)


def commands_for(number: int, bag: Path, output: Path) -> tuple[str, ...]:
    """Which command is tried on which bag."""
    if number % 2:
        return "inspect", str(bag)
    return "evaluate", str(bag), "--output", str(output), "--device", "cpu", "--no-html"


@dataclass(frozen=True)
class Outcome:
    """What all runs on bags of one kind did.

    Attributes:
        kind: the bags' kind.
        runs: each of them.
    """

    kind: str
    runs: Sequence[Run]

    @property
    def seconds(self) -> float:
        """The longest that one took."""
        return max(run.seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """The most memory that one had."""
        return max(run.peak_mb for run in self.runs)

    @property
    def faults(self) -> Counter[str]:
        """What went wrong, and how often."""
        return Counter(run.fault for run in self.runs if run.fault)

    @property
    def is_good(self) -> bool:
        """Whether nothing failed and the limits are kept."""
        return not self.faults and self.seconds <= MAX_SECONDS and self.peak_mb <= MAX_PEAK_MB


def try_kind(kind: str, bags: int, seed: int, work: Path) -> Outcome:
    """Damage so many bags of a kind, and run a command on each."""
    whole = work / "whole"
    file = write_whole_bag(whole, kind)
    content = file.read_bytes()
    runs = []
    for number in range(bags):
        # The seed of each by itself, so that one that failed can be made again.
        rng = random.Random(f"{seed} {kind} {number}")
        bag, output = work / f"{kind} {number}".replace(", ", "-").replace(" ", "-"), work / "output"
        shutil.copytree(whole, bag)
        (bag / file.name).write_bytes(damaged(content, rng))
        run = run_command(*commands_for(number // 2, bag if number % 4 < 2 else bag / file.name, output))
        shutil.rmtree(output, ignore_errors=True)
        if run.fault:
            (bag / "said.txt").write_text(run.said, encoding="utf-8")
        else:
            shutil.rmtree(bag)
        runs.append(run)
    shutil.rmtree(whole)
    return Outcome(kind, runs)


def result_table(outcomes: Sequence[Outcome]) -> Table:
    """A row for each kind."""
    table = Table(title="Damaged bags")
    for name in ("bags", "runs", "worst s", "worst MB", "exit 0", "exit 1", "exit 2", "faults"):
        table.add_column(name)
    for outcome in outcomes:
        codes = Counter(run.exit_code for run in outcome.runs)
        faults = ", ".join(f"{count} x {fault}" for fault, count in outcome.faults.items())
        table.add_row(
            outcome.kind,
            str(len(outcome.runs)),
            f"{outcome.seconds:.1f}",
            f"{outcome.peak_mb:.0f}",
            *(str(codes[code]) for code in _EXPECTED),
            faults or "none",
        )
    return table


def main(
    bags: Annotated[int, typer.Option(help="Damaged bags of each kind.", min=1)] = 400,
    seed: Annotated[int, typer.Option(help="Which damage is done.")] = 0,
    work: Annotated[Path, typer.Option(help="Where the bags that failed are left.")] = Path("output/damaged"),
) -> None:
    """Measure what damaged bags cost."""
    work.mkdir(parents=True, exist_ok=True)
    outcomes = [try_kind(kind, bags, seed, work) for kind in KINDS]
    Console().print(result_table(outcomes))
    raise typer.Exit(not all(outcome.is_good for outcome in outcomes))


if __name__ == "__main__":
    typer.run(main)
