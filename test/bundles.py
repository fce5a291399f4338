"""A bundle of untrained networks, for tests of what runs bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gas_fusion_ros.inference import MANIFEST
from gas_fusion_ros.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode


def manifest_content() -> dict[str, Any]:
    """The fields of bundle.json that do not depend on the files."""
    return {
        "name": "untrained",
        "classes": list(PAPER_CLASSES),
        "channels": list(PAPER_CHANNELS),
        "window": 1,
        "image_size": 224,
        "image_channels": 1,
        "normalisation": {"mean": [400.0] * 7, "std": [50.0] * 7},
        "temperature": {mode.value: 1.0 for mode in Mode},
        "thresholds": {"on": 0.8, "off": 0.4},
        "trained_on": {"readings": "nothing"},
        "metrics": {},
    }


def write_untrained_bundle(folder: Path) -> None:
    """Write a complete bundle with seeded random weights; skips where what training needs is absent."""
    for module in ("torch", "onnx", "onnxscript", "safetensors"):
        pytest.importorskip(module, reason="the test bundle is written with it")
    import torch

    from gas_fusion_ros.networks.fusion import FusionI
    from gas_fusion_ros.networks.gas import GasCnn
    from gas_fusion_ros.networks.thermal import GasNet
    from training.export import deployed, write_manifest, write_weights

    torch.manual_seed(0)
    networks = {
        Mode.FUSION: deployed(FusionI()),
        Mode.GAS_ONLY: deployed(GasCnn()),
        Mode.THERMAL_ONLY: deployed(GasNet()),
    }
    write_weights(folder, networks)
    write_manifest(folder, manifest_content())


def edit_manifest(folder: Path, **fields: Any) -> None:
    """Replace top-level fields of a bundle's manifest."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, **fields}))
