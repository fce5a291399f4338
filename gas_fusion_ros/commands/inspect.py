"""`gas-fusion inspect`: says what is in a bag or a table, and what an evaluation will trip over."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.array.array_file import ArrayFileError
from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.recognition import is_table
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics, TopicError
from gas_fusion_ros.base.dataset import DatasetError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import LONGEST_PATH, listed, one_line, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.channels import parse_channels
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    Classes,
    GasTopic,
    ImageTopic,
    LabelColumn,
    OrderOfDates,
    TimeColumn,
    TimeUnitOfNumbers,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
    table_options,
)
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.table_report import print_table
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, EXIT_USAGE, complain, ends_on_signals, fail
from gas_fusion_ros.inspection.look import inspect as look_through
from gas_fusion_ros.inspection.schema import (
    ArrayFound,
    ChannelFigures,
    GasFigures,
    ImageFigures,
    Inspection,
    StampFigures,
)
from gas_fusion_ros.inspection.table import inspect_table, refused_table
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.settings import SettingsError, read_settings, replay_parameters_file


@ends_on_signals
def inspect(
    bags: Annotated[
        list[Path],
        typer.Argument(help="rosbag2 directories or files, or tables of readings.", metavar="BAG|CSV..."),
    ],
    model: Annotated[
        str, typer.Option(help="Model bundle to look at the bag for: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
    gas_topic: GasTopic = None,
    image_topic: ImageTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the ground truth.")] = None,
    channels: Annotated[
        Optional[str],
        typer.Option(
            help="Of a CSV: names of the gas channels, separated by commas.",
            show_default="all columns named as sensors",
        ),
    ] = None,
    label_column: LabelColumn = None,
    classes: Classes = None,
    time_column: TimeColumn = None,
    time_unit: TimeUnitOfNumbers = None,
    date_order: OrderOfDates = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print it as JSON: a list, an entry per bag; of one CSV its entry alone."
        ),
    ] = False,
) -> None:
    """Say what is in a bag or a table, and what an evaluation will trip over.

    Exit code 0: nothing. 1: warnings. 2: a bag, a table or the model cannot be read.
    """
    try:
        bundle = Bundle.load(find_bundle(model))
        # As `evaluate` pairs unless told otherwise.
        pairing = read_settings(replay_parameters_file()).pairing
        options = table_options(label_column, classes, time_column, time_unit, date_order)
        names = None if channels is None else parse_channels(channels)
    except (BundleError, SettingsError, OSError, ValueError) as error:
        fail(str(error))
    topics = BagTopics(gas=gas_topic, image=image_topic, label=label_topic)
    limits = bag_limits(unpack_memory, unpack_disk)
    found: list[dict[str, Any]] = []
    exit_code = 0
    tables = [bag for bag in bags if is_table(bag)]
    for bag in bags:
        if bag in tables:
            seen, outcome = _look_at_table(bag, names, options, bundle, as_json)
        else:
            seen, outcome = _look_at_bag(bag, topics, bundle, pairing, limits, as_json)
        found += seen
        exit_code = max(exit_code, outcome)
    if as_json:
        of_one_table = len(bags) == len(tables) == 1
        typer.echo(json.dumps(found[0] if of_one_table else found, indent=2, allow_nan=False))
    raise typer.Exit(exit_code)


def _look_at_bag(
    bag: Path,
    topics: BagTopics,
    bundle: Bundle,
    pairing: PairingSettings,
    limits: BagLimits,
    is_quiet: bool,
) -> tuple[list[dict[str, Any]], int]:
    """Look through a bag and print what was found; return that and the exit code."""
    try:
        inspection = _inspected(bag, topics, bundle, pairing, limits)
    except (BagReadError, TopicError, ImportError) as error:
        complain(str(error) if isinstance(error, BagReadError) else f"{shown(bag)}: {error}")
        return [], EXIT_USAGE
    if not is_quiet:
        _print(inspection)
    return [inspection.to_json()], EXIT_LOSSES if inspection.warnings else 0


def _look_at_table(
    path: Path,
    channels: Optional[tuple[str, ...]],
    options: TableOptions,
    bundle: Bundle,
    is_quiet: bool,
) -> tuple[list[dict[str, Any]], int]:
    """Look through a table and print what was found; return that and the exit code."""
    try:
        with counted(shown(path.name), None) as step:
            inspection = inspect_table(path, channels, options, bundle, step)
    except (DatasetError, ArrayFileError) as error:
        complain(str(error))
        return [refused_table(path, str(error))], EXIT_USAGE
    if not is_quiet:
        print_table(inspection)
    return [inspection.to_json()], EXIT_LOSSES if inspection.warnings else 0


def _inspected(
    bag: Path, topics: BagTopics, bundle: Bundle, pairing: PairingSettings, limits: BagLimits
) -> Inspection:
    problems = Problems()
    with (
        BagReader(bag, problems, limits) as reader,
        counted(shown(bag.name), reader.message_count) as step,
    ):
        return look_through(reader, topics, bundle, pairing, problems, step)


def _print(inspection: Inspection) -> None:
    console = Console(markup=False, highlight=False)
    blocks = [_whole(inspection), _topics(inspection)]
    if inspection.choices:
        blocks.append(_rows((f"taken for {choice.kind}", choice.sentence) for choice in inspection.choices))
    if inspection.gas is not None:
        blocks += [_rows(_gas_rows(inspection.gas)), _channels(inspection.gas.channels)]
    if inspection.array is not None:
        blocks.append(_rows(_array_rows(inspection.array)))
    if inspection.images is not None:
        blocks.append(_rows(_image_rows(inspection.images, inspection)))
    if inspection.labels is not None:
        seconds = (f"{shown(name)} {length:.1f} s" for name, length in inspection.labels.seconds.items())
        blocks.append(
            _rows(iter([("labels", shown(inspection.labels.topic)), ("classes", ", ".join(seconds) or "-")]))
        )
    console.print(shown(inspection.bag, LONGEST_PATH), style="bold", soft_wrap=True)
    for block in blocks:
        console.print(block)
        console.print()
    for warning in inspection.warnings:
        console.print(one_line(f"warning: {warning}"), style="yellow", soft_wrap=True)
    if not inspection.warnings:
        console.print("nothing to warn of")


def _rows(rows: Iterator[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(name, value)
    return table


def _whole(inspection: Inspection) -> Table:
    files = f"{inspection.files} file{'' if inspection.files == 1 else 's'}"
    return _rows(
        iter(
            [
                ("storage", f"{inspection.storage}, {files}, {inspection.size_bytes / 1e6:.1f} MB"),
                ("start", _moment(inspection.start_ns)),
                ("duration", f"{inspection.duration_s:.1f} s"),
            ]
        )
    )


def _topics(inspection: Inspection) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("topic", "type", "messages", "rate", "largest gap"):
        table.add_column(name, overflow="fold")
    for topic in inspection.topics:
        table.add_row(
            shown(topic.name),
            shown(topic.type_name),
            str(topic.messages),
            "-" if topic.rate_hz is None else f"{topic.rate_hz:.2f} Hz",
            _seconds(topic.largest_gap_s),
        )
    return table


def _gas_rows(gas: GasFigures) -> Iterator[tuple[str, str]]:
    yield "readings", shown(gas.topic)
    yield "frame", listed(frame or "none" for frame in gas.frames)
    yield from _stamp_rows(gas.stamps)


def _array_rows(array: ArrayFound) -> Iterator[tuple[str, str]]:
    yield "array", array.figures.told
    yield "without baseline", listed(array.without_baseline)
    if array.changes:
        yield "before", f"{array.changes} other descriptions"


def _stamp_rows(stamps: StampFigures) -> Iterator[tuple[str, str]]:
    yield (
        "period",
        f"{_seconds(stamps.period_s)}, {stamps.gaps} gaps, largest {_seconds(stamps.largest_gap_s)}",
    )
    yield (
        "stamps",
        f"{stamps.zero} zero, {stamps.duplicates} repeated, {stamps.out_of_order} out of order, "
        f"{stamps.jumps_back} jumps back",
    )
    extremes = f"{_seconds(stamps.least_offset_s)} to {_seconds(stamps.greatest_offset_s)}"
    yield "recorded after", f"{_seconds(stamps.offset_s)} ({extremes})"


def _channels(channels: tuple[ChannelFigures, ...]) -> Table:
    columns = ("channel", "least", "mean", "greatest", "NaN", "out of range", "stuck")
    table = Table(*columns, box=None, pad_edge=False)
    for channel in channels:
        values = (channel.least, channel.mean, channel.greatest)
        shares = (channel.nan_share, channel.out_of_range_share, channel.stuck_share)
        table.add_row(
            shown(channel.name),
            *("-" if value is None else f"{value:.1f}" for value in values),
            *(f"{share:.1%}" for share in shares),
        )
    return table


def _image_rows(images: ImageFigures, inspection: Inspection) -> Iterator[tuple[str, str]]:
    yield "images", shown(images.topic)
    yield "sizes", ", ".join(f"{size} ({count})" for size, count in images.sizes.items()) or "-"
    for encoding, pixels in images.encodings.items():
        values = "no finite value"
        if pixels.least is not None and pixels.greatest is not None:
            values = f"{pixels.least:.1f} to {pixels.greatest:.1f} {pixels.unit}"
        yield encoding, f"{pixels.images} images, {values}"
    if images.doubt:
        yield "unit", images.doubt
    yield from _stamp_rows(images.stamps)
    yield "frozen", f"{images.frozen} equal the one before"
    pairing = inspection.pairing
    if pairing is not None and pairing.paired_share is not None:
        yield (
            "paired",
            f"{pairing.paired_share:.1%} of the readings have an image within {pairing.slop_s:g} s",
        )


def _moment(stamp_ns: Optional[int]) -> str:
    if stamp_ns is None:
        return "-"
    try:
        moment = datetime.fromtimestamp(stamp_ns / NANOSECONDS_PER_SECOND, timezone.utc)
    except (OverflowError, ValueError, OSError):  # of a damaged bag, or of no calendar
        return f"{stamp_ns} ns"
    return moment.isoformat(sep=" ", timespec="milliseconds")


def _seconds(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.3f} s"
