"""Trained networks in the form that is shipped: folded, large weights halved, as safetensors and ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import ONNX_FILES, WEIGHTS
from gas_fusion_ros.model.networks.folding import fold_batch_norm
from gas_fusion_ros.model.networks.shape import Shape

OPSET = 18
_IR_VERSION = 8
"""The oldest that carries opset 18, so that ONNX Runtime 1.14 and newer read it."""
_SMALL = 1024
"""Tensors with fewer values stay in float32: they weigh nothing."""

Tensors = dict[str, torch.Tensor]


def deployed(network: nn.Module) -> nn.Module:
    """Bring a trained network into the form that is shipped, in place.

    Batch normalisation is folded and the weights are rounded to half precision (kept in float32),
    so what is measured afterwards is measured on the shipped files' numbers.
    """
    fold_batch_norm(network.eval())
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.copy_(_halved(tensor))
    return network


def write_weights(folder: Path, networks: Mapping[Mode, nn.Module], shape: Shape) -> None:
    """Write the deployed networks' ONNX files and the safetensors file into `folder`.

    Args:
        folder: made where it is missing.
        networks: as `deployed` leaves them.
        shape: what they are sized by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder, {mode.value: network for mode, network in networks.items()})
    for mode, network in networks.items():
        examples = random_inputs(mode, shape, 2, torch.Generator().manual_seed(0))
        onnx.save(to_onnx(network, examples, ["logits"]), folder / ONNX_FILES[mode])


def write_tensors(folder: Path, networks: Mapping[str, nn.Module]) -> None:
    """Write the deployed networks' safetensors file into `folder`, each one's weights with its prefix."""
    tensors = {
        f"{prefix}.{name}": _halved(tensor)
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(save(tensors))


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    # Contiguous: the training leaves convolutions in channels_last.
    tensor = tensor.detach().contiguous()
    large = tensor.is_floating_point() and tensor.numel() >= _SMALL
    return tensor.half() if large else tensor.clone()


def random_inputs(mode: Mode, shape: Shape, batch: int, generator: torch.Generator) -> Tensors:
    """Return a mode's random inputs by the names of its ONNX inputs, in its order."""
    side = shape.image_size
    inputs = {}
    if mode is not Mode.THERMAL_ONLY:
        inputs["gas"] = torch.randn(batch, shape.gas_channels, generator=generator)
    if mode is not Mode.GAS_ONLY:
        inputs["image"] = torch.rand(batch, shape.image_channels, side, side, generator=generator)
    return inputs


def to_onnx(network: nn.Module, examples: Tensors, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return a deployed network as ONNX, in the form that is shipped: without notes, large weights halved.

    Args:
        network: as `deployed` leaves it.
        examples: its inputs by name, in its order, with a batch of 2: the exporter takes a batch of 1 for a
            constant.
        outputs: their names, in its order.
    """
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in examples),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    halve_initialisers(model)
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


def halve_initialisers(model: onnx.ModelProto) -> None:
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
