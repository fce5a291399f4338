"""Folders of images, the data set's folder and videos play as frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.gas.recorded import RecordedGasDriver, RecordedGasSettings
from gas_fusion_ros.drivers.thermal.recorded import RecordedThermalDriver, RecordedThermalSettings

SECOND = 1_000_000_000
T0 = 1_000 * SECOND
SIZE = (24, 32)


def make_driver(path: Path, loop: bool = False) -> RecordedThermalDriver:
    driver = RecordedThermalDriver(RecordedThermalSettings(str(path), SECOND, loop, T0))
    driver.open()
    return driver


def play(driver: RecordedThermalDriver, seconds: int) -> list[ThermalFrame]:
    return [frame for k in range(seconds) for frame in driver.poll(T0 + k * SECOND)]


def write(path: Path, value: int, dtype: npt.DTypeLike = np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(SIZE, value, dtype))


def seconds_and_values(frames: list[ThermalFrame]) -> list[tuple[int, int]]:
    return [((frame.stamp_ns - T0) // SECOND, int(np.asarray(frame.pixels).flat[0])) for frame in frames]


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A folder in the published layout: four rows, the second unreadable, the third without an image."""
    rows = "0,5,NoGas\n1,broken,NoGas\n2,7,NoGas\n0,8,Smoke\n"
    (tmp_path / "Gas_Sensors_Measurements.csv").write_text("Serial Number,MQ2,Gas\n" + rows)
    write(tmp_path / "Thermal Camera Images/NoGas/0_NoGas.png", 50)
    write(tmp_path / "Thermal Camera Images/NoGas/1_NoGas.png", 60)
    write(tmp_path / "Thermal Camera Images/Smoke/0_Smoke.png", 80)
    return tmp_path


def test_the_data_sets_images_keep_the_times_of_their_rows(data_set: Path) -> None:
    frames = play(make_driver(data_set), 6)

    assert seconds_and_values(frames) == [(0, 50), (1, 60), (3, 80)]


def test_readings_and_images_of_a_loop_stay_paired(data_set: Path) -> None:
    thermal = make_driver(data_set, loop=True)
    gas = RecordedGasDriver(RecordedGasSettings(str(data_set), SECOND, True, T0, ("mq2",)))
    gas.open()
    counts = {r.stamp_ns: r.counts[0] for k in range(12) for r in gas.poll(T0 + k * SECOND)}
    pairs = [(counts[f.stamp_ns], f.pixels.flat[0]) for f in play(thermal, 12) if f.stamp_ns in counts]

    assert pairs == [(5, 50), (8, 80)] * 3


def test_a_folder_plays_in_the_order_of_its_numbers_and_ends(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write(tmp_path / f"frame{number}.png", number)
    driver = make_driver(tmp_path)

    assert seconds_and_values(play(driver, 5)) == [(0, 1), (1, 2), (2, 10)]
    assert driver.state is DriverState.FINISHED


@pytest.mark.parametrize(
    ("name", "pixels", "encoding"),
    [
        ("a.png", np.full(SIZE, 200, np.uint8), "mono8"),
        ("a.png", np.full(SIZE, 29315, np.uint16), "mono16"),
        ("a.tiff", np.full(SIZE, 20.5, np.float32), "32FC1"),
    ],
)
def test_gray_images_keep_their_depth(
    tmp_path: Path, name: str, pixels: npt.NDArray[np.float32], encoding: str
) -> None:
    assert cv2.imwrite(str(tmp_path / name), pixels)

    frame = make_driver(tmp_path).poll(T0)[0]

    assert frame.encoding == encoding
    np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_come_in_rgb_order(tmp_path: Path, channels: int) -> None:
    assert cv2.imwrite(
        str(tmp_path / "a.png"), np.full((*SIZE, channels), (10, 20, 30, 255)[:channels], np.uint8)
    )

    frame = make_driver(tmp_path).poll(T0)[0]

    assert frame.encoding == "rgb8"
    assert frame.pixels.shape == (*SIZE, 3)
    assert frame.pixels[0, 0].tolist() == [30, 20, 10]


def test_corrupt_images_are_counted_and_passed_over(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.png", number)
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "1.png").write_bytes(whole[:20])
    assert cv2.imwrite(str(tmp_path / "2.png"), np.zeros((*SIZE, 3), np.uint16))
    driver = make_driver(tmp_path)

    assert seconds_and_values(play(driver, 4)) == [(3, 3)]
    assert driver.problems.counts() == {"unreadable_image": 3}
    (problem,) = driver.problems.take_unreported()
    assert "0.png: cannot be decoded; expected a whole PNG" in problem.detail


def test_an_image_deleted_while_playing_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "0.png", 1)
    driver = make_driver(tmp_path)
    (tmp_path / "0.png").unlink()

    assert play(driver, 1) == []
    assert driver.problems.counts() == {"unreadable_image": 1}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames, each a gray of 40 times its number."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 9.0, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


def test_a_video_plays_and_loops(video: Path) -> None:
    driver = make_driver(video, loop=True)

    frames = play(driver, 7)
    driver.close()

    assert {frame.encoding for frame in frames} == {"rgb8"}
    numbers = [round(float(np.asarray(frame.pixels).mean()) / 40) for frame in frames]
    assert numbers == [0, 1, 2, 3, 4, 0, 1]


def test_a_video_cut_short_is_refused_or_counted(video: Path) -> None:
    video.write_bytes(video.read_bytes()[:100])
    with pytest.raises(DriverError, match=r"video.avi cannot be played"):
        make_driver(video)


def test_what_cannot_be_played_is_refused_at_open(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="does not exist"):
        make_driver(tmp_path / "missing")
    with pytest.raises(DriverError, match=r"holds no image; expected files that end in \.png"):
        make_driver(tmp_path)
    (tmp_path / "Gas_Sensors_Measurements.csv").write_text("Serial Number,MQ2,Gas\n0,5,NoGas\n")
    with pytest.raises(DriverError, match=r"holds no image of a row; expected names such as 73_NoGas\.png"):
        make_driver(tmp_path)


def test_a_closed_driver_is_silent(tmp_path: Path) -> None:
    write(tmp_path / "0.png", 1)
    driver = make_driver(tmp_path)
    driver.close()
    driver.close()

    assert driver.poll(T0) == []


def test_a_period_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="period_ns is 0"):
        RecordedThermalSettings("x", period_ns=0)
