"""Windows follow the rows' stamps and keep within their bag; without stamps they are as ever."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME, Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording, Windows

NOTHING = np.zeros(0, dtype=np.int64)
ROWS = 40
START_NS = 1_700_000_000_000_000_000


def write(
    folder: Path,
    stamps: Sequence[int] | None = None,
    bags: Sequence[str] | None = None,
) -> Dataset:
    """Write and read a folder of made-up readings, each class's rows with stamps and bags where given."""
    further = {"Stamp": stamps, "Bag": bags}
    given = {name: values for name, values in further.items() if values is not None}
    rng = np.random.default_rng(0)
    with (folder / CSV_NAME).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Serial Number", *(name.upper() for name in PAPER_CHANNELS), "Gas", *given])
        for name in PAPER_CLASSES:
            counts = rng.integers(200, 800, (ROWS, len(PAPER_CHANNELS)))
            for row in range(ROWS):
                writer.writerow([row, *counts[row], name, *(values[row] for values in given.values())])
    return Dataset.load(folder)


def cut(dataset: Dataset, barred: np.ndarray, settings: WindowSettings, step: int = 1) -> Windows:
    recording = Recording.of(dataset)
    rows = np.setdiff1d(np.arange(0, len(recording.labels), step), barred)
    return recording.windows(rows, barred, settings)


def digest(windows: Windows) -> str:
    hashed = hashlib.sha256()
    for array in (windows.values, windows.valid, windows.labels, windows.rows):
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


SETTINGS = WindowSettings(10, 3 * NANOSECONDS_PER_SECOND)
BARRED = np.arange(50, 60)


def test_without_stamps_windows_are_as_ever(tmp_path: Path) -> None:
    """The digest is that of the release before stamps were read."""
    dataset = write(tmp_path)
    index = np.arange(len(dataset.rows))
    recording = Recording.of(dataset)
    np.testing.assert_array_equal(recording.stamps_ns, index * ROW_PERIOD_NS)
    assert recording.bags is None
    windows = cut(dataset, BARRED, SETTINGS)
    assert digest(windows) == "b31cfaecb2190be75c2e7b661dda15300f0189da05de6c8084ae1b0ea5c6f303"


def test_the_published_rows_windows_are_as_ever(gas_fusion_data: Path) -> None:
    settings = WindowSettings(40, 3 * NANOSECONDS_PER_SECOND)
    windows = cut(Dataset.load(gas_fusion_data), np.arange(700, 900), settings, step=7)
    assert digest(windows) == "36451b2be3ec5ac099129e99d562e9e60a6b3c5420daf9e00c3db32a1b03292b"


def test_stamps_at_the_published_pace_make_the_same_windows(tmp_path: Path) -> None:
    (tmp_path / "stamped").mkdir()
    stamped = write(tmp_path / "stamped", [START_NS + row * ROW_PERIOD_NS for row in range(ROWS)])
    plain, other = (cut(each, BARRED, SETTINGS) for each in (write(tmp_path), stamped))
    np.testing.assert_array_equal(other.valid, plain.valid)
    np.testing.assert_array_equal(other.values, plain.values)


def test_windows_of_faster_readings_hold_the_same_time(tmp_path: Path) -> None:
    """At 10 Hz a point every 0.3 s lies on every third reading."""
    dataset = write(tmp_path, [START_NS + row * NANOSECONDS_PER_SECOND // 10 for row in range(ROWS)])
    window = Recording.of(dataset).windows(
        np.array([30]), NOTHING, WindowSettings(4, 3 * NANOSECONDS_PER_SECOND // 10)
    )
    assert window.valid.all()
    np.testing.assert_array_equal(window.values[0], dataset.counts[[21, 24, 27, 30]])


def test_a_gap_in_time_is_a_gap_in_the_window(tmp_path: Path) -> None:
    stamps = [START_NS + (row + 100 * (row >= 20)) * ROW_PERIOD_NS for row in range(ROWS)]
    windows = Recording.of(write(tmp_path, stamps)).windows(np.array([21]), NOTHING, WindowSettings(5))
    np.testing.assert_array_equal(windows.valid[0, :, 0], [False, False, False, True, True])


@pytest.mark.parametrize("stamped", [True, False])
def test_a_window_holds_nothing_of_another_bag(stamped: bool, tmp_path: Path) -> None:
    """The bags' rows take turns in the file, and their times overlap."""
    stamps = [START_NS + row // 2 * ROW_PERIOD_NS for row in range(ROWS)] if stamped else None
    both = Recording.of(write(tmp_path, stamps, ["yard" if row % 2 else "hall" for row in range(ROWS)]))
    yard = np.arange(1, len(both.labels), 2)
    windows = both.windows(yard, NOTHING, SETTINGS)
    # Were the other bag's readings a thousand times as high, no window would change.
    counts = both.counts.copy()
    counts[0::2] *= 1000
    poisoned = replace(both, counts=counts).windows(yard, NOTHING, SETTINGS)
    np.testing.assert_array_equal(poisoned.values, windows.values)
    np.testing.assert_array_equal(poisoned.valid, windows.valid)
    # Nor does it hold anything of its own class from before the bag's first reading.
    assert windows.valid[:, :, 0].sum(axis=1).reshape(len(PAPER_CLASSES), -1)[:, 0].tolist() == [1] * 4


def test_barred_rows_of_one_bag_do_not_shorten_the_windows_of_another(tmp_path: Path) -> None:
    stamps = [START_NS + row % 20 * ROW_PERIOD_NS for row in range(ROWS)]
    dataset = write(tmp_path, stamps, ["hall"] * 20 + ["yard"] * 20)
    barred = np.arange(15, 20)
    windows = Recording.of(dataset).windows(np.array([14, 24]), barred, WindowSettings(6))
    np.testing.assert_array_equal(windows.valid[:, :, 0].sum(axis=1), [6, 5])
