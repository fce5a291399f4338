"""Model bundles and the runtimes that run them.

On a machine without a CUDA device nothing here imports torch. The bundle's format is described in
docs/bundle.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from gas_fusion_ros.alarm_types import AlarmSettings
from gas_fusion_ros.documents import DocumentError, read_json
from gas_fusion_ros.files import open_regular
from gas_fusion_ros.observation import UNKNOWN, Mode, check_channel_names
from gas_fusion_ros.quoting import one_line
from gas_fusion_ros.thermal import Preparation
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.window import WindowSettings

if TYPE_CHECKING:
    import torch

FORMAT_VERSION = 3
"""The format that is written; all down to 1 are read."""
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

_WINDOWED_PREFIX = "model"
"""Prefix of a windowed network's weights; another's is its mode."""
_SINGLE_INPUTS: Mapping[Mode, tuple[str, ...]] = {
    Mode.FUSION: ("gas", "image"),
    Mode.GAS_ONLY: ("gas",),
    Mode.THERMAL_ONLY: ("image",),
}
_MAX_READINGS = 10_000
_MIN_PERIOD_S = 0.001
_MAX_S = 86_400.0
_MAX_ALARMS_PER_HOUR = 3600.0
_MAX_IMAGE_SIZE = 2048
_MAX_NAMES = 256
_LONGEST_NAME = 80
_MAX_FILE_BYTES = 2 << 30
_TEMPERATURES = (1e-3, 1e3)
"""Beyond these a softmax says the same of everything, or cannot be computed."""
_STDS = (1e-6, 1e6)
_SUM_TOLERANCE = 1e-3

Logits = npt.NDArray[np.float32]
Input = npt.NDArray[np.float32]


class BundleError(RuntimeError):
    """A model bundle cannot be used; the message names the file or field and what would be right."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class DeviceError(RuntimeError):
    """The device asked for is not there."""


@dataclass(frozen=True)
class AlarmAdvice:
    """What a model advises for the alarm; the alarm's own defaults where it has nothing to say.

    Attributes:
        on_threshold: leak probability from which on a leak is suspected, 0..1.
        off_threshold: leak probability below which it counts as gone, 0..1.
        on_delay_ns: how long a leak is suspected before the alarm, nanoseconds.
        off_delay_ns: how long it must be gone before the alarm lets go, nanoseconds.
        false_alarms_per_hour: measured with these on held-out clean air; None where not measured.
    """

    on_threshold: float = AlarmSettings.on_threshold
    off_threshold: float = AlarmSettings.off_threshold
    on_delay_ns: int = AlarmSettings.on_delay_ns
    off_delay_ns: int = AlarmSettings.off_delay_ns
    false_alarms_per_hour: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Return the manifest's field `alarm`; times in seconds."""
        return {
            "on_threshold": self.on_threshold,
            "off_threshold": self.off_threshold,
            "on_delay_s": self.on_delay_ns / NANOSECONDS_PER_SECOND,
            "off_delay_s": self.off_delay_ns / NANOSECONDS_PER_SECOND,
            "false_alarms_per_hour": self.false_alarms_per_hour,
        }


