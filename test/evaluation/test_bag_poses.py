"""The messages of a bag that tell where the robot was: a topic of poses, or tf2's transforms."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_bags import EPOCH, SECOND, Made, pose, transform, write_bag
from telling_runtime import in_order

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.evaluation.bag_poses import BagPoses
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings


def bag_of_both(folder: Path) -> Path:
    poses = [pose(EPOCH + second * SECOND, float(second)) for second in range(3)]
    transforms = [
        transform(EPOCH + second * SECOND, "map", "base_link", 100.0 + second) for second in range(3)
    ]
    return write_bag(folder / "bag", in_order(poses, transforms))


def heard(path: Path, settings: LeakMapperSettings, problems: Problems) -> tuple[BagPoses, list[RobotPose]]:
    with BagReader(path, Problems()) as reader:
        poses = BagPoses("/pose", reader.topics, settings, 10 * SECOND, problems)
        poses.trail.settle(EPOCH)
        told = [poses.hear(message) for message in reader.messages(set(poses.topics))]
    poses.finish()
    return poses, [one for one in told if one is not None]


@pytest.mark.parametrize(("frame", "topics", "first"), [("", {"/pose"}, 0.0), ("base_link", {"/tf"}, 100.0)])
def test_the_frame_decides_which_of_both_is_heard(
    tmp_path: Path, frame: str, topics: set[str], first: float
) -> None:
    problems = Problems()
    poses, told = heard(bag_of_both(tmp_path), LeakMapperSettings(robot_frame=frame), problems)
    assert problems.counts() == {}
    assert poses.topics == topics
    assert [one.x for one in told] == [first, first + 1, first + 2]
    found = poses.trail.at(EPOCH + SECOND)
    assert found is not None
    assert found.x == first + 1


def test_a_pose_of_no_numbers_is_counted_and_replaces_the_one_before(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", [pose(EPOCH, 1.0), pose(EPOCH + SECOND, float("nan"))])
    problems = Problems()
    poses, told = heard(path, LeakMapperSettings(), problems)
    assert len(told) == 2
    assert problems.counts() == {"pose_unusable": 1}
    found = poses.trail.at(EPOCH + SECOND)
    assert found is not None
    assert found.x != found.x


@pytest.mark.parametrize(
    "message", [transform(EPOCH, "odom", "base_link", 1.0), pose(EPOCH, 1.0)], ids=["other frames", "none"]
)
def test_a_bag_without_transforms_to_the_robot_is_told(tmp_path: Path, message: Made) -> None:
    path, problems = write_bag(tmp_path / "bag", [message]), Problems()
    _, told = heard(path, LeakMapperSettings(robot_frame="base_link"), problems)
    assert (told, problems.counts()) == ([], {"transforms_missing": 1})
    (problem,) = problems.take_unreported()
    assert "from map to base_link" in problem.detail


def test_a_bag_without_poses_lacks_no_transforms_where_none_were_asked_for(tmp_path: Path) -> None:
    path, problems = write_bag(tmp_path / "bag", [transform(EPOCH, "map", "base_link", 1.0)]), Problems()
    assert heard(path, LeakMapperSettings(), problems)[1] == []
    assert problems.counts() == {}
