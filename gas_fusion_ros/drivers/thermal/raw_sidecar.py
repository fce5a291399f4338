"""What a raw file holds: a JSON or YAML file of the same name beside it says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gas_fusion_ros.base.documents import DocumentError, read_json, read_yaml
from gas_fusion_ros.base.quoting import listed, one_line, shown
from gas_fusion_ros.drivers.thermal.raw_frames import Profile

RAW_SUFFIXES = (".raw", ".bin", ".dat")
_SIDECARS = (".json", ".yaml", ".yml")
_DTYPES = {
    "uint8": "u1",
    "uint16": "<u2",
    "uint16le": "<u2",
    "uint16be": ">u2",
    "int16": "<i2",
    "float32": "<f4",
    "float64": "<f8",
}
_FIELDS = ("width", "height", "dtype", "profile", "header_bytes")
_LARGEST_SIDE = 8192
_LARGEST_HEADER = 1 << 30


class SidecarError(ValueError):
    """It is missing or cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True)
class RawFile:
    """What a raw file holds.

    Attributes:
        width: columns of a frame.
        height: its rows.
        dtype: type of a number, with its order of bytes.
        profile: how its frames of 16 bits are read; empty where that is not said.
        header_bytes: what stands before the first frame.
    """

    width: int
    height: int
    dtype: np.dtype[Any]
    profile: str = ""
    header_bytes: int = 0

    @property
    def frame_bytes(self) -> int:
        """Of one frame."""
        return self.width * self.height * self.dtype.itemsize


def read_sidecar(raw: Path) -> RawFile:
    """Read what stands beside a raw file, as `frames.json` beside `frames.raw`.

    Raises:
        SidecarError: there is none, or a field is missing, unknown or wrong.
    """
    names = [raw.with_suffix(suffix) for suffix in _SIDECARS] + [Path(f"{raw}{one}") for one in _SIDECARS]
    found = next((path for path in names if path.is_file()), None)
    if found is None:
        raise SidecarError(
            f"{shown(raw)} says nothing of its frames: write {shown(names[0].name)} beside it with width, "
            f"height, dtype ({', '.join(_DTYPES)}) and, of 16 bits, profile"
        )
    try:
        content = read_json(found) if found.suffix.lower() == ".json" else read_yaml(found)
        return _checked(content)
    except OSError as error:
        raise SidecarError(f"{shown(found)} cannot be read: {error.strerror}") from None
    except (DocumentError, ValueError) as error:
        raise SidecarError(f"{shown(found)}: {one_line(str(error))}") from None


def _checked(content: Any) -> RawFile:
    if not isinstance(content, dict):
        raise ValueError(f"it holds no mapping; expected {', '.join(_FIELDS)}")
    unknown = [name for name in content if name not in _FIELDS]
    if unknown:
        raise ValueError(f"it has no field {listed(unknown)}; it may have {', '.join(_FIELDS)}")
    dtype, profile = content.get("dtype"), content.get("profile", "")
    if dtype not in _DTYPES:
        raise ValueError(f"dtype is {shown(dtype)}; expected one of {', '.join(_DTYPES)}")
    profiles = [one.value for one in Profile]
    if profile and profile not in profiles:
        raise ValueError(f"profile is {shown(profile)}; expected one of {', '.join(profiles)}")
    return RawFile(
        _whole(content, "width", 1, _LARGEST_SIDE),
        _whole(content, "height", 1, _LARGEST_SIDE),
        np.dtype(_DTYPES[dtype]),
        profile,
        _whole({"header_bytes": 0, **content}, "header_bytes", 0, _LARGEST_HEADER),
    )


def _whole(content: dict[str, Any], name: str, least: int, most: int) -> int:
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} is {shown(value)}; expected a whole number, {least} to {most}")
    return value
