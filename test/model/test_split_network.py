"""Both parts of a split network say together what the whole one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from gas_fusion_ros.base.shipped_files import shipped_folder  # noqa: E402
from gas_fusion_ros.model import split_network  # noqa: E402
from gas_fusion_ros.model.split_network import NetworkSplitError, SplitNetwork  # noqa: E402

# Maps are made of the networks in float32.
SHIPPED = sorted(
    path for path in (shipped_folder() / "models").glob("*/*.onnx") if not path.name.endswith(".int8.onnx")
)
OF_PICTURES = [path for path in SHIPPED if path.name != "gas_only.onnx"]


def random_inputs(path: Path, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    nodes = ort.InferenceSession(str(path)).get_inputs()
    shapes = {node.name: (1, *node.shape[1:]) for node in nodes}
    return {name: rng.uniform(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("path", OF_PICTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_both_parts_say_what_the_network_says(path: Path) -> None:
    network = SplitNetwork(path)
    for seed in range(3):
        inputs = random_inputs(path, seed)
        (expected,) = ort.InferenceSession(str(path)).run(["logits"], inputs)
        values = network.front(inputs)
        logits = network.back(values)
        assert logits.dtype == values[network.maps].dtype == np.float64
        assert values[network.maps].ndim == 4
        np.testing.assert_allclose(logits, expected[0], atol=1e-4)


@pytest.mark.parametrize("path", OF_PICTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_other_inputs_are_passed_over(path: Path) -> None:
    network = SplitNetwork(path)
    inputs = random_inputs(path, 0)
    network.front({**inputs, "wind": np.zeros((1, 2), dtype=np.float32)})


def test_a_network_with_too_much_behind_its_convolutions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_network, "_MAX_WEIGHTS", 1000)
    with pytest.raises(
        NetworkSplitError, match=r"has \d+ weights behind its last convolution; .* 1000 at most"
    ):
        SplitNetwork(OF_PICTURES[0])


def graph_of(nodes: list[Any], inputs: dict[str, list[int]], weights: dict[str, np.ndarray]) -> Any:
    """An ONNX model; nothing checks that it makes sense."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )


KERNEL = {"kernel": np.ones((2, 1, 3, 3), dtype=np.float32)}
CONVOLUTION = helper.make_node("Conv", ["image", "kernel"], ["maps"])
MEAN = helper.make_node("ReduceMean", ["maps"], ["logits"], keepdims=0)


def without_pictures() -> Any:
    return graph_of([helper.make_node("Identity", ["gas"], ["logits"])], {"gas": [1, 4]}, {})


def without_convolution() -> Any:
    return graph_of([helper.make_node("ReduceMean", ["image"], ["logits"])], {"image": [1, 1, 8, 8]}, {})


def with_two_pictures() -> Any:
    return graph_of([CONVOLUTION, MEAN], {"image": [1, 1, 8, 8], "other": [1, 1, 8, 8]}, KERNEL)


def with_a_way_around() -> Any:
    around = [
        CONVOLUTION,
        helper.make_node("ReduceMean", ["maps"], ["seen"], keepdims=0),
        helper.make_node("ReduceMax", ["image"], ["bright"], keepdims=0),
        helper.make_node("Add", ["seen", "bright"], ["logits"]),
    ]
    return graph_of(around, {"image": [1, 1, 8, 8]}, KERNEL)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (without_pictures, "has 0 inputs of four dimensions, and must have one"),
        (with_two_pictures, "has 2 inputs of four dimensions"),
        (without_convolution, "no convolution through which"),
        (with_a_way_around, "no convolution through which"),
    ],
)
def test_what_cannot_be_split_says_why(model: Callable[[], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model().SerializeToString())
    with pytest.raises(NetworkSplitError, match=rf"model\.onnx.*{message}"):
        SplitNetwork(path)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(NetworkSplitError, match=r"model\.onnx cannot be split"):
        SplitNetwork(tmp_path / "model.onnx")
