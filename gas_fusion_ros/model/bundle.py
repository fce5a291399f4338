"""Model bundles: a trained model with everything needed to run it; docs/bundle.md describes the format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.settings import BALANCED, PROFILES, AlarmAdvice, DepartureAdvice
from gas_fusion_ros.array.array_file import array_content, read_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.documents import DocumentError, read_json
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.observation import RESERVED_CLASSES, Mode, check_channel_names
from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.model.window import WindowSettings

FORMAT_VERSION = 4
"""The format that is written; all down to 1 are read."""
MANIFEST = "bundle.json"
WEIGHTS = "weights.safetensors"
ONNX_FILES: Mapping[Mode, str] = {
    Mode.FUSION: "model.onnx",
    Mode.GAS_ONLY: "gas_only.onnx",
    Mode.THERMAL_ONLY: "thermal_only.onnx",
}


_SINGLE_INPUTS: Mapping[Mode, tuple[str, ...]] = {
    Mode.FUSION: ("gas", "image"),
    Mode.GAS_ONLY: ("gas",),
    Mode.THERMAL_ONLY: ("image",),
}
_MAX_READINGS = 10_000
_MIN_PERIOD_S = 0.001
_MAX_S = 86_400.0
_MAX_ALARMS_PER_HOUR = 3600.0
_MOST_DEPARTURE = 100.0
_MAX_IMAGE_SIZE = 2048
_MAX_NAMES = 256
_LONGEST_NAME = 80
_MAX_FILE_BYTES = 2 << 30
_TEMPERATURES = (1e-3, 1e3)
"""Beyond these a softmax says the same of everything, or cannot be computed."""
_STDS = (1e-6, 1e6)


class Domain(str, Enum):
    """What of a reading a model looks at."""

    COUNTS = "counts"
    """ADC counts as they come: of the one array that it was trained on."""
    LOG_RATIO = "log_ratio"
    """ln(Rs/R0), how far each channel lies from its own clean air: of any calibrated array."""


class Precision(str, Enum):
    """In which numbers a network's convolutions multiply on a CPU."""

    FLOAT32 = "float32"
    INT8 = "int8"


@dataclass(frozen=True)
class Int8Advice:
    """What is known of a bundle's networks in eight bits.

    Attributes:
        admissible: whether they lost so little, where that was decided, that they may be taken unasked.
        measured: their figures beside those of float32, by what they were measured on.
    """

    admissible: bool
    measured: Mapping[str, Any]


class BundleError(RuntimeError):
    """A model bundle cannot be used; the message names the file or field and what would be right."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def window_to_json(window: WindowSettings) -> dict[str, float]:
    """Return the manifest's field `window`; the period in seconds."""
    return {"readings": window.readings, "period_s": window.period_s}


