"""Teaches a network for pictures what plumes look like, from drawn pictures alone, of all cameras but one.

It learns what there is, and where: for each cell of a picture whether a plume makes it darker or brighter.
The second is forgotten afterwards; with it the first is learned from far fewer pictures. Pictures of the
camera that is left out tell how far its probabilities may be believed elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.temporal import ThermalEncoder
from gas_fusion_ros.model.networks.thermal import PLUME_WIDTHS, PlumeFeatures
from gas_fusion_ros.simulation.randomisation import WIDE, RandomisationSettings
from gas_fusion_ros.teaching.limits import check_limits
from training.fitting.one_cycle import one_cycle
from training.fitting.precision import cpu_autocast
from training.pictures.drawn_set import DrawnSet, draw_set
from training.scoring.calibration import Belief, fit_belief, speaking_threshold
from training.variations.nonsense import nonsense_pictures, silence_loss
from training.variations.thermal_augmentation import ThermalAugmentationSettings, augment_pictures

_INFERENCE_BATCH = 256
_TURNS = 8
"""Ways to turn and mirror a picture."""
_STAGES = len(PLUME_WIDTHS) - 1
"""Of `PlumeFeatures`, after which it is told where a plume is; a place then stands for a cell."""

HEAVY = ThermalAugmentationSettings(
    occlusion=0.2, occluded_side=0.3, blur=0.3, blur_radius=0.015, gain=0.2, offset=0.1, fixed_pattern=0.02
)


@dataclass(frozen=True)
class DrawnSettings:
    """How a network learns from drawn pictures.

    Attributes:
        pictures: drawn, those of the camera left out included.
        epochs: passes over them.
        batch: pictures per step; a multiple of 8.
        learning_rate: AdamW's greatest.
        weight_decay: AdamW's.
        dropout: share of units dropped.
        nonsense: pictures of nothing beside each step's, as a share.
        silence: weight of the loss over these.
        where: weight of the loss over where the plume is.
        unseen_share: share of the plumes of any gas that a picture does not show, where cameras are in use.
        precision: share of the verdicts on the camera left out that must be right where the network speaks.
        least_sure: probability of the likeliest class below which it never speaks; at half it is likelier
            than all others together.
        left_out: name of the camera whose pictures are not learned from.
        augmentation: what is done to pictures.
        randomisation: how drawn pictures vary.
    """

    pictures: int = 32_000
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    dropout: float = 0.1
    nonsense: float = 0.05
    silence: float = 0.1
    where: float = 1.0
    unseen_share: float = 0.2
    precision: float = 0.7
    least_sure: float = 0.5
    left_out: str = "Lepton 3.5"
    augmentation: ThermalAugmentationSettings = field(default_factory=lambda: HEAVY)
    randomisation: RandomisationSettings = WIDE

    def __post_init__(self) -> None:
        cameras = [detector.name for detector in self.randomisation.detectors]
        limits = (
            ("pictures", self.pictures >= 1, "at least 1"),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch", self.batch >= _TURNS and self.batch % _TURNS == 0, f"a multiple of {_TURNS}"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("nonsense", 0 <= self.nonsense <= 1, "a share, 0..1"),
            ("silence", self.silence >= 0, "at least 0"),
            ("where", self.where >= 0, "at least 0"),
            ("precision", 0 <= self.precision <= 1, "a share, 0..1"),
            ("least_sure", 0 <= self.least_sure <= 1, "a probability, 0..1"),
            ("unseen_share", 0 < self.unseen_share <= 1, "above 0 and at most 1"),
            (
                "left_out",
                len(cameras) > 1 and self.left_out in cameras,
                f"one of several: {', '.join(cameras)}",
            ),
        )
        check_limits(self, limits)


@dataclass(frozen=True)
class PlumeLearner:
    """A network that learns from drawn pictures, with what tells where the plume is.

    Attributes:
        network: the network.
        pointer: from places of its features to logits of darker and brighter plumes.
    """

    network: ThermalEncoder
    pointer: nn.Conv2d

    @classmethod
    def of(cls, network: ThermalEncoder) -> PlumeLearner:
        """Return a learner of a network, which is put into training mode, with a fresh pointer."""
        network.train().to(memory_format=torch.channels_last)
        return cls(network, nn.Conv2d(PLUME_WIDTHS[_STAGES - 1], 2, kernel_size=1))

    def take_over(self, other: PlumeLearner) -> None:
        """Take another learner's weights."""
        self.network.load_state_dict(other.network.state_dict())
        self.pointer.load_state_dict(other.pointer.state_dict())

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield all weights."""
        yield from self.network.parameters()
        yield from self.pointer.parameters()

    def answer(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K), and of places (N, 2, S // CELL, S // CELL), of pictures (N, 1, S, S)."""
        features = self.network.features
        assert isinstance(features, PlumeFeatures)
        with cpu_autocast():
            seen = features.normalised(images).contiguous(memory_format=torch.channels_last)
            places = features.layers[:_STAGES](seen)
            logits = self.network.classes(self.network.embedding(features.layers[_STAGES:](places)))
            where = self.pointer(places)
        return logits.float(), where.float()


