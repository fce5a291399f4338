"""The baseline follows slow drift of calm air alone, within its bounds, whenever verdicts come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.baseline_tracker import BaselineTracker
from gas_fusion_ros.array.settings import TrackingSettings

S = 10**9
HOUR_S = 3600
DELAY_S = 60
SETTINGS = TrackingSettings(rate=0.5, limit=0.3, delay_ns=DELAY_S * S)


def values(*by_channel: float) -> npt.NDArray[np.float32]:
    return np.array(by_channel, dtype=np.float32)


def play(
    tracker: BaselineTracker,
    seconds: int,
    of: npt.NDArray[np.float32],
    start_s: int = 0,
    is_calm: bool = True,
) -> npt.NDArray[np.float32]:
    """Play the same reading every second; return the last one from the moved baseline."""
    tracked = of
    for second in range(start_s, start_s + seconds):
        tracked = tracker.track(second * S, of)
        tracker.judge(second * S, is_calm)
    return tracked


def test_what_drifts_slowly_is_followed_and_single_channels_for_themselves() -> None:
    tracker = BaselineTracker(SETTINGS, 3)
    tracked = play(tracker, HOUR_S, values(0.2, -0.1, np.nan))
    np.testing.assert_allclose(tracker.drift, [0.2, -0.1, 0.0], atol=0.002)
    np.testing.assert_allclose(tracked, [0.0, 0.0, np.nan], atol=0.002)


def test_it_comes_to_lie_at_the_median_of_noise_and_spikes() -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    rng = np.random.default_rng(0)
    noise = rng.normal(0.15, 0.1, 2 * HOUR_S) + 3.0 * (rng.random(2 * HOUR_S) < 0.05)
    for second, deviation in enumerate(noise):
        tracker.track(second * S, values(deviation))
        tracker.judge(second * S, is_calm=True)
    assert tracker.drift[0] == pytest.approx(0.15, abs=0.03)


def test_nothing_moves_without_a_rate() -> None:
    tracker = BaselineTracker(TrackingSettings(), 1)
    assert play(tracker, HOUR_S, values(0.2)) == values(0.2)
    assert tracker.drift == 0


def test_it_moves_by_no_more_than_its_limit() -> None:
    tracker = BaselineTracker(SETTINGS, 2)
    play(tracker, 2 * HOUR_S, values(2.0, -2.0))
    np.testing.assert_allclose(tracker.drift, [0.3, -0.3], atol=1e-6)


@pytest.mark.parametrize("suspected_at_s", [0, 70, 130, 199, 299])
def test_nothing_counts_within_the_delay_before_and_after_a_suspicion(suspected_at_s: int) -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    counted = []
    for second in range(300):
        before = tracker.drift[0]
        tracker.track(second * S, values(1.0))
        if tracker.drift[0] != before:
            counted.append(second - 2 * DELAY_S)
        tracker.judge(second * S, second != suspected_at_s)
    assert counted == [s for s in range(300 - 2 * DELAY_S) if abs(s - suspected_at_s) >= DELAY_S]


def test_a_reading_that_nobody_judged_does_not_count() -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    for second in range(HOUR_S):
        tracker.track(second * S, values(0.2))
    assert tracker.drift == 0


@given(
    lags=st.lists(st.integers(0, DELAY_S - 1), min_size=400, max_size=400),
    suspected=st.sets(st.integers(0, 399), max_size=3),
)
def test_a_late_verdict_changes_nothing(lags: list[int], suspected: set[int]) -> None:
    """What the live node's worker says seconds later counts as what an evaluation says at once."""
    prompt, late = BaselineTracker(SETTINGS, 1), BaselineTracker(SETTINGS, 1)
    rng = np.random.default_rng(1)
    due: dict[int, list[int]] = {}
    for second, lag in enumerate(lags):
        due.setdefault(second + lag, []).append(second)
    for second in range(400):
        reading = values(rng.normal(0.1, 0.05))
        assert prompt.track(second * S, reading) == late.track(second * S, reading)
        prompt.judge(second * S, second not in suspected)
        for judged in due.get(second, ()):
            late.judge(judged * S, judged not in suspected)


@given(
    st.lists(
        st.tuples(st.integers(-30, 400), st.floats(-5, 5, width=32), st.booleans(), st.booleans()),
        max_size=300,
    )
)
def test_no_stream_moves_it_faster_than_its_rate_or_beyond_its_limit(
    stream: list[tuple[int, float, bool, bool]],
) -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    now_s, passed_s = 1000, 0
    for step_s, deviation, is_judged, is_calm in stream:
        now_s += step_s
        passed_s += abs(step_s)
        tracker.track(now_s * S, values(deviation))
        if is_judged:
            tracker.judge(now_s * S, is_calm)
        bound = min(SETTINGS.limit, SETTINGS.rate * (passed_s + 1) / HOUR_S)
        assert abs(float(tracker.drift[0])) <= bound + 1e-6


def test_a_pause_and_a_clock_set_back_begin_anew_without_a_jump() -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    play(tracker, 200, values(0.2))
    followed = float(tracker.drift[0])
    for start_s in (10 * HOUR_S, 5 * HOUR_S):
        play(tracker, DELAY_S, values(0.2), start_s)
        assert float(tracker.drift[0]) == pytest.approx(followed)
    play(tracker, 200, values(0.2), 5 * HOUR_S + DELAY_S)
    assert tracker.drift[0] > followed


def test_forgetting_keeps_the_baseline_where_it_is() -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    play(tracker, HOUR_S, values(0.2))
    tracker.forget()
    assert play(tracker, 30, values(0.2)) == pytest.approx(values(0.0), abs=0.002)


def test_what_waits_is_bounded_by_time_at_any_pace() -> None:
    tracker = BaselineTracker(SETTINGS, 1)
    for tick in range(100 * 200):
        tracker.track(tick * S // 100, values(0.1))
    assert tracker.waiting <= 2 * DELAY_S + 1
