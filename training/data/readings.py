"""A data set's rows, as what trains on them needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError


def read_readings(data: Path, channels: Sequence[str]) -> Dataset:
    """Read a folder's rows, which must be of two classes at least.

    Raises:
        DatasetError: they cannot be read, or there are no classes to tell apart.
    """
    try:
        dataset = Dataset.load(data, channels)
    except MissingColumnError as error:
        raise DatasetError(f"{error}; name the sensor columns there are by --channels") from error
    if dataset.classes == ("",):
        raise DatasetError(f"{dataset.csv_path.name} line 1: no column for the class; expected 'Gas'")
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"{dataset.csv_path} has one class, {dataset.classes[0]}; training needs at least two"
        )
    return dataset
