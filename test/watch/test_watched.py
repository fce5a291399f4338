"""What is kept of a robot is bounded, never newer than it was, and never safe where it is not known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from heard_robots import ALARM, CLEAR, LEAK, SECOND, Clock, reading, said, speak, walk

from gas_fusion_ros.base.observation import RobotPose, ThermalFrame
from gas_fusion_ros.model.thermal import ThermalError
from gas_fusion_ros.watch import watched as limits
from gas_fusion_ros.watch.page_json import MOST_LETTERS
from gas_fusion_ros.watch.thermal_picture import MOST_SIDE, thermal_picture
from gas_fusion_ros.watch.watched import SILENT_AFTER_S, Cursor, Watched


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(clock: Clock) -> Watched:
    return Watched("a robot", clock)


def test_nothing_is_known_before_both_words_of_the_alarm_have_come(watched: Watched) -> None:
    assert watched.news(Cursor())["word"] is None
    assert watched.is_silent
    watched.hear_standing(CLEAR)
    assert watched.news(Cursor())["word"] is None
    watched.hear_alarm(False)
    assert watched.news(Cursor())["word"] == {"text": "no leak alarm", "urgency": "none", "reasons": ""}
    assert not watched.is_silent


def test_a_state_that_cannot_be_read_makes_nothing_known(watched: Watched) -> None:
    speak(watched, CLEAR)
    watched.hear_standing(None)
    assert watched.news(Cursor())["word"] is None


def test_an_alarm_that_is_raised_without_a_reason_is_not_safe(watched: Watched) -> None:
    watched.hear_standing(CLEAR)
    watched.hear_alarm(True)
    assert watched.news(Cursor())["word"]["urgency"] == "unknown"


def test_it_is_silent_once_the_alarm_has_not_spoken_for_too_long(watched: Watched, clock: Clock) -> None:
    speak(watched, CLEAR)
    clock.now_s += SILENT_AFTER_S - 0.1
    walk(watched)  # readings are no word of the alarm
    assert not watched.is_silent
    clock.now_s += 0.2
    assert watched.is_silent
    assert watched.news(Cursor())["robot"]["age_s"] == pytest.approx(SILENT_AFTER_S + 0.1)
    watched.hear_alarm(False)
    assert not watched.is_silent


def test_after_the_end_it_is_silent(watched: Watched) -> None:
    speak(watched, CLEAR)
    watched.end("the recording has ended")
    assert watched.is_silent
    assert watched.news(Cursor())["ended"] == "the recording has ended"


def test_a_page_is_told_what_is_new_and_nothing_twice(watched: Watched) -> None:
    cursor = Cursor()
    walk(watched)
    first = watched.news(cursor)
    assert [row[0] for row in first["readings"]["items"]] == [90.0 + metre for metre in range(11)]
    assert first["trail"]["items"][0] == [0.0, 0.0, 0.0]
    assert first["trail"]["items"][-1] == [10.0, 0.0, 1.0]
    assert first["leaks"][0]["long_m"] == pytest.approx(2.146, abs=1e-3)
    watched.hear_reading(reading(101.0, 7.0, 8.0))
    second = watched.news(cursor)
    assert [row[0] for row in second["readings"]["items"]] == [100.0, 101.0]
    assert len(second["trail"]["items"]) == 1


def test_whatever_comes_is_json(watched: Watched) -> None:
    speak(watched, LEAK)
    watched.hear_pose(RobotPose(float("nan"), 0.0))
    watched.hear_pose(RobotPose(1.0, 2.0, frame_id="map" * 1000))
    watched.hear_reading(reading(90.0, float("nan"), float("inf"), 1.0))
    watched.hear_classification(said(float("nan")))
    news = watched.news(Cursor())
    assert json.loads(json.dumps(news, allow_nan=False)) == news
    assert news["readings"]["items"] == [[90.0, None, None, 1.0]]
    assert news["alarms"][0]["number"] == ALARM.number
    assert len(news["pose"]["frame_id"]) == MOST_LETTERS


def test_years_of_readings_and_way_take_no_more_room(watched: Watched) -> None:
    for number in range(6000):
        watched.hear_pose(RobotPose(float(number), 0.0))
        watched.hear_reading(reading(float(number), *range(2 * limits.MOST_CHANNELS)))
    cursor = Cursor()
    parts = [watched.news(cursor) for _ in range(20)]
    assert max(len(json.dumps(news)) for news in parts) < 200_000
    rows = [row for news in parts for row in news["readings"]["items"]]
    assert {len(row) for row in rows} == {1 + limits.MOST_CHANNELS}
    assert len({row[0] for row in rows}) == 1200
    assert len({point[0] for news in parts for point in news["trail"]["items"]}) == 4000
    assert len(watched.news(cursor)["trail"]["items"]) == 1


def test_readings_are_thinned_by_their_own_time(watched: Watched) -> None:
    for number in range(100):
        watched.hear_reading(reading(90.0 + number / 100, 1.0))
    assert [row[0] for row in watched.news(Cursor())["readings"]["items"]] == [90.0, 90.5]


def test_another_run_begins_anew(watched: Watched) -> None:
    walk(watched)
    watched.hear_reading(reading(10.0, 1.0, 2.0))
    news = watched.news(Cursor())
    assert [row[0] for row in news["readings"]["items"]] == [10.0]
    assert news["trail"]["items"] == []


def test_another_frame_begins_a_trail_anew(watched: Watched) -> None:
    walk(watched)
    watched.hear_pose(RobotPose(1.0, 2.0, frame_id="odom"))
    assert [point[:2] for point in watched.news(Cursor())["trail"]["items"]] == [[1.0, 2.0]]


def test_a_picture_is_drawn_once_however_many_look(watched: Watched) -> None:
    assert watched.thermal() is None
    walk(watched)
    picture = watched.thermal()
    assert picture is not None
    assert picture.png.startswith(b"\x89PNG")
    assert picture.told == "10.2 to 29.8 degC"
    assert watched.thermal() is picture
    walk(watched)
    assert watched.thermal() is not picture


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "rgb8", "32FC1"])
def test_a_large_picture_becomes_a_small_file(encoding: str) -> None:
    shape = (1024, 1280, 3) if encoding == "rgb8" else (1024, 1280)
    kind = {"mono16": np.uint16, "32FC1": np.float32}.get(encoding, np.uint8)
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(kind)
    picture = thermal_picture(ThermalFrame(SECOND, pixels, encoding))
    width = int.from_bytes(picture.png[16:20], "big")
    assert width == MOST_SIDE
    assert len(picture.png) < 250_000


def test_a_picture_of_nothing_is_refused() -> None:
    nothing = np.full((12, 16), np.nan, dtype=np.float32)
    with pytest.raises(ThermalError):
        thermal_picture(ThermalFrame(SECOND, nothing, "32FC1"))