def domain_to_json(array: ArrayDescription | None) -> dict[str, Any]:
    """Return the manifest's fields `domain` and `array` of a model that learned from an array's readings.

    Args:
        array: the array, calibrated, where the model looks at ln(Rs/R0); None where it looks at counts.
    """
    domain = Domain.COUNTS if array is None else Domain.LOG_RATIO
    return {"domain": domain.value, "array": None if array is None else array_content(array)}


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to run it as it was trained.

    Attributes:
        path: the bundle's folder.
        name: the model's name.
        networks: the architecture of each mode's network, by its name in `model.networks.registry`; one
            at least.
        classes: class names in the order of the logits, length K.
        channels: gas channels in the order of the network's input, length C.
        window: how far back one classification looks.
        preparation: how a picture is prepared; None where no network takes one.
        image_size: height and width of the networks' picture, pixels; 0 where no network takes one.
        image_channels: channels of the networks' picture; 0 where no network takes one.
        array: the array that the model learned from, with the baselines of its `channels`, where the
            model looks at ln(Rs/R0); None where it looks at counts.
        mean: shape (C,), float32, in the model's domain.
        std: shape (C,), float32, in the model's domain, positive.
        temperatures: the calibration's temperature of each mode that has a network.
        alarm: advice for the alarm.
        profiles: the same by profile, `alarm` as the balanced one among them.
        departure: from where on a calibrated array is in no clean air; None where the model does not say.
        false_reject_rate: share of inputs like training whose novelty is above 1, 0..1; None where the
            network has no output `novelty`.
        reproduction: whether it reproduces a published model on rendered pictures, so that nothing is known
            of it beside a real camera.
        trained_on: what the weights were made from.
        metrics: measured results by the name of the protocol.
        int8: of the networks in eight bits; None where there are none.
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
    array: ArrayDescription | None
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    temperatures: Mapping[Mode, float]
    alarm: AlarmAdvice
    profiles: Mapping[str, AlarmAdvice]
    departure: DepartureAdvice | None
    false_reject_rate: float | None
    trained_on: Mapping[str, Any]
    metrics: Mapping[str, Any]
    reproduction: bool = False
    int8: Int8Advice | None = None

    @property
    def has_seen_drawn_pictures_only(self) -> bool:
        """Whether it learned from rendered pictures, and from no camera's."""
        # Early bundles say more behind the word.
        return str(self.trained_on.get("thermal", "")).startswith("rendered")

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
            manifest = upgraded(manifest)
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
    def domain(self) -> Domain:
        """What of a reading the model looks at."""
        return Domain.COUNTS if self.array is None else Domain.LOG_RATIO

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """In which its networks are there."""
        return (Precision.FLOAT32,) if self.int8 is None else tuple(Precision)

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

        The order does not matter and further channels are ignored: channels are taken by name. A model that
        looks at ln(Rs/R0) takes any array that has one of its channels.

        Raises:
            BundleError: a channel is missing; the message names it.
            ValueError: the names cannot be an array's.
        """
        check_channel_names(channels)
        missing = [name for name in self.channels if name not in channels]
        if missing and (self.domain is Domain.COUNTS or len(missing) == len(self.channels)):
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


def upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of any format that is read as one of the format that is written.

    Raises:
        ValueError: its format is none of those, or a field is unusable.
        KeyError: a field is missing.
    """
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


def _from_version_3(manifest: Mapping[str, Any]) -> dict[str, Any]:
    alarm = {"missed": None, "delay_s": None, **_mapping(manifest, "alarm")}
    return {**manifest, **domain_to_json(None), "alarm": alarm, "profiles": {}, "departure": None}


_UPGRADES: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    1: _from_version_1,
    2: _from_version_2,
    3: _from_version_3,
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
        array=_array(manifest),
        mean=np.asarray(normalisation["mean"], dtype=np.float32),
        std=np.asarray(normalisation["std"], dtype=np.float32),
        temperatures={mode: float(temperature[mode.value]) for mode in networks},
        alarm=_alarm(manifest, "alarm"),
        profiles={
            **{
                name: _alarm(_mapping(manifest, "profiles"), name)
                for name in PROFILES
                if name in _mapping(manifest, "profiles")
            },
            BALANCED: _alarm(manifest, "alarm"),
        },
        departure=_departure(manifest),
        false_reject_rate=_false_reject_rate(manifest, window),
        trained_on=_mapping(manifest, "trained_on"),
        metrics=_mapping(manifest, "metrics"),
        reproduction=_reproduction(manifest),
        int8=_int8(manifest),
    )


def _reproduction(manifest: Mapping[str, Any]) -> bool:
    """Return the field `reproduction`, which bundles of any format may lack."""
    value = manifest.get("reproduction", False)
    if not isinstance(value, bool):
        raise ValueError(f"reproduction must be true or false, not {value!r}")
    return value


