"""An ONNX network split behind its last convolution, as Grad-CAM needs it: no torch.

The front turns the inputs into the picture's last maps, the back these into logits. The back is small, and is
run in double precision: a softmax that is sure leaves hardly any difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, shape_inference

from gas_fusion_ros.model.runtimes import session_options

Inputs = Mapping[str, npt.NDArray[np.float32]]
Double = npt.NDArray[np.float64]

_LOGITS = "logits"
_MAX_WEIGHTS = 20_000_000
"""Of the back: it is run once for each map, and takes eight bytes for each weight. Only VGG16 has more."""
_PICTURE_DIMENSIONS = 4


class NetworkSplitError(ValueError):
    """A network cannot be split; the message says why."""


class SplitNetwork:
    """A network of a bundle in two parts.

    Args:
        path: the ONNX file. It has the output `logits` and one input with four dimensions, the picture.

    Raises:
        NetworkSplitError: it cannot be read, has no convolution through which all that is said of the picture
            goes, or more than 20 million weights behind it.
    """

    def __init__(self, path: Path) -> None:
        try:
            model = shape_inference.infer_shapes(onnx.load(str(path)))
            cut = _Cut(model.graph)
            self._front = _session(_front(model, [cut.maps, *cut.beside]))
            self._back = _session(_back(model, cut))
        except NetworkSplitError as error:
            raise NetworkSplitError(f"{path}: {error}") from None
        except Exception as error:  # neither onnx nor ONNX Runtime has a public base of its exceptions
            raise NetworkSplitError(f"{path} cannot be split: {error}") from error
        self._maps = cut.maps
        self._fed = {node.name for node in self._back.get_inputs()}

    def front(self, inputs: Inputs) -> dict[str, npt.NDArray[np.generic]]:
        """Run the first part.

        Args:
            inputs: by name, batch 1; what the network does not take is passed over.

        Returns:
            What the second part takes, by name.
        """
        taken = {node.name: inputs[node.name] for node in self._front.get_inputs()}
        names = [node.name for node in self._front.get_outputs()]
        values = dict(zip(names, self._front.run(names, taken), strict=True))
        return {name: _widened(value) for name, value in values.items()}

    @property
    def maps(self) -> str:
        """Name of the picture's last maps, shape (1, F, H, W), among what `front` returns."""
        return self._maps

    def back(self, values: Mapping[str, npt.NDArray[np.generic]]) -> Double:
        """Run the second part on what `front` returned, or a change of it; return the logits (K,)."""
        (logits,) = self._back.run([_LOGITS], {name: values[name] for name in self._fed})
        return np.asarray(logits[0], dtype=np.float64)


class _Cut:
    """Where a graph is cut.

    Attributes:
        maps: the tensor in which the picture's last maps leave the front.
        beside: what else of the inputs reaches the back.
        nodes: the nodes of the back, in order.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.maps = _last_maps(graph)
        moving = _reached(graph, [value.name for value in graph.input])
        behind = _reached(graph, [self.maps]) - {self.maps}
        self.nodes = list(_leading_to(graph, _LOGITS, behind | (_produced(graph) - moving)))
        made = {name for node in self.nodes for name in node.output}
        taken = dict.fromkeys(name for node in self.nodes for name in node.input)
        self.beside = [name for name in taken if name in moving - made - {self.maps}]


def _last_maps(graph: onnx.GraphProto) -> str:
    """Find the first maps from the last convolution of pictures on through which the picture must go."""
    ranks = _ranks(graph)
    pictures = [value.name for value in graph.input if ranks.get(value.name) == _PICTURE_DIMENSIONS]
    if len(pictures) != 1:
        raise NetworkSplitError(
            f"it has {len(pictures)} inputs of four dimensions, and must have one, the picture"
        )
    seen = _reached(graph, pictures)
    convolutions = [
        place
        for place, node in enumerate(graph.node)
        if node.op_type == "Conv" and node.input[0] in seen and ranks[node.input[0]] == _PICTURE_DIMENSIONS
    ]
    for node in graph.node[convolutions[-1] :] if convolutions else ():
        (name, *_) = node.output
        is_map = name in seen and ranks.get(name) == _PICTURE_DIMENSIONS
        if is_map and _LOGITS not in _reached(graph, pictures, around=name):
            return name if node.op_type == "Conv" else _rectified(graph, name)
    raise NetworkSplitError("it has no convolution through which all that is said of the picture goes")


def _rectified(graph: onnx.GraphProto, joined: str) -> str:
    """Where branches were joined: the maps that they make after their own rectifying."""
    followers = [node for node in graph.node if joined in node.input]
    return followers[0].output[0] if [node.op_type for node in followers] == ["Relu"] else joined


def _ranks(graph: onnx.GraphProto) -> dict[str, int]:
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info)
        if value.type.tensor_type.HasField("shape")
    }


def _reached(graph: onnx.GraphProto, begin: Iterable[str], around: str = "") -> set[str]:
    """Return the tensors that depend on those of `begin`, by ways that do not go through `around`."""
    reached = set(begin)
    for node in graph.node:  # in topological order, as ONNX demands
        # A shape says nothing of the values.
        if node.op_type != "Shape" and not reached.isdisjoint(node.input):
            reached.update(name for name in node.output if name != around)
    return reached


def _produced(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.output}


def _leading_to(graph: onnx.GraphProto, end: str, among: Collection[str]) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that make tensors of `among` from which `end` follows, in order."""
    needed = {end}
    found = []
    for node in reversed(graph.node):
        if any(name in needed and name in among for name in node.output):
            found.append(node)
            needed.update(node.input)
    return reversed(found)


def _front(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    front = onnx.ModelProto()
    front.CopyFrom(model)
    del front.graph.output[:]
    front.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return front


def _back(model: onnx.ModelProto, cut: _Cut) -> onnx.ModelProto:
    types = {value.name: value.type for value in (*model.graph.input, *model.graph.value_info)}
    taken = {name for node in cut.nodes for name in node.input}
    weights = [value for value in model.graph.initializer if value.name in taken]
    count = sum(math.prod(value.dims) for value in weights)
    if count > _MAX_WEIGHTS:
        raise NetworkSplitError(
            f"it has {count} weights behind its last convolution; maps are made with {_MAX_WEIGHTS} at most"
        )
    graph = helper.make_graph(
        [_in_double(node) for node in cut.nodes],
        "back",
        [_input(name, types[name].tensor_type.elem_type) for name in (cut.maps, *cut.beside)],
        [onnx.ValueInfoProto(name=_LOGITS)],
        [_tensor_in_double(value) for value in weights],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _input(name: str, element: int) -> onnx.ValueInfoProto:
    wide = TensorProto.DOUBLE if element == TensorProto.FLOAT else element
    return helper.make_tensor_value_info(name, wide, None)


def _in_double(node: onnx.NodeProto) -> onnx.NodeProto:
    wide = onnx.NodeProto()
    wide.CopyFrom(node)
    for attribute in wide.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
        elif attribute.type == onnx.AttributeProto.TENSOR:
            attribute.t.CopyFrom(_tensor_in_double(attribute.t))
    return wide


def _tensor_in_double(tensor: onnx.TensorProto) -> onnx.TensorProto:
    return numpy_helper.from_array(_widened(numpy_helper.to_array(tensor)), tensor.name)


def _widened(value: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return value.astype(np.float64) if value.dtype == np.float32 else value


def _session(model: onnx.ModelProto) -> ort.InferenceSession:
    # The other cores belong to the evaluation of other bags.
    options = session_options(threads=1)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
