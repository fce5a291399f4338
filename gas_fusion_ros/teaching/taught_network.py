"""The one network of temporal fusion as files hold it: read, given another gas branch, compared with it.

Torch's weights and ONNX hold the same numbers before and after. In ONNX the weights are found by their names,
and the few shapes that count classes and prototypes by their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from safetensors.numpy import load_file, save_file

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import ONNX_FILES, WEIGHTS, Bundle
from gas_fusion_ros.model.runtimes import GAS_LOGITS, session_options
from gas_fusion_ros.teaching.calibration import log_softmax
from gas_fusion_ros.teaching.gas_branch import GasBranch

TOLERANCE = 1e-4
"""How far a logit of the written network may be from the branch's, beside as much of its size."""
TAUGHT_NETWORKS = ("temporal_prototypes", "temporal_patrols")
"""Architectures whose gas branch consists of prototypes."""

_PREFIX = "model."
_PER_CLASS = ("thermal.classes.weight", "thermal.classes.bias", "thermal.centres")
_LOGITS = "logits"
_HALF = ".half"
_UNSEEN = "unseen."
_CHECKED = 64
_SCALE = 1.5
"""Standard deviations of random windows."""

Array = npt.NDArray[np.generic]
Numbers = npt.NDArray[np.float64]
Weights = dict[str, npt.NDArray[np.generic]]


class TaughtNetworkError(ValueError):
    """A network cannot be taught; the message says why and what would be right."""


@dataclass(frozen=True)
class Network:
    """The weights of a temporal fusion network, as torch names them, and its ONNX model."""

    weights: Weights
    model: onnx.ModelProto

    @property
    def branch(self) -> GasBranch:
        """Its gas branch."""
        values = {name: self.weights[f"{_PREFIX}{name}"].astype(np.float32) for name in _names(self.weights)}
        return GasBranch(
            mean=values["gas.statistics.mean"],
            deviation=values["gas.statistics.deviation"],
            prototypes=values["gas.prototypes"],
            prior=np.array(np.broadcast_to(values["gas.prior"], values["gas.prototypes"].shape[:2])),
            sharpness=float(np.exp(values["gas.log_sharpness"])),
            temperature=float(values["temperatures"][0]),
            limit=float(values["limits"][0]),
        )

    @property
    def seen(self) -> int:
        """How many classes, the first ones, it has pictures of."""
        return len(self.weights[f"{_PREFIX}thermal.classes.weight"])

    def taught(self, branch: GasBranch, kept: list[int]) -> Network:
        """Return the network with another gas branch.

        Args:
            branch: the new one.
            kept: those of the classes so far, by index, that are its first ones.

        Raises:
            TaughtNetworkError: the ONNX model is not of the form that this can change.
        """
        seen = [label for label in kept if label < self.seen]
        if not seen:
            raise TaughtNetworkError("no class with pictures is left; forget fewer")
        changed: Weights = {
            "gas.prototypes": branch.prototypes.astype(np.float16),
            "gas.prior": branch.prior.astype(np.float32),
            "temperatures": _with_first(self._weight("temperatures"), branch.temperature),
            "limits": _with_first(self._weight("limits"), branch.limit),
            **{name: self._weight(name)[seen] for name in _PER_CLASS},
        }
        weights = {**self.weights, **{f"{_PREFIX}{name}": value for name, value in changed.items()}}
        before = self._weight("gas.prototypes").shape[:2]
        return Network(weights, _edited(self.model, changed, before, len(seen)))

    def write(self, folder: Path) -> None:
        """Write both files into a bundle's folder.

        Raises:
            OSError: they cannot be written.
        """
        onnx.save(self.model, str(folder / ONNX_FILES[Mode.FUSION]))
        save_file(
            {name: np.array(value, order="C") for name, value in self.weights.items()}, folder / WEIGHTS
        )

    def _weight(self, name: str) -> npt.NDArray[np.generic]:
        return self.weights[f"{_PREFIX}{name}"]


def read_network(bundle: Bundle) -> Network:
    """Read a bundle's network.

    Raises:
        TaughtNetworkError: it is none that can be taught, or its files cannot be read.
    """
    names = set(bundle.networks.values())
    if not names <= set(TAUGHT_NETWORKS) or bundle.array is None:
        raise TaughtNetworkError(
            f"model '{bundle.name}' ({', '.join(sorted(names))}, domain {bundle.domain.value}) cannot be "
            "taught; "
            f"that takes {' or '.join(TAUGHT_NETWORKS)} of the domain log_ratio: `python -m "
            "training.temporal` "
            "makes one"
        )
    try:
        weights = load_file(bundle.path / WEIGHTS)
        model = onnx.load(str(bundle.path / ONNX_FILES[Mode.FUSION]))
    except Exception as error:  # neither safetensors nor onnx has a public base of its exceptions
        raise TaughtNetworkError(f"{bundle.path} cannot be read: {error}") from error
    needed = ("gas.prototypes", "gas.prior", "gas.log_sharpness", "temperatures", "limits", *_PER_CLASS)
    missing = [name for name in needed if f"{_PREFIX}{name}" not in weights]
    if missing:
        raise TaughtNetworkError(f"{bundle.path / WEIGHTS} lacks {', '.join(missing)}")
    return Network(weights, model)


