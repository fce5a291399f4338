"""What runs a bundle's networks: ONNX Runtime, or torch on CUDA.

On a machine without a CUDA device nothing here imports torch.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.answers import Answer, answer_complaint
from gas_fusion_ros.model.bundle import MANIFEST, WEIGHTS, Bundle, BundleError, Precision, onnx_files
from gas_fusion_ros.model.precision import choose_precision

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
CUDA_PROVIDER = "CUDAExecutionProvider"
# A device file is the cheap sign of a GPU: desktop and server driver, Jetson (two names), WSL 2.
_GPU_SIGNS = ("/proc/driver/nvidia/gpus", "/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")
Input = npt.NDArray[np.float32]
GAS_LOGITS = "gas_logits"
"""Output of a fusion network that tells what the readings say alone."""
_WINDOWED_PREFIX = "model"
"""Prefix of a windowed network's weights; another's is its mode."""


class DeviceError(RuntimeError):
    """The device asked for is not there."""


class Runtime(Protocol):
    """Runs a bundle's networks on one device.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `float32`, `int8` or, on CUDA through torch, `float16`.
        note: why this device was chosen where another was possible; empty otherwise.
        files: name of the file that holds each mode's network.
    """

    device: str
    precision: str
    note: str
    files: Mapping[Mode, str]

    def run(self, mode: Mode, inputs: Mapping[str, Input]) -> Answer:
        """Run the network of `mode` on one observation.

        Args:
            mode: which network to run.
            inputs: float32, batch 1, by name; what the network does not take is passed over.
                `gas`: shape (1, C) or, of a windowed network, (1, W, C), normalised counts.
                `valid`: shape (1, W, C), 1 where a reading stands behind a value of `gas`, else 0.
                `image`: shape (1, I, S, S), 0..1.
                `has_image`: shape (1, 1), 1 or, where there is no picture and `image` is 0, 0.

        Raises:
            ValueError: an input that the network takes is missing.
            KeyError: the bundle has no network for the mode.
        """
        ...


def _picked(bundle: Bundle, mode: Mode, inputs: Mapping[str, Input]) -> dict[str, Input]:
    """Pick what a mode's network takes, in its order."""
    names = bundle.inputs(mode)
    for name in names:
        if name not in inputs:
            raise ValueError(f"mode {mode.value} needs the input '{name}'")
    return {name: inputs[name] for name in names}


