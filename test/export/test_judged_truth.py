"""What operators say of alarms becomes the classes of a training folder."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_bags import EPOCH, SECOND, STORE, Made, header, write_bag
from telling_runtime import images, in_order, labels, readings, telling_model

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import BagTopics, find_topics
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.export.dataset_making import DatasetMaking, DatasetMakingError, DatasetSettings
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.site.verdicts import Judgement, Said, VerdictBook, sidecar_of
from gas_fusion_ros.watch.bag_player import BagPlayer
from gas_fusion_ros.watch.judge import Judge
from gas_fusion_ros.watch.watched import Cursor, Watched

SMOKE = (range(10, 20), range(40, 50))
ALARM_STATE = "diagnostic_msgs/msg/DiagnosticArray"


def alarm_state(second: int, state: str) -> Made:
    """What a classifier publishes of one alarm, raised at second 12."""
    stamp_ns = EPOCH + second * SECOND
    since = str((EPOCH + 12 * SECOND) / SECOND)
    total = {
        "state": state,
        "gas": "Smoke",
        "fault": "false",
        "standing": "1",
        "raised": "9",
        "sequence": "9",
    }
    alarm = {"number": "9", "gas": "Smoke", "severity": "critical", "state": state, "since": since}
    message = STORE.types[ALARM_STATE](
        header=header(stamp_ns, ""),
        status=[
            status({**total, "faults": "", "inhibits": "", "warnings": ""}),
            status({**alarm, "peak": "0.9", "shelved": "false"}),
        ],
    )
    return Made("/gas/alarm_state", ALARM_STATE, stamp_ns, message)


def status(values: Mapping[str, str]) -> Any:
    pair = STORE.types["diagnostic_msgs/msg/KeyValue"]
    return STORE.types["diagnostic_msgs/msg/DiagnosticStatus"](
        level=0,
        name="",
        message="",
        hardware_id="",
        values=[pair(key=key, value=value) for key, value in values.items()],
    )


def judgement(start: int, end: int | None, said: Said, robot: str = "") -> Judgement:
    until_ns = None if end is None else EPOCH + end * SECOND
    since_ns = EPOCH + start * SECOND
    return Judgement(
        robot, 1, since_ns, until_ns, "Smoke", "critical", 0.9, None, None, None, said, "Ada", start
    )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    seconds = range(60)
    return write_bag(tmp_path / "patrol", in_order(readings(seconds, SMOKE), images(seconds)))


class Folder:
    """A folder made of bags, and what was said of losses."""

    def __init__(self, root: Path, *bags: Path, **settings: object) -> None:
        self.problems = Problems()
        given = DatasetSettings(**settings)  # type: ignore[arg-type]
        DatasetMaking(bags, given, self.problems).write(root, "test", lambda: None)
        self.rows = Counter(row.label for row in Dataset.load(root, PAPER_CHANNELS).rows)
        with (root / "Gas_Sensors_Measurements.csv").open(encoding="utf-8") as file:
            self.seconds = [(int(row["Stamp"]) - EPOCH) // SECOND for row in csv.DictReader(file)]


def test_what_was_judged_while_a_bag_was_played_makes_the_next_folder(bag: Path, tmp_path: Path) -> None:
    watched = Watched("bag", judge=Judge(sidecar_of(bag), ""))
    with BagReader(bag, watched.problems) as reader:
        topics = find_topics(reader.topics, BagTopics(), Problems(), ("label", "leaks")).topics
        player = BagPlayer(reader, topics, telling_model(), watched, 1000.0, LeakMapperSettings())
        player.play()
    # Nobody acknowledged the first alarm, so that the second leak is one of its own or the same again.
    for recent in watched.news(Cursor())["recent"]:
        since_s = recent["since_ms"] / 1000 - EPOCH / SECOND
        said = Said.FALSE_ALARM if since_s < 30 else Said.TRUE_LEAK
        assert watched.judge(recent["number"], recent["since_ms"], said, "Ada") == ""
    words = VerdictBook(sidecar_of(bag)).judgements()
    made = Folder(tmp_path / "folder", bag)
    assert made.rows["NoGas"] > 0
    first = min(words, key=lambda one: one.since_ns)
    assert made.seconds[0] == (first.since_ns - EPOCH + SECOND - 1) // SECOND
    assert first.until_ns is not None
    assert (first.until_ns - EPOCH) // SECOND in made.seconds
    assert made.problems.counts() == {}


def test_a_false_alarm_gives_clean_air_and_a_true_leak_its_gas(bag: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.db"
    for one in (judgement(12, 18, Said.FALSE_ALARM), judgement(42, 47, Said.TRUE_LEAK)):
        VerdictBook(site).give(one)
    made = Folder(tmp_path / "folder", bag, verdicts=(site,))
    assert made.rows == {"NoGas": 7, "Smoke": 6}
    assert made.seconds == [*range(12, 19), *range(42, 48)]


def test_verdicts_of_other_robots_and_times_are_passed_over(bag: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.db"
    for one in (
        judgement(12, 18, Said.TRUE_LEAK),
        judgement(20, 30, Said.TRUE_LEAK, "robot2"),
        judgement(5_000, 5_010, Said.TRUE_LEAK),
    ):
        VerdictBook(site).give(one)
    made = Folder(tmp_path / "folder", bag, verdicts=(site,))
    assert (made.seconds, made.problems.counts()) == (list(range(12, 19)), {})


def test_a_bag_without_a_verdict_is_told_and_the_others_go_on(bag: Path, tmp_path: Path) -> None:
    other = write_bag(
        tmp_path / "other", [replace(one, topic="/r/gas/readings") for one in readings(range(5))]
    )
    VerdictBook(tmp_path / "site.db").give(judgement(12, 18, Said.TRUE_LEAK))
    made = Folder(tmp_path / "folder", bag, other, verdicts=(tmp_path / "site.db",), with_images=False)
    assert len(made.seconds) == 7
    assert made.problems.counts() == {"verdict_missing": 1}


def test_a_true_leak_that_names_no_gas_is_left_out_and_told(bag: Path, tmp_path: Path) -> None:
    book = VerdictBook(tmp_path / "site.db")
    book.give(replace(judgement(12, 18, Said.TRUE_LEAK), gas="PictureAlone"))
    book.give(replace(judgement(22, None, Said.TRUE_LEAK), gas="Unknown", number=2))
    book.give(replace(judgement(42, 47, Said.TRUE_LEAK), number=3))
    made = Folder(tmp_path / "folder", bag, verdicts=(tmp_path / "site.db",), with_images=False)
    assert (made.rows, made.problems.counts()) == ({"Smoke": 6}, {"verdict_without_gas": 2})
    (told,) = made.problems.take_unreported()
    assert "PictureAlone is no gas" in told.detail
    assert "gas-fusion label" in told.detail


def test_where_nobody_knew_the_end_the_recorded_alarm_tells_it(tmp_path: Path) -> None:
    told = [alarm_state(second, state) for second, state in ((12, "active"), (17, "latched"))]
    judged = judgement(12, None, Said.FALSE_ALARM)
    bag = write_bag(tmp_path / "patrol", in_order(readings(range(60)), told))
    VerdictBook(sidecar_of(bag)).give(judged)
    made = Folder(tmp_path / "folder", bag, with_images=False)
    assert (made.rows, made.seconds) == ({"NoGas": 6}, list(range(12, 18)))

    silent = write_bag(tmp_path / "silent", readings(range(60)))
    VerdictBook(sidecar_of(silent)).give(judged)
    VerdictBook(sidecar_of(silent)).give(replace(judgement(30, 32, Said.TRUE_LEAK), number=2))
    made = Folder(tmp_path / "folder2", silent, with_images=False)
    assert (made.seconds, made.problems.counts()) == ([30, 31, 32], {"verdict_without_end": 1})


def test_a_label_topic_counts_before_the_file_beside_a_bag_but_not_before_one_that_is_named(
    tmp_path: Path,
) -> None:
    bag = write_bag(tmp_path / "patrol", in_order(readings(range(20)), labels({0: "Perfume"})))
    VerdictBook(sidecar_of(bag)).give(judgement(2, 4, Said.TRUE_LEAK))
    assert Folder(tmp_path / "one", bag, with_images=False).rows == {"Perfume": 20}
    named = Folder(tmp_path / "other", bag, with_images=False, verdicts=(sidecar_of(bag),))
    assert named.rows == {"Smoke": 3}


def test_labels_and_verdicts_are_not_mixed(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetMakingError, match="--labels or --verdicts"):
        Folder(tmp_path / "folder", bag, labels=(tmp_path / "a.csv",), verdicts=(tmp_path / "b.db",))
