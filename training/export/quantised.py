"""A network's ONNX file once more, its convolutions in eight bits: static, per channel.

The first convolution stays in float32, as does all that is no convolution of pictures: what it reads
is small, and eight bits of it cost more than they save.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper, shape_inference
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from gas_fusion_ros.teaching.bundle_folder import ExportError
from training.export.networks import halve_initialisers

Inputs = Mapping[str, npt.NDArray[np.float32]]
"""What a network takes, by name, a batch."""

_IS_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")
"""Entry of a model's notes without which ONNX Runtime advises to infer shapes first, which is done here."""


def quantised(path: Path, samples: Iterable[Inputs]) -> onnx.ModelProto:
    """Return a network with its convolutions, all but the first, in eight bits.

    Weights are signed, what runs between layers is not: CPUs with VNNI add up their products exactly, older
    ones in 16 bits, where some overflow.

    Args:
        path: its ONNX file, as a bundle holds it.
        samples: batches of inputs like those in use. A layer's range is the mean of its extremes in each:
            so a rare peak does not make all steps coarser.

    Raises:
        ExportError: it has no convolution behind its first, or the samples cannot be run.
    """
    model = onnx.load(str(path))
    _restore_halved(model.graph)
    _name_nodes(model.graph)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"][1:]
    if not convolutions:
        raise ExportError(f"{path} has no convolution behind its first: nothing of it gains by eight bits")
    chosen = [name for node in convolutions for name in _rectified_first(model.graph, node)]
    _sort_nodes(model.graph)
    model = shape_inference.infer_shapes(model)
    model.metadata_props.add(key=_IS_PREPARED[0], value=_IS_PREPARED[1])
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, str(before))
        try:
            quantize_static(
                str(before),
                str(after),
                _Samples(samples),
                quant_format=QuantFormat.QOperator,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=chosen,
                extra_options={"CalibMovingAverage": True},
            )
        except Exception as error:  # neither onnx nor ONNX Runtime has a public base of its exceptions
            raise ExportError(f"{path} cannot be brought into eight bits: {error}") from error
        result = onnx.load(str(after))
    del result.metadata_props[:]
    del result.graph.value_info[:]
    halve_initialisers(result)
    result.producer_name = result.producer_version = ""
    result.ir_version = model.ir_version
    onnx.checker.check_model(result, full_check=True)
    return result


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Iterable[Inputs]) -> None:
        self._left: Iterator[Inputs] = iter(samples)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        inputs = next(self._left, None)
        return None if inputs is None else dict(inputs)


def _restore_halved(graph: onnx.GraphProto) -> None:
    """Undo `halve_initialisers`: what is quantised must be an initialiser itself."""
    halved = {value.name: value for value in graph.initializer if value.data_type == onnx.TensorProto.FLOAT16}
    kept = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in halved:
            value = halved[node.input[0]]
            values = numpy_helper.to_array(value).astype(np.float32)
            value.CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            kept.append(node)
    _replace_nodes(graph, kept)


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Name each node by what it makes: the exporter leaves most without."""
    for node in graph.node:
        node.name = f"make {node.output[0]}"


def _rectified_first(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> list[str]:
    """Let a convolution's maps be rectified before they are pooled, which gives the same maps.

    ONNX Runtime takes a Relu for part of the convolution before it: it drops it where pooling stands between.

    Returns:
        Names of the convolution and of what follows it in eight bits.
    """
    pooling = _only_follower(graph, convolution, "MaxPool")
    rectifier = None if pooling is None else _only_follower(graph, pooling, "Relu")
    if pooling is None or rectifier is None:
        follower = _only_follower(graph, convolution, "Relu")
        return [node.name for node in (convolution, follower) if node is not None]
    (maps,), (pooled,), (rectified,) = pooling.input, pooling.output, rectifier.output
    rectifier.input[0], rectifier.output[0] = maps, pooled
    pooling.input[0], pooling.output[0] = pooled, rectified
    return [convolution.name, rectifier.name, pooling.name]


def _only_follower(graph: onnx.GraphProto, node: onnx.NodeProto, operator: str) -> onnx.NodeProto | None:
    """Return the one node that takes what a node makes, if it is of that operator."""
    followers = [other for other in graph.node if node.output[0] in other.input]
    return followers[0] if [other.op_type for other in followers] == [operator] else None


def _sort_nodes(graph: onnx.GraphProto) -> None:
    """Put nodes behind what they take, as ONNX demands; otherwise in the order in which they are."""
    left = list(graph.node)
    made_by_nodes = {name for node in left for name in node.output}
    ready: set[str] = set()
    ordered = []
    while left:
        node = next(node for node in left if not (set(node.input) & made_by_nodes) - ready)
        left.remove(node)
        ordered.append(node)
        ready.update(node.output)
    _replace_nodes(graph, ordered)


def _replace_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
