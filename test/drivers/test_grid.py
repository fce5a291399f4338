"""Stamps lie on the clock's grid whoever polls, and each item is played once at its time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.grid import Grid, Playback

PERIOD = 100
START = 12_345


def make_grid(start_ns: int = 0, max_backlog: int = 10, problems: Problems | None = None) -> Grid:
    return Grid(PERIOD, start_ns, max_backlog, problems or Problems())


def make_playback(length: int, loop: bool, start_ns: int = 0) -> Playback:
    return Playback(make_grid(start_ns), PERIOD, start_ns, length, loop)


def play(playback: Playback, *times: int) -> list[tuple[int, int]]:
    return [(cue.stamp_ns, cue.index) for now in times for cue in playback.due(now)]


@given(st.lists(st.integers(1, 150), min_size=2, max_size=30))
def test_every_tick_comes_once_however_often_it_is_polled(steps: list[int]) -> None:
    grid = make_grid()
    now, stamps = START, list(grid.due(START))
    for step in steps:
        now += step
        due = grid.due(now)
        assert all(now - step < stamp <= now for stamp in due)
        stamps += due

    assert stamps == list(range(12_400, now + 1, PERIOD))


def test_nothing_comes_before_the_start() -> None:
    grid = make_grid(start_ns=500)

    assert [grid.due(now) for now in (90, 499, 500, 601)] == [[], [], [500], [600]]
    assert grid.first_ns == 500


def test_a_clock_that_does_not_run_yet_yields_nothing() -> None:
    problems = Problems()
    grid = make_grid(problems=problems)

    assert grid.due(0) == []
    assert grid.due(10**12 + 1) == []
    assert grid.due(10**12 + 101) == [10**12 + 100]
    assert problems.counts() == {}


def test_after_a_leap_only_the_newest_comes_and_the_rest_is_counted() -> None:
    problems = Problems()
    grid = make_grid(max_backlog=3, problems=problems)
    grid.due(1_000)

    assert grid.due(1_350) == [1_100, 1_200, 1_300]
    assert grid.due(2_350) == [2_300]
    assert grid.due(2_400) == [2_400]
    assert problems.counts() == {"late_poll": 1}
    assert problems.take_unreported()[0].detail.startswith("9 stamps passed unused")


def test_time_going_back_starts_anew() -> None:
    grid = make_grid()
    grid.due(5_000)

    assert grid.due(1_050) == []
    assert grid.first_ns == 1_100
    assert grid.due(1_200) == [1_100, 1_200]


def test_time_that_is_set_back_before_the_start_silences_nothing() -> None:
    grid = make_grid(start_ns=5_000)

    assert [grid.due(now) for now in (4_000, 5_000, 5_100, 1_050, 1_200, 1_300)] == [
        [],
        [5_000],
        [5_100],
        [],
        [1_100, 1_200],
        [1_300],
    ]


def test_two_loops_polled_differently_play_the_same_item_at_the_same_time() -> None:
    often = play(make_playback(7, loop=True), *range(START, START + 2_000, 30))
    rarely = play(make_playback(7, loop=True), START, *range(START + 200, START + 2_000, 500))

    assert set(rarely) <= set(often)
    assert [index for _, index in often[:8]] == [
        124 % 7,
        125 % 7,
        126 % 7,
        127 % 7,
        128 % 7,
        129 % 7,
        130 % 7,
        131 % 7,
    ]


def test_a_loop_begins_with_item_0_at_its_start() -> None:
    assert play(make_playback(2, loop=True, start_ns=300), 250, 350, 600) == [
        (300, 0),
        (400, 1),
        (500, 0),
        (600, 1),
    ]


def test_once_without_a_start_begins_at_the_first_tick_and_ends() -> None:
    playback = make_playback(3, loop=False)

    assert play(playback, 1_050, 1_200) == [(1_100, 0), (1_200, 1)]
    assert playback.state is DriverState.RUNNING
    assert play(playback, 1_310, 9_000) == [(1_300, 2)]
    assert playback.state is DriverState.FINISHED


def test_once_with_a_start_joins_at_the_item_of_the_moment() -> None:
    assert play(make_playback(5, loop=False, start_ns=1_000), 1_150, 1_300) == [(1_200, 2), (1_300, 3)]


def test_once_plays_again_when_time_goes_back() -> None:
    playback = make_playback(2, loop=False)
    play(playback, 5_000, 5_500)
    assert playback.state is DriverState.FINISHED

    assert play(playback, 1_000, 1_050) == [(1_000, 0)]
    assert playback.state is DriverState.RUNNING
