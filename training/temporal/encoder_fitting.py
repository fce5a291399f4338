"""Fits the encoder of a window of gas readings: robust training on stretched, drifting and broken windows.

A fit takes seconds on one CPU core, so there is nothing to resume; seed and settings decide it alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import nn

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.temporal import ENCODERS
from gas_fusion_ros.model.networks.window_encoders import (
    PROTOTYPES,
    BlendEncoder,
    PatrolPrototypeEncoder,
    PrototypeEncoder,
    WindowStatistics,
)
from gas_fusion_ros.model.window import Window, WindowSettings
from gas_fusion_ros.teaching.augmentation import COUNTS, AugmentationSettings, augment
from gas_fusion_ros.teaching.limits import check_limits
from gas_fusion_ros.teaching.windows import TrainingPart, Windows
from training.data.splits import Indices
from training.fitting.material import Normalisation
from training.fitting.one_cycle import one_cycle
from training.variations.patrol_windows import patrol_windows

M = TypeVar("M", bound=nn.Module)

_BATCH = 1024
_CLUSTERED = ("prototypes", "patrols")
"""Encoders that need no gradient."""


@dataclass(frozen=True)
class EncoderSettings:
    """Everything that shapes an encoder's weights beside data and seed.

    Attributes:
        encoder: name in `model.networks.temporal.ENCODERS`.
        readings: W.
        period_s: time between two of them, seconds.
        prototypes: per class, of the encoder `prototypes`.
        patrols: simulated patrols that the further prototypes of the encoder `patrols` come from.
        reserve: how much less these count than recorded ones, as a logarithm.
        copies: altered copies of each training window, beside the window as recorded.
        slowest: least pace of a copy: at 0.65 the window holds 0.65 times the recorded time.
        fastest: greatest pace of a copy.
        epochs: passes over the training windows, of each a random copy; 0 leaves prototypes as clustered.
        learning_rate: AdamW's greatest.
        weight_decay: AdamW's.
        batch: windows per step.
        dropout: share of units dropped.
        smoothing: label smoothing.
        augmentation: what is done to copies; None for the usual in the recording's domain.
    """

    encoder: str = "prototypes"
    readings: int = 40
    period_s: float = 2.0
    prototypes: int = PROTOTYPES
    patrols: int = 40
    reserve: float = 3.0
    copies: int = 5
    slowest: float = 0.65
    fastest: float = 1.5
    epochs: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    batch: int = 256
    dropout: float = 0.2
    smoothing: float = 0.02
    augmentation: AugmentationSettings | None = None

    def __post_init__(self) -> None:
        limits = (
            ("encoder", self.encoder in ENCODERS, f"one of {', '.join(ENCODERS)}"),
            ("readings", self.readings >= 3, "at least 3"),
            ("period_s", self.period_s > 0, "a positive number"),
            ("prototypes", self.prototypes >= 1, "at least 1"),
            ("patrols", self.patrols >= 1, "at least 1"),
            ("reserve", self.reserve >= 0, "at least 0"),
            ("copies", self.copies >= 0, "at least 0"),
            ("slowest", 0 < self.slowest <= 1, "above 0 and at most 1"),
            ("fastest", self.fastest >= 1, "at least 1"),
            ("epochs", self.epochs >= (0 if self.encoder in _CLUSTERED else 1), "at least 1"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("batch", self.batch >= 2, "at least 2"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("smoothing", 0 <= self.smoothing < 1, "at least 0 and below 1"),
        )
        check_limits(self, limits)

    @property
    def window(self) -> WindowSettings:
        """Length and period of its windows."""
        return WindowSettings(self.readings, round(self.period_s * NANOSECONDS_PER_SECOND))


@dataclass(frozen=True)
class EncoderAnswers:
    """What an encoder says of N windows: logits (N, K) and distances (N,), float32."""

    logits: torch.Tensor
    distances: torch.Tensor

    def of(self, index: npt.NDArray[np.generic]) -> EncoderAnswers:
        """Return the answers to some of the windows, by indices or a mask."""
        chosen = torch.from_numpy(index)
        return EncoderAnswers(self.logits[chosen], self.distances[chosen])

    def accuracy(self, labels: Indices) -> float:
        """Return the share of the windows that are classified rightly; `labels` has shape (N,)."""
        return float((self.logits.argmax(dim=1).numpy() == labels).mean())

    @classmethod
    def concatenate(cls, parts: list[EncoderAnswers]) -> EncoderAnswers:
        """Put answers one after another."""
        return cls(torch.cat([part.logits for part in parts]), torch.cat([part.distances for part in parts]))


@dataclass(frozen=True)
class FittedEncoder:
    """A fitted encoder with what its windows are made by.

    Attributes:
        settings: what it was fitted by.
        normalisation: of its training rows.
        network: in evaluation mode.
        seconds: wall time of the fit.
    """

    settings: EncoderSettings
    normalisation: Normalisation
    network: nn.Module
    seconds: float

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def answer(self, windows: Windows) -> EncoderAnswers:
        """Run it on windows."""
        gas, valid = as_tensors(windows, self.normalisation)
        batches = zip(gas.split(_BATCH), valid.split(_BATCH), strict=True)
        with torch.no_grad():
            return EncoderAnswers.concatenate([EncoderAnswers(*self.network(*batch)) for batch in batches])


def as_tensors(windows: Windows, normalisation: Normalisation) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a windowed network takes, made as the live node makes it; see `Window.as_inputs`."""
    mean, std = (np.array(values, dtype=np.float32) for values in (normalisation.mean, normalisation.std))
    gas, valid = Window(windows.values, windows.valid).as_inputs(mean, std)
    return torch.from_numpy(gas), torch.from_numpy(valid)


