"""The V4L2 driver over a camera that behaves as OpenCV's captures do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from waiting import wait_until

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.background import Backoff
from gas_fusion_ros.drivers.thermal.v4l2 import V4l2ThermalDriver, V4l2ThermalSettings

NOW = 10**18
Y16 = cv2.VideoWriter.fourcc(*"Y16 ")
YUYV = cv2.VideoWriter.fourcc(*"YUYV")


@dataclass
class Camera:
    """A camera: what it offers, whether it is plugged in, and what was asked of it."""

    formats: tuple[int, ...] = (YUYV,)
    plugged: bool = True
    frames: list[npt.NDArray[Any]] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    captures: list[FakeCapture] = field(default_factory=list)
    shown: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def open(self, device: str, backend: int) -> FakeCapture:
        self.opened.append((device, backend))
        self.captures.append(FakeCapture(self))
        return self.captures[-1]

    def show(self, frame: npt.NDArray[Any]) -> None:
        self.frames.append(frame)
        self.shown.release()

    def unplug(self) -> None:
        self.plugged = False
        self.shown.release()


class FakeCapture:
    """The part of cv2.VideoCapture that the driver uses."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self.settings: dict[int, float] = {cv2.CAP_PROP_FOURCC: camera.formats[0]}
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self._camera.plugged

    def set(self, prop: int, value: float, /) -> bool:
        # As V4L2 does: an unknown format is replaced by one the camera has, and that is a success.
        if prop != cv2.CAP_PROP_FOURCC or value in self._camera.formats:
            self.settings[prop] = value
        return True

    def get(self, prop: int, /) -> float:
        return self.settings.get(prop, 0.0)

    def read(self) -> tuple[bool, Any]:
        self._camera.shown.acquire()
        if not self._camera.plugged:
            return False, None
        return True, self._camera.frames.pop(0)

    def release(self) -> None:
        self.released = True


Open = Callable[..., V4l2ThermalDriver]


@pytest.fixture
def open_driver() -> Iterator[Open]:
    opened: list[tuple[Camera, V4l2ThermalDriver]] = []

    def make(camera: Camera, width: int = 206, height: int = 156) -> V4l2ThermalDriver:
        settings = V4l2ThermalSettings(
            "/dev/video7", width=width, height=height, rate_hz=9.0, backoff=Backoff(10_000_000, 20_000_000)
        )
        driver = V4l2ThermalDriver(settings, camera.open)
        driver.open()
        opened.append((camera, driver))
        return driver

    yield make
    for camera, driver in opened:
        camera.unplug()  # so that no read waits for a frame
        driver.close()


def receive(driver: V4l2ThermalDriver) -> ThermalFrame:
    frames: list[ThermalFrame] = []

    def any_frame() -> bool:
        frames.extend(driver.poll(NOW))
        return bool(frames)

    wait_until(any_frame)
    return frames[0]


def test_a_camera_with_y16_gives_raw_counts(open_driver: Open) -> None:
    camera = Camera(formats=(YUYV, Y16))
    driver = open_driver(camera)
    counts = np.arange(156 * 206, dtype=np.uint16).reshape(156, 206)
    camera.show(counts)

    frame = receive(driver)

    assert frame.encoding == "mono16"
    np.testing.assert_array_equal(frame.pixels, counts)
    assert NOW - 60 * 10**9 < frame.stamp_ns <= NOW
    assert camera.opened == [("/dev/video7", cv2.CAP_V4L2)]
    settings = camera.captures[0].settings
    assert settings[cv2.CAP_PROP_FOURCC] == Y16
    assert settings[cv2.CAP_PROP_CONVERT_RGB] == 0.0
    assert settings[cv2.CAP_PROP_FRAME_WIDTH] == 206
    assert settings[cv2.CAP_PROP_FRAME_HEIGHT] == 156
    assert settings[cv2.CAP_PROP_FPS] == 9.0


def test_any_other_camera_gives_rgb(open_driver: Open) -> None:
    camera = Camera(formats=(YUYV,))
    driver = open_driver(camera)
    camera.show(np.full((156, 206, 3), (10, 20, 30), np.uint8))

    frame = receive(driver)

    assert frame.encoding == "rgb8"
    assert frame.pixels[0, 0].tolist() == [30, 20, 10]
    assert camera.captures[0].settings[cv2.CAP_PROP_CONVERT_RGB] == 1.0


def test_a_frame_of_another_shape_is_counted_and_passed_over(open_driver: Open) -> None:
    camera = Camera()
    driver = open_driver(camera)
    camera.show(np.zeros((1, 156 * 206 * 2), np.uint8))
    camera.show(np.zeros((156, 206, 3), np.uint8))

    assert receive(driver).encoding == "rgb8"
    assert driver.problems.counts() == {"unexpected_frame": 1}


def test_reconnects_after_unplugging(open_driver: Open) -> None:
    camera = Camera()
    driver = open_driver(camera)
    camera.unplug()
    wait_until(lambda: len(camera.captures) >= 3)
    assert driver.state is DriverState.DISCONNECTED
    camera.plugged = True
    wait_until(lambda: driver.state is DriverState.RUNNING)
    camera.show(np.zeros((156, 206, 3), np.uint8))

    assert receive(driver).encoding == "rgb8"
    assert driver.problems.counts() == {"disconnected": 1}
    assert all(capture.released for capture in camera.captures[:-1])


