"""Fits temporal fusion: the window encoder, then a network for pictures beside it, readings often missing.

The window encoder is fitted by `encoder_fitting` and stays as it is. The network for pictures begins with
what drawn pictures of many cameras have taught it, and goes on with these beside the rows' own. It is trained
through the joint logits while half of the readings are dropped: where readings say enough it learns little,
where they are missing it stands alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.temporal import TemporalFusion, ThermalEncoder
from gas_fusion_ros.teaching.limits import check_limits
from gas_fusion_ros.teaching.windows import Windows
from training.data.images import Images
from training.data.splits import Indices
from training.fitting.one_cycle import one_cycle
from training.fitting.precision import cpu_autocast
from training.pictures.pretraining import DrawnSettings, PlumeLearner, Pretrained, Steps, embed
from training.scoring.calibration import fit_temperature
from training.temporal.encoder_fitting import FittedEncoder, as_tensors
from training.temporal.nested import FALSE_REJECT_RATE, Choice, Fold, Outside
from training.variations.nonsense import nonsense_pictures, silence_loss
from training.variations.thermal_augmentation import ThermalAugmentationSettings, augment_pictures

_INFERENCE_BATCH = 64
_SILENCE_WEIGHT = 0.1
"""Of the loss over pictures of nothing; more of it makes GasNet shy of real scenes too."""


@dataclass(frozen=True)
class ThermalSettings:
    """How the network for pictures is trained within temporal fusion.

    Attributes:
        image_size: side of the picture, pixels.
        epochs: passes over the training rows.
        batch: rows per step.
        learning_rate: AdamW's greatest.
        weight_decay: AdamW's.
        dropout: share of units dropped.
        missing_readings: share of the rows whose readings are dropped.
        nonsense: pictures of nothing beside each step's, as a share of its rows; of them the network learns
            to say little.
        augmentation: what is done to pictures.
        drawn: how it learns from drawn pictures of many cameras, before and beside the rows' own; they are
            drawn where all classes are the paper's.
    """

    image_size: int = 64
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    missing_readings: float = 0.5
    nonsense: float = 0.05
    augmentation: ThermalAugmentationSettings = field(default_factory=ThermalAugmentationSettings)
    drawn: DrawnSettings = field(default_factory=DrawnSettings)

    def __post_init__(self) -> None:
        limits = (
            ("image_size", self.image_size >= 64, "at least 64 pixels"),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch", self.batch >= 2, "at least 2"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("nonsense", 0 <= self.nonsense <= 1, "a share, 0..1"),
            ("missing_readings", 0 <= self.missing_readings <= 1, "a share, 0..1"),
        )
        check_limits(self, limits)


@dataclass(frozen=True)
class FittedFusion:
    """A fitted temporal fusion network with what its inputs are made by.

    Attributes:
        encoder: its window encoder, with settings and normalisation.
        network: in evaluation mode.
        shape: what it is sized by.
        seconds: wall time of the fit, the window encoder's included.
    """

    encoder: FittedEncoder
    network: TemporalFusion
    shape: Shape
    seconds: float


@dataclass(frozen=True)
class FusionAnswers:
    """What temporal fusion says of N rows: logits (N, K) and novelty (N,), float32."""

    logits: torch.Tensor
    novelty: torch.Tensor


Pictures = Callable[[Indices], torch.Tensor]
"""From rows, shape (n,), to their pictures, shape (n, I, S, S), uint8."""


def first_pictures(images: Images) -> Pictures:
    """Return what gives each row's first picture."""
    return lambda rows: images.of(rows, np.zeros(len(rows), dtype=np.int64))