def window_to_json(window: WindowSettings) -> dict[str, float]:
    """Return the manifest's field `window`; the period in seconds."""
    return {"readings": window.readings, "period_s": window.period_s}


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to run it as it was trained.

    Attributes:
        path: the bundle's folder.
        name: the model's name.
        networks: the architecture of each mode's network, by its name in `networks.registry`; at least one.
        classes: class names in the order of the logits, length K.
        channels: gas channels in the order of the network's input, length C.
        window: how far back one classification looks.
        preparation: how a picture is prepared; None where no network takes one.
        image_size: height and width of the networks' picture, pixels; 0 where no network takes one.
        image_channels: channels of the networks' picture; 0 where no network takes one.
        mean: shape (C,), float32, ADC counts.
        std: shape (C,), float32, ADC counts, positive.
        temperatures: the calibration's temperature of each mode that has a network.
        alarm: advice for the alarm.
        false_reject_rate: share of inputs like training whose novelty is above 1, 0..1; None where the
            network has no output `novelty`.
        trained_on: what the weights were made from.
        metrics: measured results by the name of the protocol.
    """

    path: Path
    name: str
    networks: Mapping[Mode, str]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    window: WindowSettings
    preparation: Preparation | None
    image_size: int
    image_channels: int
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    temperatures: Mapping[Mode, float]
    alarm: AlarmAdvice
    false_reject_rate: float | None
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
        try:
            manifest = _upgraded(manifest)
            bundle = _from_manifest(folder, manifest)
            files = _mapping(manifest, "files")
        except KeyError as error:
            raise BundleError(f"{folder / MANIFEST}: the field {error} is missing") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise BundleError(f"{folder / MANIFEST}: {error}") from error
        _check_fields(bundle)
        _check_files(bundle, files)
        return bundle

    @property
    def sha256(self) -> str:
        """Hash of the manifest's file, which holds the hashes of all other files."""
        return file_sha256(self.path / MANIFEST)

    @property
    def is_windowed(self) -> bool:
        """Whether one network looks at windows of readings and serves every mode."""
        return self.window.readings > 1

    def inputs(self, mode: Mode) -> dict[str, tuple[int, ...]]:
        """Return the inputs of a mode's network in its order: each one's shape, without the batch."""
        gas = (len(self.channels),)
        image = (self.image_channels, self.image_size, self.image_size)
        if self.is_windowed:
            window = (self.window.readings, *gas)
            return {"gas": window, "valid": window, "image": image, "has_image": (1,)}
        shapes = {"gas": gas, "image": image}
        return {name: shapes[name] for name in _SINGLE_INPUTS[mode]}

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
        manifest = read_json(path)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing: a model bundle is a folder with this file") from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    except DocumentError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"{path} must hold one JSON object")
    return manifest


