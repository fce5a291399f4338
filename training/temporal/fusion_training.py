"""Trains temporal fusion outside a test: choice, window encoder, GasNet; shows it pictures on the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode
from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion
from gas_fusion_ros.model.thermal import Preparation
from training.data.images import Images, choose_thermal, load_images
from training.data.splits import Indices
from training.pictures.pretraining import Pretrained, pretrain
from training.temporal.bench import CHOICE_SEED, Bench
from training.temporal.encoder_fitting import FittedEncoder
from training.temporal.fusion_fitting import (
    FittedFusion,
    Pictures,
    ThermalSettings,
    answer_fusion,
    answer_pictures,
    first_pictures,
    fit_fusion,
    frozen,
)
from training.temporal.nested import Choice, Outside, choose
from training.temporal.recipes import EncoderRecipe, Recipe

STOPPED = "fusion, camera stopped in clean air"
NOISE = "fusion, picture of noise"
TURNED = "fusion, camera turned"
BLOCKS = "fusion, picture in blocks"

_DRAWN_SEED = 0
_BLOCK = 4
"""Side of a compressed picture's blocks, of the network's pixels: 8 of a screenshot are 3 of them."""


@dataclass(frozen=True)
class TrainedFusion:
    """Temporal fusion, fitted to the rows outside a test, with what was chosen for it."""

    choice: Choice
    fusion: FittedFusion
    outside: Outside

    @property
    def title(self) -> str:
        """Its name in the card."""
        return f"temporal fusion, {self.choice.name.replace('_', ' ')}"


@dataclass(frozen=True)
class PictureLessons:
    """What the network for pictures learns from.

    Attributes:
        images: the rows' own pictures.
        pretrained: what drawn pictures of many cameras have taught; None where a class cannot be drawn.
    """

    images: Images
    pretrained: Pretrained | None


def prepare_lessons(
    dataset: Dataset,
    thermal: str,
    settings: ThermalSettings,
    cache: Path,
    seed: int,
    note: Callable[[str], None],
) -> PictureLessons:
    """Prepare a data set's pictures as temporal fusion takes them, and learn from drawn ones.

    Args:
        dataset: the rows.
        thermal: `auto`, `real` or `rendered`, see `choose_thermal`.
        settings: how pictures are learned from.
        cache: folder for prepared pictures.
        seed: of drawn pictures, weights and order.
        note: is told how far it is.

    Raises:
        DatasetError: pictures are missing, or a class cannot be rendered.
        ValueError: `thermal` is none of the three.
    """
    kind, size = choose_thermal(dataset, thermal), settings.image_size
    images = load_images(dataset, kind, Preparation.FIELD, size, cache, tick=lambda: None)
    is_drawable = set(dataset.classes) <= set(PAPER_CLASSES)
    pretrained = pretrain(dataset.classes, size, settings.drawn, seed, note) if is_drawable else None
    return PictureLessons(images, pretrained)


def train(
    recipes: Mapping[str, Recipe],
    outside: Outside,
    lessons: PictureLessons,
    settings: ThermalSettings,
    seed: int,
) -> TrainedFusion:
    """Choose an encoder on the rows outside a test, fit it to them, and a network for pictures beside it.

    Raises:
        NestedError: there are too few rows outside the test.
    """
    choice = choose(recipes, outside, CHOICE_SEED)
    assert isinstance(choice.recipe, EncoderRecipe)
    encoder = choice.recipe.fit(outside.part, seed)
    assert isinstance(encoder, FittedEncoder)
    build = partial(TemporalFusion, encoder=ENCODERS[encoder.settings.encoder])
    fusion = fit_fusion(encoder, choice, outside, build, lessons.images, settings, lessons.pretrained, seed)
    return TrainedFusion(choice, fusion, outside)


def noise_pictures(images: Images) -> Pictures:
    """Return what gives every row one picture of noise, of the size of some pictures."""
    noise = np.random.default_rng(_DRAWN_SEED).integers(0, 256, images.pixels.shape[2:], dtype=np.uint8)
    return lambda rows: torch.from_numpy(noise).expand(len(rows), *noise.shape)


def turned(pictures: Pictures) -> Pictures:
    """Return what gives each picture turned by a quarter: a camera mounted on its side."""
    return lambda rows: torch.rot90(pictures(rows), dims=(-2, -1))


def in_blocks(pictures: Pictures) -> Pictures:
    """Return what gives each picture as means of blocks, as the strongest compression leaves it."""

    def blocked(rows: Indices) -> torch.Tensor:
        shown = pictures(rows)
        side = shown.shape[-1] // _BLOCK * _BLOCK
        means = functional.avg_pool2d(shown[..., :side, :side].to(torch.float32), _BLOCK)
        return functional.interpolate(means, size=shown.shape[-2:], mode="nearest").round().to(shown.dtype)

    return blocked


def answer_shown(
    bench: Bench, trained: TrainedFusion, test: Indices, images: Images
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Run the modes on held-out rows, and fusion with what faults of a camera show.

    Returns:
        Labels, shape (N,), of the test rows that have a picture; and by what is shown logits, shape (N, K).
    """
    rows = test[images.usable[test]]
    recording = bench.tested(trained.outside)
    windows = recording.windows(rows, trained.outside.rows, trained.fusion.encoder.settings.window)
    pictures = first_pictures(images)
    clean = rows[windows.labels == (bench.clean or 0)][0]
    shown: dict[str, Pictures | None] = {
        Mode.FUSION.value: pictures,
        Mode.GAS_ONLY.value: None,
        STOPPED: frozen(pictures, clean),
        NOISE: noise_pictures(images),
        TURNED: turned(pictures),
        BLOCKS: in_blocks(pictures),
    }
    answers = {
        name: answer_fusion(trained.fusion, windows, picture).logits for name, picture in shown.items()
    }
    answers[Mode.THERMAL_ONLY.value] = answer_pictures(trained.fusion.network, rows, pictures)[0]
    return torch.from_numpy(windows.labels), answers
