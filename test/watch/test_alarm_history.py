"""Alarms are remembered when they are over, with the time during which their gas was sensed."""

from __future__ import annotations

from dataclasses import replace

from heard_robots import ALARM, CLEAR, LEAK, SECOND

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus
from gas_fusion_ros.site.verdicts import AlarmKey
from gas_fusion_ros.watch.alarm_history import MOST_REMEMBERED, AlarmHistory

KEY = AlarmKey("", 7, 90_000)
LATCHED = replace(LEAK, alarms=(replace(ALARM, state=AlarmState.LATCHED),))


def until(history: AlarmHistory) -> float | None:
    until_ns = history.alarms[KEY].until_ns
    return None if until_ns is None else until_ns / SECOND


def test_an_alarm_is_remembered_until_its_gas_is_over_and_afterwards() -> None:
    history = AlarmHistory("")
    assert history.hear(LEAK, 91 * SECOND) == {}
    assert (history.alarms[KEY].is_sensed, until(history)) == (True, 91.0)
    over = history.hear(LATCHED, 95 * SECOND)
    assert [one.until_ns for one in over.values()] == [95 * SECOND]
    assert history.hear(LATCHED, 99 * SECOND) == {}
    assert history.hear(CLEAR, 120 * SECOND) == {}
    assert (history.alarms[KEY].is_sensed, until(history)) == (False, 95.0)


def test_an_alarm_that_vanishes_while_its_gas_is_sensed_ends_there() -> None:
    history = AlarmHistory("")
    history.hear(LEAK, 91 * SECOND)
    assert [key.number for key in history.hear(CLEAR, 93 * SECOND)] == [7]
    assert until(history) == 93.0


def test_gas_that_comes_back_is_followed_again() -> None:
    history = AlarmHistory("")
    for standing, second in ((LEAK, 91), (LATCHED, 95), (LEAK, 97), (LATCHED, 99)):
        history.hear(standing, second * SECOND)
    assert until(history) == 99.0


def test_of_an_alarm_that_was_over_before_nobody_knows_the_end() -> None:
    history = AlarmHistory("")
    history.hear(LATCHED, 500 * SECOND)
    assert (history.alarms[KEY].is_sensed, until(history)) == (False, None)


def test_an_alarm_that_is_only_counted_from_now_on_does_not_end() -> None:
    history = AlarmHistory("")
    history.hear(LEAK, 91 * SECOND)
    assert history.hear(AlarmStatus(AlarmState.CLEAR, 0, omitted=1), 95 * SECOND) == {}
    assert history.alarms[KEY].is_sensed


def test_no_end_lies_before_the_beginning_whatever_the_clock_does() -> None:
    history = AlarmHistory("")
    history.hear(LEAK, 0)
    history.hear(CLEAR, 5 * SECOND)
    assert until(history) == 90.0


def test_the_end_of_everything_ends_what_is_sensed() -> None:
    history = AlarmHistory("")
    history.hear(LEAK, 91 * SECOND)
    assert list(history.end(94 * SECOND)) == [KEY]
    assert history.end(99 * SECOND) == {}


def test_so_many_are_remembered() -> None:
    history = AlarmHistory("")
    for number in range(1, MOST_REMEMBERED + 10):
        history.hear(replace(LEAK, alarms=(replace(ALARM, number=number),)), 91 * SECOND)
    assert [key.number for key in history.alarms] == list(range(10, MOST_REMEMBERED + 10))