def _names(weights: Weights) -> Iterable[str]:
    return (name.removeprefix(_PREFIX) for name in weights if name.startswith(_PREFIX))


def _with_first(values: npt.NDArray[np.generic], first: float) -> npt.NDArray[np.generic]:
    out = np.array(values)
    out[0] = first
    return out


def _edited(
    model: onnx.ModelProto, changed: Mapping[str, Array], before: tuple[int, ...], seen: int
) -> onnx.ModelProto:
    out = onnx.ModelProto()
    out.CopyFrom(model)
    after = changed["gas.prototypes"].shape[:2]
    _put_weights(out.graph, changed)
    _put_shapes(out.graph, before, after)
    _drop_unseen(out.graph)
    if after[0] > seen:
        _add_unseen(out.graph, seen, after[0] - seen)
    for output in out.graph.output:
        if output.name in (_LOGITS, GAS_LOGITS):
            output.type.tensor_type.shape.dim[1].dim_value = after[0]
    try:
        onnx.checker.check_model(out, full_check=True)
    except Exception as error:  # onnx's exceptions have no public base
        raise TaughtNetworkError(f"its ONNX model is of another form than is taught: {error}") from error
    return out


def _put_weights(graph: onnx.GraphProto, changed: Mapping[str, Array]) -> None:
    by_name = {one.name: one for one in graph.initializer}
    for name, value in changed.items():
        # An exporter may have merged limits that are equal with another constant: the comparison tells.
        found = by_name.get(name) or by_name.get(f"{name}{_HALF}")
        if found is None:
            if name in ("temperatures", "limits"):
                raise TaughtNetworkError(
                    f"its ONNX model has no constant {name} of its own; export the bundle anew"
                )
            raise TaughtNetworkError(f"its ONNX model has no weights {name}")
        kind = np.float16 if found.name.endswith(_HALF) else np.float32
        found.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value.astype(kind)), found.name))


def _put_shapes(graph: onnx.GraphProto, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """Rewrite the shapes of Reshape nodes in which classes and prototypes are counted."""
    all_before, all_after = before[0] * before[1], after[0] * after[1]
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    others = {name for node in graph.node if node.op_type != "Reshape" for name in node.input}
    for constant in graph.initializer:
        if constant.name not in targets:
            continue
        shape = numpy_helper.to_array(constant)
        new = _new_shape(shape.tolist(), before, after, all_before, all_after)
        if new == shape.tolist():
            continue
        if constant.name in others:
            raise TaughtNetworkError(f"its ONNX model uses the shape {constant.name} for something else too")
        constant.CopyFrom(numpy_helper.from_array(np.array(new, dtype=np.int64), constant.name))


def _new_shape(
    shape: list[int], before: tuple[int, ...], after: tuple[int, ...], all_before: int, all_after: int
) -> list[int]:
    if shape[:1] == [all_before] and len(shape) in (2, 3):
        return [all_after, *shape[1:]]
    if len(shape) == 3 and shape[1:] == list(before):
        return [shape[0], *after]
    if len(shape) == 2 and shape[1] == all_before:
        return [shape[0], all_after]
    return shape


def _drop_unseen(graph: onnx.GraphProto) -> None:
    """Take out what an earlier lesson put behind the picture's logits."""
    last = next((node for node in graph.node if node.name == f"{_UNSEEN}join"), None)
    if last is None:
        return
    _picture_logits(graph).output[0] = last.output[0]
    for kind in (graph.node, graph.initializer):
        stay = [one for one in kind if not one.name.startswith(_UNSEEN)]
        del kind[:]
        kind.extend(stay)


def _add_unseen(graph: onnx.GraphProto, seen: int, unseen: int) -> None:
    """Complete the picture's logits as `model.networks.temporal.with_unseen` does."""
    logits = _picture_logits(graph)
    place = list(graph.node).index(logits) + 1
    whole = logits.output[0]
    logits.output[0] = f"{_UNSEEN}seen"

    def node(operator: str, inputs: str, output: str) -> onnx.NodeProto:
        names = [name if name in graph_names else f"{_UNSEEN}{name}" for name in inputs.split()]
        return helper.make_node(operator, names, [f"{_UNSEEN}{output}"], f"{_UNSEEN}{output}")

    graph_names = ("temperatures",)
    nodes = [
        node("Gather", "temperatures thermal", "temperature"),
        node("Div", "seen temperature", "calibrated"),
        node("ReduceLogSumExp", "calibrated axis", "total"),
        node("Sub", "total count", "average"),
        node("Mul", "average temperature", "logit"),
        node("Concat", " ".join(["seen", *["logit"] * unseen]), "join"),
    ]
    nodes[-1].attribute.append(helper.make_attribute("axis", 1))
    nodes[-1].output[0] = whole
    together = [*graph.node[:place], *nodes, *graph.node[place:]]
    del graph.node[:]
    graph.node.extend(together)
    constants = {
        "thermal": np.array([1], dtype=np.int64),
        "axis": np.array([1], dtype=np.int64),
        "count": np.array(np.log(seen), dtype=np.float32),
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), f"{_UNSEEN}{name}") for name, value in constants.items()
    )


