"""`gas-fusion demo`: plays a patrol or a recording through the real nodes, and says what they found."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.commands.options import Classes, Device, LabelColumn, output_folder, table_options
from gas_fusion_ros.commands.terminal import ends_on_signals, fail, say_notes, without_ros
from gas_fusion_ros.demo.programme import Programme, ProgrammeError, patrol_programme, recorded_programme
from gas_fusion_ros.watch.access import Access

if TYPE_CHECKING:
    from gas_fusion_ros.demo.demo import DemoOutcome
    from gas_fusion_ros.demo.report import DemoReport


@ends_on_signals
def demo(
    seed: Annotated[int, typer.Option(help="Which patrol is simulated.", min=0, max=2**31 - 1)] = 0,
    duration: Annotated[
        Optional[float],
        typer.Option(
            help="Simulated seconds to play. A patrol: 60 to 3600, 600 unless given. "
            "A recording: above 0, all rows unless given."
        ),
    ] = None,
    speed: Annotated[
        Optional[float],
        typer.Option(
            help="Simulated seconds per second, at most: above 0 to 1000. "
            "Unless given 10 for a patrol, 300 for a recording. "
            "Time waits where the machine cannot keep up, so that no reading is lost."
        ),
    ] = None,
    leaks: Annotated[
        Optional[int],
        typer.Option(
            help="Leaks on the patrol: 0 up to the most that fit, 6 in 600 s; 3 unless given, or what fits.",
            min=0,
        ),
    ] = None,
    recorded: Annotated[
        Optional[Path],
        typer.Option(
            help="Play this folder in the layout of the data set MultimodalGasData instead, or this CSV."
        ),
    ] = None,
    label_column: LabelColumn = None,
    classes: Classes = None,
    model: Annotated[
        str, typer.Option(help="Model bundle: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.AUTO,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show it in a browser too, as `gas-fusion watch` does; says where."),
    ] = False,
    output: Annotated[
        Optional[Path],
        typer.Option(
            help="New or empty folder for report, picture, events and bag.", show_default="output/<time>"
        ),
    ] = None,
) -> None:
    """Play a patrol or a recording through the real nodes and report what they found."""
    console = Console()
    folder = output_folder(output)
    try:
        options = table_options(label_column, classes)
        programme = _programme(seed, duration, leaks, speed, recorded, options)
        if recorded is not None:
            say_notes(recorded, programme.notes)
        access = Access(port=0, token=secrets.token_hex()) if watch else None
        outcome = _run(programme, folder, model, device, access, console)
    except ValueError as error:
        fail(str(error))
    _summarise(console, outcome, folder)
    raise typer.Exit(outcome.exit_code)


def _programme(
    seed: int,
    duration: float | None,
    leaks: int | None,
    speed: float | None,
    recorded: Path | None,
    options: TableOptions,
) -> Programme:
    if recorded is not None:
        return recorded_programme(recorded, duration, speed, options)
    return patrol_programme(seed, duration, leaks, speed)


def _run(
    programme: Programme,
    folder: Path,
    model: str,
    device: Device,
    access: Optional[Access],
    console: Console,
) -> "DemoOutcome":
    # Imported here: only what plays needs ROS.
    try:
        from gas_fusion_ros.demo import demo as player
    except ImportError as error:
        raise ProgrammeError(without_ros(error)) from error
    return player.run(programme, player.DemoSettings(folder, model, device.value, watch=access), console)


def _summarise(console: Console, outcome: "DemoOutcome", folder: Path) -> None:
    console.print(_table(outcome.report))
    if outcome.stopped:
        console.print(outcome.stopped, style="yellow", markup=False, highlight=False, soft_wrap=True)
    for warning in outcome.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if outcome.complaint:
        console.print(
            f"failed: {outcome.complaint}", style="red", markup=False, highlight=False, soft_wrap=True
        )
    console.print(
        f"{folder}/report.json  {folder}/timeline.png  {folder}/events.jsonl  {folder}/bag",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _table(report: "DemoReport") -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in report_rows(report).items():
        table.add_row(name, value)
    return table


def report_rows(report: "DemoReport") -> dict[str, str]:
    """What the summary says of a run, by the name of the figure."""
    unreadable = f", {report.unreadable_rows} rows unreadable" if report.unreadable_rows else ""
    return {
        "leaks": _leaks(report),
        "alarms": f"{report.alarms}, {'-' if report.false_alarms is None else report.false_alarms} false",
        "detection delay": _delays(report),
        "readings": f"{report.readings}: {report.pairs} with an image, {report.gas_only} alone, "
        f"{report.dropped} dropped{unreadable}",
        "class accuracy": f"{_share(report.class_accuracy)}, "
        f"{_share(report.settled_accuracy)} in settled air",
        "latency": ", ".join(f"{name} {_ms(value)}" for name, value in report.latency_ms.items()),
        "time": f"{report.duration_s:.0f} s played in {report.wall_s:.0f} s",
    }


def _leaks(report: "DemoReport") -> str:
    if report.leaks is None:
        return "-"
    parts = [f"{report.leaks}", f"{report.missed_leaks} missed"]
    if report.leaks_under_standing_alarm:
        parts.append(f"{len(report.leaks_under_standing_alarm)} under a standing alarm")
    if report.leaks_too_short:
        parts.append(f"{len(report.leaks_too_short)} too short to judge")
    return ", ".join(parts)


def _delays(report: "DemoReport") -> str:
    def delay_text(number: int, delay: float | None) -> str:
        if delay is not None:
            return f"{delay:.1f} s"
        if number in report.leaks_under_standing_alarm:
            return "alarm already standing"
        return "too short to judge" if number in report.leaks_too_short else "-"

    delays = enumerate(report.detection_delays_s, start=1)
    return ", ".join(delay_text(number, delay) for number, delay in delays) or "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
