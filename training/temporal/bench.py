"""The data that all fits of windowed models share, and which of its rows a split holds out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.model.bundle import file_sha256
from gas_fusion_ros.teaching.windows import Recording
from training.data.copies import NO_COPIES, Copies, find_copies
from training.data.splits import STRICT, Indices, SplitSettings, places_in_class, split_rows
from training.temporal.nested import Outside

CHOICE_SEED = 0
"""Seed of the inner folds' fits: a choice is made once per split and serves all seeds of the test."""
STRICT_READINGS = 20
"""W of the strict protocol."""


@dataclass(frozen=True)
class Bench:
    """The data that all runs share.

    Attributes:
        dataset: the rows.
        recording: the same on time lines.
        copies: readings that stand twice.
        data_sha256: sha256 of their file.
    """

    dataset: Dataset
    recording: Recording
    copies: Copies
    data_sha256: str

    @classmethod
    def of(cls, dataset: Dataset, array: ArrayDescription | None = None) -> Bench:
        """Take up a data set, in counts or, as an array is given, in ln(Rs/R0)."""
        return cls(
            dataset,
            Recording.of(dataset, array),
            find_copies(dataset.counts, dataset.labels),
            file_sha256(dataset.csv_path),
        )

    @property
    def clean(self) -> int | None:
        """The class of clean air; None where there is none."""
        classes = self.dataset.classes
        return classes.index(CLEAN_AIR) if CLEAN_AIR in classes else None

    def tested(self, outside: Outside) -> Recording:
        """Return all rows, the test's too, as an array sees them that was calibrated outside the test."""
        return replace(self.recording, array=outside.recording.array)

    def everything(self, embargo: int) -> Outside:
        """Return what may be known where no row is left to test on: all rows."""
        none = np.zeros(0, dtype=np.int64)
        return Outside.of(self.recording, none, self.copies, embargo, self.clean)

    def held_out(self, split: SplitSettings, seed: int) -> tuple[Indices, Outside]:
        """Return the test rows, and what may be known before them.

        The strict protocol is that of its source: only windows that are full, copies not kept apart.

        Raises:
            SplitError: the data set has too few rows.
        """
        if split.name != STRICT:
            test = split_rows(self.recording.labels, split, seed, self.copies).test
            return test, Outside.of(self.recording, test, self.copies, split.embargo, self.clean)
        full = np.flatnonzero(places_in_class(self.recording.labels) >= STRICT_READINGS - 1)
        test = full[split_rows(self.recording.labels[full], split, seed).test]
        outside = Outside.of(self.recording, test, NO_COPIES, split.embargo, self.clean)
        return test, replace(outside, rows=np.intersect1d(outside.rows, full))