class OnnxRuntime:
    """Runs a bundle with ONNX Runtime; needs no torch.

    Args:
        bundle: the bundle to run.
        provider: ONNX Runtime's execution provider.
        threads: threads per forward pass, at least 1.
        note: why this runtime was chosen.
        precision: which of the bundle's networks; `INT8` is for the CPU.

    Raises:
        BundleError: ONNX Runtime cannot load a network, or it has other inputs or outputs than the
            bundle says.
        DeviceError: the provider does not start on this machine.
    """

    def __init__(
        self,
        bundle: Bundle,
        provider: str = "CPUExecutionProvider",
        threads: int = 1,
        note: str = "",
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self.device = "cuda" if provider == CUDA_PROVIDER else "cpu"
        self.precision = precision.value
        self.note = note
        self._bundle = bundle
        files = onnx_files(bundle.networks, bundle.window.readings, precision)
        self.files: Mapping[Mode, str] = files
        sessions = {
            name: _open_session(bundle.path / name, provider, threads)
            for name in dict.fromkeys(files.values())
        }
        self._sessions = {mode: sessions[name] for mode, name in files.items()}
        needed = ("logits",) if bundle.false_reject_rate is None else ("logits", "novelty")
        for mode, session in self._sessions.items():
            _check_graph(bundle.path / files[mode], session, bundle.inputs(mode), needed)
        self._outputs = {
            mode: (*needed, *_told_besides(mode, session)) for mode, session in self._sessions.items()
        }

    def run(self, mode: Mode, inputs: Mapping[str, Input]) -> Answer:
        """Run the network of `mode` on one observation; see `Runtime.run`."""
        names = self._outputs[mode]
        values = self._sessions[mode].run(names, _picked(self._bundle, mode, inputs))
        told = {name: value[0] for name, value in zip(names, values, strict=True)}
        return Answer(
            np.asarray(told["logits"], dtype=np.float32),
            float(told["novelty"]) if "novelty" in told else None,
            told.get(GAS_LOGITS),
        )


def _check_graph(
    path: Path, session: ort.InferenceSession, inputs: Iterable[str], outputs: Iterable[str]
) -> None:
    """Refuse a network that takes other inputs than `inputs` or lacks one of `outputs`."""
    taken = {node.name for node in session.get_inputs()}
    given = {node.name for node in session.get_outputs()}
    if taken != set(inputs) or not set(outputs) <= given:
        raise BundleError(
            f"{path} has the inputs {', '.join(sorted(taken))} and the outputs {', '.join(sorted(given))}; "
            f"as {MANIFEST} says, they must be {', '.join(inputs)} and {', '.join(outputs)}"
        )


def _told_besides(mode: Mode, session: ort.InferenceSession) -> tuple[str, ...]:
    """Return what a network of readings and pictures tells of the readings alone, if it does."""
    given = {node.name for node in session.get_outputs()}
    return (GAS_LOGITS,) if mode is Mode.FUSION and GAS_LOGITS in given else ()


def session_options(threads: int) -> ort.SessionOptions:
    """Return how a small network is run by ONNX Runtime on a machine that has other work."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Idle threads must sleep: on a robot the core belongs to others between two readings.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps its largest block forever; one small network does not need it.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return options


def _open_session(path: Path, provider: str, threads: int) -> ort.InferenceSession:
    try:
        session = ort.InferenceSession(str(path), session_options(threads), providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions have no public common base
        raise BundleError(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
    if provider not in session.get_providers():
        raise DeviceError(f"ONNX Runtime's {provider} does not start on this machine")
    return session


class TorchRuntime:
    """Runs a bundle with torch on CUDA, channels_last; in half precision, but windowed networks in float32.

    Args:
        bundle: the bundle to run.
        device: a torch device, `cuda` in use; `cpu` runs the same road for tests.
        note: why this runtime was chosen.

    Raises:
        BundleError: a network is unknown, or the weights do not fit it.
    """

    def __init__(self, bundle: Bundle, device: str = "cuda", note: str = "") -> None:
        import torch

        self.device = device
        self.note = note
        self._torch = torch
        self._bundle = bundle
        # What a windowed network tells of small differences drowns in half precision.
        self._dtype = torch.float32 if bundle.is_windowed else torch.float16
        self.precision = "float32" if bundle.is_windowed else "float16"
        self.files: Mapping[Mode, str] = dict.fromkeys(bundle.networks, WEIGHTS)
        self._networks = {
            mode: network.to(device=device, dtype=self._dtype).to(memory_format=torch.channels_last)
            for mode, network in load_networks(bundle).items()
        }

    def run(self, mode: Mode, inputs: Mapping[str, Input]) -> Answer:
        """Run the network of `mode` on one observation; see `Runtime.run`."""
        torch = self._torch
        with torch.inference_mode():
            tensors = [
                torch.from_numpy(value).to(device=self.device, dtype=self._dtype)
                for value in _picked(self._bundle, mode, inputs).values()
            ]
            outputs = self._networks[mode](*tensors)
            if not self._bundle.is_windowed:
                return Answer(outputs[0].float().cpu().numpy())
            logits, novelty, alone = outputs
            tells = self._bundle.false_reject_rate is not None
            return Answer(
                logits[0].cpu().numpy(),
                novelty[0].item() if tells else None,
                alone[0].cpu().numpy() if mode is Mode.FUSION else None,
            )


def load_networks(bundle: Bundle) -> dict[Mode, torch.nn.Module]:
    """Return the bundle's torch networks in float32, from its safetensors file.

    A windowed one stands under each of its modes.

    Raises:
        BundleError: a network is unknown or takes other inputs than its mode, or the weights cannot be
            read or do not fit it.
    """
    from safetensors.torch import load_file

    try:
        weights = load_file(bundle.path / WEIGHTS)
    except Exception as error:  # safetensors has no public base of its exceptions
        raise BundleError(f"{bundle.path / WEIGHTS} cannot be read: {error}") from error
    if bundle.is_windowed:
        first = next(iter(bundle.networks))
        return dict.fromkeys(bundle.networks, _loaded_network(bundle, first, _WINDOWED_PREFIX, weights))
    return {mode: _loaded_network(bundle, mode, mode.value, weights) for mode in bundle.networks}


def _loaded_network(
    bundle: Bundle, mode: Mode, prefix: str, weights: Mapping[str, torch.Tensor]
) -> torch.nn.Module:
    """Build a mode's network and give it those weights whose names begin with `prefix` and a dot."""
    name = bundle.networks[mode]
    network = _folded_network(bundle, mode, name)
    start = f"{prefix}."
    state = {key[len(start) :]: value for key, value in weights.items() if key.startswith(start)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BundleError(f"{bundle.path / WEIGHTS} does not fit '{name}': {error}") from error
    return network


def _folded_network(bundle: Bundle, mode: Mode, name: str) -> torch.nn.Module:
    """Build a network with fresh weights, in the form whose weights a bundle holds."""
    from gas_fusion_ros.model.networks.folding import fold_batch_norm
    from gas_fusion_ros.model.networks.registry import find_architecture
    from gas_fusion_ros.model.networks.shape import Shape

    shape = Shape(
        classes=len(bundle.classes),
        gas_channels=len(bundle.channels),
        image_channels=bundle.image_channels,
        image_size=bundle.image_size,
        window=bundle.window.readings,
    )
    where = f"{bundle.path / MANIFEST}: networks, {mode.value}"
    try:
        architecture = find_architecture(name)
        network = architecture.build(shape)
    except ValueError as error:
        raise BundleError(f"{where}: {error}") from error
    if architecture.windowed != bundle.is_windowed:
        takes = "windows of several readings" if architecture.windowed else "single readings"
        raise BundleError(f"{where}: '{name}' takes {takes}, but window.readings is {shape.window}")
    if not architecture.windowed and architecture.mode is not mode:
        raise BundleError(f"{where}: '{name}' is a network for {architecture.mode.value}")
    return fold_batch_norm(network.eval())


def check_networks(bundle: Bundle, runtime: Runtime) -> None:
    """Run the network of each mode on nothing at all and on middling inputs, and look at what it answers.

    Raises:
        BundleError: a network cannot be run, or its answer is none: logits of another number than there are
            classes, or something that makes no probabilities.
    """
    for mode in bundle.networks:
        where = f"{bundle.path / runtime.files[mode]}: the network for {mode.value}"
        for value in (0.0, 0.5):
            inputs = {
                its_name: np.full((1, *shape), value, dtype=np.float32)
                for its_name, shape in bundle.inputs(mode).items()
            }
            try:
                answer = runtime.run(mode, inputs)
            except Exception as error:  # a runtime's exceptions have no common base
                raise BundleError(f"{where} cannot be run: {type(error).__name__}: {error}") from error
            complaint = answer_complaint(answer, bundle, mode)
            if complaint:
                raise BundleError(f"{where} {complaint}")


def create_runtime(
    bundle: Bundle, device: str = "auto", threads: int = 1, precision: str = Precision.FLOAT32.value
) -> Runtime:
    """Return the runtime for `device`, once each network has been run on it and answers as it should.

    Args:
        bundle: the bundle to run.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is a working device, else the CPU with
            a note that says why.
        threads: threads per forward pass on the CPU, at least 1.
        precision: `float32`, `int8` or `auto` on the CPU, see `choose_precision`. CUDA takes no network in
            eight bits, so with `int8` the device `auto` is the CPU.

    Raises:
        ValueError: `device`, `threads` or `precision` is out of range.
        DeviceError: `cuda` was asked for and there is none, or in eight bits.
        BundleError: a network cannot be loaded or run, answers what is no answer, or is asked for in eight
            bits and not there.
    """
    runtime = _runtime(bundle, device, threads, precision)
    check_networks(bundle, runtime)
    return runtime


def _runtime(bundle: Bundle, device: str, threads: int, precision: str) -> Runtime:
    if device not in DEVICES:
        raise ValueError(f"device is '{device}'; it must be one of {', '.join(DEVICES)}")
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1")
    on_cpu = choose_precision(bundle, precision)
    if precision == Precision.INT8 and device != "cpu":
        if device == "cuda":
            raise DeviceError("precision 'int8' is for the CPU: use device 'cpu' or precision 'float32'")
        return OnnxRuntime(
            bundle, threads=threads, note="running on the CPU: int8 is for it", precision=on_cpu
        )
    if device == "cpu":
        return OnnxRuntime(bundle, threads=threads, precision=on_cpu)
    try:
        return _cuda_runtime(bundle, threads)
    except DeviceError as error:
        if device == "cuda":
            raise DeviceError(f"device 'cuda' is not usable: {error}; use device 'cpu' or 'auto'") from error
        note = f"running on the CPU: {error}"
        return OnnxRuntime(bundle, threads=threads, note=note, precision=on_cpu)


def _cuda_runtime(bundle: Bundle, threads: int) -> Runtime:
    if not has_gpu_device():
        raise DeviceError("this machine has no CUDA device")
    if CUDA_PROVIDER in ort.get_available_providers():
        try:
            return OnnxRuntime(bundle, CUDA_PROVIDER, threads, "running on CUDA through ONNX Runtime")
        except DeviceError as error:
            reason = str(error)
    else:
        reason = "this ONNX Runtime is built without CUDA"
    if not _torch_has_cuda():
        raise DeviceError(f"{reason}, and torch with a working CUDA device is not there either")
    return TorchRuntime(bundle, note=f"running on CUDA through torch: {reason}")


def has_gpu_device() -> bool:
    """Tell by its device files whether the machine has a GPU, without loading a library."""
    return any(Path(sign).exists() for sign in _GPU_SIGNS)


def _torch_has_cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
