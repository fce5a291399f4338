"""The rows' thermal pictures as a network sees them: read or rendered, prepared once, kept in a file.

Each picture is prepared by `network_input` of model.thermal, as on the robot, rounded to 8 bits and
written to a file that training maps into memory. The file's name is a hash over everything that shapes
its pixels, so a change of pictures, settings or code makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import cv2
import joblib
import numpy as np
import numpy.typing as npt
import PIL
import torch
from PIL import Image

from gas_fusion_ros.base.dataset import DOI, IMAGE_FOLDER, Dataset, DatasetError
from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.model import pseudo_colour
from gas_fusion_ros.model import thermal as thermal_module
from gas_fusion_ros.model.thermal import Preparation, network_input
from gas_fusion_ros.simulation import renderer, screenshot, warm_objects

COMPLETE_SHARE = 0.95
"""Share of each class's rows that must have a picture for training on the real ones."""
ABSENT_SHARE = 0.05
"""Share of all rows below which the few pictures there are count as none."""
MAX_UNREADABLE_SHARE = 0.05
"""Share of the pictures that may be unreadable."""

_FORMAT_VERSION = 1
_CHUNK = 16
_DAMAGED = (OSError, EOFError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
"""What Pillow raises over a damaged file, depending on the format and where the damage is."""
_PICTURES_PER_PROCESS = 500
"""Starting a process takes as long as preparing about so many pictures."""

Pixels = npt.NDArray[np.uint8]


class Thermal(str, Enum):
    """Where the pictures come from."""

    NONE = "none"
    REAL = "real"
    RENDERED = "rendered"


@dataclass(frozen=True)
class Images:
    """Every row's pictures, prepared for a network.

    It can be sent to another process, which maps the same file.

    Attributes:
        pixels: shape (N, T, C, S, S), uint8, mapped from a file: T pictures per row.
        usable: shape (N,), whether the row has its pictures; pixels of others are 0.
        thermal: `REAL` or `RENDERED`.
        preparation: how they were prepared.
        size: side S, pixels.
        unreadable: a line for each file that cannot be read, with its name.
    """

    pixels: np.memmap[Any, np.dtype[np.uint8]]
    usable: npt.NDArray[np.bool_]
    thermal: Thermal
    preparation: Preparation
    size: int
    unreadable: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels C of a picture: 1 or 3."""
        return int(self.pixels.shape[2])

    @property
    def takes(self) -> int:
        """Pictures T per row."""
        return int(self.pixels.shape[1])

    def of(self, rows: npt.ArrayLike, takes: npt.ArrayLike) -> torch.Tensor:
        """Copy some pictures.

        Args:
            rows: shape (n,), indices into the data set's rows.
            takes: shape (n,), which of the row's pictures, 0 to T - 1.

        Returns:
            Shape (n, C, S, S), uint8.
        """
        return torch.from_numpy(np.asarray(self.pixels)[np.asarray(rows), np.asarray(takes)])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "pixels": self.pixels.filename}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["pixels"] = np.load(state["pixels"], mmap_mode="r")


def choose_thermal(dataset: Dataset, requested: str) -> Thermal:
    """Decide whether to train on real or on rendered pictures.

    Args:
        dataset: the rows.
        requested: `real`; `rendered`; or `auto`: real where nearly every row has its picture, rendered where
            nearly none has.

    Raises:
        DatasetError: pictures are missing and `rendered` was not requested, or a class cannot be rendered.
        ValueError: `requested` is none of the three.
    """
    if requested not in ("auto", Thermal.REAL, Thermal.RENDERED):
        raise ValueError(f"thermal is '{requested}'; it must be one of auto, real, rendered")
    if requested == Thermal.RENDERED:
        return _rendered(dataset)
    rows = Counter(row.label for row in dataset.rows)
    missing = Counter(row.label for row in dataset.rows if row.image is None)
    short = [name for name in dataset.classes if missing[name] > (1 - COMPLETE_SHARE) * rows[name]]
    if not short:
        return Thermal.REAL
    _check_class_folders(dataset, short)
    if requested == "auto" and missing.total() > (1 - ABSENT_SHARE) * len(dataset.rows):
        return _rendered(dataset)
    lacking = ", ".join(f"{name} {missing[name]:,} of {rows[name]:,}" for name in dataset.classes)
    raise DatasetError(
        f"{dataset.root}: {missing.total():,} of {len(dataset.rows):,} thermal images are missing "
        f"({lacking}); expected them at '{IMAGE_FOLDER}/<Class>/<N>_<Class>.png' as published "
        f"(doi {DOI}), or {_instead(dataset)}"
    )


def load_images(
    dataset: Dataset,
    thermal: Thermal,
    preparation: Preparation,
    size: int,
    cache_dir: Path,
    *,
    tick: Callable[[], None],
    seed: int = 0,
    takes: int = 1,
) -> Images:
    """Open the rows' prepared pictures; prepare them first where the cache has not got them.

    A process that finds another one at the same pictures waits for it. One that is killed leaves nothing
    that a later one takes for whole. Memory does not grow with the number of pictures.

    Args:
        dataset: the rows.
        thermal: `REAL`: a row's picture is its file; `RENDERED`: scenes of its class.
        preparation: how a picture becomes the network's input.
        size: side of a prepared picture, pixels.
        cache_dir: folder of the cache; made where it is missing.
        tick: called for each row that is prepared; not called for pictures from the cache.
        seed: another seed, other scenes; no matter for real pictures.
        takes: rendered pictures per row; of the real ones there is one per row.

    Raises:
        DatasetError: a picture has another size than most, too many are unreadable, or the cache cannot be
            written.
        ValueError: `thermal` is `NONE`, or `takes` is below 1.
    """
    pictures = _pictures(dataset, thermal, seed, takes)
    work = _Work(pictures, takes if thermal is Thermal.RENDERED else 1, preparation, size)
    target = cache_dir / f"{work.key}.npy"
    cached = _open(target, work)
    if cached is None:
        if thermal is Thermal.REAL:
            _check_sizes([row.image for row in dataset.rows if row.image is not None])
        cached = _build_once(target, work, tick)
    usable = np.array([picture is not None for picture in pictures])
    usable[list(cached.unreadable)] = False
    return Images(cached.pixels, usable, thermal, preparation, size, tuple(cached.unreadable.values()))


@dataclass(frozen=True)
class _Cached:
    """The pixels, shape (N, T, C, S, S), and why which rows are unreadable."""

    pixels: np.memmap[Any, np.dtype[np.uint8]]
    unreadable: Mapping[int, str]


class _UnreadableImageError(ValueError):
    """A picture cannot be read; the message names the file."""


class _PictureSource(Protocol):
    """What a row's prepared pictures are made from."""

    @property
    def identity(self) -> Sequence[Any]:
        """What tells it from another: a hash over it names the cache's file."""
        ...

    def prepare(self, preparation: Preparation, size: int) -> Pixels:
        """Make the pictures, shape (T, C, size, size)."""
        ...


@dataclass(frozen=True)
class _RealPicture:
    """A file; `name` is its path below the data set's folder."""

    path: Path
    name: str

    @property
    def identity(self) -> Sequence[Any]:
        """Its name, size in bytes and time of change."""
        if not self.path.exists():  # a link to nowhere
            return [self.name]
        status = self.path.stat()
        return self.name, status.st_size, status.st_mtime_ns

    def prepare(self, preparation: Preparation, size: int) -> Pixels:
        """Read the file, shape (1, C, size, size)."""
        try:
            field = network_input(*_decode(self.path), size, preparation)
        except _DAMAGED as error:
            raise _UnreadableImageError(f"{self.name}: {error}") from None
        return _quantise(field)[np.newaxis]


@dataclass(frozen=True)
class _RenderedPicture:
    """Some scenes of the row's class, seeded by the row's index."""

    index: int
    label: str
    seed: int
    takes: int

    @property
    def identity(self) -> Sequence[Any]:
        """All that the scenes follow from."""
        return astuple(self)

    def prepare(self, preparation: Preparation, size: int) -> Pixels:
        """Render the takes, shape (takes, C, size, size)."""
        return np.stack([self._take(take, preparation, size) for take in range(self.takes)])

    def _take(self, take: int, preparation: Preparation, size: int) -> Pixels:
        rng = np.random.default_rng((self.seed, self.index, take))
        frame = renderer.render(renderer.random_scene(self.label, rng), rng)
        if preparation is Preparation.FIELD:
            return _quantise(network_input(frame, "32FC1", size, preparation))
        rgb = screenshot.screenshot(frame, screenshot.APP_STYLES[self.label])
        return _quantise(network_input(rgb, "rgb8", size, preparation))


@dataclass(frozen=True)
class _Work:
    """What a cache is built from: each row's pictures, None where it has none, and how to prepare them."""

    pictures: Sequence[_PictureSource | None]
    takes: int
    preparation: Preparation
    size: int

    @property
    def row_shape(self) -> tuple[int, int, int, int]:
        """Shape of a row's pictures, (T, C, S, S)."""
        return self.takes, self.preparation.channels, self.size, self.size

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all pixels, (N, T, C, S, S)."""
        return len(self.pictures), *self.row_shape

    @property
    def images(self) -> int:
        """How many rows have pictures."""
        return sum(picture is not None for picture in self.pictures)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's pictures."""
        return math.prod(self.row_shape)

    @property
    def key(self) -> str:
        """A hash over everything that shapes the pixels: sources, settings, code and libraries."""
        modules = (thermal_module, pseudo_colour, renderer, warm_objects, screenshot)
        files = [*(module.__file__ for module in modules), __file__]
        parts = {
            "format": _FORMAT_VERSION,
            "code": [hashlib.sha256(Path(str(file)).read_bytes()).hexdigest() for file in files],
            "libraries": [cv2.__version__, np.__version__, PIL.__version__],
            "preparation": self.preparation.value,
            "shape": self.shape,
            "pictures": [None if picture is None else picture.identity for picture in self.pictures],
        }
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _quantise(picture: npt.NDArray[np.float32]) -> Pixels:
    return np.rint(picture * 255).astype(np.uint8)


def _decode(path: Path) -> tuple[npt.NDArray[Any], str]:
    """Read a file as pixels and their encoding.

    Pillow, because it refuses a file that is cut short; some versions of OpenCV fill up what is missing.
    """
    with Image.open(path) as image:
        if image.mode.startswith("I"):
            return np.asarray(image).astype(np.uint16), "mono16"
        if image.mode == "F":
            return np.asarray(image, dtype=np.float32), "32FC1"
        if image.mode in ("1", "L", "LA"):
            return np.asarray(image.convert("L")), "mono8"
        return np.asarray(image.convert("RGB")), "rgb8"


def _rendered(dataset: Dataset) -> Thermal:
    unknown = _not_rendered(dataset)
    if unknown:
        raise DatasetError(
            f"{dataset.root}: pictures of {', '.join(unknown)} cannot be rendered, only of "
            f"{', '.join(PAPER_CLASSES)}; give every row a thermal image, such as "
            f"'{IMAGE_FOLDER}/<Class>/<N>_<Class>.png', or {_instead(dataset)}"
        )
    return Thermal.RENDERED


def _not_rendered(dataset: Dataset) -> list[str]:
    """Return the classes whose pictures the simulation cannot render."""
    return [name or "(no class)" for name in dataset.classes if name not in PAPER_CLASSES]


def _instead(dataset: Dataset) -> str:
    """Say what can be done without the missing pictures."""
    if _not_rendered(dataset):
        return "train a model of readings alone, such as `--model cnn1d`"
    return "use `--thermal rendered` to render all instead"


def _check_class_folders(dataset: Dataset, classes: Sequence[str]) -> None:
    """Name the folder that a class lacks, where the others have theirs."""
    for folder in sorted(filter(Path.is_dir, dataset.root.rglob(IMAGE_FOLDER))):
        present = {path.name.lower() for path in folder.iterdir() if path.is_dir()}
        for name in classes:
            if name.lower() not in present:
                raise DatasetError(
                    f"{folder / name} does not exist; expected the images of class '{name}' there, "
                    f"named <N>_{name}.png as published (doi {DOI}), or {_instead(dataset)}"
                )


def _pictures(dataset: Dataset, thermal: Thermal, seed: int, takes: int) -> list[_PictureSource | None]:
    """What each row's pictures are made from; None where its image is missing."""
    if thermal is Thermal.NONE:
        raise ValueError("thermal is 'none': there are no pictures; it must be real or rendered")
    if takes < 1:
        raise ValueError(f"takes is {takes}; expected at least one picture per row")
    if thermal is Thermal.REAL:
        return [None if row.image is None else _real(row.image, dataset.root) for row in dataset.rows]
    return [_RenderedPicture(row.index, row.label, seed, takes) for row in dataset.rows]


def _real(path: Path, root: Path) -> _RealPicture:
    return _RealPicture(path, path.relative_to(root).as_posix())


def _check_sizes(paths: Sequence[Path]) -> None:
    """Refuse a picture that has another size than most, by the headers; damaged ones are left for later."""
    sizes = {path: size for path in paths if (size := _header_size(path)) is not None}
    if not sizes:
        return
    usual = Counter(sizes.values()).most_common(1)[0][0]
    for path, size in sizes.items():
        if size != usual:
            raise DatasetError(
                f"{path} is {size[0]} x {size[1]} pixels; expected {usual[0]} x {usual[1]} as of the others"
            )


def _header_size(path: Path) -> tuple[int, int] | None:
    """Width and height; None where the header cannot be read."""
    try:
        with Image.open(path) as image:
            return image.size
    except _DAMAGED:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the system frees it when its process ends, however that happens."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open(target: Path, work: _Work) -> _Cached | None:
    """The cache's content; None where the files are not there or not whole."""
    try:
        unreadable = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
        pixels = np.load(target, mmap_mode="r")
        reasons = {int(row): str(reason) for row, reason in unreadable.items()}
    except (OSError, ValueError, EOFError, AttributeError):
        return None
    if not isinstance(pixels, np.memmap) or pixels.shape != work.shape or pixels.dtype != np.uint8:
        return None
    return _Cached(pixels, reasons)


def _build_once(target: Path, work: _Work, tick: Callable[[], None]) -> _Cached:
    """Build the cache, or wait for a process that is at it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock")):
            cached = _open(target, work)
            if cached is None:
                _build(target, work, tick)
                cached = _open(target, work)
    except OSError as error:
        raise DatasetError(f"the cache {target.parent} cannot be written: {error}") from None
    if cached is None:
        raise DatasetError(f"the cache {target} was written and cannot be read; another program changed it")
    return cached


def _build(target: Path, work: _Work, tick: Callable[[], None]) -> None:
    """Prepare all pictures into a file of another name, which takes its own name at the end."""
    part = target.with_suffix(".part")
    try:
        unreadable = _fill(part, work, tick)
        _check_unreadable(unreadable, work.images)
        # The pixels last: without them the other file counts for nothing.
        write_whole(target.with_suffix(".json"), json.dumps(unreadable).encode())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _fill(part: Path, work: _Work, tick: Callable[[], None]) -> dict[int, str]:
    """Write every picture to its place in a new file; return why which rows are unreadable."""
    offset = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=work.shape).offset
    starts = range(0, len(work.pictures), _CHUNK)
    processes = min(joblib.cpu_count(), max(1, work.images * work.takes // _PICTURES_PER_PROCESS))
    chunks = joblib.Parallel(n_jobs=processes, return_as="generator")(
        joblib.delayed(_prepare)(
            part,
            offset + start * work.row_bytes,
            replace(work, pictures=work.pictures[start : start + _CHUNK]),
        )
        for start in starts
    )
    unreadable: dict[int, str] = {}
    for start, reasons in zip(starts, chunks, strict=True):
        for row, reason in enumerate(reasons, start):
            if reason is not None:
                unreadable[row] = reason
            tick()
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return unreadable


def _prepare(part: Path, offset: int, work: _Work) -> list[str | None]:
    """Write successive rows' pictures to a file from `offset` on; return what is wrong with each."""
    reasons: list[str | None] = []
    with part.open("r+b") as file:
        for position, picture in enumerate(work.pictures):
            reasons.append(None)
            if picture is None:
                continue
            try:
                pixels = picture.prepare(work.preparation, work.size)
            except _UnreadableImageError as error:
                reasons[-1] = str(error)
                continue
            # Plain writes, because a full disk raises here and kills the process in a mapped file.
            file.seek(offset + position * work.row_bytes)
            file.write(pixels.tobytes())
    return reasons


def _check_unreadable(unreadable: Mapping[int, str], images: int) -> None:
    if len(unreadable) > MAX_UNREADABLE_SHARE * images:
        first = next(iter(unreadable.values()))
        raise DatasetError(
            f"{len(unreadable):,} of {images:,} thermal images cannot be read; at most "
            f"{MAX_UNREADABLE_SHARE:.0%} may be damaged. The first is {first}"
        )
