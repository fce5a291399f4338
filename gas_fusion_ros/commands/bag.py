"""`gas-fusion bag`: writes a bag from a data set's folder or from the simulator."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, load_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.bags.writer import BagError, BagFormat, Compression, Storage
from gas_fusion_ros.base.dataset import DatasetError, MissingColumnError
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.shipped_files import SIMULATED_ARRAY, find_array
from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.channels import parse_channels
from gas_fusion_ros.commands.options import (
    Classes,
    LabelColumn,
    OrderOfDates,
    TimeColumn,
    TimeUnitOfNumbers,
    table_options,
)
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, complain_of, ends_on_signals, fail, say, say_notes
from gas_fusion_ros.demo.programme import GAS_PERIOD_S, IMAGE_PERIOD_S, patrol_programme
from gas_fusion_ros.export.bag_making import BagSummary, BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import (
    BagSource,
    BagSourceError,
    FolderSettings,
    FolderSource,
    PatrolSource,
)

_ROW_PERIOD_S = 2.0
_NAMESPACE = re.compile(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*")


@ends_on_signals
def bag(
    output: Annotated[Path, typer.Option(help="The bag: a directory that does not exist yet.")],
    data: Annotated[
        Optional[Path],
        typer.Option(help="Folder in the layout of the data set MultimodalGasData, or a CSV."),
    ] = None,
    patrol: Annotated[bool, typer.Option("--patrol", help="Record a simulated patrol instead.")] = False,
    period: Annotated[
        Optional[float],
        typer.Option(
            help="Seconds between two rows, where the CSV has no times: 2 unless given; between two "
            "readings and images of a patrol: 0.5 unless given.",
            min=0.001,
            max=3600.0,
        ),
    ] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Render a thermal image of its class for each row without one.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Which patrol, or which scenes are rendered.", min=0, max=2**31 - 1)
    ] = 0,
    leaks: Annotated[
        Optional[int], typer.Option(help="Leaks on the patrol: 3 unless given, or what fits.", min=0)
    ] = None,
    duration: Annotated[
        Optional[float],
        typer.Option(help="Seconds to write: of a patrol 60 to 3600, 600 unless given; of a folder all."),
    ] = None,
    rows: Annotated[Optional[int], typer.Option(help="How many rows of the folder to write.", min=1)] = None,
    channels: Annotated[
        Optional[str],
        typer.Option(
            help="Names of the gas channels, separated by commas; those of the array file unless given.",
            show_default="mq2,...",
        ),
    ] = None,
    array: Annotated[
        Optional[Path],
        typer.Option(
            help="Array file: what the array says of itself in the bag. Unless given, array.yaml of the "
            "folder, if any."
        ),
    ] = None,
    label_column: LabelColumn = None,
    classes: Classes = None,
    time_column: TimeColumn = None,
    time_unit: TimeUnitOfNumbers = None,
    date_order: OrderOfDates = None,
    namespace: Annotated[str, typer.Option(help="Name of the robot, in front of every topic.")] = "",
    storage: Annotated[Storage, typer.Option(help="Kind of the bag's file.")] = Storage.MCAP,
    compression: Annotated[Compression, typer.Option(help="How it is compressed.")] = Compression.ZSTD,
) -> None:
    """Write a bag from a folder of readings and images, or from the simulator, with its ground truth."""
    try:
        array_file = array or _array_beside(data)
        asked = None if channels is None else parse_channels(channels)
        described = None if array_file is None else _described(array_file, asked)
        names = (asked or PAPER_CHANNELS) if described is None else described.names
        target = BagTarget(output, _checked_namespace(namespace), BagFormat(storage, compression))
        if patrol:
            _refuse_beside("--patrol", {"--data": data, "--rows": rows, "--render": render or None})
            source = _patrol_source(seed, duration, leaks, period, names, described)
        else:
            _refuse_beside("--data", {"--leaks": leaks})
            options = table_options(label_column, classes, time_column, time_unit, date_order)
            source = _folder_source(
                data, period, rows, duration, names, described, options, seed if render else None
            )
        with counted(shown(output.name), len(source)) as tick:
            summary = make_bag(source, target, tick)
    except (ValueError, BagError) as error:
        fail(str(error))
    if isinstance(source, FolderSource) and data is not None:
        say_notes(data, source.notes)
    say(_told(output, summary, source.image_topic, array_file))
    raise typer.Exit(EXIT_LOSSES if complain_of(source.problems) else 0)


def _array_beside(data: Optional[Path]) -> Optional[Path]:
    """The array file of a data set's folder; None where it has none."""
    if data is None:
        return None
    beside = (data.parent if data.is_file() else data) / ARRAY_FILE_NAME
    return beside if beside.exists() else None


