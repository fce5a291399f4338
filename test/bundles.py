"""A bundle of untrained networks, for tests of what runs bundles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gas_fusion_ros.inference import MANIFEST
from gas_fusion_ros.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode
from gas_fusion_ros.thermal import Preparation

SHIPPED_NETWORKS = {Mode.FUSION: "fusion1", Mode.GAS_ONLY: "cnn1d", Mode.THERMAL_ONLY: "gasnet"}


def manifest_content(
    networks: Mapping[Mode, str], image_size: int, preparation: Preparation | None
) -> dict[str, Any]:
    """The fields of bundle.json that do not depend on the files."""
    return {
        "name": "untrained",
        "networks": {mode.value: name for mode, name in networks.items()},
        "classes": list(PAPER_CLASSES),
        "channels": list(PAPER_CHANNELS),
        "window": 1,
        "preparation": None if preparation is None else preparation.value,
        "image_size": image_size,
        "image_channels": 0 if preparation is None else preparation.channels,
        "normalisation": {"mean": [400.0] * 7, "std": [50.0] * 7},
        "temperature": {mode.value: 1.0 for mode in networks},
        "thresholds": {"on": 0.8, "off": 0.4},
        "trained_on": {"readings": "nothing"},
        "metrics": {},
    }


def write_untrained_bundle(
    folder: Path,
    networks: Mapping[Mode, str] = SHIPPED_NETWORKS,
    image_size: int = 224,
    preparation: Preparation | None = Preparation.FIELD,
) -> None:
    """Write a complete bundle with seeded random weights; skips where what training needs is absent."""
    for module in ("torch", "onnx", "onnxscript", "safetensors"):
        pytest.importorskip(module, reason="the test bundle is written with it")
    import torch

    from gas_fusion_ros.networks.registry import build
    from gas_fusion_ros.networks.shape import Shape
    from training.export import deployed, write_manifest, write_weights

    torch.manual_seed(0)
    content = manifest_content(networks, image_size, preparation)
    shape = Shape(image_channels=content["image_channels"], image_size=image_size)
    write_weights(folder, {mode: deployed(build(name, shape)) for mode, name in networks.items()}, shape)
    write_manifest(folder, content)


def edit_manifest(folder: Path, **fields: Any) -> None:
    """Replace top-level fields of a bundle's manifest."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, **fields}))
