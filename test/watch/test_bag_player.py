"""A bag is played in its time through the code of the live node, and an operator is heard."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_bags import EPOCH, SECOND, STORE, Made, header, pose, transform, write_bag
from telling_runtime import images, in_order, readings, telling_model
from waiting import wait_until

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import BagTopics, find_topics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.evaluation.run import EvaluationSettings, evaluate_bag
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.watch.bag_player import BagPlayer
from gas_fusion_ros.watch.watched import Cursor, Watched

SMOKE = (range(5, 20),)
MAPPING = LeakMapperSettings()
LEAK_POSE = "geometry_msgs/msg/PoseWithCovarianceStamped"


def leak(second: int, x: float) -> Made:
    place = STORE.types["geometry_msgs/msg/Pose"](
        position=STORE.types["geometry_msgs/msg/Point"](x=x, y=0.0, z=0.0),
        orientation=STORE.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
    )
    covariance = np.zeros(36)
    covariance[[0, 7]] = 1.0
    message = STORE.types[LEAK_POSE](
        header=header(EPOCH + second * SECOND, "map"),
        pose=STORE.types["geometry_msgs/msg/PoseWithCovariance"](pose=place, covariance=covariance),
    )
    return Made("/gas/leak_pose", LEAK_POSE, EPOCH + second * SECOND, message)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seconds = range(30)
    poses = [pose(EPOCH + second * SECOND, float(second)) for second in seconds]
    messages = in_order(readings(seconds, SMOKE), images(seconds), poses, [leak(12, 8.0)])
    return write_bag(tmp_path_factory.mktemp("bags") / "patrol", messages)


class Played:
    """A bag that a thread plays, and what is watched of it."""

    def __init__(self, bag: Path, speed: float, mapping: LeakMapperSettings = MAPPING) -> None:
        self.watched = Watched(bag.name)
        self._reader = BagReader(bag, self.watched.problems)
        topics = find_topics(self._reader.topics, BagTopics(), Problems(), ("label", "leaks")).topics
        self.player = BagPlayer(self._reader, topics, telling_model(), self.watched, speed, mapping)
        self._thread = threading.Thread(target=self.player.play)
        self._thread.start()

    @property
    def alarms(self) -> Sequence[dict[str, object]]:
        alarms: Sequence[dict[str, object]] = self.watched.news(Cursor())["alarms"]
        return alarms

    def end(self) -> None:
        self._thread.join(30.0)
        self._reader.close()


def test_all_of_a_bag_is_shown_and_then_it_has_ended(bag: Path) -> None:
    played = Played(bag, 1000.0)
    played.end()
    news = played.watched.news(Cursor())
    assert news["ended"] == "the recording has ended"
    assert [row[0] for row in news["readings"]["items"]] == [EPOCH / SECOND + second for second in range(30)]
    assert news["pose"]["x"] == 29.0
    assert [place["x"] for place in news["leaks"]] == [8.0]
    assert news["frames"] == 30
    assert news["class"]["label"] == "NoGas"
    assert [(alarm["gas"], alarm["state"]) for alarm in news["alarms"]] == [("Smoke", "latched")]
    assert 5.0 < news["alarms"][0]["x"] < 12.0
    # What is on the trail is what was smelled there.
    assert [point[2] > 0.5 for point in news["trail"]["items"]][6:19] == [True] * 13


def test_it_takes_its_time_and_the_alarm_speaks_meanwhile(bag: Path) -> None:
    played = Played(bag, 20.0)
    took_s = wait_until(lambda: played.watched.news(Cursor())["ended"] != "")
    played.end()
    assert took_s > 1.2  # 29 s at 20 times their speed, from a moment before on
    assert played.watched.news(Cursor())["robot"]["beats"] >= 3


def test_an_operator_acknowledges_and_shelves(bag: Path) -> None:
    played = Played(bag, 10.0)
    wait_until(lambda: bool(played.alarms))
    assert played.player.shelve(1) == ""
    wait_until(lambda: played.alarms[0]["shelved"] is True)
    assert played.player.acknowledge(1) == ""
    wait_until(lambda: played.alarms[0]["state"] == "acknowledged")
    # Over and acknowledged: it is gone.
    wait_until(lambda: not played.alarms)
    played.end()


def test_commands_that_nobody_takes_do_not_pile_up(bag: Path) -> None:
    watched = Watched("bag")
    with BagReader(bag, watched.problems) as reader:
        player = BagPlayer(
            reader, BagTopics("/gas/readings"), telling_model(), watched, 1.0, LeakMapperSettings()
        )
        answers = [player.acknowledge(1) for _ in range(20)]
    assert answers.count("") == 16
    assert "try again" in answers[-1]


def test_silence_within_a_bag_is_a_fault_in_its_time(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "gap", in_order(readings([*range(5), *range(40, 42)])))
    played = Played(bag, 20.0)
    wait_until(lambda: "silence" in (played.watched.news(Cursor())["word"] or {"reasons": ""})["reasons"])
    assert not played.watched.is_silent
    played.end()


def test_an_empty_bag_ends_at_once(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "empty", [], topics=[("/gas/readings", "sensor_msgs/msg/PointCloud2")])
    played = Played(bag, 1.0)
    played.end()
    assert played.watched.news(Cursor())["ended"] == "the recording holds no messages"


def patrol(folder: Path, *more: Made, topics: Sequence[tuple[str, str]] = ()) -> Path:
    """A walk through the gas of a leak, with some clean air before and behind."""
    walk = [pose(EPOCH + half * SECOND // 2 - SECOND // 4, half * 0.25) for half in range(1, 120)]
    messages = in_order(readings(range(60), (range(20, 40),)), walk, more)
    return write_bag(folder / "patrol", messages, topics=topics)


def test_leaks_that_a_bag_does_not_tell_are_computed_as_an_evaluation_does(
    tmp_path: Path,
) -> None:
    bag = patrol(tmp_path)
    played = Played(bag, 1000.0)
    played.end()
    (shown,) = played.watched.news(Cursor())["leaks"]
    report = evaluate_bag(
        bag, tmp_path / "out", telling_model(), EvaluationSettings(with_images=False)
    ).report
    (alarm,) = report.alarms
    assert alarm.leak_pose is not None
    assert (shown["x"], shown["y"]) == pytest.approx((alarm.leak_pose.x, alarm.leak_pose.y), abs=0.006)
    assert 5.0 < shown["x"] < 25.0
    assert shown["long_m"] >= shown["short_m"] > 0.0


def test_an_estimate_moves_and_stays_one_leak_while_it_is_played(tmp_path: Path) -> None:
    played = Played(patrol(tmp_path), 40.0)
    seen: set[float] = set()

    def look() -> bool:
        news = played.watched.news(Cursor())
        assert len(news["leaks"]) <= 1
        seen.update(leak["x"] for leak in news["leaks"])
        return bool(news["ended"])

    wait_until(look)
    played.end()
    assert len(seen) > 1


def test_what_the_bag_tells_goes_before_what_is_computed(tmp_path: Path) -> None:
    played = Played(patrol(tmp_path, leak(45, 3.0)), 1000.0)
    played.end()
    assert [place["x"] for place in played.watched.news(Cursor())["leaks"]] == [3.0]


def test_a_topic_of_leaks_without_a_message_tells_nothing(tmp_path: Path) -> None:
    played = Played(patrol(tmp_path, topics=[("/gas/leak_pose", LEAK_POSE)]), 1000.0)
    played.end()
    assert len(played.watched.news(Cursor())["leaks"]) == 1


def test_a_bag_whose_robot_is_placed_by_transforms_has_trail_and_leaks(tmp_path: Path) -> None:
    moved = [
        transform(EPOCH + half * SECOND // 2 - SECOND // 4, "map", "base_link", half * 0.25)
        for half in range(1, 120)
    ]
    bag = write_bag(tmp_path / "bag", in_order(readings(range(60), (range(20, 40),)), moved))
    played = Played(bag, 1000.0, LeakMapperSettings(robot_frame="base_link"))
    played.end()
    news = played.watched.news(Cursor())
    assert news["pose"]["x"] == pytest.approx(29.5, abs=0.6)
    assert [5.0 < place["x"] < 25.0 for place in news["leaks"]] == [True]
