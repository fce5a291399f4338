"""The split, the rendered frames and the augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gas_fusion_ros.dataset import Dataset  # noqa: E402
from gas_fusion_ros.observation import Mode  # noqa: E402
from training.data import (  # noqa: E402
    AugmentedSamples,
    Frames,
    Readings,
    Samples,
    render_frames,
    shuffled,
    stratified_split,
)


def test_split_is_4_to_1_twice_in_every_class_and_loses_no_row() -> None:
    labels = np.repeat(np.arange(4), 100)
    split = stratified_split(labels, seed=0)
    for label in range(4):
        sizes = [int((labels[rows] == label).sum()) for rows in (split.train, split.validation, split.test)]
        assert sizes == [64, 16, 20]
    everything = np.concatenate([split.train, split.validation, split.test])
    assert sorted(everything) == list(range(400))


def test_split_follows_its_seed() -> None:
    labels = np.repeat(np.arange(4), 100)
    again, other = stratified_split(labels, seed=0), stratified_split(labels, seed=1)
    np.testing.assert_array_equal(stratified_split(labels, seed=0).test, again.test)
    assert set(again.test) != set(other.test)


def test_frames_are_repeatable_and_differ_by_row_and_take(tiny_folder: Path) -> None:
    dataset = Dataset.load(tiny_folder)
    ticks: list[None] = []
    wanted = [(0, 0), (0, 1), (1, 0)]
    frames = render_frames(dataset, wanted, seed=0, tick=lambda: ticks.append(None))
    again = render_frames(dataset, wanted, seed=0, tick=lambda: None)
    assert torch.equal(frames.views, again.views)
    assert not torch.equal(frames.views[0], frames.views[1])
    assert not torch.equal(frames.views[0], frames.views[2])
    assert frames.rows.tolist() == [0, 0, 1]
    assert len(ticks) == 3


@pytest.fixture
def readings() -> Readings:
    labels = torch.tensor([0, 0, 1, 1])
    return Readings(torch.arange(28.0).reshape(4, 7), labels, torch.full((7,), 0.1))


@pytest.fixture
def frames() -> Frames:
    """Two frames per row; the pixels of each tell its row's class: 0 or 255."""
    rows = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    pictures = torch.zeros((8, 1, 4, 4), dtype=torch.uint8)
    pictures[4:] = 255
    return Frames(pictures, 1 / 255, rows, np.ones(8, dtype=np.bool_))


def test_samples_pair_each_frame_with_its_row(readings: Readings, frames: Frames) -> None:
    (gas, image), labels = Samples(Mode.FUSION, readings, frames)[[0, 7]]
    assert torch.equal(gas, readings.gas[[0, 3]])
    assert image.amax(dim=(1, 2, 3)).tolist() == [0.0, 1.0]
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize(("mode", "shapes"), [(Mode.GAS_ONLY, [(2, 7)]), (Mode.THERMAL_ONLY, [(2, 1, 4, 4)])])
def test_samples_give_what_the_mode_needs(
    mode: Mode, shapes: list[tuple[int, ...]], readings: Readings, frames: Frames
) -> None:
    inputs, _ = Samples(mode, readings, frames)[[0, 7]]
    assert [tuple(value.shape) for value in inputs] == shapes


def test_augmentation_draws_frames_of_the_rows_own_class_and_moves_readings_a_little(
    readings: Readings, frames: Frames
) -> None:
    samples = AugmentedSamples(Mode.FUSION, readings, frames, seed=0)
    assert len(samples) == 4
    for _ in range(20):
        (gas, image), labels = samples[[0, 1, 2, 3]]
        assert torch.equal(image.amax(dim=(1, 2, 3)), labels.float())
        distance = (gas - readings.gas).abs().max()
        assert 0 < distance < 1


def test_an_epoch_passes_each_row_at_most_once(readings: Readings, frames: Frames) -> None:
    batches = list(shuffled(Samples(Mode.GAS_ONLY, readings, frames), batch=3))
    assert [len(labels) for _, labels in batches] == [3, 3]
