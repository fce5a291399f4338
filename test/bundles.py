"""Bundles of untrained networks and of a made one, for tests of what runs bundles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gas_fusion_ros.alarm.settings import AlarmAdvice, DepartureAdvice
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode
from gas_fusion_ros.model.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    WEIGHTS,
    Precision,
    bundle_files,
    domain_to_json,
    file_sha256,
    window_to_json,
)
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.model.window import WindowSettings

SHIPPED_NETWORKS = {Mode.FUSION: "fusion1", Mode.GAS_ONLY: "cnn1d", Mode.THERMAL_ONLY: "gasnet"}
WINDOW = WindowSettings(4)
"""The window of the made network."""
PICTURE = 16
"""Side of the made network's picture, pixels."""
NOVELTY_LIMIT = 10.0
"""Standard deviations from the mean beyond which the made network calls an input unlike training."""

Array = npt.NDArray[np.float32]


def manifest_content(
    networks: Mapping[Mode, str], image_size: int, preparation: Preparation | None
) -> dict[str, Any]:
    """The fields of bundle.json that do not depend on the files, of a bundle for single readings."""
    return {
        "name": "untrained",
        "networks": {mode.value: name for mode, name in networks.items()},
        "classes": list(PAPER_CLASSES),
        "channels": list(PAPER_CHANNELS),
        "window": window_to_json(WindowSettings(1)),
        "preparation": None if preparation is None else preparation.value,
        "image_size": image_size,
        "image_channels": 0 if preparation is None else preparation.channels,
        "normalisation": {"mean": [400.0] * 7, "std": [50.0] * 7},
        "temperature": {mode.value: 1.0 for mode in networks},
        **domain_to_json(None),
        "alarm": AlarmAdvice(0.8, 0.4).to_json(),
        "profiles": {},
        "departure": None,
        "novelty": None,
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

    from gas_fusion_ros.model.networks.registry import build
    from gas_fusion_ros.model.networks.shape import Shape
    from gas_fusion_ros.teaching.bundle_folder import write_manifest
    from training.export.networks import deployed, write_weights

    torch.manual_seed(0)
    content = manifest_content(networks, image_size, preparation)
    shape = Shape(image_channels=content["image_channels"], image_size=image_size)
    write_weights(folder, {mode: deployed(build(name, shape)) for mode, name in networks.items()}, shape)
    write_manifest(folder, content)


def write_windowed_bundle(folder: Path, modes: Iterable[Mode] = tuple(Mode)) -> None:
    """Write a bundle whose one network is `made_answer` in ONNX, without weights for torch.

    Skips where onnx is absent.
    """
    onnx = pytest.importorskip("onnx", reason="the test bundle is written with it")
    folder.mkdir(parents=True, exist_ok=True)
    networks = dict.fromkeys(modes, "temporal_fusion")
    content = manifest_content(networks, PICTURE, Preparation.FIELD)
    window = {"window": window_to_json(WINDOW), "novelty": {"false_reject_rate": 0.01}}
    onnx.save(_made_network(), folder / "model.onnx")
    (folder / WEIGHTS).write_bytes(b"")
    manifest = {"format_version": FORMAT_VERSION, **content, **window, "name": "windowed"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    update_digests(folder)


def add_int8(folder: Path, admissible: bool = True) -> None:
    """Give a windowed bundle a network in eight bits, in name: its novelty is half of the other's."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(folder / "model.onnx")
    (limit,) = (value for value in model.graph.initializer if value.name == "limit")
    limit.CopyFrom(numpy_helper.from_array(np.array(2 * NOVELTY_LIMIT, dtype=np.float32), "limit"))
    onnx.save(model, folder / "model.int8.onnx")
    edit_manifest(folder, int8={"admissible": admissible, "measured": {}})
    update_digests(folder)


def write_log_ratio_bundle(folder: Path, array: ArrayDescription) -> None:
    """Write the same for a model that looks at ln(Rs/R0), and learned from an array of its channels."""
    write_windowed_bundle(folder)
    edit_manifest(
        folder,
        **domain_to_json(array),
        normalisation={"mean": [0.0] * len(array.names), "std": [1.0] * len(array.names)},
        departure=DepartureAdvice(0.8, 0, 0).to_json(),
    )


def made_answer(gas: Array, valid: Array, image: Array, has_image: Array) -> tuple[Array, Array]:
    """What the made network answers, each logit by one property of its input.

    Returns:
        Logits (N, 4): the sum of `gas`, its readings weighted 1 to W from the oldest on; the mean of
        `valid`; the mean of `image`; `has_image`. Novelty (N,): the largest value of `gas` in units of
        `NOVELTY_LIMIT`.
    """
    weights = np.arange(1, WINDOW.readings + 1, dtype=np.float32)[:, np.newaxis]
    logits = [
        (gas * weights).sum(axis=(1, 2)),
        valid.mean(axis=(1, 2)),
        image.mean(axis=(1, 2, 3)),
        has_image[:, 0],
    ]
    return np.stack(logits, axis=1), np.abs(gas).max(axis=(1, 2)) / np.float32(NOVELTY_LIMIT)


def _made_network() -> Any:
    """Return `made_answer` as an ONNX model."""
    from onnx import TensorProto, checker, helper, numpy_helper

    def value(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

    def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
        return helper.make_node(operator, inputs.split(), [output], **attributes)

    weights = np.arange(1, WINDOW.readings + 1, dtype=np.float32)[:, np.newaxis]
    constants = {
        "weights": weights,
        "limit": np.array(NOVELTY_LIMIT, dtype=np.float32),
        "of_window": np.array([1, 2]),
        "of_image": np.array([1, 2, 3]),
        "column": np.array([-1, 1]),
    }
    window = (WINDOW.readings, len(PAPER_CHANNELS))
    graph = helper.make_graph(
        [
            node("Mul", "gas weights", "weighted"),
            node("ReduceSum", "weighted of_window", "sum", keepdims=0),
            node("ReduceMean", "valid of_window", "share", keepdims=0),
            node("ReduceMean", "image of_image", "brightness", keepdims=0),
            *(node("Reshape", f"{name} column", f"{name}_column") for name in ("sum", "share", "brightness")),
            node("Concat", "sum_column share_column brightness_column has_image", "logits", axis=1),
            node("Abs", "gas", "size"),
            node("ReduceMax", "size of_window", "largest", keepdims=0),
            node("Div", "largest limit", "novelty"),
        ],
        "made",
        [
            value("gas", *window),
            value("valid", *window),
            value("image", 1, PICTURE, PICTURE),
            value("has_image", 1),
        ],
        [value("logits", len(PAPER_CLASSES)), value("novelty")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model


def edit_manifest(folder: Path, **fields: Any) -> None:
    """Replace top-level fields of a bundle's manifest."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, **fields}))


def update_digests(folder: Path) -> None:
    """Write the sha256 of a bundle's files as they are into its manifest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    modes = [Mode(name) for name in manifest["networks"]]
    precisions = tuple(Precision) if manifest.get("int8") else (Precision.FLOAT32,)
    names = bundle_files(modes, manifest["window"]["readings"], precisions)
    edit_manifest(folder, files={name: file_sha256(folder / name) for name in names})


def as_version_2(folder: Path) -> None:
    """Make a bundle for single readings one of format version 2."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in ("alarm", "novelty"):
        del manifest[name]
    older = {"format_version": 2, "window": 1, "thresholds": {"on": 0.8, "off": 0.4}}
    (folder / MANIFEST).write_text(json.dumps({**manifest, **older}))
