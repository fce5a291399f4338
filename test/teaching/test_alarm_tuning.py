"""The alarm's tuning against the alarm, reading by reading, and against every setting of a small grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, LeakAlarm, Severity
from gas_fusion_ros.teaching.alarm_tuning import (
    GRID,
    AlarmGrid,
    AlarmTuning,
    alarm_curve,
    detection_delays,
    false_alarms_per_hour,
    tune_alarm,
)

SECOND = 1_000_000_000
ALARM = AlarmSettings(
    {"Smoke": Severity.CRITICAL, "Perfume": Severity.WARNING}, 0.7, 0.4, 4 * SECOND, 10 * SECOND
)
SMALL = AlarmGrid((0.9, 0.6), (0.7, 0.4), (6.0, 2.0, 0.0), (20.0, 4.0))
PERIOD_S = 2.0
Stream = npt.NDArray[np.float64]


def stream(*stretches: tuple[float, int]) -> Stream:
    """A stream from (probability, readings)."""
    return np.concatenate([np.full(readings, value) for value, readings in stretches])


streams = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 0.4, 0.55, 0.69, 0.7, 0.95, 1.0]), st.integers(1, 8)),
    min_size=1,
    max_size=12,
).map(lambda stretches: stream(*stretches))


def raised(leaks: Stream, alarm_settings: AlarmSettings, period_s: float = PERIOD_S) -> list[int]:
    """Readings that raise an alarm, from showing each one to an alarm whose operator acknowledges at once."""
    period_ns = round(period_s * SECOND)
    alarm = LeakAlarm(alarm_settings, 10**15)
    at = []
    for index, value in enumerate(leaks):
        now = 10**15 + index * period_ns
        events = alarm.update(now, {"Smoke": float(value), "leak": float(value)})
        if any(event.raises_alarm for event in events):
            at.append(index)
            assert alarm.acknowledge(now).success
    return at


@given(st.lists(streams, min_size=1, max_size=3), st.sampled_from([0.5, 2.0, 4.0, 12.0]))
def test_false_alarms_are_those_of_the_alarm_shown_every_reading(
    several: list[Stream], period_s: float
) -> None:
    for chosen in (ALARM, replace(ALARM, on_delay_ns=0, off_delay_ns=0), replace(ALARM, off_threshold=0.7)):
        alarms = sum(len(raised(each, chosen, period_s)) for each in several)
        hours = sum(map(len, several)) * period_s / 3600
        assert false_alarms_per_hour(several, chosen, period_s) == pytest.approx(alarms / hours)


@given(streams, st.data())
def test_a_delay_is_that_of_the_first_alarm_since_the_onset(leaks: Stream, data: st.DataObject) -> None:
    onset = data.draw(st.integers(0, len(leaks) - 1))
    expected = [at - onset for at in raised(leaks, ALARM) if at >= onset]
    assert detection_delays([(leaks, onset)], ALARM, PERIOD_S) == [expected[0] if expected else None]


@given(streams)
def test_single_precision_is_compared_as_the_alarm_compares_it(leaks: Stream) -> None:
    single = leaks.astype(np.float32)
    hours = len(leaks) * PERIOD_S / 3600
    assert false_alarms_per_hour([single], ALARM, PERIOD_S) == pytest.approx(
        len(raised(single.astype(np.float64), ALARM)) / hours
    )


@pytest.mark.parametrize(
    ("stretches", "alarms"),
    [
        ([(0.1, 50)], 0),
        ([(0.1, 10), (0.9, 2), (0.1, 10)], 0),  # shorter than the on-delay
        ([(0.1, 10), (0.9, 3), (0.1, 10)], 1),
        ([(0.9, 200)], 1),  # however long
        ([(0.9, 3), (0.1, 5), (0.9, 3)], 1),  # gone for 8 of 10 seconds when it returns
        ([(0.9, 3), (0.1, 6), (0.9, 3)], 2),
        ([(0.9, 3), (0.5, 20), (0.9, 3)], 1),  # between the thresholds it goes on
    ],
)
def test_a_bout_counts_once(stretches: list[tuple[float, int]], alarms: int) -> None:
    leaks = stream(*stretches)
    assert false_alarms_per_hour([leaks], ALARM, PERIOD_S) == pytest.approx(alarms * 1800 / len(leaks))


def test_each_stream_is_a_run_of_its_own() -> None:
    half = stream((0.9, 2))
    assert false_alarms_per_hour([half, half], ALARM, PERIOD_S) == 0
    assert false_alarms_per_hour([np.concatenate([half, half])], ALARM, PERIOD_S) > 0


def test_delays_are_counted_from_the_onset() -> None:
    at_once = (stream((0.0, 5), (1.0, 9)), 5)
    late = (stream((0.0, 7), (1.0, 9)), 5)
    missed = (stream((0.0, 5), (0.6, 9)), 5)
    deaf = (stream((0.9, 5), (1.0, 9)), 5)  # an alarm from before still stands
    assert detection_delays([at_once, late, missed, deaf], ALARM, PERIOD_S) == [2, 4, None, None]
    assert detection_delays([], ALARM, PERIOD_S) == []


@settings(max_examples=40)
@given(
    st.lists(streams, min_size=1, max_size=3),
    st.lists(st.tuples(streams, st.just(0)), min_size=1, max_size=3),
    st.sampled_from([0.0, 60.0, 1e4]),
)
def test_the_choice_is_the_best_of_the_grid(
    clean: list[Stream], onsets: list[tuple[Stream, int]], target: float
) -> None:
    tuning = tune_alarm(clean, onsets, PERIOD_S, target, SMALL)
    figures = []
    for chosen in SMALL.settings():
        rate = false_alarms_per_hour(clean, chosen, PERIOD_S)
        delays = detection_delays(onsets, chosen, PERIOD_S)
        heard = [delay for delay in delays if delay is not None]
        figures.append((rate, delays.count(None) / len(delays), np.median(heard) if heard else np.inf))
    within = [figure for figure in figures if figure[0] <= target]
    if not within:
        within = [figure for figure in figures if figure[0] == min(figures)[0]]
    assert (tuning.false_alarms_per_hour <= target) == any(rate <= target for rate, _, _ in figures)
    best = min(within, key=lambda figure: (figure[1], figure[2], figure[0]))
    delay = np.inf if tuning.detection_delay_readings is None else tuning.detection_delay_readings
    assert (tuning.false_alarms_per_hour, tuning.missed, delay) == pytest.approx(best)
    assert false_alarms_per_hour(clean, tuning.settings, PERIOD_S) == tuning.false_alarms_per_hour


def test_an_easy_case_is_detected_at_once_and_the_most_cautious_of_equals_wins() -> None:
    tuning = tune_alarm([stream((0.0, 1800))], [(stream((0.0, 20), (1.0, 30)), 20)], PERIOD_S)
    assert tuning == AlarmTuning(0.99, 0.4, 0.0, 20.0, 0.0, 0.0, 0.0)


def test_noisier_clean_air_costs_delay() -> None:
    quiet, noisy = stream((0.0, 1800)), np.tile(stream((0.0, 96), (1.0, 4)), 18)
    leak = [(stream((0.0, 20), (1.0, 30)), 20)]
    assert tune_alarm([quiet], leak, PERIOD_S).detection_delay_readings == 0
    tuning = tune_alarm([noisy], leak, PERIOD_S)
    assert tuning.false_alarms_per_hour == 0
    # Bouts of four readings last six seconds.
    assert tuning.on_delay_s == 8
    assert tuning.detection_delay_readings == 4


def test_a_target_out_of_reach_shows_in_the_figure() -> None:
    always = np.tile(stream((0.0, 50), (1.0, 50)), 18)
    tuning = tune_alarm([always], [(stream((0.0, 20), (1.0, 30)), 20)], PERIOD_S)
    assert tuning.false_alarms_per_hour == pytest.approx(18)


def test_fewer_missed_leaks_come_before_an_earlier_alarm() -> None:
    # At 0.9 one leak is detected at once and the other never; at 0.6 with a delay clean air stays quiet.
    clean = np.tile(stream((0.0, 90), (0.7, 1)), 20)
    leaks = [(stream((1.0, 30)), 0), (stream((0.7, 30)), 0)]
    tuning = tune_alarm([clean], leaks, PERIOD_S, 0.0, SMALL)
    assert (tuning.on_threshold, tuning.missed, tuning.on_delay_s) == (0.6, 0.0, 2.0)


def test_a_leak_that_nothing_detects_has_no_delay() -> None:
    tuning = tune_alarm([stream((0.0, 100))], [(stream((0.0, 9)), 3)], PERIOD_S)
    assert (tuning.missed, tuning.detection_delay_readings) == (1.0, None)


def test_the_advice_is_what_a_bundle_has() -> None:
    tuning = AlarmTuning(0.9, 0.4, 4.0, 30.0, 0.25, 3.0, 0.0)
    assert tuning.advice(2.0) == {
        "on_threshold": 0.9,
        "off_threshold": 0.4,
        "on_delay_s": 4.0,
        "off_delay_s": 30.0,
        "false_alarms_per_hour": 0.25,
        "missed": 0.0,
        "delay_s": 6.0,
    }
    assert (tuning.settings.on_delay_ns, tuning.settings.off_delay_ns) == (4 * SECOND, 30 * SECOND)


def test_the_grid_is_made_of_what_the_alarm_takes() -> None:
    assert len(list(GRID.settings())) == 7 * 3 * 9 * 2
    assert {(each.on_threshold, each.off_threshold) for each in SMALL.settings()} == {
        *((0.9, 0.7), (0.9, 0.4), (0.6, 0.4)),
    }


QUIET = stream((0.0, 10))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda: tune_alarm([QUIET], [], PERIOD_S),
            "onset_streams is empty; there must be at least one leak",
        ),
        (lambda: tune_alarm([], [(QUIET, 0)], PERIOD_S), "streams hold no reading"),
        (lambda: tune_alarm([QUIET], [(QUIET, 0)], PERIOD_S, -1), "target is -1; it must be a finite number"),
        (lambda: tune_alarm([QUIET], [(QUIET, 0)], 0.0), r"period_s is 0\.0; it must be"),
        (
            lambda: tune_alarm([QUIET], [(QUIET, 0)], PERIOD_S, grid=AlarmGrid((0.5,), (0.6,))),
            "grid has no settings",
        ),
        (
            lambda: detection_delays([(QUIET, 10)], ALARM, PERIOD_S),
            "onset is at 10; .* stream of 10 readings",
        ),
        (lambda: false_alarms_per_hour([np.array([np.nan])], ALARM, PERIOD_S), "must hold probabilities"),
        (lambda: false_alarms_per_hour([np.array([1.1])], ALARM, PERIOD_S), "must hold probabilities"),
        (lambda: false_alarms_per_hour([np.zeros((2, 2))], ALARM, PERIOD_S), r"shape \(T,\), not \(2, 2\)"),
    ],
)
def test_what_cannot_be_tuned_is_named(call: Callable[[], Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 200))
def test_the_curve_is_what_tuning_reaches_for_each_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quiet = [rng.uniform(0, 1, 200).astype(np.float32) ** 3 for _ in range(2)]
    leaks = [(np.concatenate((rng.uniform(0, 0.3, 20), rng.uniform(0, 1, 40))), 20) for _ in range(5)]
    grid = AlarmGrid((0.9, 0.6), (0.4, 0.2), (6.0, 2.0, 0.0), (10.0,))
    curve = alarm_curve(quiet, leaks, 2.0, grid)
    assert [one.false_alarms_per_hour for one in curve] == sorted(
        {one.false_alarms_per_hour for one in curve}
    )
    assert [one.missed for one in curve] == sorted({one.missed for one in curve}, reverse=True)
    for point in curve:
        best = tune_alarm(quiet, leaks, 2.0, point.false_alarms_per_hour, grid)
        assert best.missed == point.missed
