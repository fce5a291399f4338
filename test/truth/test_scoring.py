"""The scoring, on runs whose figures are known by hand and on any run hypothesis can think of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.truth.scoring import (
    Interval,
    Leak,
    Score,
    ScoreSettings,
    alarm_intervals,
    is_false,
    label_intervals,
    leak_of,
    leaks_of,
    one_at_a_time,
    score,
)

S = 1_000_000_000
SETTINGS = ScoreSettings(grace_ns=20 * S, min_leak_ns=30 * S)


def interval(start_s: int, end_s: int, label: str = "Smoke") -> Interval:
    return Interval(label, start_s * S, end_s * S)


def leak(start_s: int, end_s: int, label: str = "Smoke") -> Leak:
    return Leak.without_aftermath(interval(start_s, end_s, label))


def scored(leaks: list[Leak], alarms: list[Interval]) -> Score:
    return score(leaks, alarms, SETTINGS)


def test_an_alarm_in_a_leak_finds_it_and_its_delay_is_measured() -> None:
    result = scored([leak(100, 160)], [interval(107, 175)])
    assert (result.leaks, result.alarms, result.missed_leaks, result.false_alarms) == (1, 1, 0, 0)
    assert result.detection_delays_s == (7.0,)


def test_a_leak_without_alarm_is_missed_unless_it_was_too_short() -> None:
    result = scored([leak(100, 160), leak(300, 329)], [])
    assert result.missed_leaks == 1
    assert result.leaks_too_short == (2,)
    assert result.detection_delays_s == (None, None)


def test_an_alarm_in_clean_air_is_false() -> None:
    assert scored([leak(100, 160)], [interval(200, 210)]).false_alarms == 1
    assert scored([], [interval(5, 6)]).false_alarms == 1
    assert scored([leak(100, 160)], [interval(90, 150)]).false_alarms == 1


def test_the_grace_period_ends() -> None:
    smoke = leak(100, 160)
    assert not is_false(interval(150, 180), [smoke], SETTINGS.grace_ns)
    assert is_false(interval(150, 181), [smoke], SETTINGS.grace_ns)
    assert not is_false(interval(170, 175), [smoke], SETTINGS.grace_ns)


def test_an_alarm_after_the_leak_does_not_find_it() -> None:
    assert scored([leak(100, 160)], [interval(165, 175)]).missed_leaks == 1


def test_a_leak_under_a_standing_alarm_is_neither_found_nor_missed() -> None:
    result = scored([leak(100, 160), leak(170, 230, "Perfume")], [interval(105, 240)])
    assert (result.missed_leaks, result.false_alarms) == (0, 0)
    assert result.detection_delays_s == (5.0, None)
    assert result.leaks_under_standing_alarm == (2,)
    assert result.leaks_too_short == ()


def test_an_alarm_of_its_own_finds_a_leak_that_began_under_another() -> None:
    result = scored([leak(100, 160), leak(170, 230, "Perfume")], [interval(105, 175), interval(190, 230)])
    assert result.detection_delays_s == (5.0, 20.0)
    assert result.leaks_under_standing_alarm == ()


def test_an_alarm_that_never_ends_is_false() -> None:
    assert scored([leak(100, 160), leak(300, 360)], [interval(105, 400)]).false_alarms == 1


def test_the_signs_before_and_after_a_leak_are_no_clean_air() -> None:
    smoke = Leak("Smoke", 100 * S, 160 * S, first_sign_ns=97 * S, recovered_ns=200 * S)
    assert not is_false(interval(97, 220), [smoke], SETTINGS.grace_ns)
    assert is_false(interval(96, 220), [smoke], SETTINGS.grace_ns)
    assert is_false(interval(97, 221), [smoke], SETTINGS.grace_ns)
    assert scored([smoke], [interval(98, 150)]).detection_delays_s == (-2.0,)


@pytest.mark.parametrize(("off_delay_s", "grace_s"), [(0, 10), (10, 20), (60, 70)])
def test_the_grace_period_outlasts_the_off_delay_of_the_alarm(off_delay_s: int, grace_s: int) -> None:
    assert ScoreSettings.for_alarm(off_delay_s * S).grace_ns == grace_s * S


def test_each_alarm_is_an_interval_of_its_own() -> None:
    states = [
        (1, {}),
        (3, {1: "Smoke"}),
        (4, {1: "Smoke"}),
        (7, {1: "Smoke", 2: "Perfume"}),
        (9, {2: "Perfume"}),
        (10, {}),
        (11, {3: "Perfume"}),
        (12, {3: "Mixture"}),  # as in bags of old, where an alarm could change its gas
    ]
    intervals = alarm_intervals(states, 13)
    assert intervals == [
        Interval("Smoke", 3, 9),
        Interval("Perfume", 7, 10),
        Interval("Perfume", 11, 12),
        Interval("Mixture", 12, 13),
    ]
    assert one_at_a_time(intervals)[0] == Interval("Smoke", 3, 7)
    assert one_at_a_time(intervals)[1:] == intervals[1:]


def test_an_alarm_belongs_to_the_latest_leak_that_it_began_on() -> None:
    leaks = [
        Leak("Smoke", 10 * S, 20 * S, first_sign_ns=8 * S, recovered_ns=30 * S),
        Leak("Smoke", 25 * S, 40 * S, first_sign_ns=22 * S, recovered_ns=50 * S),
    ]
    found = [leak_of(interval(start, 99), leaks, 5 * S) for start in (7, 8, 21, 22, 34, 55, 56)]
    assert found == [None, 0, 0, 1, 1, 1, None]


def test_label_intervals_touch_and_leaks_are_those_with_gas() -> None:
    labels = [(0, "NoGas"), (1, "NoGas"), (2, "Smoke"), (3, "Smoke"), (4, "NoGas")]
    intervals = label_intervals(labels)
    assert intervals == [Interval("NoGas", 0, 2), Interval("Smoke", 2, 4), Interval("NoGas", 4, 4)]
    assert leaks_of(intervals) == [Leak("Smoke", 2, 4, 2, 4)]


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="end_ns 1 of Smoke"):
        Interval("Smoke", 2, 1)
    with pytest.raises(ValueError, match="first_sign_ns 3 and recovered_ns 4 of Smoke"):
        Leak("Smoke", 2, 4, first_sign_ns=3, recovered_ns=4)
    with pytest.raises(ValueError, match="grace_ns is -1"):
        ScoreSettings(grace_ns=-1)


LEAKS = st.lists(
    st.tuples(st.integers(5, 60), st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)).map(
        lambda drawn: Leak(
            "g", drawn[0], drawn[0] + drawn[1], drawn[0] - drawn[2], drawn[0] + drawn[1] + drawn[3]
        )
    ),
    max_size=5,
)


@given(leaks=LEAKS, alarm=st.tuples(st.integers(0, 60), st.integers(0, 30)), grace=st.integers(0, 10))
def test_false_means_some_instant_is_uncovered(leaks: list[Leak], alarm: tuple[int, int], grace: int) -> None:
    tested = Interval("g", alarm[0], sum(alarm))
    # Half steps, because an uncovered gap between two integers has no integer in it.
    instants = [tested.start_ns + i / 2 for i in range(2 * alarm[1] + 1)]
    uncovered = any(
        not any(leak.first_sign_ns <= t <= leak.recovered_ns + grace for leak in leaks) for t in instants
    )
    assert is_false(tested, leaks, grace) == uncovered
