"""Does a network that has seen drawn pictures alone carry over: to a camera nobody drew for it, to real ones?

GasNet learns randomised pictures, heavily altered. For each kind of camera it is fitted once without it, and
asked of that camera's pictures: these answers, of settings it has not seen, fit its temperature and say from
which probability on it may speak. A picture unlike the drawn ones, or below that probability, is not judged:
its evidence is none. Real pictures are asked of once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.temporal import ThermalEncoder
from gas_fusion_ros.model.thermal import network_input
from gas_fusion_ros.simulation.randomisation import WIDE, RandomisationSettings
from training.fitting.precision import cpu_autocast
from training.pictures.samples import SIDE, Sample, draw_pictures
from training.scoring.calibration import fit_temperature
from training.variations.nonsense import nonsense_pictures, silence_loss
from training.variations.thermal_augmentation import ThermalAugmentationSettings, augment_pictures

_INFERENCE_BATCH = 256
_REJECTED = 0.01
"""Share of drawn pictures that count as unlike drawn ones."""
_CHECKED = 0.1
"""Share of the drawn pictures that is kept from learning, to see how far drawn ones lie."""
HEAVY = ThermalAugmentationSettings(
    occlusion=0.4, occluded_side=0.5, blur=0.4, blur_radius=0.015, gain=0.25, offset=0.1, fixed_pattern=0.03
)


@dataclass(frozen=True)
class CarrySettings:
    """How the network learns.

    Attributes:
        pictures: drawn to learn from.
        epochs: passes over them.
        batch: pictures per step.
        learning_rate: AdamW's greatest.
        weight_decay: AdamW's.
        dropout: share of units dropped.
        nonsense: pictures of nothing beside each step's, as a share.
        silence: weight of the loss over these.
        precision: share of the verdicts on unseen settings that must be right where it speaks.
        augmentation: what is done to pictures.
        randomisation: how drawn pictures vary.
    """

    pictures: int = 6_000
    epochs: int = 5
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    dropout: float = 0.3
    nonsense: float = 0.05
    silence: float = 0.1
    precision: float = 0.9
    augmentation: ThermalAugmentationSettings = field(default_factory=lambda: HEAVY)
    randomisation: RandomisationSettings = WIDE


@dataclass(frozen=True)
class DrawnSet:
    """Drawn pictures as the network sees them.

    Attributes:
        pixels: shape (N, SIDE, SIDE), uint8.
        labels: shape (N,), index into the paper's classes.
        cameras: shape (N,), names of detectors.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    cameras: npt.NDArray[np.str_]

    def where(self, chosen: npt.NDArray[np.bool_]) -> DrawnSet:
        """Return the pictures that are chosen, shape (N,)."""
        return DrawnSet(self.pixels[chosen], self.labels[chosen], self.cameras[chosen])


@dataclass(frozen=True)
class Answers:
    """What a network says of N pictures: logits (N, K), and distances (N,) of which 1 is the limit."""

    logits: torch.Tensor
    novelty: torch.Tensor


@dataclass(frozen=True)
class UnseenCamera:
    """How a network that has not seen a kind of camera does on it.

    Attributes:
        camera: its name.
        pictures: how many it was asked of.
        accuracy: share of right verdicts.
    """

    camera: str
    pictures: int
    accuracy: float


@dataclass(frozen=True)
class Carried:
    """A network with what makes evidence of its answers.

    Attributes:
        network: in evaluation mode.
        limit: distance beyond which a picture is unlike drawn ones.
        temperature: makes calibrated probabilities.
        threshold: probability below which it does not speak.
        unseen: how it does on kinds of camera that it has not seen.
        spoke: share of those pictures that it judged.
        right: share of right verdicts among them; None where it judged none.
    """

    network: ThermalEncoder
    limit: float
    temperature: float
    threshold: float
    unseen: tuple[UnseenCamera, ...]
    spoke: float
    right: float | None


