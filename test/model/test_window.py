"""Windows against their rule by brute force, whatever the readings and however they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gas_fusion_ros.model import window
from gas_fusion_ros.model.window import MAX_GAP, Window, WindowHistory, WindowSettings, resample

PERIOD = 100
CHANNELS = 2
SETTINGS = WindowSettings(readings=4, period_ns=PERIOD)
GAP = MAX_GAP * PERIOD


@dataclass(frozen=True)
class Readings:
    """Readings with ascending stamps, shape (R,), and counts, shape (R, C)."""

    stamps: npt.NDArray[np.int64]
    counts: npt.NDArray[np.float32]

    def only(self, kept: npt.NDArray[np.bool_]) -> Readings:
        return Readings(self.stamps[kept], self.counts[kept])

    def window(self, at: int) -> Window:
        """The window that ends at `at`, of all readings."""
        return resample(self.stamps, self.counts, SETTINGS.points(np.array([at])), GAP)

    def window_from_history(self, order: Sequence[int], at: int) -> Window:
        """The same from a history that takes the readings in that order."""
        history = WindowHistory(SETTINGS, CHANNELS)
        for index in order:
            history.add(int(self.stamps[index]), self.counts[index])
        return history.window(at)


counts_or_nan = st.one_of(st.just(float("nan")), st.integers(0, 1023).map(float))


@st.composite
def some_readings(draw: st.DrawFn, span: int = 3 * PERIOD + GAP, least: int = 0) -> Readings:
    stamps = sorted(draw(st.lists(st.integers(1, span), unique=True, min_size=least, max_size=20)))
    row = st.lists(counts_or_nan, min_size=CHANNELS, max_size=CHANNELS)
    rows = draw(st.lists(row, min_size=len(stamps), max_size=len(stamps)))
    return Readings(
        np.array(stamps, dtype=np.int64), np.array(rows, dtype=np.float32).reshape(len(stamps), CHANNELS)
    )


def assert_same(window: Window, other: Window) -> None:
    np.testing.assert_array_equal(window.valid, other.valid)
    np.testing.assert_array_equal(window.values, other.values)


def is_valid(stamps: Sequence[int], point: int) -> bool:
    """The rule by brute force: a reading of that very stamp, or one on each side, near each other."""
    before = [stamp for stamp in stamps if stamp < point]
    after = [stamp for stamp in stamps if stamp > point]
    return point in stamps or bool(before and after and min(after) - max(before) <= GAP)


@given(some_readings(), st.integers(1, 700))
def test_a_value_lies_on_the_line_between_the_valid_readings_beside_it(readings: Readings, at: int) -> None:
    window = readings.window(at)
    points = SETTINGS.points(np.array([at]))[0]
    assert window.values.shape == window.valid.shape == (1, 4, CHANNELS)
    for channel in range(CHANNELS):
        finite = readings.only(np.isfinite(readings.counts[:, channel]))
        if len(finite.stamps):
            expected = np.interp(points, finite.stamps, finite.counts[:, channel])
        else:
            expected = np.zeros(len(points))
        np.testing.assert_allclose(window.values[0, :, channel], expected, rtol=1e-5, atol=1e-3)


@given(some_readings(), st.integers(1, 700))
def test_a_value_is_valid_where_readings_near_enough_stand_behind_it(readings: Readings, at: int) -> None:
    window = readings.window(at)
    for channel in range(CHANNELS):
        stamps = readings.only(np.isfinite(readings.counts[:, channel])).stamps.tolist()
        points = SETTINGS.points(np.array([at]))[0].tolist()
        expected = [is_valid(stamps, point) for point in points]
        assert window.valid[0, :, channel].tolist() == expected


@given(some_readings(), st.integers(1, 700))
def test_a_reading_that_is_nan_throughout_is_as_good_as_none(readings: Readings, at: int) -> None:
    alive = readings.only(np.any(np.isfinite(readings.counts), axis=1))
    assert_same(readings.window(at), alive.window(at))


@given(some_readings(), st.integers(1, 700))
def test_no_channel_has_an_influence_on_another(readings: Readings, at: int) -> None:
    window = readings.window(at)
    alone = Readings(readings.stamps, readings.counts[:, :1]).window(at)
    np.testing.assert_array_equal(window.values[..., :1], alone.values)
    np.testing.assert_array_equal(window.valid[..., :1], alone.valid)


def test_every_value_is_a_number_where_no_channel_ever_had_one() -> None:
    nothing = Readings(np.zeros(0, dtype=np.int64), np.zeros((0, CHANNELS), dtype=np.float32))
    window = nothing.window(1)
    assert not window.valid.any()
    assert not window.values.any()


@pytest.mark.parametrize(("gap", "valid"), [(GAP, True), (GAP + 1, False)])
def test_a_line_is_drawn_over_the_greatest_gap_and_no_further(gap: int, valid: bool) -> None:
    readings = Readings(np.array([0, gap]), np.array([[0, 0], [gap, gap]], dtype=np.float32))
    window = resample(readings.stamps, readings.counts, np.array([[PERIOD]]), GAP)
    np.testing.assert_allclose(window.values, PERIOD)
    assert window.valid.all() == valid


@given(
    st.lists(st.integers(1, GAP), min_size=1, max_size=60),
    st.integers(0, 500),
    st.integers(-3, 3),
)
def test_a_linear_signal_is_the_same_at_any_reading_rate(steps: list[int], start: int, slope: int) -> None:
    stamps = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    at = int(stamps[-1])
    line = start + slope * stamps / PERIOD
    readings = Readings(stamps, np.repeat(line[:, np.newaxis], CHANNELS, axis=1).astype(np.float32))
    window = readings.window(at)
    points = SETTINGS.points(np.array([at]))[0]
    reached = points >= 0
    expected = start + slope * points[reached] / PERIOD
    np.testing.assert_array_equal(window.valid[0, :, 0], reached)
    np.testing.assert_allclose(window.values[0, reached, 0], expected, rtol=1e-5, atol=1e-3)


@given(some_readings(least=1), st.randoms(use_true_random=False))
def test_late_readings_in_any_order_give_the_same_window(readings: Readings, random: object) -> None:
    order = list(range(len(readings.stamps)))
    random.shuffle(order)  # type: ignore[attr-defined]
    at = int(readings.stamps[-1])
    assert_same(readings.window_from_history(order, at), readings.window_from_history(sorted(order), at))


@given(some_readings(least=1), st.integers(1, 700))
def test_a_history_gives_what_its_readings_give(readings: Readings, at: int) -> None:
    """Readings that no window reaches may decide what stands where a value is not valid, and no more."""
    window = readings.window_from_history(range(len(readings.stamps)), at)
    everything = readings.only(readings.stamps <= at).window(at)
    np.testing.assert_array_equal(window.valid, everything.valid)
    np.testing.assert_array_equal(window.values[window.valid], everything.values[window.valid])
    assert np.isfinite(window.values).all()


@given(some_readings(least=1), st.integers(1, 700))
def test_nothing_after_the_windows_end_is_used(readings: Readings, at: int) -> None:
    order = range(len(readings.stamps))
    until = [index for index in order if readings.stamps[index] <= at]
    assert_same(readings.window_from_history(order, at), readings.window_from_history(until, at))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 300)), min_size=100, max_size=200))
def test_no_reading_is_forgotten_that_a_window_reaches(steps: list[tuple[int, int]]) -> None:
    """Hundreds of readings, each up to a window's span late, come and go."""
    history = WindowHistory(SETTINGS, CHANNELS)
    arrived: dict[int, npt.NDArray[np.float32]] = {}
    now = 1000
    for step, late in steps:
        now += step
        stamp = now - late
        counts = np.array([stamp % 1000, len(arrived)], dtype=np.float32)
        history.add(stamp, counts)
        arrived[stamp] = counts
        reached = [other for other in sorted(arrived) if stamp - SETTINGS.span_ns - GAP <= other <= stamp]
        readings = Readings(np.array(reached), np.stack([arrived[other] for other in reached]))
        assert_same(history.window(stamp), readings.window(stamp))