def _picture_logits(graph: onnx.GraphProto) -> onnx.NodeProto:
    found = [node for node in graph.node if "thermal.classes.weight" in node.input]
    if len(found) != 1:
        raise TaughtNetworkError("its ONNX model does not use thermal.classes.weight once")
    return found[0]


def check_taught(bundle: Bundle, network: Network, old: Network, kept: list[int]) -> float:
    """Run the taught network and compare it with its branch and with what the old one said of pictures.

    Args:
        bundle: which it is to be, or was: its inputs.
        network: the taught one.
        old: what it was made of.
        kept: as for `Network.taught`.

    Returns:
        The largest difference of a logit.

    Raises:
        TaughtNetworkError: it cannot be run, or a logit differs by more than `TOLERANCE`.
    """
    gas, valid, pictures = _random_inputs(bundle)
    nothing, without, shown = np.zeros_like(gas), np.zeros((_CHECKED, 1)), np.ones((_CHECKED, 1))
    new_session, old_session = _session(network), _session(old)
    by_gas, novelty = _run(new_session, gas, valid, pictures, without)
    by_picture, apart = _run(new_session, nothing, nothing, pictures, shown)
    by_both, _ = _run(new_session, gas, valid, pictures, shown)
    branch = network.branch
    answers = branch.answer(gas, valid)
    expected = log_softmax(answers.logits / branch.temperature)
    thermal = _of_pictures(_run(old_session, nothing, nothing, pictures, shown)[0], old, kept, branch.classes)
    trusted = (apart <= 1)[:, np.newaxis]
    differences = [
        _difference(by_gas, expected),
        _difference(by_picture, thermal),
        _difference(by_both, expected + trusted * thermal),
        _difference(novelty, (answers.distances / branch.limit).astype(np.float64)),
    ]
    # Written so, NaN is refused too.
    if not max(differences) <= TOLERANCE:
        raise TaughtNetworkError(
            f"the taught network's logits are {max(differences):.1e} from what was taught; at most "
            f"{TOLERANCE:.0e} is right: its ONNX model is of another form than `training.temporal` exports"
        )
    return max(differences)


def _random_inputs(
    bundle: Bundle,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return random windows, of which some lack channels, their validity, and pictures."""
    rng = np.random.default_rng(0)
    window, _, image, _ = bundle.inputs(Mode.FUSION).values()
    living = (rng.random((_CHECKED, 1, window[1])) < 0.9).astype(np.float32)
    living[:, 0, 0] = 1
    steps = rng.normal(0, _SCALE / 4, (_CHECKED, *window)).cumsum(axis=1)
    gas = (steps - steps[:, -1:] + rng.normal(0, _SCALE, (_CHECKED, 1, window[1]))) * living
    valid = np.broadcast_to(living, gas.shape)
    return gas.astype(np.float32), valid.astype(np.float32), rng.random((_CHECKED, *image), dtype=np.float32)


def _difference(got: npt.NDArray[np.float32], wanted: Numbers) -> float:
    return float((np.abs(got - wanted) / np.maximum(1, np.abs(wanted))).max())


def _of_pictures(logits: npt.NDArray[np.float32], old: Network, kept: list[int], classes: int) -> Numbers:
    """Return what pictures must say of the taught network's classes, from what they said of the old one's."""
    seen = [label for label in kept if label < old.seen]
    known = log_softmax(logits[:, seen])
    unseen = np.full((len(logits), classes - len(seen)), -np.log(len(seen)))
    return log_softmax(np.concatenate((known, unseen), axis=1))


def _session(network: Network) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(
            network.model.SerializeToString(), session_options(1), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's exceptions have no public base
        raise TaughtNetworkError(f"ONNX Runtime cannot load the network: {error}") from error


def _run(
    session: ort.InferenceSession, *inputs: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    names = ("gas", "valid", "image", "has_image")
    given = {name: value.astype(np.float32) for name, value in zip(names, inputs, strict=True)}
    logits, novelty = session.run([_LOGITS, "novelty"], given)
    return logits, novelty