@dataclass(frozen=True)
class RealVerdict:
    """What is said of one real picture.

    Attributes:
        name: its file.
        truth: the class that its name holds; empty where it holds none, or several.
        label: the likeliest class.
        probabilities: of each class.
        novelty: how unlike drawn ones it is; 1 is the limit.
        spoken: whether there is evidence; else it is none.
    """

    name: str
    truth: str
    label: str
    probabilities: dict[str, float]
    novelty: float
    spoken: bool


def draw_set(
    count: int,
    seed: int,
    settings: RandomisationSettings = WIDE,
) -> DrawnSet:
    """Draw pictures of all classes in turn; the same seed draws the same ones.

    Args:
        count: how many.
        seed: of all of them.
        settings: how they vary.
    """
    pixels = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    cameras = []
    for index, picture in enumerate(draw_pictures(count, seed, settings)):
        pixels[index] = np.rint(255 * network_input(picture.pixels, picture.encoding, SIDE)[0])
        cameras.append(picture.camera)
    return DrawnSet(pixels, np.arange(count) % len(PAPER_CLASSES), np.array(cameras))


def carry(drawn: DrawnSet, settings: CarrySettings, seed: int, note: Callable[[str], None]) -> Carried:
    """Fit the network, once without each kind of camera and once with all.

    Args:
        drawn: what it learns from.
        settings: how.
        seed: of weights and order.
        note: is told how far it is.

    Raises:
        ValueError: there are pictures of one kind of camera alone.
    """
    names = sorted(set(drawn.cameras.tolist()))
    if len(names) < 2:
        raise ValueError(f"pictures of {', '.join(names)} alone; one kind of camera must be left out")
    unseen, logits, novelty, labels = [], [], [], []
    for name in names:
        asked = drawn.where(drawn.cameras == name)
        network, limit = fit(drawn.where(drawn.cameras != name), settings, seed)
        answers = answer(network, limit, asked.pixels)
        right = answers.logits.argmax(dim=1).numpy() == asked.labels
        unseen.append(UnseenCamera(name, len(right), float(right.mean())))
        note(f"without {name}: {right.mean():.3f} right on {len(right)} pictures of it")
        logits.append(answers.logits)
        novelty.append(answers.novelty)
        labels.append(torch.from_numpy(asked.labels))
    truth = torch.cat(labels)
    temperature = fit_temperature(torch.cat(logits), truth)
    sure, likeliest = (torch.cat(logits) / temperature).softmax(dim=1).max(dim=1)
    is_right, is_known = (likeliest == truth).numpy(), (torch.cat(novelty) <= 1).numpy()
    threshold = speaking_threshold(sure.numpy()[is_known], is_right[is_known], settings.precision)
    spoken = is_known & (sure.numpy() >= threshold)
    network, limit = fit(drawn, settings, seed)
    return Carried(
        network=network,
        limit=limit,
        temperature=temperature,
        threshold=threshold,
        unseen=tuple(unseen),
        spoke=float(spoken.mean()),
        right=float(is_right[spoken].mean()) if spoken.any() else None,
    )


def speaking_threshold(
    sure: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], precision: float
) -> float:
    """Return the least probability from which on verdicts are right often enough; above 1 for none.

    Args:
        sure: shape (N,), probability of the likeliest class.
        right: shape (N,), whether it is the right one.
        precision: share of verdicts that must be right.
    """
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Verdicts of one probability are spoken together or not at all.
    is_last = np.append(np.diff(sure[order]) != 0, True)
    enough = np.flatnonzero(is_last & (shares >= precision))
    return float(sure[order[enough[-1]]]) if len(enough) else 1.1


