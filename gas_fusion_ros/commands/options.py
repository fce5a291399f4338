"""What several commands let their user choose from."""

from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.bags.storage.limits import GIB, MIB, BagLimits
from gas_fusion_ros.base.table.options import DateOrder, TableError, TableOptions, TimeUnit, parse_classes

# ruff: noqa: UP045
# No `from __future__ import annotations` and no `X | None`, see cli.py.


class Device(str, Enum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class PrecisionChoice(str, Enum):
    """In which numbers the network computes on the CPU."""

    AUTO = "auto"
    FLOAT32 = "float32"
    INT8 = "int8"


GasTopic = Annotated[Optional[str], typer.Option(help="Topic of the gas readings.")]
ImageTopic = Annotated[Optional[str], typer.Option(help="Topic of the thermal images.")]


UnpackMemory = Annotated[
    float,
    typer.Option(
        help="MiB of memory that unpacked parts of a bag may take: a chunk, a message, those that are held.",
        min=1.0,
        max=1024.0 * 1024.0,
    ),
]
UnpackDisk = Annotated[
    float,
    typer.Option(
        help="GiB of disk that a file which was compressed as a whole may take, below TMPDIR.",
        min=0.001,
        max=1024.0 * 1024.0,
    ),
]
DEFAULT_MEMORY_MIB = BagLimits.memory_bytes / MIB
DEFAULT_DISK_GIB = BagLimits.disk_bytes / GIB


LabelColumn = Annotated[
    Optional[str],
    typer.Option(
        help="Of a CSV: the column of the class; none for no classes.", show_default="found by name"
    ),
]
Classes = Annotated[
    Optional[list[str]],
    typer.Option(help="What the classes of a CSV are called here, such as NOGAS=NoGas,smoke=Smoke."),
]
TimeColumn = Annotated[
    Optional[str],
    typer.Option(
        help="Of a CSV: the column of the time, or DATE+TIME; none counts the rows.",
        show_default="found by name",
    ),
]
TimeUnitOfNumbers = Annotated[
    Optional[TimeUnit],
    typer.Option(
        "--time-unit", help="Of a CSV: the unit of times that are numbers.", show_default="found by size"
    ),
]
OrderOfDates = Annotated[
    Optional[DateOrder],
    typer.Option("--date-order", help="Of a CSV: whether its dates begin with the day or the month."),
]


def table_options(
    label_column: Optional[str],
    classes: Optional[list[str]],
    time_column: Optional[str] = None,
    time_unit: Optional[TimeUnit] = None,
    date_order: Optional[DateOrder] = None,
) -> TableOptions:
    """Return what these options say of a table.

    Raises:
        TableError: `--classes` is not understood.
    """
    return TableOptions(label_column, parse_classes(classes or ()), time_column, time_unit, date_order)


def refuse_for_tables(options: TableOptions, what: str) -> None:
    """Refuse what was given of a table where there is none; names of classes are of any labels.

    Args:
        options: as they were given.
        what: what there is instead, in words.

    Raises:
        TableError: one was given.
    """
    given = {
        "--label-column": options.label_column,
        "--time-column": options.time_column,
        "--time-unit": options.time_unit,
        "--date-order": options.date_order,
    }
    for name, value in given.items():
        if value is not None:
            raise TableError(f"{name} is for tables; {what}")


def bag_limits(memory_mib: float, disk_gib: float) -> BagLimits:
    """Return the limits that two options name."""
    return BagLimits(round(memory_mib * MIB), round(disk_gib * GIB))


def output_folder(given: Optional[Path]) -> Path:
    """Return the folder that a run is written into: one named by the time unless another is given."""
    return given if given is not None else Path("output") / datetime.now().strftime("%Y%m%d-%H%M%S")
