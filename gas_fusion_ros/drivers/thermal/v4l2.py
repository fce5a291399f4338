"""Thermal frames from a camera that Video4Linux knows, through OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Arrivals, BackgroundReader, Backoff, DeviceCalls
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.thermal.raw_frames import (
    P2PRO_SHAPE,
    Profile,
    RawFrameError,
    RawReader,
    RawSettings,
    is_raw,
)
from gas_fusion_ros.settings.fields import group, setting

_QUEUE = 8
_Y16 = cv2.VideoWriter.fourcc(*"Y16 ")


@dataclass(frozen=True)
class V4l2ThermalSettings:
    """Which camera to read.

    Attributes:
        frame_id: optical frame of the camera.
        backoff: pauses between attempts to reconnect.
    """

    device: str = setting("/dev/video0", "the camera's device file")
    width: int = setting(0, "columns to ask for; 0 leaves the camera's", minimum=0, maximum=8192)
    height: int = setting(0, "rows to ask for; 0 leaves the camera's", minimum=0, maximum=8192)
    rate_hz: float = setting(
        0.0, "images per second to ask for; 0 leaves the camera's", minimum=0.0, maximum=1000.0
    )
    read_timeout_ns: int = setting(
        5 * NANOSECONDS_PER_SECOND,
        "time after which a camera that gives neither an image nor an error is opened again, s",
        minimum=0.1,
        maximum=3600.0,
    )
    frame_id: str = "thermal_camera_optical_frame"
    backoff: Backoff = field(default_factory=Backoff)
    raw: RawSettings = group(RawSettings)

    def __post_init__(self) -> None:
        for name in ("width", "height", "rate_hz"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 (the camera's own) or more")


class Capture(Protocol):
    """What is used of cv2.VideoCapture, whose names these are."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether the device is open."""

    def set(self, prop: int, value: float, /) -> bool:
        """Ask for a setting; False where the camera refuses."""

    def get(self, prop: int, /) -> float:
        """The value of a setting."""

    def read(self) -> tuple[bool, Any]:
        """Wait for the next frame."""

    def release(self) -> None:
        """Close the device."""


class V4l2ThermalDriver:
    """Grabs frames in a thread and reconnects after unplugging.

    A camera that offers the pixel format Y16, or is a P2 Pro by the size of its frames, gives what
    `raw_frames` makes of its counts, any other rgb8. A lost camera is counted as `disconnected`, one whose
    read does not end as `device_hangs`, a frame that fits neither as `unexpected_frame`, counts that are no
    picture by their own causes, and those of no known unit as `raw_scale_unknown`.
    """

    def __init__(
        self,
        settings: V4l2ThermalSettings,
        open_capture: Callable[[str, int], Capture] = cv2.VideoCapture,
    ) -> None:
        """Prepare to read a camera.

        Args:
            settings: which camera.
            open_capture: opens a device file with an OpenCV backend.
        """
        self._settings = settings
        self._open_capture = open_capture
        self.problems = Problems()
        self._raw: RawReader | None = None
        self._arrivals: Arrivals[tuple[npt.NDArray[Any], str]] = Arrivals(_QUEUE, self.problems)
        calls = DeviceCalls(self._connect, self._read, lambda capture: capture.release())
        self._reader = BackgroundReader(
            settings.device, calls, settings.backoff, self.problems, settings.read_timeout_ns
        )

    @property
    def state(self) -> DriverState:
        """Whether the camera is there now."""
        return self._reader.state

    def open(self) -> None:
        """Open the camera and start grabbing.

        Raises:
            DriverError: the camera or the shutter's file cannot be opened.
        """
        self._raw = RawReader(self._settings.raw)
        self._reader.start()

    def poll(self, now_ns: int) -> list[ThermalFrame]:
        """Return the frames grabbed since the last poll, oldest first; a camera that hangs is given up."""
        self._reader.give_up_hung()
        return [
            ThermalFrame(stamp_ns, pixels, encoding, self._settings.frame_id)
            for stamp_ns, (pixels, encoding) in self._arrivals.take(now_ns)
        ]

    def close(self) -> None:
        """End the thread and close the camera; safe to call twice."""
        self._reader.stop()

    def _connect(self) -> Capture:
        settings = self._settings
        capture = self._open_capture(settings.device, cv2.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            raise DriverError(f"{settings.device} cannot be opened; expected a V4L2 camera free to use")
        # The format first: changing it may change the sizes the camera offers.
        is_p2pro = settings.raw.profile == Profile.P2PRO.value
        raw = is_p2pro or (
            capture.set(cv2.CAP_PROP_FOURCC, _Y16) and int(capture.get(cv2.CAP_PROP_FOURCC)) == _Y16
        )
        for prop, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
            (cv2.CAP_PROP_FPS, settings.rate_hz),
        ):
            if value:
                capture.set(prop, value)
        size = (capture.get(cv2.CAP_PROP_FRAME_HEIGHT), capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0.0 if raw or size == P2PRO_SHAPE else 1.0)
        return capture

    def _read(self, capture: Capture) -> None:
        try:
            grabbed, image = capture.read()
        except cv2.error as error:
            raise DriverError(f"no frame ({error})") from None
        if not grabbed or image is None:
            raise DriverError("no frame; the camera is unplugged or stalled")
        arrival_ns = self._arrivals.steady_now_ns()
        if not self._reader.is_current(capture):
            return  # It hung: when this was seen, nobody knows.
        if is_raw(image):
            self._take_raw(image, arrival_ns)
        elif image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
            self._arrivals.put((cv2.cvtColor(image, cv2.COLOR_BGR2RGB), "rgb8"), arrival_ns)
        else:
            self.problems.add(
                "unexpected_frame",
                f"{self._settings.device}: a frame has {image.dtype} pixels of shape {image.shape}; "
                "expected 16-bit gray or 8-bit colour",
            )

    def _take_raw(self, image: npt.NDArray[Any], arrival_ns: int) -> None:
        assert self._raw is not None
        try:
            picture = self._raw.read(image)
        except RawFrameError as error:
            self.problems.add(error.cause, f"{self._settings.device}: {error.detail}")
            return
        if picture is None:
            return
        if picture.doubt:
            self.problems.add("raw_scale_unknown", f"{self._settings.device}: {picture.doubt}")
        self._arrivals.put((picture.pixels, picture.encoding), arrival_ns)


DRIVER = DriverEntry("v4l2", V4l2ThermalSettings, V4l2ThermalDriver)