def test_a_camera_that_is_not_there_is_refused_at_open(open_driver: Open) -> None:
    camera = Camera(plugged=False)

    with pytest.raises(DriverError, match="/dev/video7 cannot be opened"):
        open_driver(camera)
    assert camera.captures[0].released


def test_opencv_itself_refuses_a_device_that_is_not_there() -> None:
    with pytest.raises(DriverError, match="/dev/video987 cannot be opened"):
        V4l2ThermalDriver(V4l2ThermalSettings("/dev/video987")).open()


def test_closing_releases_the_camera(open_driver: Open) -> None:
    camera = Camera()
    driver = open_driver(camera)
    camera.show(np.zeros((156, 206, 3), np.uint8))
    receive(driver)
    camera.show(np.zeros((156, 206, 3), np.uint8))
    driver.close()
    driver.close()

    assert camera.captures[0].released
    assert driver.state is DriverState.CLOSED


def test_a_camera_that_blocks_holds_nobody_up_and_is_released_when_it_comes_back(open_driver: Open) -> None:
    camera = Camera()
    driver = open_driver(camera)  # which waits for a frame that does not come
    began = time.monotonic()
    driver.close()
    assert time.monotonic() - began < 2.0
    assert driver.state is DriverState.CLOSED
    assert not camera.captures[0].released

    camera.show(np.zeros((156, 206, 3), np.uint8))
    wait_until(lambda: camera.captures[0].released)


class StuckCapture(FakeCapture):
    """A capture whose read does not end before it is told to; then it gives a frame."""

    def __init__(self, camera: Camera) -> None:
        super().__init__(camera)
        self.is_read = threading.Event()
        self.may_end = threading.Event()

    def read(self) -> tuple[bool, Any]:
        self.is_read.set()
        assert self.may_end.wait(60.0)
        return True, np.full((156, 206, 3), 99, np.uint8)


def test_a_camera_that_hangs_is_told_and_opened_again_and_its_late_frame_is_none() -> None:
    camera = Camera()
    stuck = StuckCapture(camera)
    captures: list[FakeCapture] = [stuck, FakeCapture(camera)]
    to_open = iter(captures)
    settings = V4l2ThermalSettings("/dev/video7", read_timeout_ns=50_000_000)
    driver = V4l2ThermalDriver(settings, lambda *_: next(to_open))
    driver.open()
    assert stuck.is_read.wait(20.0)
    camera.show(np.zeros((156, 206, 3), np.uint8))

    assert not receive(driver).pixels.any()
    assert driver.state is DriverState.RUNNING
    (problem,) = driver.problems.take_unreported()
    assert problem.cause == "device_hangs"
    assert "/dev/video7 has given nothing and no error for 0.05 s" in problem.detail

    assert not stuck.released
    stuck.may_end.set()
    wait_until(lambda: stuck.released)
    assert driver.poll(NOW) == []
    camera.unplug()
    driver.close()


@pytest.mark.parametrize("name", ["width", "height", "rate_hz"])
def test_settings_out_of_range_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is -1"):
        V4l2ThermalSettings(**{name: -1})  # type: ignore[arg-type]


def test_a_p2_pro_is_recognised_by_its_size_and_its_picture_for_people_left_away(open_driver: Open) -> None:
    camera = Camera()
    frame = np.vstack([np.full((192, 256), 0x8040, "<u2"), np.full((192, 256), 64 * 300, "<u2")])
    frame[200:210, 100:120] = 64 * 320
    camera.show(frame[..., np.newaxis].view(np.uint8))
    driver = open_driver(camera, width=256, height=384)
    received = receive(driver)
    assert camera.captures[0].settings[cv2.CAP_PROP_CONVERT_RGB] == 0.0
    assert (received.encoding, received.pixels.shape) == ("32FC1", (192, 256))
    assert received.pixels[0, 0] == pytest.approx(26.85)
    assert driver.problems.counts() == {}


def test_counts_of_no_known_unit_come_and_are_asked_for(open_driver: Open) -> None:
    camera = Camera(formats=(Y16, YUYV))
    ramp = np.linspace(6900, 7100, 640, dtype=np.uint16)
    camera.show(np.tile(ramp, (512, 1)))
    driver = open_driver(camera)
    assert receive(driver).encoding == "mono16"
    (problem,) = driver.problems.take_unreported()
    assert problem.cause == "raw_scale_unknown"
    assert "/dev/video7: 6901 to 7098 counts are of no unmistakable unit" in problem.detail


def test_a_frame_that_is_noise_is_a_named_problem_and_no_picture(open_driver: Open) -> None:
    camera = Camera(formats=(Y16, YUYV))
    camera.show(np.random.default_rng(0).integers(0, 65536, (120, 160)).astype(np.uint16))
    good = np.tile(np.linspace(29_000, 29_900, 160, dtype=np.uint16), (120, 1))
    camera.show(good)
    driver = open_driver(camera)
    np.testing.assert_array_equal(receive(driver).pixels, good)
    assert driver.problems.counts() == {"raw_noise": 1}
