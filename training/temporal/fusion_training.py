"""Trains temporal fusion outside a test: choice, window encoder, GasNet; shows it pictures on the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion
from gas_fusion_ros.model.thermal import Preparation
from training.data.images import Images, choose_thermal, load_images
from training.data.splits import Indices
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

_DRAWN_SEED = 0


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


def load_fusion_images(dataset: Dataset, thermal: str, settings: ThermalSettings, cache: Path) -> Images:
    """Prepare a data set's pictures as temporal fusion takes them.

    Args:
        dataset: the rows.
        thermal: `auto`, `real` or `rendered`, see `choose_thermal`.
        settings: their size.
        cache: folder for prepared pictures.

    Raises:
        DatasetError: pictures are missing, or a class cannot be rendered.
        ValueError: `thermal` is none of the three.
    """
    return load_images(
        dataset,
        choose_thermal(dataset, thermal),
        Preparation.FIELD,
        settings.image_size,
        cache,
        tick=lambda: None,
    )


def train(
    recipes: Mapping[str, Recipe], outside: Outside, images: Images, settings: ThermalSettings, seed: int
) -> TrainedFusion:
    """Choose an encoder on the rows outside a test, fit it to all of them, and GasNet beside it.

    Raises:
        NestedError: there are too few rows outside the test.
    """
    choice = choose(recipes, outside, CHOICE_SEED)
    assert isinstance(choice.recipe, EncoderRecipe)
    encoder = choice.recipe.fit(outside.part, seed)
    assert isinstance(encoder, FittedEncoder)
    build = partial(TemporalFusion, encoder=ENCODERS[encoder.settings.encoder])
    fusion = fit_fusion(encoder, choice, outside, build, images, settings, seed)
    return TrainedFusion(choice, fusion, outside)


def answer_shown(
    bench: Bench, trained: TrainedFusion, test: Indices, images: Images
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Run the modes on held-out rows, and fusion with the camera stopped or showing noise.

    Returns:
        Labels, shape (N,), of the test rows that have a picture; and by what is shown logits, shape (N, K).
    """
    rows = test[images.usable[test]]
    recording = bench.tested(trained.outside)
    windows = recording.windows(rows, trained.outside.rows, trained.fusion.encoder.settings.window)
    pictures = first_pictures(images)
    clean = rows[windows.labels == (bench.clean or 0)][0]
    noise = np.random.default_rng(_DRAWN_SEED).integers(0, 256, images.pixels.shape[2:], dtype=np.uint8)

    def blind(wanted: Indices) -> torch.Tensor:
        return torch.from_numpy(noise).expand(len(wanted), *noise.shape)

    shown: dict[str, Pictures | None] = {
        Mode.FUSION.value: pictures,
        Mode.GAS_ONLY.value: None,
        STOPPED: frozen(pictures, clean),
        NOISE: blind,
    }
    answers = {
        name: answer_fusion(trained.fusion, windows, picture).logits for name, picture in shown.items()
    }
    answers[Mode.THERMAL_ONLY.value] = answer_pictures(trained.fusion.network, rows, pictures)[0]
    return torch.from_numpy(windows.labels), answers
