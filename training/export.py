"""Writes a trained model as a bundle: ONNX and safetensors files, bundle.json. See docs/bundle.md."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save
from torch import nn

from gas_fusion_ros.inference import (
    FORMAT_VERSION,
    MANIFEST,
    ONNX_FILES,
    WEIGHTS,
    Bundle,
    OnnxRuntime,
    file_sha256,
    load_networks,
)
from gas_fusion_ros.networks.folding import fold_batch_norm
from gas_fusion_ros.observation import Mode

OPSET = 18
_IR_VERSION = 8
"""The oldest that carries opset 18, so that ONNX Runtime 1.14 and newer read it."""
_SMALL = 1024
"""Tensors with fewer values stay in float32: they weigh nothing."""


def deployed(network: nn.Module) -> nn.Module:
    """Bring a trained network into the form that is shipped, in place.

    Batch normalisation is folded and the weights are rounded to half precision (kept in float32),
    so the metrics measured afterwards are those of the shipped files.
    """
    fold_batch_norm(network.eval())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(_rounded(parameter))
    return network


def write_weights(folder: Path, networks: Mapping[Mode, nn.Module]) -> None:
    """Write the deployed networks' ONNX files and the safetensors file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{mode.value}.{name}": _halved(tensor)
        for mode, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(save(tensors))
    for mode, network in networks.items():
        onnx.save(_to_onnx(mode, network), folder / ONNX_FILES[mode])


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write bundle.json: `content`, the format's version and the sha256 of the files in `folder`."""
    names = (*ONNX_FILES.values(), WEIGHTS)
    manifest = {
        "format_version": FORMAT_VERSION,
        **content,
        "files": {name: file_sha256(folder / name) for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def measure_runtime(bundle: Bundle, runs: int) -> dict[str, Any]:
    """Compare ONNX Runtime with torch on random inputs, and time it at batch 1 with one thread.

    Returns:
        By mode, the largest difference of a logit and the shortest forward time in ms: the one that other
        programs on the machine disturb least.
    """
    runtime = OnnxRuntime(bundle, threads=1)
    networks = load_networks(bundle)
    return {
        mode.value: {
            "onnx_torch_max_difference": _difference(mode, runtime, network, bundle),
            "forward_ms": round(_fastest_ms(mode, runtime, bundle, runs), 3),
        }
        for mode, network in networks.items()
    }


def _rounded(tensor: torch.Tensor) -> torch.Tensor:
    return _halved(tensor).float()


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    # Contiguous: the training leaves convolutions in channels_last.
    tensor = tensor.detach().contiguous()
    return tensor.half() if tensor.numel() >= _SMALL else tensor.clone()


def _example(mode: Mode, channels: int, size: int, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    gas = rng.normal(size=(1, channels)).astype(np.float32)
    image = rng.uniform(size=(1, 1, size, size)).astype(np.float32)
    inputs = {"gas": gas, "image": image}
    unused = {Mode.FUSION: "", Mode.GAS_ONLY: "image", Mode.THERMAL_ONLY: "gas"}[mode]
    return {name: value for name, value in inputs.items() if name != unused}


def _to_onnx(mode: Mode, network: nn.Module) -> onnx.ModelProto:
    # Batch 2: the exporter takes a batch of 1 for a constant.
    examples = {
        name: torch.from_numpy(value).repeat(2, *[1] * (value.ndim - 1))
        for name, value in _example(mode, 7, 224, seed=0).items()
    }
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=["logits"],
            dynamic_shapes=tuple({0: batch} for _ in examples),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    _halve_initialisers(model)
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes: they hold stack traces with the paths of this machine."""
    graph = model.graph
    for holder in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    del graph.value_info[:]


def _halve_initialisers(model: onnx.ModelProto) -> None:
    """Store large weights in half precision, each behind a Cast that ONNX Runtime folds on loading."""
    casts = []
    for initialiser in model.graph.initializer:
        values = numpy_helper.to_array(initialiser)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name = initialiser.name
        initialiser.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _difference(mode: Mode, runtime: OnnxRuntime, network: nn.Module, bundle: Bundle) -> float:
    differences = []
    for seed in range(20):
        inputs = _example(mode, len(bundle.channels), bundle.image_size, seed)
        logits = runtime.run(mode, inputs.get("gas"), inputs.get("image"))
        with torch.no_grad():
            expected = network.eval()(*(torch.from_numpy(value) for value in inputs.values()))[0].numpy()
        differences.append(float(np.abs(logits - expected).max()))
    return max(differences)


def _fastest_ms(mode: Mode, runtime: OnnxRuntime, bundle: Bundle, runs: int) -> float:
    inputs = _example(mode, len(bundle.channels), bundle.image_size, seed=0)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        runtime.run(mode, inputs.get("gas"), inputs.get("image"))
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)
