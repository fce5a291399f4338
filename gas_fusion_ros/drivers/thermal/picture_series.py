"""Recorded pictures as a numbered series: folders, TIFFs of many pages, arrays, raw files, tables, videos."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.dataset import IMAGE_SUFFIXES, TABLE_PATTERN, Dataset, DatasetError, files_below
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, one_line, shown
from gas_fusion_ros.base.table.options import WITHOUT_TIMES
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.frame_times import TIMES_NAME, FrameTimesError, read_frame_times
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, decode_file
from gas_fusion_ros.drivers.thermal.raw_sidecar import RAW_SUFFIXES, RawFile, SidecarError, read_sidecar
from gas_fusion_ros.drivers.thermal.temperature_table import TemperatureTableError, is_table, read_table

_TIFF = (".tif", ".tiff")
_NUMPY = (".npy", ".npz")
_TABLE = ".csv"
_FRAME_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")
"""Of files that hold one frame each, in a folder."""
_MOST_PAGES = 100_000
_MOST_BYTES = 1 << 30
_MOST_PIXELS = 4096 * 4096
_USUAL_KEYS = ("frames", "images", "thermal", "data", "arr_0")
_TABLES_LOOKED_AT = 3
_LEAST_SIDE = 8
_FAR_LESS = 0.5
_LEAST_COUNTS = 1000
"""Beyond what whole degrees are."""


class PictureSeries(Protocol):
    """A numbered series of pictures, each as OpenCV decodes one."""

    @property
    def profile(self) -> str:
        """How its raw frames are read, where the recording says so; else empty."""

    def __len__(self) -> int: ...

    def has(self, index: int) -> bool:
        """Whether there is a picture at that place."""

    def name(self, index: int) -> str:
        """What it is called."""

    def load(self, index: int) -> npt.NDArray[Any]:
        """Decode it.

        Raises:
            UnreadableImageError: that is not possible.
        """

    def close(self) -> None:
        """Close what is open; safe to call twice."""


class _OfFiles:
    """One file per picture; None where there is no picture."""

    profile = ""

    def __init__(self, paths: Sequence[Path | None]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def has(self, index: int) -> bool:
        return self._paths[index] is not None

    def name(self, index: int) -> str:
        return str(self._paths[index])

    def load(self, index: int) -> npt.NDArray[Any]:
        path = Path(self.name(index))
        suffix = path.suffix.lower()
        if suffix == _TABLE:
            return _table(path)
        return _single(path) if suffix == ".npy" else decode_file(path)

    def close(self) -> None:
        """Nothing stays open."""


class _OfPages:
    """The pages of a TIFF."""

    profile = ""

    def __init__(self, path: Path, pages: int) -> None:
        self._path = path
        self._pages = pages

    def __len__(self) -> int:
        return self._pages

    def has(self, index: int) -> bool:
        return index < self._pages

    def name(self, index: int) -> str:
        return f"{self._path} page {index}"

    def load(self, index: int) -> npt.NDArray[Any]:
        try:
            done, pages = cv2.imreadmulti(str(self._path), index, 1, flags=cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise UnreadableImageError(f"cannot be decoded ({error.err})") from None
        if not done or not pages:
            raise UnreadableImageError("cannot be decoded; the TIFF is cut short or damaged")
        return np.asarray(pages[0])

    def close(self) -> None:
        """Nothing stays open."""


class _OfArray:
    """The frames of an array, shape (N, H, W) or (N, H, W, 3)."""

    def __init__(self, path: Path, frames: npt.NDArray[Any], profile: str = "") -> None:
        self._path = path
        self._frames = frames
        self.profile = profile

    def __len__(self) -> int:
        return len(self._frames)

    def has(self, index: int) -> bool:
        return index < len(self._frames)

    def name(self, index: int) -> str:
        return f"{self._path} frame {index}"

    def load(self, index: int) -> npt.NDArray[Any]:
        return _as_decoded(np.asarray(self._frames[index]))

    def close(self) -> None:
        """Let go of the file that the array is mapped from."""
        self._frames = np.empty((0, 1, 1), np.uint8)


class _OfVideo:
    """The frames of a video file."""

    profile = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        self._length = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._next = 0
        if not self._capture.isOpened() or self._length <= 0:
            self._capture.release()
            raise DriverError(f"{shown(path)} cannot be played; expected a video file that OpenCV decodes")

    def __len__(self) -> int:
        return self._length

    def has(self, index: int) -> bool:
        return index < self._length

    def name(self, index: int) -> str:
        return f"{self._path} frame {index}"

    def load(self, index: int) -> npt.NDArray[Any]:
        if index != self._next:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        self._next = index + 1
        decoded, image = self._capture.read()
        if not decoded or image is None:
            raise UnreadableImageError("cannot be decoded; the video is cut short or damaged")
        return image

    def close(self) -> None:
        self._capture.release()


def open_series(path: Path, problems: Problems, period_ns: int) -> PictureSeries:
    """Open whatever holds recorded pictures.

    A folder in the data set's layout has the picture of row k at place k. A folder with `timestamps.csv` has
    at place k the picture nearest to k periods after its first. Any other folder's pictures come in the order
    of their names, numbers by value.

    Args:
        path: a folder, an image, a TIFF of one or more pages, `.npy`, `.npz`, a `.csv` of temperatures,
            `.raw` or `.bin` beside a sidecar, or a video.
        problems: where what is left out is counted.
        period_ns: time between two places.

    Raises:
        DriverError: there is no picture, or it cannot be read.
    """
    try:
        if path.is_dir():
            return _open_folder(path, problems, period_ns)
        if not path.is_file():
            raise DriverError(f"{shown(path)} does not exist; expected a folder of images or a video file")
        return _open_file(path)
    except (DatasetError, FrameTimesError, SidecarError) as error:
        raise DriverError(str(error)) from None


def _open_file(path: Path) -> PictureSeries:
    suffix = path.suffix.lower()
    if suffix in _TIFF:
        pages = _pages(path)
        return _OfPages(path, pages) if pages > 1 else _OfFiles([path])
    if suffix in IMAGE_SUFFIXES or suffix == _TABLE:
        return _OfFiles([path])
    if suffix in _NUMPY:
        return _OfArray(path, _frames(path))
    if suffix in RAW_SUFFIXES:
        raw = read_sidecar(path)
        return _OfArray(path, _raw_frames(path, raw), raw.profile)
    return _OfFiles([path]) if cv2.haveImageReader(str(path)) else _OfVideo(path)


def _open_folder(path: Path, problems: Problems, period_ns: int) -> PictureSeries:
    tables = sorted(files_below(path, TABLE_PATTERN))
    pictures = [file for file in files_below(path, "*") if file.suffix.lower() in _FRAME_SUFFIXES]
    times = [table for table in tables if table.name.lower() == TIMES_NAME]
    if times:
        tabled = [table for table in tables if table not in times]
        frames = sorted(pictures or tabled, key=_natural_key)
        return _OfFiles(_at_their_times(times[0], frames, period_ns, problems))
    if tables and not pictures and all(map(is_table, tables[:_TABLES_LOOKED_AT])):
        tables.sort(key=_natural_key)
        return _OfFiles(tables)
    if tables:
        return _OfFiles(_images_of_rows(path, problems))
    if not pictures:
        raise DriverError(
            f"{shown(path)} holds no image; expected files that end in {', '.join(_FRAME_SUFFIXES)}"
        )
    pictures.sort(key=_natural_key)
    return _OfFiles(pictures)


def _images_of_rows(path: Path, problems: Problems) -> list[Path | None]:
    dataset = Dataset.load_readable(path, (), problems, WITHOUT_TIMES)
    images: list[Path | None] = [None] * dataset.length
    for row in dataset.rows:
        images[row.index] = row.image
    if not any(images):
        raise DriverError(f"{shown(path)} holds no image of a row; expected names such as 73_NoGas.png")
    return images


def _at_their_times(
    table: Path, frames: Sequence[Path], period_ns: int, problems: Problems
) -> list[Path | None]:
    """Put each frame where it is due; of several at one place the first stays."""
    timed = read_frame_times(table, frames, problems)
    first_ns = timed[0].stamp_ns
    places = round((timed[-1].stamp_ns - first_ns) / period_ns) + 1
    if places > _MOST_PAGES:
        raise DriverError(
            f"{shown(table)} spans {places} periods of {period_ns / 1e9:g} s; expected {_MOST_PAGES} "
            "at most: are its times in the unit that its header says?"
        )
    due: list[Path | None] = [None] * places
    for one in timed:
        place = round((one.stamp_ns - first_ns) / period_ns)
        if due[place] is not None:
            problems.add(
                "frames_thinned",
                f"{shown(table)}: several frames are due in one period of {period_ns / 1e9:g} s; the first "
                "is played, a shorter period plays all",
            )
        else:
            due[place] = one.file
    return due


def _natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Orders `frame10` after `frame9`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def _pages(path: Path) -> int:
    try:
        open_regular(path).close()
        pages = int(cv2.imcount(str(path)))
    except (OSError, cv2.error):
        return 0  # what is wrong with it is told when it is loaded
    if pages > _MOST_PAGES:
        raise DriverError(f"{shown(path)} has {pages} pages; expected {_MOST_PAGES} at most")
    return pages


def _frames(path: Path) -> npt.NDArray[Any]:
    """The frames of an array file, shape (N, H, W) or (N, H, W, 3)."""
    try:
        array = _array(path)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DriverError(f"{shown(path)} cannot be read as an array: {one_line(str(error), 200)}") from None
    if array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    is_colour = array.dtype == np.uint8 and array.shape[-1:] in ((3,), (4,))
    frame_dimensions = 3 if is_colour else 2
    if array.ndim == frame_dimensions:
        array = array[np.newaxis]
    is_known = array.dtype.newbyteorder("=") in _DTYPES
    is_small = array.ndim > 2 and min(array.shape[1:3]) < _LEAST_SIDE
    if array.ndim != frame_dimensions + 1 or not is_known or not array.size or is_small:
        raise DriverError(
            f"{shown(path)} has {array.dtype} numbers of shape {array.shape}; expected frames of (N, H, W), "
            f"{_LEAST_SIDE} x {_LEAST_SIDE} at least, of {', '.join(map(str, _DTYPES))}"
        )
    if array.shape[1] * array.shape[2] > _MOST_PIXELS:
        raise DriverError(f"{shown(path)} has frames of {array.shape[1:]}; no camera has so many pixels")
    return array


_DTYPES = tuple(
    map(np.dtype, ("uint8", "uint16", "int16", "int32", "uint32", "int64", "float16", "float32", "float64"))
)


def _array(path: Path) -> npt.NDArray[Any]:
    open_regular(path).close()
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    with zipfile.ZipFile(path) as archive:
        size = sum(one.file_size for one in archive.infolist())
    if size > _MOST_BYTES:
        raise ValueError(f"it has {size} bytes unpacked; expected {_MOST_BYTES} at most")
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays)
        chosen = names if len(names) == 1 else [name for name in _USUAL_KEYS if name in names][:1]
        if not chosen:
            raise ValueError(
                f"its arrays are {listed(names)}; expected one, or one of {', '.join(_USUAL_KEYS)}"
            )
        return np.asarray(arrays[chosen[0]])


def _single(path: Path) -> npt.NDArray[Any]:
    try:
        frames = _frames(path)
    except DriverError as error:
        raise UnreadableImageError(str(error)) from None
    if len(frames) != 1:
        raise UnreadableImageError(f"holds {len(frames)} frames; in a folder each file is one")
    return _as_decoded(np.asarray(frames[0]))


def _raw_frames(path: Path, raw: RawFile) -> npt.NDArray[Any]:
    size = path.stat().st_size - raw.header_bytes
    if size < raw.frame_bytes or size % raw.frame_bytes:
        raise DriverError(
            f"{shown(path)} has {size} bytes after a header of {raw.header_bytes}: no whole frames of "
            f"{raw.width}x{raw.height} {raw.dtype.name} ({raw.frame_bytes} bytes); is its sidecar right?"
        )
    shape = (size // raw.frame_bytes, raw.height, raw.width)
    frames = np.memmap(path, raw.dtype, "r", raw.header_bytes, shape)
    if _looks_turned(np.asarray(frames[0])):
        raise DriverError(
            f"{shown(path)} is no picture of {raw.width}x{raw.height}, but one of {raw.height}x{raw.width}: "
            "its sidecar has width and height the wrong way round"
        )
    return frames


def _looks_turned(frame: npt.NDArray[Any]) -> bool:
    """Whether rows would be far more alike were width and height the other way round."""
    flat = frame.astype(np.float64).ravel()
    own, other = (float(np.nanmedian(np.abs(flat[side:] - flat[:-side]))) for side in frame.shape[::-1])
    return other < _FAR_LESS * own


def _table(path: Path) -> npt.NDArray[Any]:
    try:
        table = read_table(path)
        is_counts = (
            table.min() >= 0 and _LEAST_COUNTS < table.max() < 65536 and (table == np.rint(table)).all()
        )
        return table.astype(np.uint16) if is_counts else table
    except TemperatureTableError as error:
        raise UnreadableImageError(str(error)) from None


def _as_decoded(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A frame of an array as OpenCV would have decoded it from a file: colours in BGR, floats in 32 bits."""
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]])
    return np.ascontiguousarray(_CASTS.get(pixels.dtype.name, np.asarray)(pixels))


def _counts(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise UnreadableImageError("holds integers below 0 or above 65535; expected counts of 16 bits")
    return pixels.astype(np.uint16)


def _degrees(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return pixels.astype(np.float32)


_CASTS: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "int16": _counts,
    "int32": _counts,
    "uint32": _counts,
    "int64": _counts,
    "float16": _degrees,
    "float64": _degrees,
}