@dataclass(frozen=True)
class DrawnBatch:
    """Altered pictures of one step, and what is to be said of them.

    Attributes:
        images: shape (N + M, 1, S, S), 0..1; the last M are pictures of nothing.
        beliefs: shape (N, K), probabilities.
        plumes: shape (N, 2, S // CELL, S // CELL), 0..1, see `DrawnSet`.
    """

    images: torch.Tensor
    beliefs: torch.Tensor
    plumes: torch.Tensor

    def loss(self, logits: torch.Tensor, where: torch.Tensor, settings: DrawnSettings) -> torch.Tensor:
        """Return the loss of what a learner answers of its images."""
        count = len(self.beliefs)
        loss = nn.functional.cross_entropy(logits[:count], self.beliefs)
        loss = loss + settings.where * nn.functional.binary_cross_entropy_with_logits(
            where[:count], self.plumes
        )
        return loss + settings.silence * silence_loss(logits[count:]) if len(logits) > count else loss


class Steps:
    """Goes through drawn pictures again and again, a batch at a time, in an order that changes."""

    def __init__(self, drawn: DrawnSet, settings: DrawnSettings, generator: torch.Generator) -> None:
        self._drawn, self._settings, self._generator = drawn, settings, generator
        self._beliefs = drawn.beliefs(settings.unseen_share)
        self._batches: list[torch.Tensor] = []

    @property
    def per_epoch(self) -> int:
        """Steps of one pass."""
        return max(1, len(self._drawn) // self._settings.batch)

    def next_batch(self) -> DrawnBatch:
        """Return the next step's pictures."""
        if not self._batches:
            order = torch.randperm(len(self._drawn), generator=self._generator)
            self._batches = list(order.tensor_split(self.per_epoch))
        rows = self._batches.pop()
        settings, generator = self._settings, self._generator
        images = torch.from_numpy(self._drawn.pixels[rows.numpy()])[:, None].float() / 255
        plumes = torch.from_numpy(self._drawn.plumes[rows.numpy()]).float() / 255
        turns = torch.randperm(_TURNS, generator=generator).tolist()
        images, plumes = (_turned(values, turns) for values in (images, plumes))
        images = augment_pictures(images, settings.augmentation, generator)
        nothing = nonsense_pictures(round(settings.nonsense * len(images)), images.shape[-1], generator)
        return DrawnBatch(torch.cat([images, nothing]), self._beliefs[rows], plumes)


@dataclass(frozen=True)
class Trust:
    """How far a network's answers may be believed, and from which probability on they are evidence at all."""

    belief: Belief
    least_sure: float


@dataclass(frozen=True)
class Pretrained:
    """What was learned from drawn pictures.

    Attributes:
        settings: how.
        learner: the network, in evaluation mode; a copy of it learns on.
        learned: the pictures it has learned from.
        left_out: those of the camera that is left out.
    """

    settings: DrawnSettings
    learner: PlumeLearner
    learned: DrawnSet
    left_out: DrawnSet

    def measured(self, network: ThermalEncoder) -> tuple[Trust, torch.Tensor]:
        """Return how far a network that has not seen the camera left out may be believed there.

        Its pictures' distances, shape (N,), come with it.
        """
        logits, distances = ask(network, self.left_out.pixels)
        return measure(logits, self.left_out, self.settings), distances


def measure(logits: torch.Tensor, unseen: DrawnSet, settings: DrawnSettings) -> Trust:
    """Return how far networks may be believed that answer so, shape (N, K), of unseen pictures."""
    belief = fit_belief(logits, unseen.beliefs(settings.unseen_share))
    sure, likeliest = (logits / belief.temperature).softmax(dim=1).max(dim=1)
    right = likeliest.numpy() == unseen.shown_labels
    precise = speaking_threshold(sure.numpy(), right, settings.precision)
    return Trust(belief, max(settings.least_sure, precise))


def pretrain(
    classes: tuple[str, ...], size: int, settings: DrawnSettings, seed: int, note: Callable[[str], None]
) -> Pretrained:
    """Draw pictures, and teach a network those of all cameras but one.

    Args:
        classes: of the paper's, those that are drawn.
        size: side of a picture, pixels.
        settings: how.
        seed: of pictures, weights and order.
        note: is told how far it is.
    """
    note(f"drawing {settings.pictures:,} pictures")
    drawn = draw_set(classes, settings.pictures, size, seed, settings.randomisation)
    is_left_out = drawn.cameras == settings.left_out
    learned, left_out = drawn.where(~is_left_out), drawn.where(is_left_out)
    pretrained = Pretrained(settings, fit(learned, settings, seed, note), learned, left_out)
    trust, _ = pretrained.measured(pretrained.learner.network)
    note(
        f"{settings.left_out}, left out: temperature {trust.belief.temperature:.2f}, reliability "
        f"{trust.belief.reliability:.2f}, evidence from probability {trust.least_sure:.2f} on"
    )
    return pretrained


def fit(drawn: DrawnSet, settings: DrawnSettings, seed: int, note: Callable[[str], None]) -> PlumeLearner:
    """Teach a network drawn pictures; it is returned in evaluation mode."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    shape = Shape(classes=len(drawn.classes), image_size=drawn.pixels.shape[-1], dropout=settings.dropout)
    learner = PlumeLearner.of(ThermalEncoder(shape))
    steps = Steps(drawn, settings, generator)
    total = settings.epochs * steps.per_epoch
    optimiser, schedule = one_cycle(
        learner.parameters(), settings.learning_rate, settings.weight_decay, total, rising=0.15
    )
    for epoch in range(settings.epochs):
        losses = []
        for _ in range(steps.per_epoch):
            batch = steps.next_batch()
            loss = batch.loss(*learner.answer(batch.images), settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        note(f"drawn pictures, pass {epoch + 1} of {settings.epochs}: loss {np.mean(losses):.3f}")
    learner.network.eval()
    return learner


def ask(network: ThermalEncoder, pixels: npt.NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ask a network of pictures, shape (N, S, S), uint8: logits (N, K) and distances (N,)."""
    logits, distances = [], []
    with torch.inference_mode():
        for part in torch.from_numpy(pixels).split(_INFERENCE_BATCH):
            said, distance = network(part[:, None].float() / 255)
            logits.append(said)
            distances.append(distance)
    return torch.cat(logits), torch.cat(distances)


def embed(network: ThermalEncoder, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return pictures, shape (N, S, S), uint8, in a network's last hidden layer, shape (N, `EMBEDDING`)."""
    with torch.inference_mode():
        return torch.cat(
            [
                network.embedding(network.features(part[:, None].float() / 255))
                for part in torch.from_numpy(pixels).split(_INFERENCE_BATCH)
            ]
        )


def _turned(values: torch.Tensor, turns: list[int]) -> torch.Tensor:
    """Turn and mirror parts of a batch, shape (N, C, S, S), each part another way."""
    parts = []
    for part, turn in zip(values.tensor_split(_TURNS), turns, strict=True):
        turned = torch.rot90(part, turn % 4, dims=(2, 3))
        parts.append(turned.flip(3) if turn >= 4 else turned)
    return torch.cat(parts)