def _upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of any format that is read as one of the format that is written."""
    version = manifest.get("format_version")
    known = (*_UPGRADES, FORMAT_VERSION)
    if not isinstance(version, int) or version not in known:
        raise ValueError(
            f"format_version is {version!r}; this release reads the versions {', '.join(map(str, known))}"
        )
    for older in range(version, FORMAT_VERSION):
        manifest = _UPGRADES[older](manifest)
    return manifest


def _from_version_1(manifest: Mapping[str, Any]) -> dict[str, Any]:
    implied = {
        "networks": {"fusion": "fusion1", "gas_only": "cnn1d", "thermal_only": "gasnet"},
        "preparation": Preparation.FIELD.value,
    }
    return {**manifest, **implied}


def _from_version_2(manifest: Mapping[str, Any]) -> dict[str, Any]:
    if manifest["window"] != 1:
        raise ValueError(f"window must be 1 before version 3, not {manifest['window']!r}")
    on, off = _thresholds(_mapping(manifest, "thresholds"), "thresholds", "on", "off")
    changed = {
        "window": window_to_json(WindowSettings(1)),
        "alarm": AlarmAdvice(on, off).to_json(),
        "novelty": None,
    }
    return {**manifest, **changed}


_UPGRADES: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    1: _from_version_1,
    2: _from_version_2,
}


def _from_manifest(folder: Path, manifest: Mapping[str, Any]) -> Bundle:
    normalisation = _mapping(manifest, "normalisation")
    temperature = _mapping(manifest, "temperature")
    window = _window(manifest)
    networks = _networks(manifest, window)
    takes_pictures = window.readings > 1 or networks.keys() != {Mode.GAS_ONLY}
    return Bundle(
        path=folder,
        name=_name(manifest["name"], "name"),
        networks=networks,
        classes=_classes(manifest),
        channels=_names(manifest, "channels"),
        window=window,
        preparation=_preparation(manifest, takes_pictures),
        image_size=int(manifest["image_size"]),
        image_channels=int(manifest["image_channels"]),
        mean=np.asarray(normalisation["mean"], dtype=np.float32),
        std=np.asarray(normalisation["std"], dtype=np.float32),
        temperatures={mode: float(temperature[mode.value]) for mode in networks},
        alarm=_alarm(manifest),
        false_reject_rate=_false_reject_rate(manifest, window),
        trained_on=_mapping(manifest, "trained_on"),
        metrics=_mapping(manifest, "metrics"),
    )


def _mapping(manifest: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = manifest[field]
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object, not {value!r}")
    return value


def _number(values: Mapping[str, Any], field: str, key: str, least: float, most: float) -> float:
    """Return the number `key` of the object `field`, which must be within `least` and `most`."""
    if key not in values:
        raise ValueError(f"{field} must have the field '{key}'")
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValueError(f"{field}.{key} must be a number of {least:g} to {most:g}, not {value!r}")
    return value


def _nanoseconds(values: Mapping[str, Any], field: str, key: str, least_s: float) -> int:
    """Return the time `key` of the object `field`, which gives it in seconds."""
    return round(_number(values, field, key, least_s, _MAX_S) * NANOSECONDS_PER_SECOND)


def _window(manifest: Mapping[str, Any]) -> WindowSettings:
    values = _mapping(manifest, "window")
    readings = _number(values, "window", "readings", 1, _MAX_READINGS)
    if not isinstance(readings, int):
        raise ValueError(f"window.readings must be an integer, not {readings!r}")
    return WindowSettings(readings, _nanoseconds(values, "window", "period_s", _MIN_PERIOD_S))


def _thresholds(values: Mapping[str, Any], field: str, on: str, off: str) -> tuple[float, float]:
    """Return the thresholds called `on` and `off` of the object `field`, in this order."""
    upper, lower = (float(_number(values, field, key, 0, 1)) for key in (on, off))
    if not 0 < lower <= upper:
        raise ValueError(f"{field} must satisfy 0 < {off} <= {on} <= 1, not {lower} and {upper}")
    return upper, lower


def _alarm(manifest: Mapping[str, Any]) -> AlarmAdvice:
    values = _mapping(manifest, "alarm")
    on, off = _thresholds(values, "alarm", "on_threshold", "off_threshold")
    rate = None
    if values.get("false_alarms_per_hour", 0) is not None:
        rate = float(_number(values, "alarm", "false_alarms_per_hour", 0, _MAX_ALARMS_PER_HOUR))
    return AlarmAdvice(
        on_threshold=on,
        off_threshold=off,
        on_delay_ns=_nanoseconds(values, "alarm", "on_delay_s", 0),
        off_delay_ns=_nanoseconds(values, "alarm", "off_delay_s", 0),
        false_alarms_per_hour=rate,
    )


def _false_reject_rate(manifest: Mapping[str, Any], window: WindowSettings) -> float | None:
    if manifest["novelty"] is None:
        return None
    rate = float(_number(_mapping(manifest, "novelty"), "novelty", "false_reject_rate", 0, 1))
    if window.readings == 1:
        raise ValueError("novelty must be null where window.readings is 1: such networks cannot tell it")
    return rate


def _classes(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    classes = _names(manifest, "classes")
    if UNKNOWN in classes:
        raise ValueError(f"classes must not name {UNKNOWN}: it is the label of an input unlike training")
    return classes


def _networks(manifest: Mapping[str, Any], window: WindowSettings) -> dict[Mode, str]:
    """Return each mode's architecture, in the order of `Mode`."""
    given = _mapping(manifest, "networks")
    known = [mode.value for mode in Mode]
    if not given or not set(given) <= set(known) or not all(isinstance(name, str) for name in given.values()):
        raise ValueError(
            f"networks must name an architecture for at least one of {', '.join(known)} and nothing else, "
            f"not {given!r}"
        )
    if window.readings > 1 and len(set(given.values())) > 1:
        raise ValueError(
            f"networks must name the same architecture for every mode where window.readings is above 1, "
            f"not {given!r}"
        )
    return {mode: given[mode.value] for mode in Mode if mode.value in given}


def _preparation(manifest: Mapping[str, Any], takes_pictures: bool) -> Preparation | None:
    value = manifest["preparation"]
    if not takes_pictures:
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
    if not 0 < len(names) <= _MAX_NAMES or len(set(names)) != len(names):
        raise ValueError(f"{field} must name at least one and {_MAX_NAMES} at most, each once")
    return tuple(_name(name, field) for name in names)


