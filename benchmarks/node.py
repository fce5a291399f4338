"""What the classifier node takes beside a bare one: `python -m benchmarks.node [--pairs 5] [--seconds 20]`.

The same readings at 10 Hz and 206x156 mono16 images at 27 Hz go to the classifier and to a node of rclpy that
runs the bare forward pass at each reading and does nothing else (`benchmarks.bare_node`): in turns, each in a
process of its own with one inference thread. Prints each pair's CPU time, the median ratio and its spread.
Exit code 1 where the median is beyond the limit or a reading got no verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rclpy.node import Node
from rich.console import Console
from rich.table import Table

from benchmarks.pipeline import Listener, child, classifier_command, listening
from benchmarks.publisher import wait_until
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.demo.composition import ACTIVATE, CONFIGURE, LifecycleClient

MAX_RATIO = 1.35

_HEARD_S = 5.0


@dataclass(frozen=True)
class Pair:
    """One turn of each, milliseconds of CPU time per second of load.

    Attributes:
        classifier: the classifier's.
        bare: the bare node's.
        lost: readings that the classifier gave no verdict of.
    """

    classifier: float
    bare: float
    lost: int

    @property
    def ratio(self) -> float:
        """Classifier / bare."""
        return self.classifier / self.bare


@dataclass(frozen=True)
class Turn:
    """What one process took under load.

    Attributes:
        cpu_ms: CPU time of all its threads per second, milliseconds.
        readings: how many it was sent.
    """

    cpu_ms: float
    readings: int


def cpu_ns(pid: int) -> int:
    """CPU time of a process's threads, nanoseconds: finer than the hundredths of /proc/<pid>/stat."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            total += int((thread / "schedstat").read_text().split()[0])
    return total


def load(pid: int, seconds: float) -> Turn:
    """Publish for `seconds`, and measure what the process uses meanwhile.

    Raises:
        RuntimeError: the publisher did not start.
    """
    with child("benchmarks.publisher", "--seconds", str(seconds), capture=True) as publisher:
        assert publisher.stdout is not None
        if publisher.stdout.readline().strip() != "started":
            raise RuntimeError("the publisher did not start; its reason stands above")
        before_ns, began_s = cpu_ns(pid), time.monotonic()
        sent = json.loads(publisher.stdout.readline())
        used_ns, passed_s = cpu_ns(pid) - before_ns, time.monotonic() - began_s
        publisher.wait(_HEARD_S)
    return Turn(used_ns / 1e6 / passed_s, int(sent["readings"]))


def run_bare(model: Path, seconds: float) -> Turn:
    """Load the bare node."""
    with child("benchmarks.bare_node", "--model", str(model)) as process:
        return load(process.pid, seconds)


def run_classifier(node: Node, listener: Listener, model: Path, seconds: float) -> tuple[Turn, int]:
    """Load the classifier; return besides how many readings got no verdict."""
    listener.arrivals.clear()
    with child(*classifier_command(model)) as process:
        lifecycle = LifecycleClient(node, "gas_classifier")
        lifecycle.request(CONFIGURE)
        lifecycle.request(ACTIVATE)
        turn = load(process.pid, seconds)
        with suppress(TimeoutError):  # the table says how many are missing
            wait_until(lambda: len(listener.arrivals) >= turn.readings, "verdict for every reading", _HEARD_S)
    return turn, turn.readings - len({arrival.stamp_ns for arrival in listener.arrivals})


def run_pairs(model: Path, seconds: float, pairs: int) -> Iterator[Pair]:
    """Load both in turns."""
    with listening() as (node, listener):
        for _ in range(pairs):
            classifier, lost = run_classifier(node, listener, model, seconds)
            yield Pair(classifier.cpu_ms, run_bare(model, seconds).cpu_ms, lost)


def result_table(pairs: Sequence[Pair]) -> Table:
    """Each pair, and the medians."""
    table = Table("pair", "classifier, ms CPU per s", "bare node and passes", "ratio", "readings lost")
    for number, pair in enumerate(pairs, start=1):
        table.add_row(
            str(number), f"{pair.classifier:.1f}", f"{pair.bare:.1f}", f"{pair.ratio:.2f}", str(pair.lost)
        )
    table.add_row(
        "median",
        f"{statistics.median(pair.classifier for pair in pairs):.1f}",
        f"{statistics.median(pair.bare for pair in pairs):.1f}",
        f"{statistics.median(pair.ratio for pair in pairs):.2f}",
        str(sum(pair.lost for pair in pairs)),
    )
    return table


def broken_limits(pairs: Sequence[Pair]) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    ratio = statistics.median(pair.ratio for pair in pairs)
    lost = sum(pair.lost for pair in pairs)
    checks = [
        (ratio <= MAX_RATIO, f"the median ratio is {ratio:.2f}, at most {MAX_RATIO:g}"),
        (lost == 0, f"{lost} readings got no verdict, none may be lost"),
    ]
    return [text for kept, text in checks if not kept]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 0 where every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="how many turns of each")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is loaded")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model bundle: a name or a folder")
    options = parser.parse_args(arguments)
    if options.pairs < 1:
        parser.error("--pairs must be at least 1")
    model = find_bundle(options.model)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(random.randint(1, 100))
    pairs = list(run_pairs(model, options.seconds, options.pairs))
    ratios = [pair.ratio for pair in pairs]
    console = Console()
    console.print(result_table(pairs))
    console.print(
        f"{options.model}, {options.seconds:g} s each; ratio median {statistics.median(ratios):.2f}, "
        f"{min(ratios):.2f} to {max(ratios):.2f}"
    )
    broken = broken_limits(pairs)
    for text in broken:
        console.print(f"limit not kept: {text}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
