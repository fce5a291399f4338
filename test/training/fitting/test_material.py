"""Batches: what is in them, in which order, and who shares them out."""

from __future__ import annotations

import needs_training  # noqa: F401
import numpy as np
import pytest
import torch

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.thermal import Preparation
from training.data.images import Images, Thermal
from training.fitting.material import (
    Material,
    Normalisation,
    OrderedBatches,
    Samples,
    ShuffledBatches,
    as_inputs,
    loader,
)

ROWS, TAKES = 10, 3


@pytest.fixture
def images() -> Images:
    """Pictures of one grey each: ten times the row, plus the take."""
    rows, takes = np.arange(ROWS)[:, None], np.arange(TAKES)[None]
    grey = (10 * rows + takes).astype(np.uint8)
    pixels = np.broadcast_to(grey[:, :, None, None, None], (ROWS, TAKES, 1, 4, 4)).copy()
    usable = np.ones(ROWS, dtype=np.bool_)
    return Images(pixels, usable, Thermal.RENDERED, Preparation.FIELD, 4)  # type: ignore[arg-type]


def material(mode: Mode, images: Images | None) -> Material:
    gas = torch.arange(ROWS, dtype=torch.float32)[:, None].repeat(1, 7)
    return Material(mode, gas, torch.arange(ROWS) % 4, images, torch.ones(7))


def test_normalisation_gives_training_rows_mean_0_and_deviation_1() -> None:
    counts = np.random.default_rng(0).normal(500, 30, (200, 7)).astype(np.float32)
    normalised = Normalisation.fit(counts).apply(counts)
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=1e-3)


def test_a_channel_that_never_changes_stays_finite() -> None:
    counts = np.full((10, 2), 300, dtype=np.float32)
    assert np.isfinite(Normalisation.fit(counts).apply(counts)).all()


@pytest.mark.parametrize(
    ("mode", "shapes"),
    [
        (Mode.GAS_ONLY, [(2, 7)]),
        (Mode.THERMAL_ONLY, [(2, 1, 4, 4)]),
        (Mode.FUSION, [(2, 7), (2, 1, 4, 4)]),
    ],
)
def test_a_batch_holds_what_the_mode_takes(mode: Mode, shapes: list[tuple[int, ...]], images: Images) -> None:
    given = None if mode is Mode.GAS_ONLY else images
    values, labels = material(mode, given).batch(torch.tensor([7, 2]), torch.tensor([0, 0]))
    assert [tuple(value.shape) for value in values] == shapes
    assert labels.tolist() == [3, 2]


def test_reading_and_picture_of_a_batch_belong_to_the_same_row(images: Images) -> None:
    (gas, image), _ = material(Mode.FUSION, images).batch(torch.tensor([7, 2]), torch.tensor([1, 2]))
    assert gas[:, 0].tolist() == [7, 2]
    assert image[:, 0, 0, 0].tolist() == [71, 22]


def test_pictures_become_0_to_1_where_the_network_runs_and_readings_stay() -> None:
    gas, image = as_inputs((torch.tensor([[2.0]]), torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)))
    assert gas.item() == 2.0
    assert image.dtype == torch.float32
    assert image.max() == 1.0


def test_an_epoch_passes_each_row_once_and_draws_among_its_pictures() -> None:
    batches = ShuffledBatches(np.arange(20, 30), TAKES, 5, seed=0)
    drawn = set()
    for epoch in range(20):
        batches.set_epoch(epoch)
        pairs = torch.cat(list(batches))
        assert sorted(pairs[:, 0].tolist()) == list(range(20, 30))
        drawn |= set(pairs[:, 1].tolist())
    assert drawn == {0, 1, 2}


def test_the_order_is_another_in_each_epoch_and_the_same_when_asked_again() -> None:
    batches = ShuffledBatches(np.arange(50), 1, 10, seed=0)
    first = torch.cat(list(batches))
    batches.set_epoch(1)
    assert not torch.equal(first, torch.cat(list(batches)))
    batches.set_epoch(0)
    assert torch.equal(first, torch.cat(list(batches)))


def test_an_incomplete_last_batch_is_left_out_unless_it_is_the_only_one() -> None:
    assert [len(batch) for batch in ShuffledBatches(np.arange(10), 1, 4, seed=0)] == [4, 4]
    assert [len(batch) for batch in ShuffledBatches(np.arange(3), 1, 4, seed=0)] == [3]
    assert [len(batch) for batch in OrderedBatches(np.arange(10), 4)] == [4, 4, 2]


def test_processes_share_the_batches_out_evenly_and_twice_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("training.fitting.material._processes", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr("training.fitting.material._rank", lambda rank=rank: rank)
        batches = list(ShuffledBatches(np.arange(35), 1, 5, seed=0))
        assert len(batches) == len(ShuffledBatches(np.arange(35), 1, 5, seed=0)) == 3
        seen += torch.cat(batches)[:, 0].tolist()
    assert len(set(seen)) == 30


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_reads_whole_batches(workers: int) -> None:
    batches = list(
        loader(Samples(material(Mode.GAS_ONLY, None)), OrderedBatches(np.arange(ROWS), 4), workers)
    )
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    assert torch.cat([values[0] for values, _ in batches])[:, 0].tolist() == list(range(ROWS))
