"""`gas-fusion look`: what a model makes of thermal pictures, and what in them spoke."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.quoting import one_line, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.commands.options import Device, PrecisionChoice
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, EXIT_USAGE, complain, ends_on_signals, fail, say
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError
from gas_fusion_ros.drivers.thermal.raw_frames import ByteOrder, Profile, RawFrameError, RawSettings
from gas_fusion_ros.inspection.picture import LookedAt, PictureLook, right_told
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.classifier import ClassifierError
from gas_fusion_ros.model.picture_evidence import PictureEvidenceError
from gas_fusion_ros.model.runtimes import DeviceError, create_runtime
from gas_fusion_ros.model.thermal import ThermalError

PAGE = "look.html"
_MOST_OF_A_FILE = 100
_SHUTTER = "the camera's closed shutter: taken off the frames that follow"
_PARAMETER, _OPTION = re.compile(r"(?<![\w./])shutter_file(?![\w./])"), "--shutter"


@ends_on_signals
def look(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures: screenshots, raw counts, temperatures; files of several, folders.",
            metavar="PICTURE...",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Model bundle: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.CPU,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="In which numbers it computes on the CPU.")
    ] = PrecisionChoice.AUTO,
    profile: Annotated[
        Profile, typer.Option(help="How 16-bit frames are read, see docs/cameras.md.")
    ] = Profile.AUTO,
    cut_top: Annotated[int, typer.Option(min=0, help="Rows above that are no picture; profile own.")] = 0,
    cut_bottom: Annotated[int, typer.Option(min=0, help="Rows below that are none, likewise.")] = 0,
    byte_order: Annotated[ByteOrder, typer.Option(help="Order of their bytes.")] = ByteOrder.AUTO,
    counts_per_kelvin: Annotated[
        float, typer.Option(min=0.0, help="Their scale; profiles own and raw14. 0: not known.")
    ] = 0.0,
    offset: Annotated[float, typer.Option(help="Temperature at count 0, K, with --counts-per-kelvin.")] = 0.0,
    shutter: Annotated[
        Optional[Path], typer.Option(help="Picture of the closed shutter, of a Seek's raw frames.")
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option(help=f"Folder for {PAGE}: each picture with field, map and verdict. Made if missing."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON: a list, an entry per picture.")
    ] = False,
) -> None:
    """Say what a model makes of thermal pictures alone, and what in them spoke.

    Exit code 0: all pictures were read. 1: some were not. 2: none was, or the model cannot be used.
    """
    raw = RawSettings(
        profile.value,
        cut_top,
        cut_bottom,
        byte_order.value,
        counts_per_kelvin,
        offset,
        "" if shutter is None else str(shutter),
    )
    looking = _open(model, device, precision, raw)
    looked: list[LookedAt] = []
    entries: list[dict[str, Any]] = []
    failed = 0
    for file in pictures:
        for entry in _entries(looking, file):
            if isinstance(entry, LookedAt):
                looked.append(entry)
                entries.append({**entry.to_json(), "caveat": looking.caveat})
            else:
                entries.append(entry)
                failed += entry["problem"] != _SHUTTER
    if as_json:
        typer.echo(json.dumps(entries, indent=2, allow_nan=False))
    elif looked:
        _print(looked, looking.caveat)
    if looking.without_maps:
        complain(f"without maps: {looking.without_maps}")
    if output is not None and looked:
        _write(looked, model, looking.caveat, output)
        if not as_json:
            say(str(output / PAGE))
    raise typer.Exit(EXIT_USAGE if not looked else EXIT_LOSSES if failed else 0)


def _entries(looking: PictureLook, file: Path) -> Iterator[LookedAt | dict[str, Any]]:
    """What is seen in a file's pictures, or what is printed of each that cannot be seen."""
    try:
        opened = looking.open(file)
    except (DriverError, UnreadableImageError) as error:
        yield _problem(file, _told(error))
        return
    with opened:
        there = [index for index in range(len(opened.series)) if opened.series.has(index)]
        indices = there[:: -(-len(there) // _MOST_OF_A_FILE)] if there else []
        if len(indices) < len(there):
            complain(
                f"{shown(file)}: {len(indices)} of its {len(there)} pictures are looked at, evenly spaced"
            )
        for index in indices:
            place = opened.place(index)
            try:
                at = looking.at(opened, index)
            except (UnreadableImageError, RawFrameError, ThermalError, ClassifierError) as error:
                yield _problem(file, _told(error), place)
            else:
                yield at or _problem(file, _SHUTTER, place)


def _told(error: Exception) -> str:
    """A message in one line, what is a parameter of the nodes under its name on the command line."""
    return one_line(_PARAMETER.sub(_OPTION, str(error), count=1))


def _problem(file: Path, problem: str, place: str = "") -> dict[str, Any]:
    """Say what is wrong, and return what is printed of it."""
    where = shown(file) if not place else f"{shown(file)} {shown(place)}"
    complain(f"{where}: {problem}")
    at = {"place": place} if place else {}
    return {"file": str(file), **at, "label": None, "probabilities": {}, "problem": problem}


def _open(model: str, device: Device, precision: PrecisionChoice, raw: RawSettings) -> PictureLook:
    try:
        bundle = Bundle.load(find_bundle(model))
        return PictureLook(bundle, create_runtime(bundle, device.value, precision=precision.value), raw)
    except (BundleError, DeviceError, DriverError, PictureEvidenceError, OSError) as error:
        fail(_told(error))


def _print(looked: Sequence[LookedAt], caveat: str) -> None:
    console = Console(markup=False, highlight=False)
    console.print(_verdicts(looked))
    console.print()
    console.print(_fields(looked))
    console.print()
    for read_as in dict.fromkeys(at.figures.read_as for at in looked):
        names = [shown(at.title) for at in looked if at.figures.read_as == read_as]
        console.print(f"{read_as}: {', '.join(names)}", soft_wrap=True)
    if told := right_told(looked):
        console.print(told)
    if caveat:
        console.print(caveat, style="yellow", soft_wrap=True)


def _verdicts(looked: Sequence[LookedAt]) -> Table:
    is_told = looked[0].verdict.novelty is not None  # of one picture, so of all
    novelty = ("novelty",) if is_told else ()
    named = ("named",) if any(at.named for at in looked) else ()
    table = _table("picture", *named, "verdict", *map(shown, looked[0].verdict.classes), *novelty)
    for at in looked:
        probabilities = (f"{probability:.3f}" for probability in at.verdict.probabilities)
        further = (at.novelty_told,) if is_told else ()
        truth = (shown(at.named or "-"),) if named else ()
        table.add_row(shown(at.title), *truth, shown(at.verdict.label), *probabilities, *further)
    return table


def _fields(looked: Sequence[LookedAt]) -> Table:
    table = _table("picture", "field", "range", "spoke most")
    for at in looked:
        size = f"{at.figures.width} x {at.figures.height}"
        table.add_row(shown(at.title), size, at.figures.range_told, at.spoke_told)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _write(looked: Sequence[LookedAt], model: str, caveat: str, output: Path) -> None:
    # Imported here: only a page needs a template engine.
    from gas_fusion_ros.report.picture_page import write_picture_page

    try:
        output.mkdir(parents=True, exist_ok=True)
        write_picture_page(looked, model, caveat, output / PAGE)
    except OSError as error:
        fail(f"--output {shown(output)} cannot be written: {error.strerror}")