def _name(value: Any, field: str) -> str:
    """Return a name that goes into messages and logs as it is."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST_NAME:
        raise ValueError(f"{field} must be of 1 to {_LONGEST_NAME} printable characters, not {value!r}")
    return value


def _check_fields(bundle: Bundle) -> None:
    where = bundle.path / MANIFEST
    shape = (len(bundle.channels),)
    if bundle.mean.shape != shape or bundle.std.shape != shape:
        raise BundleError(f"{where}: normalisation needs one mean and one std per channel, {shape[0]} each")
    if not np.isfinite(bundle.mean).all() or not np.isfinite(bundle.std).all() or (bundle.std <= 0).any():
        raise BundleError(f"{where}: normalisation needs finite means and positive stds")
    least, most = _STDS
    if not ((bundle.std >= least) & (bundle.std <= most)).all() or np.abs(bundle.mean).max() > most:
        raise BundleError(
            f"{where}: normalisation needs means up to {most:g} and stds of {least:g} to {most:g}"
        )
    least, most = _TEMPERATURES
    for mode, temperature in bundle.temperatures.items():
        if not least <= temperature <= most:
            raise BundleError(
                f"{where}: temperature.{mode.value} must be of {least:g} to {most:g}, not {temperature:g}"
            )
    _check_picture(where, bundle)


def _check_picture(where: Path, bundle: Bundle) -> None:
    if bundle.preparation is None:
        if bundle.image_size or bundle.image_channels:
            raise BundleError(f"{where}: image_size and image_channels must be 0: no network takes a picture")
        return
    if not 1 <= bundle.image_size <= _MAX_IMAGE_SIZE:
        raise BundleError(
            f"{where}: image_size must be of 1 to {_MAX_IMAGE_SIZE} pixels, not {bundle.image_size}"
        )
    if bundle.image_channels != bundle.preparation.channels:
        raise BundleError(
            f"{where}: image_channels must be {bundle.preparation.channels}, as the preparation "
            f"'{bundle.preparation.value}' makes them, not {bundle.image_channels}"
        )


def onnx_files(modes: Iterable[Mode], readings: int) -> dict[Mode, str]:
    """Return the name of the ONNX file that holds each mode's network.

    Args:
        modes: those that have a network.
        readings: readings of the bundle's window; above 1 all modes share one network.
    """
    return {mode: ONNX_FILES[Mode.FUSION if readings > 1 else mode] for mode in modes}


def bundle_files(modes: Iterable[Mode], readings: int) -> tuple[str, ...]:
    """Return the names of a bundle's files beside its manifest; arguments as for `onnx_files`."""
    return (*dict.fromkeys(onnx_files(modes, readings).values()), WEIGHTS)


def _check_files(bundle: Bundle, digests: Mapping[str, Any]) -> None:
    folder = bundle.path
    for name in bundle_files(bundle.networks, bundle.window.readings):
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
        BundleError: the file cannot be read, is no regular file or too long for a model's.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with open_regular(path) as file:
            while block := file.read(1 << 20):
                size += len(block)
                if size > _MAX_FILE_BYTES:
                    raise BundleError(f"{path} is longer than the {_MAX_FILE_BYTES} bytes of a model at most")
                digest.update(block)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


@dataclass(frozen=True)
class Answer:
    """What a network says of one observation.

    Attributes:
        logits: shape (K,), float32.
        novelty: how unlike training the input is, 1 at the limit; None where the network cannot tell.
    """

    logits: Logits
    novelty: float | None = None