def test_a_history_keeps_no_more_than_its_windows_reach() -> None:
    history = WindowHistory(SETTINGS, CHANNELS)
    for stamp in range(10_000):
        history.add(stamp, np.zeros(CHANNELS, dtype=np.float32))
    assert len(history) <= 4 * (2 * SETTINGS.span_ns + GAP)


MOST = 200


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a history keep a few readings at most, so that tests reach its limit."""
    monkeypatch.setattr(window, "_MOST_READINGS", MOST)


any_stamp = st.one_of(st.integers(1, 2**63 - 1), st.integers(1, 2000), st.integers(10**18, 10**18 + 2000))


@pytest.mark.usefixtures("few")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(any_stamp, min_size=1, max_size=1500))
def test_the_number_of_readings_is_bounded_whatever_stamps_come(stamps: list[int]) -> None:
    history = WindowHistory(SETTINGS, CHANNELS)
    for number, stamp in enumerate(stamps):
        history.add(stamp, np.full(CHANNELS, number, dtype=np.float32))
        assert len(history) <= 2 * MOST
        newest = history.window(stamp)
        np.testing.assert_array_equal(newest.values[0, -1], number)
        assert newest.valid[0, -1].all()


@pytest.mark.parametrize("ahead", [10**12, -(10**12)])
def test_two_sources_on_two_clocks_neither_grow_nor_cost_each_other_their_windows(ahead: int) -> None:
    one, mixed = WindowHistory(SETTINGS, CHANNELS), WindowHistory(SETTINGS, CHANNELS)
    longest = 0
    for number in range(5000):
        stamp, counts = 10**15 + 10 * number, np.full(CHANNELS, number % 1000, dtype=np.float32)
        one.add(stamp, counts)
        mixed.add(stamp, counts)
        mixed.add(stamp + ahead, counts)
        assert_same(mixed.window(stamp), one.window(stamp))
        longest = max(longest, len(mixed))
    assert longest < 1000


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), any_stamp), min_size=1, max_size=20))
def test_a_stamp_far_away_changes_no_other_readings_window(strays: list[tuple[int, int]]) -> None:
    """Readings a period apart, and among them some of any time; such as come near take part, as they must."""
    stray_at = {place: stamp for place, stamp in strays if abs(stamp - 10**15) > 10**6}
    clean, disturbed = WindowHistory(SETTINGS, CHANNELS), WindowHistory(SETTINGS, CHANNELS)
    for place in range(400):
        counts = np.array([place, 1.0], dtype=np.float32)
        if place in stray_at:
            disturbed.add(stray_at[place], -counts)
        for history in (clean, disturbed):
            history.add(10**15 + place * PERIOD, counts)
        at = 10**15 + place * PERIOD
        assert_same(disturbed.window(at), clean.window(at))


@pytest.mark.usefixtures("few")
def test_of_too_many_readings_the_nearest_to_the_newest_are_kept() -> None:
    history = WindowHistory(WindowSettings(4, period_ns=10**9), 1)
    for stamp in range(1, 5000):
        history.add(stamp, np.array([float(stamp)], dtype=np.float32))
    assert history.window(4999).valid[0, -1, 0]
    kept = history._stamps[: len(history)]
    np.testing.assert_array_equal(kept, np.arange(5000 - len(kept), 5000))


def test_a_reading_with_the_stamp_of_another_takes_its_place() -> None:
    history = WindowHistory(SETTINGS, CHANNELS)
    for counts in (1, 2):
        history.add(PERIOD, np.full(CHANNELS, counts, dtype=np.float32))
    np.testing.assert_array_equal(history.window(PERIOD).values[0, -1], 2)


def test_a_cleared_history_is_empty() -> None:
    history = WindowHistory(SETTINGS, CHANNELS)
    history.add(PERIOD, np.ones(CHANNELS, dtype=np.float32))
    history.clear()
    assert not history.window(PERIOD).valid.any()


def test_the_points_end_at_the_stamp_and_stretch_with_the_pace() -> None:
    at = np.array([1000, 2000])
    np.testing.assert_array_equal(SETTINGS.points(at), [[700, 800, 900, 1000], [1700, 1800, 1900, 2000]])
    np.testing.assert_array_equal(
        SETTINGS.points(at, np.array([1.0, 0.5])), [[700, 800, 900, 1000], [1850, 1900, 1950, 2000]]
    )


@pytest.mark.parametrize("name", ["readings", "period_ns"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_a_setting_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, not {value}"):
        WindowSettings(**{name: value})  # type: ignore[arg-type]


def test_one_stamp_far_ahead_costs_no_other_reading_its_place() -> None:
    settings = WindowSettings(40)
    history = WindowHistory(settings, 1)
    history.add(10**18, np.array([1.0], dtype=np.float32))
    for place in range(400):
        history.add(place * settings.period_ns, np.array([float(place)], dtype=np.float32))
        assert history.window(place * settings.period_ns).valid.sum() == min(place + 1, 40)
