"""A data set's rows, as what trains on them needs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.quoting import listed
from gas_fusion_ros.base.table.columns import MOST_NAMES
from gas_fusion_ros.model.bundle import Domain

_TABLE_OPTION = re.compile("--(label-column|classes|time-column|time-unit|date-order)")
_BY_A_BAG = ": gas-fusion bag --data takes that option, and gas-fusion dataset makes a folder of the bag"
ARRAY_FILE = "array.yaml"
"""What a data set's folder says of its array in."""


def read_readings(data: Path, channels: Sequence[str]) -> Dataset:
    """Read a folder's rows, which must be of two classes at least.

    Raises:
        DatasetError: they cannot be read, or there are no classes to tell apart.
    """
    try:
        dataset = Dataset.load(data, channels)
    except MissingColumnError as error:
        raise DatasetError(error.with_remedy("--channels")) from error
    except DatasetError as error:
        raise DatasetError(f"{error}{_BY_A_BAG if _TABLE_OPTION.search(str(error)) else ''}") from error
    if dataset.classes == ("",):
        columns = listed(dataset.facts.format.header, MOST_NAMES)
        raise DatasetError(
            f"{dataset.csv_path.name} line {dataset.facts.format.header_line}: no column for the class; "
            f"expected 'Gas', not {columns}; give one with --label-column{_BY_A_BAG}"
        )
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"{dataset.csv_path} has one class, {dataset.classes[0]}; training needs at least two"
        )
    return dataset


def array_of(dataset: Dataset, domain: Domain, path: Path | None = None) -> ArrayDescription | None:
    """Return what makes ln(Rs/R0) of a data set's readings; None where counts are looked at.

    Its baseline is measured where the data set has clean air.

    Args:
        dataset: the rows.
        domain: what is looked at.
        path: the array's file; None for `ARRAY_FILE` beside the rows, or else ten bits at the supply.

    Raises:
        DatasetError: the array lacks a channel or, where the data set has no clean air, a baseline.
        ArrayFileError: its file cannot be used.
    """
    if domain is Domain.COUNTS:
        return None
    beside = dataset.csv_path.parent / ARRAY_FILE
    chosen = path or (beside if beside.is_file() else None)
    if chosen is None:
        array = ArrayDescription(tuple(ArrayChannel(name) for name in dataset.channels))
    else:
        try:
            array = load_array(chosen).of_channels(dataset.channels)
        except ValueError as error:
            raise DatasetError(f"--array {chosen}: {error}") from None
    bare = [one.name for one in array.channels if one.baseline is None]
    if bare and CLEAN_AIR not in dataset.classes:
        raise DatasetError(
            f"{dataset.csv_path.name} has no rows of {CLEAN_AIR} to measure the baseline of "
            f"{', '.join(bare)} on; give an array file that has it by --array, or look at counts: "
            "--domain counts"
        )
    return array
