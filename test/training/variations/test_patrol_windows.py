"""Simulated patrols: of the training rows alone, with the labels of the air, and only where they can be."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import small_benchmark as small

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.onsets import LEAD
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording, TrainingPart
from training.variations import patrol_windows as module
from training.variations.mixtures import WARM_UP_ROWS, MixtureSettings
from training.variations.patrol_windows import patrol_onsets, patrol_windows

WINDOW = WindowSettings(8)
NONE = np.zeros(0, dtype=np.int64)
ROWS = WARM_UP_ROWS + 220


@pytest.fixture(scope="module", autouse=True)
def _quick_mixtures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIXTURES", MixtureSettings(components=(4,), starts=1))
        yield


@pytest.fixture(scope="module")
def part() -> TrainingPart:
    recording = small.made_recording(rows=ROWS)
    return TrainingPart(recording, np.arange(len(recording.labels)), NONE, small.CLEAN)


def test_patrols_have_every_class_at_its_own_level(part: TrainingPart) -> None:
    windows = patrol_windows(part, WINDOW, patrols=2)
    assert windows is not None
    assert set(windows.labels) == {0, 1, 2, 3}
    newest = windows.values[:, -1].mean(axis=1)
    levels = [part.counts[part.recording.labels == label].mean() for label in range(4)]
    means = [float(np.median(newest[windows.labels == label])) for label in range(4)]
    assert np.argsort(means).tolist() == np.argsort(levels).tolist()
    np.testing.assert_array_equal(windows.rows, np.arange(len(windows)))


def test_windows_hold_what_was_before_the_leak(part: TrainingPart) -> None:
    windows = patrol_windows(part, WINDOW, patrols=2)
    assert windows is not None
    gas = windows.take(windows.labels == 3)
    change = np.abs(gas.values[:, -1] - gas.values[:, 0]).mean(axis=1)
    level = (
        part.counts[part.recording.labels == 3].mean()
        - part.counts[part.recording.labels == small.CLEAN].mean()
    )
    assert change.max() > abs(level) / 2


def test_the_same_part_gives_the_same_windows(part: TrainingPart) -> None:
    first = patrol_windows(part, WINDOW, patrols=1)
    module._fitted.clear()
    again = patrol_windows(part, WINDOW, patrols=1)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.values, again.values)


def test_rows_that_are_not_of_the_part_move_nothing(part: TrainingPart) -> None:
    rows = np.flatnonzero(np.arange(len(part.rows)) % ROWS < ROWS - 10)
    held = np.setdiff1d(part.rows, rows)
    counts = part.recording.counts.copy()
    counts[held] = np.nan
    seen = patrol_windows(replace(part, rows=rows), WINDOW, patrols=1)
    sealed = patrol_windows(
        replace(part, rows=rows, recording=replace(part.recording, counts=counts)), WINDOW, 1
    )
    assert seen is not None
    assert sealed is not None
    np.testing.assert_array_equal(seen.values, sealed.values)


def test_onsets_are_clean_air_then_a_gas(part: TrainingPart) -> None:
    onsets = patrol_onsets(part, WINDOW)
    assert {onset.gas for onset in onsets} <= {0, 2, 3}
    assert len(onsets) > 3
    for onset in onsets:
        assert onset.at == LEAD
        assert (onset.windows.labels[: onset.at] == small.CLEAN).all()
        assert (onset.windows.labels[onset.at :] == onset.gas).all()
        assert len(onset.windows) > onset.at


@pytest.mark.parametrize("lacking", ["clean air", "readings", "a class apart"])
def test_what_cannot_be_simulated_gives_none(part: TrainingPart, lacking: str) -> None:
    labels = part.recording.labels
    if lacking == "clean air":
        other = replace(part, clean=None)
    elif lacking == "readings":
        other = replace(part, rows=np.flatnonzero(np.arange(len(labels)) % ROWS < 150))
    else:
        rng = np.random.default_rng(0)
        alike = rng.integers(0, 9, part.recording.counts.shape).astype(np.float32)
        other = replace(part, recording=Recording(alike, labels, np.arange(len(labels)) * ROW_PERIOD_NS))
    assert patrol_windows(other, WINDOW, patrols=1) is None
    assert patrol_onsets(other, WINDOW) == []
