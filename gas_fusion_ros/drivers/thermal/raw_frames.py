"""Raw 16-bit frames of thermal cameras: which rows are a picture, in which order of bytes, on what scale.

Cameras put other things around and into their counts: telemetry (Lepton), a picture for people (P2 Pro), dead
pixels and a pattern of their own (Seek). What is unmistakable is recognised, the rest is asked for; what is
no picture however it is read is refused by name.

Sources: FLIR Lepton engineering datasheet (telemetry, TLinear); FLIR Tau 2 and Boson (TLinear 0.04 K);
InfiRay P2 Pro as community drivers read it (two pictures, one below the other, 1/64 K); libseek-thermal
(kinds of frames).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, decode_file
from gas_fusion_ros.settings.fields import setting

Counts = npt.NDArray[np.uint16]


class Profile(str, Enum):
    """How a camera's 16-bit frames are read."""

    AUTO = "auto"
    LEPTON = "lepton"
    OWN = "own"
    P2PRO = "p2pro"
    RAW14 = "raw14"
    SEEK = "seek"
    TLINEAR = "tlinear"


class ByteOrder(str, Enum):
    """In which order the bytes of a count come."""

    AUTO = "auto"
    NATIVE = "native"
    SWAPPED = "swapped"


P2PRO_SHAPE = (384, 256)
"""Rows and columns of a whole frame of the P2 Pro: a picture above, temperatures below."""

_ZERO_CELSIUS_KELVIN = 273.15
_COLDEST_C, _HOTTEST_C = -60.0, 700.0
"""No thermal camera measures beyond."""
_HOTTEST_SCENE_C = 200.0
"""Hotter scenes are no guess."""

_TLINEAR, _TLINEAR_COARSE, _P2PRO, _TAU = 100.0, 10.0, 64.0, 25.0
_SCALES = {_TLINEAR: "0.01 K", _TLINEAR_COARSE: "0.1 K", _P2PRO: "1/64 K", _TAU: "0.04 K"}
"""Counts per kelvin that cameras have, and what they are called."""
_MOST_OF_14_BITS = 16383

_TELEMETRY: Mapping[tuple[int, int], int] = {(63, 80): 3, (122, 160): 2, (124, 160): 4}
"""Rows of telemetry by rows and columns of a Lepton's frame."""
_LEPTON_SHAPES = ((60, 80), (120, 160), *_TELEMETRY)

_SEEK_SHAPES = ((156, 208), (156, 207), (156, 206))
_SEEK_KIND = 10
"""Place in the first row of what kind of frame it is."""
_SEEK_SHUTTER, _SEEK_IMAGE = 1, 3
_SEEK_KINDS = range(1, 11)
_SEEK_DEAD_SHARE = 0.02
_SEEK_COLUMNS = 206
"""The others hold no picture."""
_SEEK_LEVEL = 8192
"""Added to what is left of the counts, so that none is negative."""

_OUTLIER = 6.0
"""How many times the usual distance from its surroundings a pixel that works may have."""

_MOST_EDGE_ROWS = 8
"""Of telemetry that no profile knows."""
_MOST_DEAD = 0.01

_LEAST_LIKENESS = 0.5
"""Correlation of neighbours below which a frame may be noise."""
_MOST_NOISE = 0.01
"""Share of the level by which neighbours of a camera's own noise may differ: 3 K of a scene at 300 K."""
_FEW, _MANY_MORE = 16, 4
"""Values of the upper byte of a scene with little contrast, at most, and how many times more of the lower."""
_LEAST_GAIN = 0.1
"""Of likeness, in the right order of bytes."""
_SAMPLES = 20_000


