"""Plays thermal images from a folder or a video file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.grid import Cue, Grid, Playback
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, as_frame
from gas_fusion_ros.drivers.thermal.picture_series import PictureSeries, open_series
from gas_fusion_ros.drivers.thermal.raw_frames import RawFrameError, RawReader, RawSettings, is_raw
from gas_fusion_ros.settings.fields import group, needed_setting, setting

_MAX_BACKLOG = 64


@dataclass(frozen=True)
class RecordedThermalSettings:
    """What to play and how fast.

    Attributes:
        path: a folder that holds a CSV in the data set's layout (the frame of tick k is the image of
            row k, no frame where that row has none), or whatever `picture_series` opens.
        period_ns: time between images.
        start_ns: time of image 0; 0 is the clock's epoch when looping, the first stamp after the first
            poll when playing once.
        frame_id: optical frame of the camera.
    """

    path: str = needed_setting(
        "what the driver recorded plays: a folder in the data set's layout; a folder of images, with "
        "timestamps.csv or without; a TIFF of many pages; .npy, .npz, raw with a sidecar; a table of "
        "temperatures; a video"
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
        self._pictures: PictureSeries | None = None
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
        path = Path(settings.path).expanduser()
        self._pictures = open_series(path, self.problems, settings.period_ns)
        self._raw = RawReader(settings.raw.or_profile(self._pictures.profile))
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

    def _frame(self, pictures: PictureSeries, cue: Cue) -> ThermalFrame | None:
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


DRIVER = DriverEntry("recorded", RecordedThermalSettings, RecordedThermalDriver, is_sensor=False)
