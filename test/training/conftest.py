"""A folder in the data set's layout that is small enough to train on within a test."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten made-up rows per class, each class around its own level."""
    folder = tmp_path_factory.mktemp("tiny_data")
    rng = np.random.default_rng(0)
    with (folder / CSV_NAME).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Serial Number", *(name.upper() for name in PAPER_CHANNELS), "Gas"])
        for level, name in zip((300, 400, 500, 600), PAPER_CLASSES, strict=True):
            for serial in range(10):
                writer.writerow([serial, *rng.integers(level - 20, level + 20, len(PAPER_CHANNELS)), name])
    return folder