def fit_encoder(part: TrainingPart, settings: EncoderSettings, seed: int) -> FittedEncoder:
    """Fit an encoder.

    Args:
        part: what it is fitted on.
        settings: how.
        seed: decides copies, weights and order.
    """
    began = time.monotonic()
    torch.manual_seed(seed)
    normalisation = Normalisation.fit(part.values)
    copies = list(_copies(part, settings, np.random.default_rng(seed)))
    shape = Shape(part.classes, part.channels, dropout=settings.dropout, window=settings.readings)
    network = _build(settings, shape)
    tensors = [as_tensors(windows, normalisation) for windows in copies]
    labels = torch.from_numpy(copies[0].labels)
    # Statistics first: prototypes live among standardised ones.
    for statistics in _modules(network, WindowStatistics):
        statistics.fit(tensors[0][0])
    for prototypes in _modules(network, PrototypeEncoder):
        _place(prototypes, tensors, labels, seed, slice(prototypes.recorded))
    if isinstance(network, PatrolPrototypeEncoder):
        _place_patrols(network, part, settings, normalisation, seed)
    if settings.epochs:
        # In a blend the prototypes stay as clustered: the two are to err differently.
        learned = network.perceptron if isinstance(network, BlendEncoder) else network
        _descend(learned, tensors, labels, settings)
    return FittedEncoder(settings, normalisation, network.eval(), time.monotonic() - began)


def _modules(network: nn.Module, kind: type[M]) -> list[M]:
    return [module for module in network.modules() if isinstance(module, kind)]


def _build(settings: EncoderSettings, shape: Shape) -> nn.Module:
    if settings.encoder == "prototypes":
        return PrototypeEncoder(shape, settings.prototypes)
    return ENCODERS[settings.encoder](shape)


def _copies(part: TrainingPart, settings: EncoderSettings, rng: np.random.Generator) -> Iterator[Windows]:
    """Yield the windows as recorded, then altered copies of them at other paces."""
    yield part.windows(settings.window)
    usual = COUNTS if part.recording.array is None else AugmentationSettings()
    for _ in range(settings.copies):
        pace = np.exp(rng.uniform(np.log(settings.slowest), np.log(settings.fastest), len(part.rows)))
        yield augment(part.windows(settings.window, pace), part.clean, settings.augmentation or usual, rng)


def _place(
    network: PrototypeEncoder,
    tensors: list[tuple[torch.Tensor, torch.Tensor]],
    labels: torch.Tensor,
    seed: int,
    places: slice,
) -> None:
    """Set some of each class's prototypes to the k-means centres of its windows whose channels all live."""
    with torch.no_grad():
        for label in range(network.prototypes.shape[0]):
            mine = labels == label
            values = [
                network.statistics(gas[mine], valid[mine])[valid[mine][:, -1].bool().all(dim=1)]
                for gas, valid in tensors
            ]
            own = network.prototypes[label, places]
            own.copy_(_centres(torch.cat(values).flatten(1), len(own), seed).view_as(own))


def _centres(values: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Return k-means centres, shape (count, F), of `values`, shape (N, F); some twice where N is less."""
    means = MiniBatchKMeans(
        min(count, len(values)), n_init=1, max_iter=30, batch_size=2048, random_state=seed
    ).fit(values.numpy())
    return torch.from_numpy(np.resize(means.cluster_centers_, (count, values.shape[1])))


def _place_patrols(
    network: PatrolPrototypeEncoder,
    part: TrainingPart,
    settings: EncoderSettings,
    normalisation: Normalisation,
    seed: int,
) -> None:
    """Set the further prototypes to what patrols would bring.

    Where none can be simulated, they repeat the recorded ones.
    """
    further = slice(network.recorded, None)
    network.prior[:, further] = -settings.reserve
    windows = patrol_windows(part, settings.window, settings.patrols)
    if windows is not None:
        tensors = [as_tensors(windows, normalisation)]
        _place(network, tensors, torch.from_numpy(windows.labels), seed, further)
        return
    with torch.no_grad():
        repeats = torch.arange(network.prototypes.shape[1] - network.recorded) % network.recorded
        network.prototypes[:, further] = network.prototypes[:, repeats]


def _descend(
    network: nn.Module,
    tensors: list[tuple[torch.Tensor, torch.Tensor]],
    labels: torch.Tensor,
    settings: EncoderSettings,
) -> None:
    """Train by gradient descent, each epoch on a random copy of each window."""
    gas, valid = (torch.stack(values) for values in zip(*tensors, strict=True))
    batches = max(1, len(labels) // settings.batch)
    optimiser, schedule = one_cycle(
        network.parameters(),
        settings.learning_rate,
        settings.weight_decay,
        settings.epochs * batches,
        rising=0.15,
    )
    loss = nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    network.train()
    for _ in range(settings.epochs):
        order = torch.randperm(len(labels))
        for chosen in order.tensor_split(batches):
            copy = torch.randint(len(gas), (len(chosen),))
            logits, _ = network(gas[copy, chosen], valid[copy, chosen])
            optimiser.zero_grad()
            loss(logits, labels[chosen]).backward()
            optimiser.step()
            schedule.step()