def _int8(manifest: Mapping[str, Any]) -> Int8Advice | None:
    """Return the field `int8`, which bundles of any format may lack."""
    if manifest.get("int8") is None:
        return None
    values = _mapping(manifest, "int8")
    admissible = values.get("admissible")
    if not isinstance(admissible, bool):
        raise ValueError(f"int8.admissible must be true or false, not {admissible!r}")
    return Int8Advice(admissible, _mapping(values, "measured"))


def _array(manifest: Mapping[str, Any]) -> ArrayDescription | None:
    domain, content = manifest["domain"], manifest["array"]
    if domain not in [known.value for known in Domain]:
        raise ValueError(
            f"domain must be one of {', '.join(known.value for known in Domain)}, not {domain!r}"
        )
    if domain == Domain.COUNTS.value:
        if content is not None:
            raise ValueError("array must be null where domain is counts")
        return None
    try:
        array = read_array(content).of_channels(_names(manifest, "channels"))
    except ValueError as error:
        raise ValueError(f"array: {error}") from None
    bare = [one.name for one in array.channels if one.baseline is None]
    if bare:
        raise ValueError(f"array: the baseline of {', '.join(bare)} is missing")
    return array


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


def _alarm(parent: Mapping[str, Any], field: str) -> AlarmAdvice:
    values = _mapping(parent, field)
    on, off = _thresholds(values, field, "on_threshold", "off_threshold")
    return AlarmAdvice(
        on_threshold=on,
        off_threshold=off,
        on_delay_ns=_nanoseconds(values, field, "on_delay_s", 0),
        off_delay_ns=_nanoseconds(values, field, "off_delay_s", 0),
        false_alarms_per_hour=_measured(values, field, "false_alarms_per_hour", _MAX_ALARMS_PER_HOUR),
        missed=_measured(values, field, "missed", 1),
        delay_s=_measured(values, field, "delay_s", _MAX_S),
    )


def _measured(values: Mapping[str, Any], field: str, key: str, most: float) -> float | None:
    """Return the figure `key` of the object `field`; None where it says that nothing was measured.

    Raises:
        ValueError: it is missing or no such number.
    """
    if key in values and values[key] is None:
        return None
    return float(_number(values, field, key, 0, most))


def _departure(manifest: Mapping[str, Any]) -> DepartureAdvice | None:
    if manifest["departure"] is None:
        return None
    values = _mapping(manifest, "departure")
    return DepartureAdvice(
        float(_number(values, "departure", "limit", 0.01, _MOST_DEPARTURE)),
        _nanoseconds(values, "departure", "on_delay_s", 0),
        _nanoseconds(values, "departure", "off_delay_s", 0),
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
    for name in RESERVED_CLASSES:
        if name in classes:
            raise ValueError(f"classes must not name {name}: the name is reserved for what is no class")
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


def onnx_files(
    modes: Iterable[Mode], readings: int, precision: Precision = Precision.FLOAT32
) -> dict[Mode, str]:
    """Return the name of the ONNX file that holds each mode's network.

    Args:
        modes: those that have a network.
        readings: readings of the bundle's window; above 1 all modes share one network.
        precision: in which the network is wanted.
    """
    files = {mode: ONNX_FILES[Mode.FUSION if readings > 1 else mode] for mode in modes}
    if precision is Precision.FLOAT32:
        return files
    return {mode: f"{Path(name).stem}.{precision.value}{Path(name).suffix}" for mode, name in files.items()}


def bundle_files(
    modes: Iterable[Mode], readings: int, precisions: Iterable[Precision] = (Precision.FLOAT32,)
) -> tuple[str, ...]:
    """Return the names of a bundle's files beside its manifest; arguments as for `onnx_files`."""
    listed = tuple(modes)
    names = [name for one in precisions for name in onnx_files(listed, readings, one).values()]
    return (*dict.fromkeys(names), WEIGHTS)


def _check_files(bundle: Bundle, digests: Mapping[str, Any]) -> None:
    folder = bundle.path
    for name in bundle_files(bundle.networks, bundle.window.readings, bundle.precisions):
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
