"""Model bundles and the runtimes that run them.

On a machine without a CUDA device nothing here imports torch. The bundle's format is described in
docs/bundle.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from gas_fusion_ros.observation import Mode, check_channel_names
from gas_fusion_ros.thermal import Preparation

if TYPE_CHECKING:
    import torch

FORMAT_VERSION = 2
"""The format that is written."""
_IMPLIED: Mapping[int, Mapping[str, Any]] = {
    1: {
        "networks": {"fusion": "fusion1", "gas_only": "cnn1d", "thermal_only": "gasnet"},
        "preparation": Preparation.FIELD.value,
    },
    2: {},
}
"""Every format that is read, with the fields that it did not have yet."""
MANIFEST = "bundle.json"
WEIGHTS = "weights.safetensors"
ONNX_FILES: Mapping[Mode, str] = {
    Mode.FUSION: "model.onnx",
    Mode.GAS_ONLY: "gas_only.onnx",
    Mode.THERMAL_ONLY: "thermal_only.onnx",
}
DEVICES = ("auto", "cpu", "cuda")
CUDA_PROVIDER = "CUDAExecutionProvider"

# A device file is the cheap sign of a GPU: desktop and server driver, Jetson (two names), WSL 2.
_GPU_SIGNS = ("/proc/driver/nvidia/gpus", "/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")

Logits = npt.NDArray[np.float32]
Input = npt.NDArray[np.float32]


class BundleError(RuntimeError):
    """A model bundle cannot be used; the message names the file or field and what would be right."""


class DeviceError(RuntimeError):
    """The device asked for is not there."""


@dataclass(frozen=True)
class Thresholds:
    """Advice for the alarm: the leak probability that raises it and the one that clears it."""

    on: float
    off: float


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to run it as it was trained.

    Attributes:
        path: the bundle's folder.
        name: the model's name.
        networks: the architecture of each mode's network, by its name in `networks.registry`; at least one.
        classes: class names in the order of the logits, length K.
        channels: gas channels in the order of the network's input, length C.
        window: how many readings one classification looks at.
        preparation: how a picture is prepared; None where no network takes one.
        image_size: height and width of the networks' picture, pixels; 0 where no network takes one.
        image_channels: channels of the networks' picture; 0 where no network takes one.
        mean: shape (C,), float32, ADC counts.
        std: shape (C,), float32, ADC counts, positive.
        temperatures: the calibration's temperature of each mode that has a network.
        thresholds: advice for the alarm.
        trained_on: what the weights were made from.
        metrics: measured results by the name of the protocol.
    """

    path: Path
    name: str
    networks: Mapping[Mode, str]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    window: int
    preparation: Preparation | None
    image_size: int
    image_channels: int
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    temperatures: Mapping[Mode, float]
    thresholds: Thresholds
    trained_on: Mapping[str, Any]
    metrics: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """Read and check the bundle in folder `path`, hashes of all its files included.

        Raises:
            BundleError: a file is missing or does not match its hash, the format version is
                unknown, or a field is missing or unusable.
        """
        folder = Path(path)
        manifest = _read_manifest(folder / MANIFEST)
        manifest |= _implied_fields(folder, manifest)
        try:
            bundle = _from_manifest(folder, manifest)
            files = _mapping(manifest, "files")
        except KeyError as error:
            raise BundleError(f"{folder / MANIFEST}: the field {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise BundleError(f"{folder / MANIFEST}: {error}") from error
        _check_fields(bundle)
        _check_files(bundle, files)
        return bundle

    def check_channels(self, channels: Sequence[str]) -> None:
        """Refuse to run with a gas array that lacks one of the bundle's channels or names one twice.

        The order does not matter and further channels are ignored: channels are taken by name.

        Raises:
            BundleError: a channel is missing; the message names it.
            ValueError: the names cannot be an array's.
        """
        check_channel_names(channels)
        missing = [name for name in self.channels if name not in channels]
        if missing:
            raise BundleError(
                f"model '{self.name}' needs the channels {', '.join(self.channels)}; "
                f"the gas array has {', '.join(channels) or 'none'}: {', '.join(missing)} missing"
            )


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing: a model bundle is a folder with this file") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"{path} must hold one JSON object")
    return manifest


def _implied_fields(folder: Path, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    version = manifest.get("format_version")
    if not isinstance(version, int) or version not in _IMPLIED:
        raise BundleError(
            f"{folder / MANIFEST}: format_version is {version!r}; this release reads the versions "
            f"{', '.join(map(str, _IMPLIED))}"
        )
    return _IMPLIED[version]


def _from_manifest(folder: Path, manifest: Mapping[str, Any]) -> Bundle:
    normalisation = _mapping(manifest, "normalisation")
    temperature = _mapping(manifest, "temperature")
    thresholds = _mapping(manifest, "thresholds")
    networks = _networks(manifest)
    return Bundle(
        path=folder,
        name=str(manifest["name"]),
        networks=networks,
        classes=_names(manifest, "classes"),
        channels=_names(manifest, "channels"),
        window=int(manifest["window"]),
        preparation=_preparation(manifest, networks),
        image_size=int(manifest["image_size"]),
        image_channels=int(manifest["image_channels"]),
        mean=np.asarray(normalisation["mean"], dtype=np.float32),
        std=np.asarray(normalisation["std"], dtype=np.float32),
        temperatures={mode: float(temperature[mode.value]) for mode in networks},
        thresholds=Thresholds(float(thresholds["on"]), float(thresholds["off"])),
        trained_on=_mapping(manifest, "trained_on"),
        metrics=_mapping(manifest, "metrics"),
    )


def _mapping(manifest: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = manifest[field]
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object, not {value!r}")
    return value


def _networks(manifest: Mapping[str, Any]) -> dict[Mode, str]:
    """Return each mode's architecture, in the order of `Mode`."""
    given = _mapping(manifest, "networks")
    known = [mode.value for mode in Mode]
    if not given or not set(given) <= set(known) or not all(isinstance(name, str) for name in given.values()):
        raise ValueError(
            f"networks must name an architecture for at least one of {', '.join(known)} and nothing else, "
            f"not {given!r}"
        )
    return {mode: given[mode.value] for mode in Mode if mode.value in given}


def _preparation(manifest: Mapping[str, Any], networks: Mapping[Mode, str]) -> Preparation | None:
    value = manifest["preparation"]
    if networks.keys() == {Mode.GAS_ONLY}:
        if value is not None:
            raise ValueError(f"preparation must be null where no network takes a picture, not {value!r}")
        return None
    known = [preparation.value for preparation in Preparation]
    if value not in known:
        raise ValueError(f"preparation must be one of {', '.join(known)}, not {value!r}")
    return Preparation(value)


def _names(manifest: Mapping[str, Any], field: str) -> tuple[str, ...]:
    names = manifest[field]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{field} must be a list of names")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{field} must name at least one, each once")
    return tuple(names)


def _check_fields(bundle: Bundle) -> None:
    where = bundle.path / MANIFEST
    shape = (len(bundle.channels),)
    if bundle.mean.shape != shape or bundle.std.shape != shape:
        raise BundleError(f"{where}: normalisation needs one mean and one std per channel, {shape[0]} each")
    if not np.isfinite(bundle.mean).all() or not np.isfinite(bundle.std).all() or (bundle.std <= 0).any():
        raise BundleError(f"{where}: normalisation needs finite means and positive stds")
    if not all(0 < value < float("inf") for value in bundle.temperatures.values()):
        raise BundleError(f"{where}: each temperature must be positive")
    if not 0 < bundle.thresholds.off <= bundle.thresholds.on <= 1:
        raise BundleError(f"{where}: thresholds must satisfy 0 < off <= on <= 1")
    if bundle.window != 1:
        raise BundleError(f"{where}: window must be 1, not {bundle.window}")
    _check_picture(where, bundle)


def _check_picture(where: Path, bundle: Bundle) -> None:
    if bundle.preparation is None:
        if bundle.image_size or bundle.image_channels:
            raise BundleError(f"{where}: image_size and image_channels must be 0: no network takes a picture")
        return
    if bundle.image_size < 1:
        raise BundleError(f"{where}: image_size must be at least 1 pixel, not {bundle.image_size}")
    if bundle.image_channels != bundle.preparation.channels:
        raise BundleError(
            f"{where}: image_channels must be {bundle.preparation.channels}, as the preparation "
            f"'{bundle.preparation.value}' makes them, not {bundle.image_channels}"
        )


def bundle_files(networks: Iterable[Mode]) -> tuple[str, ...]:
    """Return the names of a bundle's files beside its manifest, for the modes that have a network."""
    return (*(ONNX_FILES[mode] for mode in networks), WEIGHTS)


def _check_files(bundle: Bundle, digests: Mapping[str, Any]) -> None:
    folder = bundle.path
    for name in bundle_files(bundle.networks):
        if name not in digests:
            raise BundleError(f"{folder / MANIFEST}: files does not list {name} with its sha256")
        found = file_sha256(folder / name)
        if found != digests[name]:
            raise BundleError(
                f"{folder / name} does not match the bundle: sha256 is {found}, "
                f"{MANIFEST} says {digests[name]}; copy the whole bundle again"
            )


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal.

    Raises:
        BundleError: the file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error


class Runtime(Protocol):
    """Runs a bundle's networks on one device.

    Attributes:
        device: `cpu` or `cuda`.
        note: why this device was chosen where another was possible; empty otherwise.
    """

    device: str
    note: str

    def run(self, mode: Mode, gas: Input | None, image: Input | None) -> Logits:
        """Return the logits of one observation.

        Args:
            mode: which network to run.
            gas: shape (1, C), float32, normalised counts; not used in `thermal_only`.
            image: shape (1, I, S, S), float32, 0..1; not used in `gas_only`.

        Returns:
            Shape (K,), float32.

        Raises:
            ValueError: an input that the mode needs is None.
            KeyError: the bundle has no network for the mode.
        """
        ...


def _inputs(mode: Mode, gas: Input | None, image: Input | None) -> dict[str, Input]:
    """Pick what a mode's network takes, by the names of its ONNX inputs, in its order."""
    given = {"gas": gas, "image": image}
    needed = {Mode.FUSION: ("gas", "image"), Mode.GAS_ONLY: ("gas",), Mode.THERMAL_ONLY: ("image",)}
    inputs = {}
    for name in needed[mode]:
        value = given[name]
        if value is None:
            raise ValueError(f"mode {mode.value} needs the input '{name}'")
        inputs[name] = value
    return inputs


class OnnxRuntime:
    """Runs a bundle with ONNX Runtime; needs no torch.

    Args:
        bundle: the bundle to run.
        provider: ONNX Runtime's execution provider.
        threads: threads per forward pass, at least 1.
        note: why this runtime was chosen.

    Raises:
        BundleError: ONNX Runtime cannot load a network.
        DeviceError: the provider does not start on this machine.
    """

    def __init__(
        self, bundle: Bundle, provider: str = "CPUExecutionProvider", threads: int = 1, note: str = ""
    ) -> None:
        self.device = "cuda" if provider == CUDA_PROVIDER else "cpu"
        self.note = note
        self._sessions = {
            mode: _open_session(bundle.path / ONNX_FILES[mode], provider, threads) for mode in bundle.networks
        }

    def run(self, mode: Mode, gas: Input | None, image: Input | None) -> Logits:
        """Return the logits of one observation; see `Runtime.run`."""
        (logits,) = self._sessions[mode].run(["logits"], _inputs(mode, gas, image))
        return np.asarray(logits, dtype=np.float32)[0]


def _open_session(path: Path, provider: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Idle threads must sleep: on a robot the core belongs to others between two readings.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps its largest block forever; one small network does not need it.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions have no public common base
        raise BundleError(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
    if provider not in session.get_providers():
        raise DeviceError(f"ONNX Runtime's {provider} does not start on this machine")
    return session


class TorchRuntime:
    """Runs a bundle with torch on CUDA, in half precision and channels_last.

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
        self._networks = {
            mode: network.to(device=device, dtype=torch.float16).to(memory_format=torch.channels_last)
            for mode, network in load_networks(bundle).items()
        }

    def run(self, mode: Mode, gas: Input | None, image: Input | None) -> Logits:
        """Return the logits of one observation; see `Runtime.run`."""
        torch = self._torch
        with torch.inference_mode():
            tensors = [
                torch.from_numpy(value).to(device=self.device, dtype=torch.float16)
                for value in _inputs(mode, gas, image).values()
            ]
            return self._networks[mode](*tensors)[0].float().cpu().numpy()


def load_networks(bundle: Bundle) -> dict[Mode, torch.nn.Module]:
    """Return the bundle's torch networks in float32, from its safetensors file.

    Raises:
        BundleError: a network is unknown or takes other inputs than its mode, or the weights do not fit it.
    """
    from safetensors.torch import load_file

    weights = load_file(bundle.path / WEIGHTS)
    networks = {}
    for mode, name in bundle.networks.items():
        network = _folded_network(bundle, mode, name)
        prefix = f"{mode.value}."
        state = {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise BundleError(f"{bundle.path / WEIGHTS} does not fit '{name}': {error}") from error
        networks[mode] = network
    return networks


def _folded_network(bundle: Bundle, mode: Mode, name: str) -> torch.nn.Module:
    """Build a network with fresh weights, in the form whose weights a bundle holds."""
    from gas_fusion_ros.networks.folding import fold_batch_norm
    from gas_fusion_ros.networks.registry import find_architecture
    from gas_fusion_ros.networks.shape import Shape

    shape = Shape(len(bundle.classes), len(bundle.channels), bundle.image_channels, bundle.image_size)
    try:
        architecture = find_architecture(name)
        network = architecture.build(shape)
    except ValueError as error:
        raise BundleError(f"{bundle.path / MANIFEST}: networks, {mode.value}: {error}") from error
    if architecture.mode is not mode:
        raise BundleError(
            f"{bundle.path / MANIFEST}: networks, {mode.value}: '{name}' is a network for "
            f"{architecture.mode.value}"
        )
    return fold_batch_norm(network.eval())


def create_runtime(bundle: Bundle, device: str = "auto", threads: int = 1) -> Runtime:
    """Return the runtime for `device`.

    Args:
        bundle: the bundle to run.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is a working device, else the CPU with
            a note that says why.
        threads: threads per forward pass on the CPU, at least 1.

    Raises:
        ValueError: `device` or `threads` is out of range.
        DeviceError: `cuda` was asked for and there is none.
        BundleError: a network cannot be loaded.
    """
    if device not in DEVICES:
        raise ValueError(f"device is '{device}'; it must be one of {', '.join(DEVICES)}")
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1")
    if device == "cpu":
        return OnnxRuntime(bundle, threads=threads)
    try:
        return _cuda_runtime(bundle, threads)
    except DeviceError as error:
        if device == "cuda":
            raise DeviceError(f"device 'cuda' is not usable: {error}; use device 'cpu' or 'auto'") from error
        return OnnxRuntime(bundle, threads=threads, note=f"running on the CPU: {error}")


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
