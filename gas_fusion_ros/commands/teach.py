"""`gas-fusion teach`: teaches a model further gases from labelled recordings, without training."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import shlex
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.base.table.options import TableError
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    Classes,
    GasTopic,
    LabelColumn,
    OrderOfDates,
    TimeColumn,
    TimeUnitOfNumbers,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
    table_options,
)
from gas_fusion_ros.commands.terminal import ends_on_signals, fail


@ends_on_signals
def teach(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Labelled recordings: bags, CSVs, or folders in the layout of the data set.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="New or empty folder for the new model bundle.")],
    start: Annotated[
        str, typer.Option("--from", help="Model bundle to begin with: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
    labels: Annotated[
        Optional[list[Path]],
        typer.Option(
            help="CSV of intervals start,end,class; given once for each bag, in their order. "
            "Unless given the label topics are taken."
        ),
    ] = None,
    array: Annotated[
        Optional[Path],
        typer.Option(
            help="Array file of all recordings, with baselines. Unless given as each says, a bag on "
            "gas/array_info, a folder in array.yaml; or else the array that the model learned from."
        ),
    ] = None,
    name: Annotated[
        Optional[str], typer.Option(help="The new model's name.", show_default="the output folder's")
    ] = None,
    forget: Annotated[
        Optional[str], typer.Option(help="Classes that the new model is to lose, separated by commas.")
    ] = None,
    embargo: Annotated[
        Optional[float],
        typer.Option(
            help="Seconds beside held-out readings that are not learned from when it is measured.",
            show_default="the span of a window",
            min=0.0,
            max=3600.0,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides copies and clusters.", min=0, max=2**31 - 1)] = 0,
    label_column: LabelColumn = None,
    classes: Classes = None,
    time_column: TimeColumn = None,
    time_unit: TimeUnitOfNumbers = None,
    date_order: OrderOfDates = None,
    gas_topic: GasTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the labels.")] = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
) -> None:
    """Teach a model classes from labelled recordings and write it as a new bundle."""
    try:
        table = table_options(label_column, classes, time_column, time_unit, date_order)
    except TableError as error:
        fail(str(error))
    # Imported here: onnx takes a second, which only this command is to wait for.
    from gas_fusion_ros.commands.teaching_run import Request, run

    raise typer.Exit(
        run(
            Request(
                sources=tuple(sources),
                output=output,
                start=start,
                labels=tuple(labels or ()),
                array=array,
                name=name if name is not None else output.resolve().name,
                forget=tuple(part.strip() for part in (forget or "").split(",") if part.strip()),
                embargo_ns=None if embargo is None else round(embargo * NANOSECONDS_PER_SECOND),
                seed=seed,
                topics=BagTopics(gas=gas_topic, label=label_topic),
                limits=bag_limits(unpack_memory, unpack_disk),
                table=table,
                command=shlex.join(["gas-fusion", *sys.argv[1:]]),
            )
        )
    )