def _described(file: Path, channels: Optional[tuple[str, ...]]) -> ArrayDescription:
    """What a file says of the channels that are asked for; of all where none are."""
    array = load_array(file)
    try:
        return array if channels is None else array.of_channels(channels)
    except ValueError as error:
        raise BagSourceError(f"--channels does not fit the array file {shown(file)}: {error}") from None


def _checked_namespace(text: str) -> str:
    name = text.strip("/")
    if name and not _NAMESPACE.fullmatch(name):
        raise BagSourceError(
            f"--namespace is {quoted(text)}; expected letters, digits and underscores, such as robot1, "
            "with slashes between several names"
        )
    return name


def _refuse_beside(option: str, others: Mapping[str, object]) -> None:
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise BagSourceError(f"{option} goes without {', '.join(given)}")


def _patrol_source(
    seed: int,
    duration_s: Optional[float],
    leaks: Optional[int],
    period_s: Optional[float],
    channels: tuple[str, ...],
    array: Optional[ArrayDescription],
) -> BagSource:
    patrol = patrol_programme(seed, duration_s, leaks, speed=None).patrol
    assert patrol is not None
    gas_period_s, image_period_s = (period_s or default for default in (GAS_PERIOD_S, IMAGE_PERIOD_S))
    array = array or load_array(find_array(SIMULATED_ARRAY))
    return PatrolSource(patrol, channels, _nanoseconds(gas_period_s), _nanoseconds(image_period_s), array)


def _folder_source(
    folder: Optional[Path],
    period_s: Optional[float],
    rows: Optional[int],
    duration_s: Optional[float],
    channels: tuple[str, ...],
    array: Optional[ArrayDescription],
    table: TableOptions,
    render_seed: Optional[int],
) -> BagSource:
    if folder is None:
        raise BagSourceError("nothing to make a bag of; name a folder with --data, or give --patrol")
    if duration_s is not None and not duration_s > 0:
        raise BagSourceError(f"--duration must be above 0 seconds, not {duration_s:g}")
    settings = FolderSettings(
        channels=channels,
        period_ns=_nanoseconds(period_s or _ROW_PERIOD_S),
        rows=rows,
        duration_ns=None if duration_s is None else _nanoseconds(duration_s),
        array=array,
        table=table,
    )
    try:
        return FolderSource(folder, settings, render_seed)
    except MissingColumnError as error:
        raise BagSourceError(f"--data: {error.with_remedy('--channels')}") from None
    except DatasetError as error:
        raise BagSourceError(f"--data: {error}") from None


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS_PER_SECOND)


def _told(path: Path, summary: BagSummary, image_topic: str, array_file: Optional[Path]) -> str:
    images = f"{summary.images} images on {image_topic}" if summary.images else "no images"
    truth = f"{summary.leaks} leaks, classes {listed(summary.classes)}" if summary.classes else "no labels"
    what = f"{summary.readings} readings, {images}, {truth}, {summary.duration_s:g} s"
    array = "" if array_file is None else f", the array as {shown(array_file)} describes it"
    return f"{shown(path)}: {what}{array}"
