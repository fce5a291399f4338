"""What a network is trained and tested on: normalised readings, pictures, and the batches made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import Mode
from training.data.images import Images
from training.data.splits import Indices

Batch = tuple[tuple[torch.Tensor, ...], torch.Tensor]
"""A network's inputs, (N, ...) each, and the labels, (N,). Pictures are uint8 here: see `as_inputs`."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of the training rows' counts, length C each, ADC counts."""

    mean: list[float]
    std: list[float]

    @classmethod
    def fit(cls, counts: npt.NDArray[np.float32]) -> Normalisation:
        """Fit to counts, shape (N, C); a channel that never changes or has no valid one keeps its scale.

        Source: the protocol of Ahn, Kim, Kim (2023) says nothing; standardising is ours.
        """
        channels = [column[np.isfinite(column)] for column in counts.astype(np.float64).T]
        std = [round(float(values.std()), 4) or 1.0 if len(values) else 1.0 for values in channels]
        return cls([round(float(values.mean()), 4) if len(values) else 0.0 for values in channels], std)

    def apply(self, counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return normalised counts, shape (N, C)."""
        mean, std = np.array(self.mean, dtype=np.float32), np.array(self.std, dtype=np.float32)
        return (counts - mean) / std


@dataclass(frozen=True)
class Material:
    """All rows, ready for a network.

    Attributes:
        mode: what the network takes.
        gas: shape (N, C), float32, normalised counts.
        labels: shape (N,).
        images: the rows' pictures; None for `gas_only`.
        noise: shape (C,), standard deviation of one ADC count, normalised.
    """

    mode: Mode
    gas: torch.Tensor
    labels: torch.Tensor
    images: Images | None
    noise: torch.Tensor

    @classmethod
    def of(
        cls, mode: Mode, dataset: Dataset, normalisation: Normalisation, images: Images | None
    ) -> Material:
        """Normalise a data set's readings and put its pictures beside them."""
        return cls(
            mode=mode,
            gas=torch.from_numpy(normalisation.apply(dataset.counts)),
            labels=torch.from_numpy(dataset.labels),
            images=images,
            noise=1 / torch.tensor(normalisation.std, dtype=torch.float32),
        )

    @property
    def takes(self) -> int:
        """Pictures per row."""
        return 1 if self.images is None else self.images.takes

    def batch(self, rows: torch.Tensor, takes: torch.Tensor) -> Batch:
        """Return the inputs and labels of some rows, each with one of its pictures.

        Args:
            rows: shape (N,).
            takes: shape (N,), which picture of each row.
        """
        gas = () if self.mode is Mode.THERMAL_ONLY else (self.gas[rows],)
        if self.images is None:
            return gas, self.labels[rows]
        return (*gas, self.images.of(rows, takes)), self.labels[rows]


def as_inputs(values: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return a batch's values as the network takes them: pictures in 0..1, float32, channels_last.

    Done where the network runs: a picture travels as uint8, a quarter of its size.
    """
    return tuple(
        value.to(torch.float32, memory_format=torch.channels_last).mul_(1 / 255)
        if value.dtype == torch.uint8
        else value
        for value in values
    )


class Samples(TorchDataset[Batch]):
    """A part's rows; indexed by batches of (row, take) pairs, shape (N, 2)."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def __getitem__(self, wanted: torch.Tensor) -> Batch:
        return self._material.batch(wanted[:, 0], wanted[:, 1])


class ShuffledBatches(Sampler[torch.Tensor]):
    """Batches in an order that seed and epoch decide alone, so that a resumed training goes on alike.

    Every epoch passes each row once, with one of its pictures. The last batch is left out where
    incomplete (batch normalisation). Several processes share out the batches.

    Args:
        rows: shape (N,).
        takes: pictures per row.
        batch: rows per batch.
        seed: with the epoch, decides order and pictures.
    """

    def __init__(self, rows: Indices, takes: int, batch: int, seed: int) -> None:
        self._rows = torch.from_numpy(rows)
        self._takes = takes
        self._batch = min(batch, len(rows))
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of epoch `epoch`; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        # Each process takes as many batches: they wait for each other at every step.
        return len(self._rows) // self._batch // _processes()

    def __iter__(self) -> Iterator[torch.Tensor]:
        generator = torch.Generator().manual_seed(epoch_seed(self._seed, self._epoch))
        order = torch.randperm(len(self._rows), generator=generator)
        takes = torch.randint(self._takes, (len(order),), generator=generator)
        pairs = torch.stack((self._rows[order], takes), dim=1)
        batches = pairs[: len(self) * _processes() * self._batch].split(self._batch)
        return iter(batches[_rank() :: _processes()])


class OrderedBatches(Sampler[torch.Tensor]):
    """Batches in the rows' order, each row with its first picture."""

    def __init__(self, rows: Indices, batch: int) -> None:
        self._rows = torch.from_numpy(rows)
        self._batch = batch

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch)

    def __iter__(self) -> Iterator[torch.Tensor]:
        pairs = torch.stack((self._rows, torch.zeros_like(self._rows)), dim=1)
        return iter(pairs.split(self._batch))


def epoch_seed(seed: int, epoch: int) -> int:
    """Return a seed for one epoch of a run."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def loader(samples: Samples, batches: Sampler[torch.Tensor], workers: int) -> DataLoader[Batch]:
    """Return a loader of whole batches, read ahead by `workers` processes; 0 reads in this one."""
    return DataLoader(
        samples,
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def _processes() -> int:
    return torch.distributed.get_world_size() if _distributed() else 1


def _rank() -> int:
    return torch.distributed.get_rank() if _distributed() else 0


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