def fit_fusion(
    encoder: FittedEncoder,
    choice: Choice,
    outside: Outside,
    build: Callable[[Shape], TemporalFusion],
    images: Images,
    settings: ThermalSettings,
    pretrained: Pretrained | None,
    seed: int,
) -> FittedFusion:
    """Fit temporal fusion around a window encoder.

    The network for pictures leaves the middle inner fold out of training, and one kind of camera: on these
    its limit is fitted, and on the camera how far its evidence may be believed; without drawn pictures its
    temperature is that of the fold. The window encoder's are the choice's, from all folds. Evidence that is
    calibrated adds up without another.

    Args:
        encoder: fitted to all rows outside the test.
        choice: what chose it.
        outside: what may be known before the test.
        build: makes the network of a shape.
        images: the rows' pictures.
        settings: how the network for pictures is trained.
        pretrained: what it has learned from drawn pictures; None to begin with nothing.
        seed: decides weights and order.
    """
    began = time.monotonic()
    held = choice.folds[len(choice.folds) // 2]
    shape = Shape(
        outside.part.classes,
        outside.part.channels,
        images.channels,
        images.size,
        settings.dropout,
        encoder.settings.readings,
    )
    torch.manual_seed(seed)
    network = build(shape)
    network.gas.load_state_dict(encoder.network.state_dict())
    network.temperatures[0] = choice.temperature
    network.limits[0] = choice.limit
    _train_thermal(network, encoder, held.fold, images, settings, pretrained, seed)
    network.eval()
    _calibrate(network, held.windows, images, pretrained)
    seconds = encoder.seconds + time.monotonic() - began
    return FittedFusion(encoder, network, shape, seconds)


def _train_thermal(
    network: TemporalFusion,
    encoder: FittedEncoder,
    fold: Fold,
    images: Images,
    settings: ThermalSettings,
    pretrained: Pretrained | None,
    seed: int,
) -> None:
    rows = fold.train[images.usable[fold.train]]
    windows = replace(fold.part, rows=rows).windows(encoder.settings.window)
    labels = torch.from_numpy(windows.labels)
    with torch.no_grad():
        evidence = (encoder.answer(windows).logits / network.temperatures[0]).log_softmax(dim=1)
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    learner = PlumeLearner.of(network.thermal)
    steps = None
    if pretrained is not None:
        learner.take_over(pretrained.learner)
        steps = Steps(pretrained.learned, settings.drawn, generator)
    batches = max(1, len(rows) // settings.batch)
    optimiser, schedule = one_cycle(
        learner.parameters(),
        settings.learning_rate,
        settings.weight_decay,
        settings.epochs * batches,
        rising=0.2,
    )
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(rows), generator=generator).tensor_split(batches):
            takes = rng.integers(images.takes, size=len(chosen))
            pictures = _as_input(images.of(rows[chosen.numpy()], takes))
            pictures = augment_pictures(pictures, settings.augmentation, generator)
            heard = torch.rand(len(chosen), 1, generator=generator) >= settings.missing_readings
            # In one batch, as both are normalised alike in use.
            drawn = None if steps is None else steps.next_batch()
            logits, where = learner.answer(pictures if drawn is None else torch.cat([pictures, drawn.images]))
            count = len(pictures)
            joint = logits[:count].log_softmax(dim=1) + heard * evidence[chosen]
            loss = nn.functional.cross_entropy(joint, labels[chosen])
            if drawn is not None:
                loss = loss + drawn.loss(logits[count:], where[count:], settings.drawn)
            nothing = nonsense_pictures(round(settings.nonsense * len(chosen)), images.size, generator)
            if len(nothing):
                loss = loss + _SILENCE_WEIGHT * _loudness(
                    network.thermal, nothing.expand(-1, pictures.shape[1], -1, -1)
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.thermal.eval()
    _place_centres(network, rows, labels, images, pretrained)


def _loudness(thermal: ThermalEncoder, nothing: torch.Tensor) -> torch.Tensor:
    """Return how much GasNet says of pictures of nothing; they leave its batch normalisation as it is."""
    thermal.eval()
    with cpu_autocast():
        logits, _ = thermal(nothing.contiguous(memory_format=torch.channels_last))
    thermal.train()
    return silence_loss(logits.float())


def _place_centres(
    network: TemporalFusion,
    rows: Indices,
    labels: torch.Tensor,
    images: Images,
    pretrained: Pretrained | None,
) -> None:
    pictures = first_pictures(images)
    thermal = network.thermal
    with torch.no_grad():
        embedded = [thermal.embedding(thermal.features(_as_input(pictures(part)))) for part in _batches(rows)]
    if pretrained is not None:
        embedded.append(embed(thermal, pretrained.learned.pixels))
        labels = torch.cat([labels, torch.from_numpy(pretrained.learned.shown_labels)])
    thermal.place_centres(torch.cat(embedded), labels)


def _calibrate(
    network: TemporalFusion, windows: Windows, images: Images, pretrained: Pretrained | None
) -> None:
    """Fit what the network for pictures may be believed, on what it has not learned from."""
    usable = np.flatnonzero(images.usable[windows.rows])
    labels = torch.from_numpy(windows.labels[usable])
    logits, distances = answer_pictures(network, windows.rows[usable], first_pictures(images))
    if pretrained is None:
        network.temperatures[1] = fit_temperature(logits, labels)
    else:
        trust, further = pretrained.measured(network.thermal)
        network.temperatures[1] = trust.belief.temperature
        network.reliability.fill_(trust.belief.reliability)
        network.least_sure.fill_(trust.least_sure)
        distances = torch.cat([distances, further])
    network.limits[1] = float(np.quantile(distances.numpy(), 1 - FALSE_REJECT_RATE))


def answer_pictures(
    network: TemporalFusion, rows: Indices, pictures: Pictures
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run GasNet alone: logits (N, K) and distances (N,)."""
    with torch.no_grad():
        answers = [network.thermal(_as_input(pictures(part))) for part in _batches(rows)]
    return torch.cat([logits for logits, _ in answers]), torch.cat([distance for _, distance in answers])


def answer_fusion(fitted: FittedFusion, windows: Windows, pictures: Pictures | None) -> FusionAnswers:
    """Run temporal fusion on windows, with pictures of their rows or without."""
    gas, valid = as_tensors(windows, fitted.encoder.normalisation)
    out = []
    side = fitted.shape.image_size
    for part in _batches(np.arange(len(windows))):
        if pictures is None:
            image, has = (
                torch.zeros(len(part), fitted.shape.image_channels, side, side),
                torch.zeros(len(part), 1),
            )
        else:
            image, has = _as_input(pictures(windows.rows[part])), torch.ones(len(part), 1)
        with torch.no_grad():
            out.append(fitted.network(gas[part], valid[part], image, has))
    logits, novelty, _ = (torch.cat(parts) for parts in zip(*out, strict=True))
    return FusionAnswers(logits, novelty)


def _batches(rows: Indices) -> list[Indices]:
    return np.array_split(rows, max(1, len(rows) // _INFERENCE_BATCH))


def _as_input(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.to(torch.float32).mul_(1 / 255)


def frozen(pictures: Pictures, row: int) -> Pictures:
    """Return what gives every row the picture of one: a camera that has stopped."""
    picture = pictures(np.array([row]))
    return lambda rows: picture.expand(len(rows), *picture.shape[1:])
