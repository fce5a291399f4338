"""Folders of finished runs with untrained networks, for tests of what reads runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import file_sha256
from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.thermal import Preparation
from training.data.splits import SplitSettings, split_rows
from training.fitting.material import Normalisation
from training.fitting.runs import LOGITS, WEIGHTS
from training.results.run_result import RunResult, write_result

SIZE = 64
"""The smallest picture that GasNet takes."""


def untrained(architecture: str, shape: Shape) -> nn.Module:
    """A seeded network in evaluation mode whose batch normalisation has seen something."""
    torch.manual_seed(0)
    network = build(architecture, shape).train()
    with torch.no_grad():
        network(*random_inputs(ARCHITECTURES[architecture].mode, shape, 4))
    return network.eval()


def random_inputs(mode: Mode, shape: Shape, samples: int) -> tuple[torch.Tensor, ...]:
    """Inputs of a mode's network in its order."""
    gas = 3 * torch.randn(samples, shape.gas_channels)
    image = torch.rand(samples, shape.image_channels, shape.image_size, shape.image_size)
    return {Mode.GAS_ONLY: (gas,), Mode.THERMAL_ONLY: (image,), Mode.FUSION: (gas, image)}[mode]


def write_run(
    folder: Path,
    architecture: str,
    data: Path,
    /,
    preparation: Preparation = Preparation.FIELD,
    **changed: Any,
) -> RunResult:
    """Write the folder of a run with rendered pictures on a data set.

    Args:
        folder: the run's; made where it is missing.
        architecture: of its network, or of no network.
        data: folder of the data set.
        preparation: of the pictures, where the network takes any.
        changed: fields of the result that are to be others.
    """
    dataset = Dataset.load(data)
    split = split_rows(dataset.labels, SplitSettings(), 0)
    mode = ARCHITECTURES[architecture].mode if architecture in ARCHITECTURES else Mode.GAS_ONLY
    pictures = mode is not Mode.GAS_ONLY
    normalisation = Normalisation.fit(dataset.counts[split.train])
    result = replace(
        RunResult(
            run=folder.name,
            model=architecture,
            title=f"The {architecture}",
            architecture=architecture,
            modality=mode.value,
            preparation=preparation.value if pictures else None,
            image_size=SIZE if pictures else None,
            thermal="rendered" if pictures else "none",
            split=SplitSettings(),
            seed=0,
            classes=dataset.classes,
            channels=dataset.channels,
            normalisation={"mean": normalisation.mean, "std": normalisation.std},
            rows={"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
            accuracy=0.5,
            macro_f1=0.5,
            macro_precision=0.5,
            macro_recall=0.5,
            confusion=[],
            parameters=1000,
            macs=2_000_000,
            epochs=3,
            best_epoch=2,
            seconds=1.0,
            hyperparameters={"learning_rate": 0.001},
            data_file=dataset.csv_path.name,
            data_sha256=file_sha256(dataset.csv_path),
            code_version="0123456789ab",
        ),
        **changed,
    )
    folder.mkdir(parents=True, exist_ok=True)
    if architecture in ARCHITECTURES:
        shape = Shape(image_channels=preparation.channels, image_size=SIZE)
        save_file(untrained(architecture, shape).state_dict(), folder / WEIGHTS)
    _write_logits(folder, dataset, {"validation": split.validation, "test": split.test})
    write_result(folder, result)
    return result


def _write_logits(folder: Path, dataset: Dataset, parts: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, rows in parts.items():
        labels = dataset.labels[rows]
        right = 3 * np.eye(len(dataset.classes), dtype=np.float32)[labels]
        arrays[f"{part}_logits"] = right + rng.normal(size=right.shape).astype(np.float32)
        arrays[f"{part}_labels"] = labels
        arrays[f"{part}_rows"] = rows
    np.savez(folder / LOGITS, **arrays)
