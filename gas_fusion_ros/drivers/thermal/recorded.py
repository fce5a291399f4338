"""Plays thermal images from a folder or a video file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy.typing as npt

from gas_fusion_ros.base.dataset import IMAGE_SUFFIXES, Dataset, DatasetError, files_below
from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.grid import Cue, Grid, Playback
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, as_frame, decode_file
from gas_fusion_ros.drivers.thermal.raw_frames import RawFrameError, RawReader, RawSettings, is_raw
from gas_fusion_ros.settings.fields import group, needed_setting, setting

_MAX_BACKLOG = 64


@dataclass(frozen=True)
class RecordedThermalSettings:
    """What to play and how fast.

    Attributes:
        path: a folder that holds a CSV in the data set's layout (the frame of tick k is the image of
            row k, no frame where that row has none), any folder of images (in the order of their
            names, numbers by value), or a video file.
        period_ns: time between images.
        start_ns: time of image 0; 0 is the clock's epoch when looping, the first stamp after the first
            poll when playing once.
        frame_id: optical frame of the camera.
    """

    path: str = needed_setting(
        "what the driver recorded plays: a folder in the data set's layout, a folder of images, a video"
    )
    period_ns: int = 2_000_000_000
    loop: bool = setting(True, "begin again after the last image")
    start_ns: int = 0
    frame_id: str = "thermal_camera_optical_frame"
    raw: RawSettings = group(RawSettings)

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError(f"period_ns is {self.period_ns}; expected a positive number of nanoseconds")


class RecordedThermalDriver:
    """Plays images at a fixed period.

    Gray images become mono8 or, of 16 bits, what `raw_frames` makes of them; float images 32FC1 (degC),
    colour rgb8. An image that cannot be decoded is counted as `unreadable_image` and its moment passes
    without a frame, counts that are no picture by their own causes, and those of no known unit as
    `raw_scale_unknown`.
    """

    def __init__(self, settings: RecordedThermalSettings) -> None:
        self._settings = settings
        self.problems = Problems()
        self._raw: RawReader | None = None
        self._pictures: _Pictures | None = None
        self._playback: Playback | None = None

    @property
    def state(self) -> DriverState:
        """Whether the recording is open, and whether it has been played once."""
        return DriverState.CLOSED if self._playback is None else self._playback.state

    def open(self) -> None:
        """Find the images or open the video.

        Raises:
            DriverError: there are none, or the CSV, the video or the shutter's file cannot be read.
        """
        settings = self._settings
        self._raw = RawReader(settings.raw)
        self._pictures = _open_pictures(Path(settings.path).expanduser(), self.problems)
        grid = Grid(settings.period_ns, settings.start_ns, _MAX_BACKLOG, self.problems)
        self._playback = Playback(
            grid, settings.period_ns, settings.start_ns, len(self._pictures), settings.loop
        )

    def poll(self, now_ns: int) -> list[ThermalFrame]:
        """Return the frames whose time has come, oldest first."""
        if self._playback is None or self._pictures is None:
            return []
        frames = (self._frame(self._pictures, cue) for cue in self._playback.due(now_ns))
        return [frame for frame in frames if frame is not None]

    def close(self) -> None:
        """Close the video; safe to call twice."""
        if self._pictures is not None:
            self._pictures.close()
        self._pictures = None
        self._playback = None

    def _frame(self, pictures: _Pictures, cue: Cue) -> ThermalFrame | None:
        if not pictures.has(cue.index):
            return None
        name = shown(pictures.name(cue.index))
        try:
            found = self._read(pictures.load(cue.index), name)
        except UnreadableImageError as error:
            self.problems.add("unreadable_image", f"{name}: {error}")
            return None
        except RawFrameError as error:
            self.problems.add(error.cause, f"{name}: {error.detail}")
            return None
        return None if found is None else ThermalFrame(cue.stamp_ns, *found, self._settings.frame_id)

    def _read(self, image: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], str] | None:
        if not is_raw(image):
            return as_frame(image)
        assert self._raw is not None
        picture = self._raw.read(image)
        if picture is None:
            return None
        if picture.doubt:
            self.problems.add("raw_scale_unknown", f"{name}: {picture.doubt}")
        return picture.pixels, picture.encoding


class _Pictures(Protocol):
    """A numbered series of pictures as OpenCV decodes them."""

    def __len__(self) -> int: ...

    def has(self, index: int) -> bool: ...

    def name(self, index: int) -> str: ...

    def load(self, index: int) -> npt.NDArray[Any]: ...

    def close(self) -> None: ...


class _ImageFiles:
    """One file per picture; None where there is no picture."""

    def __init__(self, paths: Sequence[Path | None]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def has(self, index: int) -> bool:
        return self._paths[index] is not None

    def name(self, index: int) -> str:
        return str(self._paths[index])

    def load(self, index: int) -> npt.NDArray[Any]:
        return decode_file(Path(self.name(index)))

    def close(self) -> None:
        """Nothing stays open."""


class _Video:
    """The frames of a video file."""

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


def _open_pictures(path: Path, problems: Problems) -> _Pictures:
    if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES:
        return _Video(path)
    if path.is_file():
        return _ImageFiles([path])
    if not path.is_dir():
        raise DriverError(f"{shown(path)} does not exist; expected a folder of images or a video file")
    try:
        return _open_folder(path, problems)
    except DatasetError as error:
        raise DriverError(str(error)) from None


def _open_folder(path: Path, problems: Problems) -> _Pictures:
    if any(files_below(path, "*.csv")):
        return _ImageFiles(_images_of_rows(path, problems))
    files = [file for file in files_below(path, "*") if file.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise DriverError(
            f"{shown(path)} holds no image; expected files that end in {', '.join(IMAGE_SUFFIXES)}"
        )
    files.sort(key=_natural_key)
    return _ImageFiles(files)


def _images_of_rows(path: Path, problems: Problems) -> list[Path | None]:
    dataset = Dataset.load_readable(path, (), problems)
    images: list[Path | None] = [None] * dataset.length
    for row in dataset.rows:
        images[row.index] = row.image
    if not any(images):
        raise DriverError(f"{shown(path)} holds no image of a row; expected names such as 73_NoGas.png")
    return images


def _natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Orders `frame10` after `frame9`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


DRIVER = DriverEntry("recorded", RecordedThermalSettings, RecordedThermalDriver, is_sensor=False)