class RawFrameError(ValueError):
    """A raw frame is no picture as it is read.

    Attributes:
        cause: short stable key, one per kind of fault.
        detail: a sentence that says what would be right.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True)
class RawSettings:
    """How a camera's 16-bit frames are read."""

    profile: str = setting(
        Profile.AUTO.value,
        "how 16-bit frames are read: auto recognises what is unmistakable; lepton cuts its telemetry; p2pro "
        "takes the lower half, in 1/64 K; seek takes off its shutter frame; tlinear is 0.01 K; raw14 counts "
        "without a unit; own goes by the settings below",
        choices=tuple(one.value for one in Profile),
    )
    cut_top: int = setting(0, "rows above that are no picture, of profile own", minimum=0, maximum=4096)
    cut_bottom: int = setting(0, "rows below that are none, likewise", minimum=0, maximum=4096)
    byte_order: str = setting(
        ByteOrder.AUTO.value,
        "order of the bytes: native is this machine's, auto the one that gives a picture",
        choices=tuple(one.value for one in ByteOrder),
    )
    counts_per_kelvin: float = setting(
        0.0,
        "scale of profiles own and raw14; 0 is not known: counts without a unit",
        minimum=0.0,
        maximum=100_000.0,
    )
    offset: float = setting(
        0.0,
        "temperature at count 0 where counts_per_kelvin is given, K",
        minimum=-10_000.0,
        maximum=10_000.0,
    )
    shutter_file: str = setting(
        "",
        "picture of the closed shutter, of profile seek, until the camera sends its own; empty for none",
    )

    def or_profile(self, profile: str) -> RawSettings:
        """Return these with the profile that a recording says of itself, where none is set."""
        is_told = profile and self.profile == Profile.AUTO.value
        return replace(self, profile=profile) if is_told else self


@dataclass(frozen=True)
class RawPicture:
    """What a raw frame holds.

    Attributes:
        pixels: shape (H, W), degC or counts.
        encoding: `32FC1`, or `mono16` of counts of 0.01 K and of those without a unit.
        told: how it was read, in words.
        has_unit: whether they are temperatures.
        doubt: what is to be set, of counts whose unit nobody said is unknown; else empty.
    """

    pixels: npt.NDArray[Any]
    encoding: str
    told: str
    has_unit: bool = True
    doubt: str = ""


