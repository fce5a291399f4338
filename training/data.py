"""What the networks are trained on: real gas readings, each with rendered thermal frames of its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from torch.utils.data import Dataset as TorchDataset

from gas_fusion_ros.dataset import Dataset
from gas_fusion_ros.observation import Mode
from gas_fusion_ros.simulation.renderer import random_scene, render
from gas_fusion_ros.thermal import network_input

IMAGE_SIZE = 224
"""Side of the network's picture, pixels (the paper's)."""

Indices = npt.NDArray[np.int64]
Sample = tuple[tuple[torch.Tensor, ...], torch.Tensor]
"""A network's inputs and the labels, (N, ...) each."""


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts."""

    train: Indices
    validation: Indices
    test: Indices


def stratified_split(labels: Indices, seed: int) -> Split:
    """Split at random, class by class: 4:1 into the rest and test, the rest 4:1 into train and validation.

    Source: the protocol of Ahn, Kim, Kim (2023). On this data a random split flatters: the rows are
    in time order, so a test row's neighbours two seconds away stand in training.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[Indices]] = [[], [], []]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        test = round(len(rows) / 5)
        validation = round((len(rows) - test) / 5)
        pieces = np.split(rows, [len(rows) - test - validation, len(rows) - test])
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    train, validate, tested = (np.sort(np.concatenate(part)) for part in parts)
    return Split(train, validate, tested)


@dataclass(frozen=True)
class Frames:
    """Rendered frames, as a network sees them, with the row each was rendered for.

    Attributes:
        views: shape (M, ...); pictures (M, 1, S, S) in uint8, or the features of these pictures.
        scale: what a view is multiplied with: 1/255 for pictures, 1 for features.
        rows: shape (M,), each frame's row.
        visible: shape (M,), whether a plume stands in the scene.
    """

    views: torch.Tensor
    scale: float
    rows: Indices
    visible: npt.NDArray[np.bool_]

    def of(self, wanted: list[int] | torch.Tensor) -> torch.Tensor:
        """Return the views of some frames, float32."""
        return self.views[wanted].float() * self.scale

    def features(self, extractor: nn.Module, batch: int) -> Frames:
        """Return the same frames as seen by a feature extractor, which is left as it is."""
        with torch.inference_mode():
            parts = [extractor(self.of(wanted)) for wanted in torch.arange(len(self.views)).split(batch)]
        return replace(self, views=torch.cat(parts).clone(), scale=1.0)


def render_frames(
    dataset: Dataset, rows: Iterable[tuple[int, int]], seed: int, tick: Callable[[], None]
) -> Frames:
    """Render a frame of the row's class for each (row, take), seeded by both, so all are repeatable.

    Args:
        dataset: its labels are the classes.
        rows: row index and number of the take; a row may have several takes.
        seed: another seed, other scenes.
        tick: called after each frame.
    """
    wanted = list(rows)
    pictures = torch.empty((len(wanted), 1, IMAGE_SIZE, IMAGE_SIZE), dtype=torch.uint8)
    visible = np.zeros(len(wanted), dtype=np.bool_)
    for position, (row, take) in enumerate(wanted):
        rng = np.random.default_rng((seed, dataset.rows[row].index, take))
        scene = random_scene(dataset.rows[row].label, rng)
        field = network_input(render(scene, rng), "32FC1", IMAGE_SIZE)
        pictures[position] = torch.from_numpy(np.rint(field * 255).astype(np.uint8))
        visible[position] = scene.plume is not None
        tick()
    return Frames(pictures, 1 / 255, np.array([row for row, _ in wanted], dtype=np.int64), visible)


@dataclass(frozen=True)
class Readings:
    """All rows' readings and labels.

    Attributes:
        gas: shape (N, C), normalised counts.
        labels: shape (N,).
        noise: shape (C,), standard deviation of the training noise, normalised counts.
    """

    gas: torch.Tensor
    labels: torch.Tensor
    noise: torch.Tensor


def read(dataset: Dataset, mean: Sequence[float], std: Sequence[float], noise_counts: float) -> Readings:
    """Normalise a data set's readings.

    Args:
        dataset: the rows.
        mean: length C, ADC counts.
        std: length C, ADC counts.
        noise_counts: standard deviation of the training noise, ADC counts.
    """
    scale = torch.tensor(std, dtype=torch.float32)
    gas = (torch.from_numpy(dataset.counts) - torch.tensor(mean, dtype=torch.float32)) / scale
    return Readings(gas, torch.from_numpy(dataset.labels), noise_counts / scale)


class Samples(TorchDataset[Sample]):
    """Each frame with the reading of its row; indexed by lists of frame numbers.

    Args:
        mode: which network it feeds.
        readings: all rows' readings.
        frames: the frames to use.
    """

    def __init__(self, mode: Mode, readings: Readings, frames: Frames) -> None:
        self._mode = mode
        self._readings = readings
        self._frames = frames
        self._rows = torch.from_numpy(frames.rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, wanted: list[int]) -> Sample:
        rows = self._rows[wanted]
        return self._inputs(self._readings.gas[rows], wanted), self._readings.labels[rows]

    def _inputs(self, gas: torch.Tensor, frames: list[int] | torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self._mode is Mode.GAS_ONLY:
            return (gas,)
        views = self._frames.of(frames)
        return (views,) if self._mode is Mode.THERMAL_ONLY else (gas, views)


class AugmentedSamples(Samples):
    """Each row's reading with noise and, at every epoch, another training frame of its class.

    One epoch passes each row once, however many frames there are.
    """

    def __init__(self, mode: Mode, readings: Readings, frames: Frames, seed: int) -> None:
        super().__init__(mode, readings, frames)
        self._generator = torch.Generator().manual_seed(seed)
        self._unique_rows = torch.from_numpy(np.unique(frames.rows))
        frame_labels = readings.labels[self._rows]
        self._pools = {
            int(label): torch.nonzero(frame_labels == label).flatten() for label in frame_labels.unique()
        }

    def __len__(self) -> int:
        return len(self._unique_rows)

    def __getitem__(self, wanted: list[int]) -> Sample:
        rows = self._unique_rows[wanted]
        labels = self._readings.labels[rows]
        gas = self._readings.gas[rows]
        gas = gas + self._readings.noise * torch.randn(gas.shape, generator=self._generator)
        return self._inputs(gas, torch.stack([self._any_frame(int(label)) for label in labels])), labels

    def _any_frame(self, label: int) -> torch.Tensor:
        pool = self._pools[label]
        return pool[torch.randint(len(pool), (), generator=self._generator)]


def shuffled(samples: Samples, batch: int) -> DataLoader[Sample]:
    """Batches in random order; the last one is left out where incomplete (batch normalisation)."""
    order = RandomSampler(range(len(samples)))
    complete = len(samples) >= batch
    return DataLoader(samples, sampler=BatchSampler(order, batch, drop_last=complete), batch_size=None)


def in_order(samples: Samples, batch: int) -> DataLoader[Sample]:
    """Batches in the samples' order."""
    order = SequentialSampler(range(len(samples)))
    return DataLoader(samples, sampler=BatchSampler(order, batch, drop_last=False), batch_size=None)