class Runtime(Protocol):
    """Runs a bundle's networks on one device.

    Attributes:
        device: `cpu` or `cuda`.
        note: why this device was chosen where another was possible; empty otherwise.
    """

    device: str
    note: str

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

    Raises:
        BundleError: ONNX Runtime cannot load a network, or it has other inputs or outputs than the
            bundle says.
        DeviceError: the provider does not start on this machine.
    """

    def __init__(
        self, bundle: Bundle, provider: str = "CPUExecutionProvider", threads: int = 1, note: str = ""
    ) -> None:
        self.device = "cuda" if provider == CUDA_PROVIDER else "cpu"
        self.note = note
        self._bundle = bundle
        files = onnx_files(bundle.networks, bundle.window.readings)
        sessions = {
            name: _open_session(bundle.path / name, provider, threads)
            for name in dict.fromkeys(files.values())
        }
        self._sessions = {mode: sessions[name] for mode, name in files.items()}
        self._outputs = ("logits",) if bundle.false_reject_rate is None else ("logits", "novelty")
        for mode, session in self._sessions.items():
            _check_graph(bundle.path / files[mode], session, bundle.inputs(mode), self._outputs)

    def run(self, mode: Mode, inputs: Mapping[str, Input]) -> Answer:
        """Run the network of `mode` on one observation; see `Runtime.run`."""
        session = self._sessions[mode]
        logits, *novelty = session.run(self._outputs, _picked(self._bundle, mode, inputs))
        return Answer(np.asarray(logits, dtype=np.float32)[0], *(float(value[0]) for value in novelty))


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
            logits, novelty = outputs
            tells = self._bundle.false_reject_rate is not None
            return Answer(logits[0].cpu().numpy(), novelty[0].item() if tells else None)


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
    from gas_fusion_ros.networks.folding import fold_batch_norm
    from gas_fusion_ros.networks.registry import find_architecture
    from gas_fusion_ros.networks.shape import Shape

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


def softmax(logits: Logits) -> Logits:
    """Return the probabilities of `logits`, shape (K,), summing to 1."""
    exponentials = np.exp(logits - logits.max())
    return (exponentials / exponentials.sum()).astype(np.float32)


def check_networks(bundle: Bundle, runtime: Runtime) -> None:
    """Run the network of each mode on nothing at all and on middling inputs, and look at what it answers.

    Raises:
        BundleError: a network cannot be run, or its answer is none: logits of another number than there are
            classes, or something that makes no probabilities.
    """
    files = onnx_files(bundle.networks, bundle.window.readings)
    for mode in bundle.networks:
        name = WEIGHTS if isinstance(runtime, TorchRuntime) else files[mode]
        where = f"{bundle.path / name}: the network for {mode.value}"
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


def answer_complaint(answer: Answer, bundle: Bundle, mode: Mode) -> str:
    """Say what is wrong with a network's answer, to follow its name; empty where nothing is."""
    count = len(bundle.classes)
    if answer.logits.shape != (count,):
        return f"answers logits of shape {answer.logits.shape}; expected ({count},), one for each class"
    if not np.isfinite(answer.logits).all():
        return f"answers {one_line(str(answer.logits.tolist()), 200)}; every logit must be a finite number"
    with np.errstate(all="ignore"):
        probabilities = softmax(answer.logits / np.float32(bundle.temperatures[mode]))
    if not abs(float(probabilities.sum()) - 1.0) <= _SUM_TOLERANCE:
        return (
            f"answers {one_line(str(answer.logits.tolist()), 200)}, which at the temperature "
            f"{bundle.temperatures[mode]:g} makes no probabilities that sum to 1"
        )
    if answer.novelty is not None and np.isnan(answer.novelty):
        return f"answers the novelty {answer.novelty}; it must be a number"
    return ""


def create_runtime(bundle: Bundle, device: str = "auto", threads: int = 1) -> Runtime:
    """Return the runtime for `device`, once each network has been run on it and answers as it should.

    Args:
        bundle: the bundle to run.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is a working device, else the CPU with
            a note that says why.
        threads: threads per forward pass on the CPU, at least 1.

    Raises:
        ValueError: `device` or `threads` is out of range.
        DeviceError: `cuda` was asked for and there is none.
        BundleError: a network cannot be loaded or run, or answers what is no answer.
    """
    runtime = _runtime(bundle, device, threads)
    check_networks(bundle, runtime)
    return runtime


def _runtime(bundle: Bundle, device: str, threads: int) -> Runtime:
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