class RawReader:
    """Reads the raw frames of one camera, each by what was recognised in those before.

    Args:
        settings: how.

    Raises:
        DriverError: the shutter's file cannot be used.
    """

    def __init__(self, settings: RawSettings) -> None:
        self._settings = settings
        self._shutter: Counts | None = None
        self._is_swapped: dict[tuple[int, ...], bool] = {}
        if settings.shutter_file:
            self._shutter = _shutter_of(Path(settings.shutter_file).expanduser())

    def or_profile(self, profile: str) -> RawReader:
        """Return this one, or one that goes by the profile which a recording says of itself."""
        settings = self._settings.or_profile(profile)
        return self if settings == self._settings else RawReader(settings)

    def read(self, pixels: npt.NDArray[Any]) -> RawPicture | None:
        """Read a frame.

        Args:
            pixels: uint16 of shape (H, W), or the same as uint8 of shape (H, W, 2) as UVC cameras send it.

        Returns:
            The picture; None where the frame is one of the closed shutter.

        Raises:
            RawFrameError: it is no picture.
        """
        counts = _as_counts(pixels)
        profile = Profile(self._settings.profile)
        if profile is Profile.AUTO:
            profile = _recognised(counts)
        return _READ[profile](self, counts)

    def _read_plain(self, counts: Counts) -> RawPicture:
        return self._by_level(*self._ordered(counts))

    def _read_tlinear(self, counts: Counts) -> RawPicture:
        ordered, told = self._ordered(counts)
        return _checked(ordered, _TLINEAR, 0.0, f"16-bit counts of 0.01 K{told}")

    def _read_raw14(self, counts: Counts) -> RawPicture:
        return self._by_settings(*self._ordered(counts))

    def _read_own(self, counts: Counts) -> RawPicture:
        top, bottom = self._settings.cut_top, self._settings.cut_bottom
        end = counts.shape[0] - bottom
        if top >= end:
            raise RawFrameError(
                "raw_cut", f"cut_top {top} and cut_bottom {bottom} leave nothing of {counts.shape[0]} rows"
            )
        return self._by_settings(*self._ordered(counts[top:end]))

    def _read_lepton(self, counts: Counts) -> RawPicture:
        rows = _TELEMETRY.get(counts.shape[:2], 0)
        if not rows:
            return self._by_level(*self._ordered(counts))
        # Only what is a picture wherever the telemetry stands says in which order the bytes are.
        _, told = self._ordered(counts[rows:-rows])
        ordered = counts.byteswap() if told else counts
        above = _strangeness(ordered[:rows], ordered[rows])
        below = _strangeness(ordered[-rows:], ordered[-rows - 1])
        picture, where = (ordered[rows:], "above") if above > below else (ordered[:-rows], "below")
        _check_noise(picture)
        return self._by_level(picture, f", without {rows} rows of telemetry {where}{told}")

    def _read_p2pro(self, counts: Counts) -> RawPicture:
        rows, columns = P2PRO_SHAPE
        _check_shape(counts, (P2PRO_SHAPE, (rows // 2, columns)), "the P2 Pro")
        lower, told = self._ordered(counts[-rows // 2 :])
        return _checked(lower, _P2PRO, 0.0, f"P2 Pro: its lower half, temperatures in 1/64 K{told}")

    def _read_seek(self, counts: Counts) -> RawPicture | None:
        _check_shape(counts, _SEEK_SHAPES, "a Seek Compact")
        kind = int(counts[0, _SEEK_KIND])
        if kind == _SEEK_SHUTTER:
            self._shutter = counts.copy()
            return None
        if kind in _SEEK_KINDS and kind != _SEEK_IMAGE:
            return None
        if self._shutter is None or self._shutter.shape != counts.shape:
            raise RawFrameError(
                "raw_without_shutter",
                "a raw frame of a Seek is its own pattern until its shutter's frame is taken off: give that "
                "as shutter_file, or let it come first",
            )
        return RawPicture(
            _without_pattern(counts, self._shutter),
            "mono16",
            "Seek: counts without a unit, the shutter's frame taken off, dead pixels filled",
            has_unit=False,
        )

    def _by_level(self, counts: Counts, told: str) -> RawPicture:
        """Read counts of a scale that only their level tells, where it does."""
        _check_filled(counts)
        _check_edges(counts)
        level = float(np.median(_thinned(counts)))
        for scale, (least, most) in _LEVELS.items():
            is_coarse_lepton = scale == _TLINEAR_COARSE and counts.shape in _LEPTON_SHAPES
            if least <= level <= most and (scale != _TLINEAR_COARSE or is_coarse_lepton):
                return _checked(counts, scale, 0.0, f"16-bit counts of {_SCALES[scale]}{told}")
        return RawPicture(counts, "mono16", f"16-bit counts of no known unit{told}", False, _doubt(counts))

    def _by_settings(self, counts: Counts, told: str) -> RawPicture:
        settings = self._settings
        if not settings.counts_per_kelvin:
            return RawPicture(counts, "mono16", f"16-bit counts without a unit{told}", False)
        scale = f"{settings.counts_per_kelvin:g} counts per K"
        return _checked(counts, settings.counts_per_kelvin, settings.offset, f"{scale}{told}")

    def _ordered(self, counts: Counts) -> tuple[Counts, str]:
        """Return counts in this machine's order of bytes, and that they were turned.

        Raises:
            RawFrameError: they are noise in either order.
        """
        if self._settings.byte_order != "auto":
            is_swapped = self._settings.byte_order == "swapped"
        else:
            # Once it is known it is not asked again: a camera keeps its order.
            if counts.shape not in self._is_swapped:
                self._is_swapped[counts.shape] = _looks_swapped(counts)
            is_swapped = self._is_swapped[counts.shape]
        ordered = counts.byteswap() if is_swapped else counts
        try:
            _check_noise(ordered)
        except RawFrameError:
            self._is_swapped.pop(counts.shape, None)
            raise
        return ordered, ", bytes swapped" if is_swapped else ""


_READ: Mapping[Profile, Callable[[RawReader, Counts], RawPicture | None]] = {
    Profile.AUTO: RawReader._read_plain,
    Profile.LEPTON: RawReader._read_lepton,
    Profile.OWN: RawReader._read_own,
    Profile.P2PRO: RawReader._read_p2pro,
    Profile.RAW14: RawReader._read_raw14,
    Profile.SEEK: RawReader._read_seek,
    Profile.TLINEAR: RawReader._read_tlinear,
}

_LEVELS: Mapping[float, tuple[float, float]] = {
    # Of scenes from -23 degC on, above what 14 bits hold, and below what 0.01 K makes colder than -46 degC.
    _P2PRO: (_MOST_OF_14_BITS + 1, 22_720),
    _TLINEAR: (22_720, 65_535),
    # -23 to 100 degC; of a Lepton alone, whose counts without a unit lie above.
    _TLINEAR_COARSE: (2_500, 3_731),
}
"""Medians that only one scale makes a scene of."""


def is_raw(pixels: npt.NDArray[Any]) -> bool:
    """Whether a decoded picture is a raw frame: 16 bits in one plane, or 8 in two."""
    return (pixels.dtype == np.uint16 and pixels.ndim == 2) or (
        pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 2
    )


def _as_counts(pixels: npt.NDArray[Any]) -> Counts:
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels).view("<u2")[..., 0]
    # The very array where it is one already: so whoever gives it sees that nothing was changed.
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16)


def _recognised(counts: Counts) -> Profile:
    if counts.shape == P2PRO_SHAPE:
        return Profile.P2PRO
    if counts.shape in _LEPTON_SHAPES:
        return Profile.LEPTON
    is_seek = counts.shape in _SEEK_SHAPES and counts.max() <= _MOST_OF_14_BITS
    if is_seek and counts[0, _SEEK_KIND] in _SEEK_KINDS and np.mean(counts == 0) >= _SEEK_DEAD_SHARE:
        return Profile.SEEK
    return Profile.AUTO


def _check_shape(counts: Counts, shapes: Sequence[tuple[int, int]], camera: str) -> None:
    if counts.shape not in shapes:
        sizes = " or ".join(f"{columns}x{rows}" for rows, columns in shapes)
        raise RawFrameError(
            "raw_shape",
            f"a frame of {camera} has {sizes} pixels, this one {_size(counts)}; set another profile",
        )


def _thinned(counts: Counts) -> Counts:
    """Every n-th row, so that a large frame costs no more than a small one."""
    return counts[:: max(1, counts.size // _SAMPLES)]


def _likeness(counts: Counts) -> float:
    """Correlation of neighbours, the mean of both directions; 1 of a frame without any contrast."""
    if min(counts.shape) < 2:
        return 1.0
    step = max(1, counts.size // _SAMPLES)
    rows, below = counts[:-1:step].astype(np.float32), counts[1::step].astype(np.float32)
    pairs = ((rows[:, :-1], rows[:, 1:]), (rows, below[: len(rows)]))
    return float(np.mean([_correlation(one, other) for one, other in pairs]))


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).mean() * (other**2).mean()))
    return 1.0 if scale == 0 else float((one * other).mean()) / scale


def _looks_swapped(counts: Counts) -> bool:
    """Whether the other order of bytes gives the picture.

    It does where neighbours differ less and are more alike there. Of a scene with little contrast they are
    alike in either order: there the bytes tell, for those that count for more take few values.
    """
    turned = counts.byteswap()
    if turned.max() < 256:  # eight bits in the upper byte
        return False
    gain = _likeness(turned) - _likeness(counts)
    roughness = _roughness(counts)
    if roughness > _MOST_NOISE and _roughness(turned) < roughness / 2 and gain > _LEAST_GAIN:
        return True
    upper, lower = (len(np.unique(part)) for part in (counts >> 8, counts & 0xFF))
    return lower <= _FEW and upper >= _MANY_MORE * lower and gain > -_LEAST_GAIN / 2


def _check_noise(counts: Counts) -> None:
    """Refuse what is no picture.

    Raises:
        RawFrameError: neighbours have little in common, and differ by more than a camera's noise.
    """
    if noise := _noise_of(counts):
        raise RawFrameError(
            "raw_noise",
            f"{_size(counts)} counts are no picture: neighbours {noise}; set the camera's profile, or width, "
            "height, byte_order and the rows to cut",
        )


def _check_filled(counts: Counts) -> None:
    """Refuse a frame of which more than half is at an end of 16 bits.

    Raises:
        RawFrameError: it is one.
    """
    thinned = _thinned(counts)
    for end, what in ((0, "the camera has not begun"), (65535, "the scene is beyond its range")):
        if np.mean(thinned == end) > 0.5:
            raise RawFrameError(
                "raw_empty", f"most of {_size(counts)} counts are {end}: {what}, or these are no counts"
            )


def _check_edges(counts: Counts) -> None:
    """Refuse a frame with rows at an end that are none of its picture, as of telemetry.

    Raises:
        RawFrameError: there are; it says how many.
    """
    if counts.shape[0] < 4 * _MOST_EDGE_ROWS:
        return
    inner = _thinned(counts[_MOST_EDGE_ROWS:-_MOST_EDGE_ROWS])
    low, high = np.percentile(inner, (1, 99))
    for ordered, setting_name in ((counts, "cut_top"), (counts[::-1], "cut_bottom")):
        rows = ordered[:_MOST_EDGE_ROWS].astype(np.int32)
        is_noise = np.median(np.abs(np.diff(rows, axis=1)), axis=1) > max(float(high - low), 1.0)
        is_empty = (np.mean(rows == 0, axis=1) > 0.5) & (low > 0)
        number = int(np.argmin([*(is_noise | is_empty), False]))
        if number:
            raise RawFrameError(
                "raw_rows",
                f"{number} of {_size(counts)} rows at an end are no picture, as of telemetry; set profile to "
                f"own, {setting_name} to {number} and counts_per_kelvin as the camera's manual says",
            )


def _noise_of(counts: Counts) -> str:
    """What neighbours say against a picture; empty where nothing."""
    roughness = _roughness(counts)
    likeness = _likeness(counts) if roughness > _MOST_NOISE else 1.0
    if likeness >= _LEAST_LIKENESS:
        return ""
    return f"correlate by {likeness:.2f} and differ by {roughness:.0%} of the level"


def _roughness(counts: Counts) -> float:
    """By how much of their level neighbours in a row differ."""
    if min(counts.shape) < 2:
        return 0.0
    thinned = _thinned(counts)
    step = float(np.median(np.abs(np.diff(thinned.astype(np.int32), axis=1))))
    return step / max(float(np.median(thinned)), 1.0)


def _strangeness(rows: Counts, neighbour: Counts) -> float:
    """How far rows at an end are from the row beside them."""
    return float(np.mean(np.abs(rows.astype(np.int32) - neighbour.astype(np.int32))))


def _checked(counts: Counts, per_kelvin: float, offset: float, told: str) -> RawPicture:
    """Return counts as temperatures; those of 0.01 K stay counts, which is what mono16 means.

    Raises:
        RawFrameError: no scene has such.
    """
    low, high = (_celsius(count, per_kelvin, offset) for count in _bulk(counts))
    if low < _COLDEST_C or high > _HOTTEST_C:
        raise RawFrameError(
            "raw_impossible",
            f"{told}: {low:.0f} to {high:.0f} degC, which no thermal camera measures; set profile, or "
            "counts_per_kelvin and offset, as the camera's manual says",
        )
    counts, dead = _without_dead(counts, per_kelvin, offset)
    told += f", {dead} dead pixels filled" * bool(dead)
    if per_kelvin == _TLINEAR and offset == 0:
        return RawPicture(counts, "mono16", told)
    celsius = counts.astype(np.float32) / np.float32(per_kelvin) + np.float32(offset - _ZERO_CELSIUS_KELVIN)
    return RawPicture(celsius, "32FC1", told)


def _without_dead(counts: Counts, per_kelvin: float, offset: float) -> tuple[Counts, int]:
    """Fill from around what no camera measures, where it is a few pixels; return how many."""
    coldest, hottest = (
        (end - offset + _ZERO_CELSIUS_KELVIN) * per_kelvin for end in (_COLDEST_C, _HOTTEST_C)
    )
    if counts.min() >= coldest and counts.max() <= hottest:
        return counts, 0
    is_dead = (counts < coldest) | (counts > hottest)
    number = int(is_dead.sum())
    if number > _MOST_DEAD * counts.size:
        return counts, 0
    around = np.asarray(cv2.medianBlur(counts, 3), dtype=np.uint16)
    return np.where(is_dead, around, counts), number


def _doubt(counts: Counts) -> str:
    low, high = _bulk(counts)
    makes = [
        f"{_celsius(low, scale):.0f} to {_celsius(high, scale):.0f} degC by {name}"
        for scale, name in _SCALES.items()
        if _celsius(low, scale) >= _COLDEST_C and _celsius(high, scale) <= _HOTTEST_SCENE_C
    ]
    could = f", perhaps {', '.join(makes)}" if makes else ""
    return (
        f"{low:.0f} to {high:.0f} counts are of no unmistakable unit{could}; set the profile: tlinear, "
        "raw14, or own with counts_per_kelvin"
    )


def _bulk(counts: Counts) -> tuple[float, float]:
    low, high = np.percentile(_thinned(counts), (1, 99))
    return float(low), float(high)


def _celsius(count: float, per_kelvin: float, offset: float = 0.0) -> float:
    return count / per_kelvin + offset - _ZERO_CELSIUS_KELVIN


def _without_pattern(counts: Counts, shutter: Counts) -> Counts:
    """What the scene adds to the shutter's frame; pixels that measure nothing are filled from around."""
    counts, shutter = counts[:, :_SEEK_COLUMNS], shutter[:, :_SEEK_COLUMNS]
    scene = counts.astype(np.int32) - shutter.astype(np.int32)
    is_dead = (counts == 0) | (shutter == 0)
    # The first row and pixel hold what kind of frame it is.
    is_dead[0, : _SEEK_KIND + 1] = True
    level = np.clip(scene + _SEEK_LEVEL, 0, 65535).astype(np.uint16)
    level[is_dead] = np.median(level[~is_dead]) if not is_dead.all() else _SEEK_LEVEL
    level = np.asarray(cv2.inpaint(level, is_dead.astype(np.uint8), 2, cv2.INPAINT_NS), dtype=np.uint16)
    # Others answer to nothing: they stand out from what is around them.
    around = np.asarray(cv2.medianBlur(level, 5), dtype=np.uint16)
    apart = np.abs(level.astype(np.int32) - around.astype(np.int32))
    return np.where(apart > _OUTLIER * max(float(np.median(apart)), 1.0), around, level)


def _shutter_of(path: Path) -> Counts:
    try:
        pixels = decode_file(path)
    except UnreadableImageError as error:
        raise DriverError(f"shutter_file {shown(path)} {error}") from None
    if not is_raw(pixels):
        raise DriverError(f"shutter_file {shown(path)} has {pixels.dtype} pixels; expected 16-bit gray")
    return _as_counts(pixels)


def _size(counts: Counts) -> str:
    return f"{counts.shape[1]}x{counts.shape[0]}"
