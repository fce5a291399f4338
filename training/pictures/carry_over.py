"""Does a network that has seen drawn pictures alone carry over: to a camera nobody drew for it, to real ones?

For each kind of camera a network is taught without it, and asked of that camera's pictures. These answers, of
settings it has not seen, say how far such networks may be believed. Real pictures are asked of once, at the
end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CLASSES
from gas_fusion_ros.inspection.picture import class_in
from gas_fusion_ros.model.networks.temporal import ThermalEncoder, bounded
from training.pictures.drawn_set import SIDE, DrawnSet
from training.pictures.pretraining import DrawnSettings, Trust, ask, embed, fit, measure
from training.pictures.samples import Sample

_REJECTED = 0.01
"""Share of drawn pictures that count as unlike drawn ones."""


@dataclass(frozen=True)
class UnseenCamera:
    """How a network that has not seen a kind of camera does on it.

    Attributes:
        camera: its name.
        pictures: how many it was asked of.
        accuracy: share of right verdicts on what the pictures show.
        gas_accuracy: share of right verdicts on whether there is a plume.
    """

    camera: str
    pictures: int
    accuracy: float
    gas_accuracy: float


@dataclass(frozen=True)
class Carried:
    """A network with what makes evidence of its answers.

    Attributes:
        network: in evaluation mode; it has seen all cameras.
        limit: distance beyond which a picture is unlike drawn ones.
        trust: how far networks may be believed of a camera they have not seen.
        unseen: how they do on each.
        spoke: share of those pictures that they say something of.
        right: share of right verdicts among these; None where there are none.
    """

    network: ThermalEncoder
    limit: float
    trust: Trust
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
        probabilities: of each class, as far as they may be believed.
        novelty: how unlike drawn ones it is; 1 is the limit.
        spoken: whether there is evidence; else it is none.
    """

    name: str
    truth: str
    label: str
    probabilities: dict[str, float]
    novelty: float
    spoken: bool


def carry(drawn: DrawnSet, settings: DrawnSettings, seed: int, note: Callable[[str], None]) -> Carried:
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
    unseen, parts, logits, novelty = [], [], [], []
    for name in names:
        asked = drawn.where(drawn.cameras == name)
        network, limit = _taught(drawn.where(drawn.cameras != name), settings, seed, note)
        said, distances = ask(network, asked.pixels)
        unseen.append(_measured(name, asked, said))
        note(f"without {name}: {unseen[-1].accuracy:.3f} right on {len(asked)} pictures of it")
        parts.append(asked)
        logits.append(said)
        novelty.append(distances / limit)
    together = DrawnSet.concatenate(parts)
    trust = measure(torch.cat(logits), together, settings)
    sure, likeliest = (torch.cat(logits) / trust.belief.temperature).softmax(dim=1).max(dim=1)
    spoken = ((sure >= trust.least_sure) & (torch.cat(novelty) <= 1)).numpy()
    right = likeliest.numpy() == together.shown_labels
    network, limit = _taught(drawn, settings, seed, note)
    return Carried(
        network=network,
        limit=limit,
        trust=trust,
        unseen=tuple(unseen),
        spoke=float(spoken.mean()),
        right=float(right[spoken].mean()) if spoken.any() else None,
    )


def judge(carried: Carried, samples: Sequence[Sample]) -> list[RealVerdict]:
    """Return what the network says of pictures, and whether it speaks."""
    fields = [cv2.resize(sample.field, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for sample in samples]
    pixels = np.rint(255 * np.stack(fields)).astype(np.uint8)
    logits, distances = ask(carried.network, pixels)
    belief = carried.trust.belief
    evidence = (logits / belief.temperature).log_softmax(dim=1)
    probabilities = bounded(evidence, torch.tensor(belief.reliability)).exp().numpy()
    sure = evidence.exp().amax(dim=1).numpy()
    verdicts = []
    for sample, shares, least, novelty in zip(
        samples, probabilities, sure, (distances / carried.limit).tolist(), strict=True
    ):
        verdicts.append(
            RealVerdict(
                name=sample.name,
                truth=class_in(sample.name, PAPER_CLASSES),
                label=PAPER_CLASSES[int(shares.argmax())],
                probabilities=dict(zip(PAPER_CLASSES, shares.tolist(), strict=True)),
                novelty=novelty,
                spoken=novelty <= 1 and bool(least >= carried.trust.least_sure),
            )
        )
    return verdicts


def _taught(
    drawn: DrawnSet, settings: DrawnSettings, seed: int, note: Callable[[str], None]
) -> tuple[ThermalEncoder, float]:
    """Return a network that has learned from pictures, and the distance that few of them exceed."""
    network = fit(drawn, settings, seed, note).network
    network.place_centres(embed(network, drawn.pixels), torch.from_numpy(drawn.shown_labels))
    _, distances = ask(network, drawn.pixels)
    return network, float(np.quantile(distances.numpy(), 1 - _REJECTED))


def _measured(name: str, asked: DrawnSet, logits: torch.Tensor) -> UnseenCamera:
    said, shown = logits.argmax(dim=1).numpy(), asked.shown_labels
    clean = PAPER_CLASSES.index(CLEAN_AIR)
    return UnseenCamera(
        name, len(asked), float((said == shown).mean()), float(((said == clean) == (shown == clean)).mean())
    )
