"""A data set, a recipe and onsets that are small enough to choose, fit and test within a test."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.teaching import onsets
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording
from training.benchmark.contenders import Contender
from training.data.copies import NO_COPIES, Copies
from training.data.splits import BLOCKED, SplitSettings, split_rows
from training.temporal.encoder_fitting import EncoderSettings
from training.temporal.nested import Outside
from training.temporal.recipes import EncoderRecipe

ROWS = 130
EMBARGO = 8
CLEAN = PAPER_CLASSES.index("NoGas")

RECIPE = EncoderRecipe(EncoderSettings(readings=8, copies=1))
CONTENDER = Contender(
    "small", "a small one", {"eight": RECIPE, "five": RECIPE.with_readings(5)}, rejects=True
)


def made_recording(seed: int = 0, rows: int = ROWS, channels: int = len(PAPER_CHANNELS)) -> Recording:
    """Four classes, each wandering about its own level, one after another."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(PAPER_CLASSES)), rows)
    wander = np.cumsum(rng.normal(0, 2, (len(labels), channels)), axis=0)
    counts = np.rint(300 + 80 * labels[:, np.newaxis] + wander).astype(np.float32)
    return Recording(counts, labels, np.arange(len(labels)) * ROW_PERIOD_NS)


def held_out(
    recording: Recording, position: float = 0.4, copies: Copies = NO_COPIES, embargo: int = EMBARGO
) -> tuple[np.ndarray, Outside]:
    """Hold a fifth of each class out; return the test rows and what may be known before them."""
    split = SplitSettings(BLOCKED, 0.2, position, embargo)
    test = split_rows(recording.labels, split, 0, copies).test
    return test, Outside.of(recording, test, copies, embargo, CLEAN)


def write_folder(folder: Path, recording: Recording) -> Path:
    """Write a recording in the data set's layout, without pictures."""
    with (folder / CSV_NAME).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Serial Number", *(name.upper() for name in PAPER_CHANNELS), "Gas"])
        for row, (counts, label) in enumerate(zip(recording.counts, recording.labels, strict=True)):
            writer.writerow([row, *counts.astype(int), PAPER_CLASSES[label]])
    return folder


@contextmanager
def short_onsets() -> Iterator[pytest.MonkeyPatch]:
    """Splice onsets out of few rows, as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, rows in (("BEFORE", 12), ("AFTER", 8), ("LEAD", 6)):
            patch.setattr(onsets, name, rows)
        yield patch
