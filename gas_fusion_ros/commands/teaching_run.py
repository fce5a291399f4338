"""What `gas-fusion teach` does: reads the recordings, teaches, and says what came of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.bags.reader import BagReadError
from gas_fusion_ros.bags.recognition import is_table
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.base.table.classes import check_aliases
from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.options import refuse_for_tables
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, complain, complain_of, fail, say, say_notes
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.teaching.sources import (
    BagSettings,
    Labelled,
    array_of,
    deviations,
    read_bag,
    read_table,
    together,
)
from gas_fusion_ros.teaching.taught_bundle import (
    Origin,
    Taught,
    TeachingError,
    TeachingSettings,
    known_classes,
    teach,
)
from gas_fusion_ros.teaching.taught_network import read_network


@dataclass(frozen=True)
class Request:
    """What is asked of the command.

    Attributes:
        sources: bags, folders or CSVs.
        output: new or empty folder.
        start: bundle to begin with.
        labels: CSVs of intervals, one for each bag, or none.
        array: array file of all sources; None for that beside each.
        name: the new model's.
        forget: classes that it is to lose.
        embargo_ns: beside held-out readings; None for the span of a window.
        seed: decides copies and clusters.
        topics: names where they are not to be found by convention.
        limits: what of the machine unpacking may take.
        table: what tables do not tell by themselves.
        command: as it was given.
    """

    sources: tuple[Path, ...]
    output: Path
    start: str
    labels: tuple[Path, ...]
    array: Path | None
    name: str
    forget: tuple[str, ...]
    embargo_ns: int | None
    seed: int
    topics: BagTopics
    limits: BagLimits
    table: TableOptions
    command: str


def run(request: Request) -> int:
    """Teach, say what came of it, and return the exit code; a refusal ends the command with its own."""
    began_s = time.perf_counter()
    problems = Problems()
    try:
        bundle = Bundle.load(find_bundle(request.start))
        read_network(bundle)  # refused before minutes of reading
        known = known_classes(bundle, request.forget)
        read = [
            _read(source, settings, request.table, request.array, bundle, problems)
            for source, settings in _sources(request)
        ]
        spellings = dict.fromkeys(name for (part, _), _ in read for name in part.spellings)
        check_aliases(request.table.classes, spellings)
        settings = TeachingSettings(
            request.name, request.forget, request.embargo_ns, request.command, request.seed
        )
        origins = [origin for _, origin in read]
        material = together([part for part, _ in read], known)
        taught = teach(bundle, material, origins, request.output, settings)
    except (ValueError, BundleError, BagReadError, FileNotFoundError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"--output {shown(request.output)} cannot be written: {error.strerror or error}")
    _report(taught, bundle, origins, time.perf_counter() - began_s)
    lost = complain_of(problems)
    for warning in taught.warnings:
        complain(f"warning: {warning}")
    return EXIT_LOSSES if lost or taught.warnings else 0


def _sources(request: Request) -> list[tuple[Path, BagSettings]]:
    bags = [source for source in request.sources if not is_table(source)]
    if request.labels and len(request.labels) != len(bags):
        raise TeachingError(
            f"--labels is given {len(request.labels)} times for {len(bags)} bags; expected a CSV for each, "
            "in "
            "their order; a folder has its own"
        )
    if len(bags) == len(request.sources) and bags[0].exists():
        refuse_for_tables(request.table, f"{shown(bags[0])} is a bag")
    files = dict(zip(bags, request.labels or [None] * len(bags), strict=True))
    return [
        (source, BagSettings(request.topics, files.get(source), request.limits, request.table.classes))
        for source in request.sources
    ]


def _read(
    source: Path,
    settings: BagSettings,
    options: TableOptions,
    given: Path | None,
    bundle: Bundle,
    problems: Problems,
) -> tuple[tuple[Labelled, npt.NDArray[np.float32]], Origin]:
    if is_table(source):
        known = array_of(source, given, bundle)
        channels = [one for one in known.array.names if one in bundle.channels]
        labelled = read_table(source, channels, problems, options)
    else:
        with counted(shown(source.name), None) as tick:
            labelled = read_bag(source, settings, problems, tick)
        known = array_of(source, given, bundle, labelled.arrays)
    say_notes(source, labelled.notes)
    origin = Origin(str(source), labelled.sha256, known.told, dict(sorted(Counter(labelled.labels).items())))
    return (labelled, deviations(labelled, known, bundle.channels)), origin


def _report(taught: Taught, origin: Bundle, origins: Sequence[Origin], seconds: float) -> None:
    for one in origins:
        say(f"{shown(one.path)}: array {one.array}")
    table = Table("class", "readings", "held-out recall", "else taken for", "", box=box.SIMPLE_HEAD)
    for report in taught.classes:
        confused = "-" if report.confused is None else f"{report.confused[0]} {report.confused[1]:.0%}"
        kind = "new" if report.is_new else "known, taught more"
        table.add_row(report.name, str(report.readings), f"{report.recall:.3f}", confused, kind)
    Console().print(table)
    kept = ", ".join(f"{name} {share:.0%}" for name, share in taught.remembered.items())
    say(f"of what {origin.name} knew is still taken for it: {kept}")
    for note in taught.notes:
        say(note)
    if taught.retuned:
        say(_alarm(taught.bundle.alarm))
    new = [report.name for report in taught.classes if report.is_new]
    if new:
        say(
            f"on the robot {', '.join(new)} raises a critical alarm, unless alarm.critical_classes or "
            "alarm.warning_classes are changed: then name it in one of them, or it raises none"
        )
    say(f"{shown(taught.bundle.path)}: model {shown(taught.bundle.name)}, in {seconds:.1f} s")


def _alarm(advice: AlarmAdvice) -> str:
    delay = "none is heard" if advice.delay_s is None else f"heard after {advice.delay_s:g} s"
    return (
        f"the alarm's advice, tuned on what was held out: {advice.on_threshold:g} for "
        f"{advice.on_delay_ns / NANOSECONDS_PER_SECOND:g} s; false alarms per hour "
        f"{advice.false_alarms_per_hour:g}, "
        f"leaks missed {advice.missed:.0%}, {delay}"
    )
