"""What sets a data set's folder apart from the published MultimodalGasData."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from gas_fusion_ros.base.dataset import SOURCE, Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.model.bundle import file_sha256

PUBLISHED_SHA256 = "13c2c85cfbb23357a71555b9bc2cbe7dd68e931ffc94df30389c1a4631203745"
"""Of the published CSV."""
PUBLISHED_ROWS = 1600
"""Per class."""
MAX_COUNTS = 1023
"""The data set's ADC has 10 bits."""

# The means of Table 2 are left out: the one of MQ5 for Smoke is printed as 740 where the data say 340.
PUBLISHED_RANGES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "Mixture": ((502, 734), (383, 460), (344, 522), (311, 466), (361, 796), (220, 716), (302, 482)),
    "NoGas": ((555, 809), (512, 539), (370, 525), (328, 517), (506, 689), (417, 783), (387, 584)),
    "Perfume": ((592, 824), (515, 543), (364, 596), (341, 524), (464, 715), (419, 794), (389, 589)),
    "Smoke": ((510, 801), (337, 451), (291, 411), (328, 413), (555, 609), (541, 667), (275, 379)),
}
"""Least and greatest ADC counts of each class, by channel in the paper's order.

Source: Table 2 of Ahn, Kim, Kim (2023)."""


def check_published(dataset: Dataset) -> list[str]:
    """Compare a data set with the published one, readings and images.

    An own data set is no error. Where it has a class that the published one has not, its file, rows and
    ranges are not compared.

    Returns:
        One line per difference; none where the folder is the published one and whole.
    """
    return _with_source(dataset, [*_readings(dataset), *_missing_images(dataset)])


def check_readings(dataset: Dataset) -> list[str]:
    """Compare a data set's readings with the published ones; see `check_published`."""
    return _with_source(dataset, _readings(dataset))


def _with_source(dataset: Dataset, differences: list[str]) -> list[str]:
    """Say where the whole data set is, where this one is a part of it or another version."""
    if not differences or not set(dataset.classes) <= set(PAPER_CLASSES):
        return differences
    return [*differences, f"the whole data set is published: {SOURCE}"]


def _readings(dataset: Dataset) -> list[str]:
    findings = list(_out_of_range(dataset))
    if not set(dataset.classes) <= set(PAPER_CLASSES):
        findings.append(
            f"the classes are {', '.join(dataset.classes)}: an own data set, not compared with the published "
            f"one ({', '.join(PAPER_CLASSES)})"
        )
        return findings
    return [*_other_file(dataset), *findings, *_other_length(dataset), *_other_ranges(dataset)]


def _other_file(dataset: Dataset) -> Iterator[str]:
    sha256 = file_sha256(dataset.csv_path)
    if sha256 != PUBLISHED_SHA256:
        yield (
            f"{dataset.csv_path.name} is not the published file: its sha256 is {sha256}, not "
            f"{PUBLISHED_SHA256}"
        )


def _out_of_range(dataset: Dataset) -> Iterator[str]:
    counts = dataset.counts
    outside = (counts < 0) | (counts > MAX_COUNTS)
    rows = np.flatnonzero(outside.any(axis=1))
    if len(rows):
        first, channel = rows[0], int(outside[rows[0]].argmax())
        yield (
            f"{len(rows):,} of {len(counts):,} rows have counts outside 0..{MAX_COUNTS} (10 bits), the first "
            f"on line {dataset.rows[first].line}: {dataset.channels[channel]} is {counts[first, channel]:g}"
        )


def _other_length(dataset: Dataset) -> Iterator[str]:
    rows = Counter(row.label for row in dataset.rows)
    for name in PAPER_CLASSES:
        if rows[name] != PUBLISHED_ROWS:
            yield f"{name} has {rows[name]:,} rows; the published file has {PUBLISHED_ROWS:,}"


def _other_ranges(dataset: Dataset) -> Iterator[str]:
    counts, labels = dataset.counts, dataset.labels
    known = [at for at, name in enumerate(dataset.channels) if name.lower() in PAPER_CHANNELS]
    for position, name in enumerate(dataset.classes):
        of_class = counts[labels == position]
        for at in known:
            published = PUBLISHED_RANGES[name][PAPER_CHANNELS.index(dataset.channels[at].lower())]
            low, high = of_class[:, at].min(), of_class[:, at].max()
            if (low, high) != published:
                yield (
                    f"{name}: {dataset.channels[at]} goes from {low:g} to {high:g}; in the published data "
                    f"(Table 2) from {published[0]} to {published[1]}"
                )


def _missing_images(dataset: Dataset) -> Iterator[str]:
    missing = Counter(row.label for row in dataset.rows if row.image is None)
    if missing:
        have, total = len(dataset.rows) - missing.total(), len(dataset.rows)
        lacking = ", ".join(f"{name} {missing[name]:,}" for name in dataset.classes if missing[name])
        yield f"{have:,} of {total:,} rows have a thermal image; rows without one: {lacking}"