def fit(drawn: DrawnSet, settings: CarrySettings, seed: int) -> tuple[ThermalEncoder, float]:
    """Fit GasNet to drawn pictures; return it in evaluation mode, and the distance that is its limit."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(drawn.labels), generator=generator)
    checked, learned = order.split([round(_CHECKED * len(order)), len(order) - round(_CHECKED * len(order))])
    pixels, labels = torch.from_numpy(drawn.pixels), torch.from_numpy(drawn.labels)
    shape = Shape(classes=len(PAPER_CLASSES), image_size=SIDE, dropout=settings.dropout)
    network = ThermalEncoder(shape).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
    steps = settings.epochs * (len(learned) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps + 1)
    for _ in range(settings.epochs):
        shuffled = learned[torch.randperm(len(learned), generator=generator)]
        for rows in shuffled.split(settings.batch):
            if len(rows) < settings.batch:
                continue
            images = _turned(pixels[rows][:, None].float() / 255, generator)
            altered = augment_pictures(images, settings.augmentation, generator)
            loss = _loss(network, altered, labels[rows], settings, generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()
    _place_centres(network, drawn.pixels[learned.numpy()], labels[learned])
    distances = answer(network, 1.0, drawn.pixels[checked.numpy()]).novelty.numpy()
    return network, float(np.quantile(distances, 1 - _REJECTED))


def answer(network: ThermalEncoder, limit: float, pixels: npt.NDArray[np.uint8]) -> Answers:
    """Ask a network of pictures, shape (N, SIDE, SIDE), uint8."""
    logits, novelty = [], []
    with torch.inference_mode():
        for part in torch.from_numpy(pixels).split(_INFERENCE_BATCH):
            said, distance = network(part[:, None].float() / 255)
            logits.append(said)
            novelty.append(distance / limit)
    return Answers(torch.cat(logits), torch.cat(novelty))


def judge(carried: Carried, samples: Sequence[Sample]) -> list[RealVerdict]:
    """Return what the network says of pictures, and whether it speaks."""
    pixels = np.stack([np.rint(255 * sample.seen).astype(np.uint8) for sample in samples])
    answers = answer(carried.network, carried.limit, pixels)
    probabilities = (answers.logits / carried.temperature).softmax(dim=1).numpy()
    verdicts = []
    for sample, shares, novelty in zip(samples, probabilities, answers.novelty.tolist(), strict=True):
        likeliest = int(shares.argmax())
        verdicts.append(
            RealVerdict(
                name=sample.name,
                truth=truth_of(sample.name),
                label=PAPER_CLASSES[likeliest],
                probabilities=dict(zip(PAPER_CLASSES, shares.tolist(), strict=True)),
                novelty=novelty,
                spoken=novelty <= 1 and float(shares[likeliest]) >= carried.threshold,
            )
        )
    return verdicts


def truth_of(name: str) -> str:
    """Return the class that a file's name holds; empty where it holds none, or several."""
    found = [gas for gas in PAPER_CLASSES if gas in name]
    return found[0] if len(found) == 1 else ""


def _loss(
    network: ThermalEncoder,
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: CarrySettings,
    generator: torch.Generator,
) -> torch.Tensor:
    nothing = nonsense_pictures(round(settings.nonsense * len(images)), SIDE, generator)
    batch = torch.cat([images, nothing]).contiguous(memory_format=torch.channels_last)
    with cpu_autocast():
        logits = network(batch)[0]
    logits = logits.float()
    loss = nn.functional.cross_entropy(logits[: len(images)], labels)
    return loss + settings.silence * silence_loss(logits[len(images) :]) if len(nothing) else loss


def _turned(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn and mirror a batch, all of it alike."""
    turns, mirrors = torch.randint(4, (2,), generator=generator).tolist()
    turned = torch.rot90(images, turns, dims=(2, 3))
    return turned.flip(3) if mirrors < 2 else turned


def _place_centres(network: ThermalEncoder, pixels: npt.NDArray[np.uint8], labels: torch.Tensor) -> None:
    embedded = []
    with torch.inference_mode():
        for part in torch.from_numpy(pixels).split(_INFERENCE_BATCH):
            embedded.append(network.embedding(network.features(part[:, None].float() / 255)))
    network.place_centres(torch.cat(embedded), labels)
