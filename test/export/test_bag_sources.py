"""What becomes a bag: the rows of a folder with their images, or a patrol."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import S, colours, write_folder, write_image

from gas_fusion_ros.base.dataset import DatasetError
from gas_fusion_ros.export.bag_sources import (
    START_NS,
    BagInstant,
    BagSourceError,
    FolderSettings,
    FolderSource,
    PatrolSource,
)
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.ground_truth import patrol_truth
from gas_fusion_ros.truth.scoring import Interval, leaks_of

ONE = FolderSettings(channels=("mq2",))
HEADER = "Serial Number,MQ2,Gas"
ROWS = ("0,5,NoGas", "1,broken,NoGas", "2,7,NoGas", "0,8,Smoke", "1,9,Smoke")


def played(source: FolderSource | PatrolSource) -> list[BagInstant]:
    instants = list(source.instants())
    assert len(instants) == len(source)
    return instants


def seconds(instants: list[BagInstant]) -> list[float]:
    return [(instant.stamp_ns - START_NS) / S for instant in instants]


def counts(instants: list[BagInstant]) -> list[float]:
    return [float(instant.reading.counts[0]) for instant in instants if instant.reading is not None]


# --- folders --------------------------------------------------------------------------------


def test_rows_come_at_their_period_and_a_bad_one_leaves_its_moment_empty(tmp_path: Path) -> None:
    source = FolderSource(write_folder(tmp_path, HEADER, ROWS), ONE)
    instants = played(source)
    assert (seconds(instants), counts(instants)) == ([0, 4, 6, 8], [5, 7, 8, 9])
    assert source.problems.counts() == {"unreadable_row": 1}
    assert source.truth == [
        Interval("NoGas", START_NS, START_NS + 6 * S),
        Interval("Smoke", START_NS + 6 * S, START_NS + 8 * S),
    ]
    assert source.leaks == leaks_of(source.truth[1:])


def test_stamps_of_the_file_win_over_the_period_and_give_the_order(tmp_path: Path) -> None:
    rows = [f"0,5,NoGas,{30 * S}", f"1,6,NoGas,{10 * S + 1}", f"2,7,NoGas,{30 * S}", "3,8,NoGas,0"]
    source = FolderSource(write_folder(tmp_path, f"{HEADER},Stamp", rows), ONE)
    instants = played(source)
    assert [instant.stamp_ns for instant in instants] == [10 * S + 1, 30 * S]
    assert counts(instants) == [6, 5]
    assert source.problems.counts()["repeated_stamp"] == 1
    assert sum(source.problems.counts().values()) == 2, "a stamp of zero is no time"


def test_a_part_of_the_rows_can_be_taken(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, HEADER, ROWS)
    assert counts(played(FolderSource(folder, FolderSettings(("mq2",), rows=3)))) == [5, 7]
    assert counts(played(FolderSource(folder, FolderSettings(("mq2",), duration_ns=6 * S)))) == [5, 7]
    assert seconds(played(FolderSource(folder, FolderSettings(("mq2",), period_ns=S)))) == [0, 2, 3, 4]


def test_a_folder_without_labels_has_no_truth(tmp_path: Path) -> None:
    source = FolderSource(write_folder(tmp_path, "MQ2", ["5", "6"]), ONE)
    assert (source.truth, source.leaks) == ([], [])
    assert counts(played(source)) == [5, 6]


def test_rendered_images_are_the_scenes_of_the_seed_in_steps_of_the_camera(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, HEADER, ROWS)
    frames = [instant.frame for instant in played(FolderSource(folder, ONE, render_seed=1))]
    again = [instant.frame for instant in played(FolderSource(folder, ONE, render_seed=1))]
    others = [instant.frame for instant in played(FolderSource(folder, ONE, render_seed=2))]
    assert FolderSource(folder, ONE, render_seed=1).image_topic == "thermal/image"
    for frame, same, other in zip(frames, again, others, strict=True):
        assert frame is not None
        assert same is not None
        assert other is not None
        assert (frame.encoding, frame.pixels.shape) == ("32FC1", (156, 206))
        hundredths = frame.pixels.astype(np.float64) * 100
        np.testing.assert_allclose(hundredths, np.rint(hundredths), atol=1e-2)
        np.testing.assert_array_equal(frame.pixels, same.pixels)
        assert not np.array_equal(frame.pixels, other.pixels)


def test_pictures_and_rendered_frames_share_the_raw_topic(tmp_path: Path) -> None:
    write_image(write_folder(tmp_path, HEADER, ROWS), "2_NoGas.png", colours(200))
    source = FolderSource(tmp_path, ONE, render_seed=0)
    frames = [instant.frame for instant in played(source)]
    assert source.image_topic == "thermal/image_raw"
    assert [frame.encoding for frame in frames if frame is not None] == ["mono16", "rgb8", "mono16", "mono16"]
    assert frames[1] is not None
    assert frames[1].pixels[0, 0].tolist() == [200, 20, 10]  # type: ignore[attr-defined]


def test_temperatures_of_tiff_files_stay_temperatures(tmp_path: Path) -> None:
    celsius = np.linspace(-20, 400, 24 * 32, dtype=np.float32).reshape(24, 32)
    write_image(write_folder(tmp_path, HEADER, ROWS), "0_Smoke.tiff", celsius)
    source = FolderSource(tmp_path, ONE)
    [frame] = [instant.frame for instant in played(source) if instant.frame is not None]
    assert (source.image_topic, frame.encoding) == ("thermal/image", "32FC1")
    np.testing.assert_array_equal(frame.pixels, celsius)


def test_a_damaged_image_is_counted_and_its_row_goes_on_alone(tmp_path: Path) -> None:
    write_image(write_folder(tmp_path, HEADER, ROWS), "0_Smoke.png", colours(200))
    image = tmp_path / "Thermal Camera Images" / "Smoke" / "0_Smoke.png"
    image.write_bytes(image.read_bytes()[:40])
    source = FolderSource(tmp_path, ONE)
    assert [instant.frame for instant in played(source)] == [None] * 4
    assert source.problems.counts()["unreadable_image"] == 1


def test_a_tiff_of_gray_values_is_no_temperature(tmp_path: Path) -> None:
    write_folder(tmp_path, HEADER, ROWS)
    write_image(tmp_path, "0_Smoke.tiff", np.full((24, 32), 77, dtype=np.uint16))
    source = FolderSource(tmp_path, ONE)
    assert source.image_topic == "thermal/image_raw"
    assert [i.frame.encoding for i in played(source) if i.frame is not None] == ["mono16"]
    (tmp_path / "Thermal Camera Images" / "Smoke" / "0_Smoke.tiff").write_bytes(b"II*\0")
    assert FolderSource(tmp_path, ONE).image_topic == "thermal/image_raw"


def test_what_cannot_be_made_a_bag_of_says_why(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, HEADER, ["0,5,Ammonia"])
    with pytest.raises(BagSourceError, match="line 2 has no image and the class 'Ammonia'"):
        FolderSource(folder, ONE, render_seed=0)
    write_image(folder, "0_Ammonia.png", cv2.cvtColor(colours(9), cv2.COLOR_BGR2GRAY))
    [instant] = played(FolderSource(folder, ONE, render_seed=0))
    assert instant.frame is not None, "it has an image, so there is nothing to render"
    with pytest.raises(DatasetError, match="no column for co2"):
        FolderSource(folder, FolderSettings(("co2",)))
    nothing = write_folder(tmp_path / "nothing", f"{HEADER},Stamp", [f"0,5,NoGas,{2**32 * S}"])
    with pytest.raises(BagSourceError, match="no row with a usable stamp"):
        FolderSource(nothing, ONE)


# --- patrols --------------------------------------------------------------------------------


def test_a_patrol_is_sampled_at_its_rates_and_its_truth_is_the_demos() -> None:
    patrol = Patrol(seed=4, duration_s=200.0, leaks=1)
    source = PatrolSource(patrol, ("mq7", "mq2"), gas_period_ns=S, image_period_ns=40 * S)
    instants = played(source)
    assert sum(instant.reading is not None for instant in instants) == 200
    assert [(i.stamp_ns - START_NS) / S for i in instants if i.frame is not None] == [0, 40, 80, 120, 160]
    assert source.leaks == patrol_truth(patrol).leaks
    [clean, leak, clean_again] = source.truth
    assert (clean.label, clean.start_ns, clean.end_ns) == ("NoGas", START_NS, source.leaks[0].start_ns)
    assert (leak.start_ns, leak.end_ns) == (source.leaks[0].start_ns, source.leaks[0].end_ns)
    assert (clean_again.label, clean_again.end_ns) == ("NoGas", START_NS + 199 * S)
    reading, pose = instants[7].reading, instants[7].pose
    assert reading is not None
    assert pose is not None
    assert (reading.channels, reading.counts.tolist()) == (
        ("mq7", "mq2"),
        patrol.reading(7.0)[[4, 0]].tolist(),
    )
    assert (pose.x, pose.y, pose.yaw) == patrol.pose(7.0)


def test_the_simulation_has_no_other_channels() -> None:
    with pytest.raises(BagSourceError, match="--channels: co2; the simulation knows"):
        PatrolSource(Patrol(0, 60.0, 0), ("co2",), S, S)
