"""Skips the test module that imports it where something that only training needs is absent, as on a robot."""

from __future__ import annotations

import pytest

for module in (
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "tensorboard",
    "sklearn",
    "joblib",
    "jinja2",
    "markdown_it",
    "onnx",
    "onnxscript",
    "safetensors",
):
    pytest.importorskip(module, reason=f"training needs it, see requirements/development.txt: {module}")
