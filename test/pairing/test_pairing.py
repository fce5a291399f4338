"""The pairing against its rule by brute force, and each irregularity by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.pairing.image_history import MOST_BYTES
from gas_fusion_ros.pairing.pairing import Pair, Pairing, PairingSettings

MS = 1_000_000
FAR = 10**15
Event = tuple[str, int]
"""`("reading" | "image", stamp)` in the order of arrival."""


def settings(**changes: int) -> PairingSettings:
    """Nothing times out and nothing is assumed, unless `changes` say so."""
    base = {"slop_ns": 10, "wait_ns": FAR, "future_tolerance_ns": FAR, "reset_jump_ns": FAR}
    return PairingSettings(**{**base, "silence_ns": FAR, "thermal_only_period_ns": 0, **changes})


def feed(
    pairing: Pairing[str, str], kind: str, stamp: int, now: int = 0, arrival: int = 0
) -> list[Pair[str, str]]:
    if kind == "reading":
        return pairing.add_reading(stamp, f"r{stamp}", now, arrival)
    return pairing.add_image(stamp, f"i{stamp}", now, arrival)


def play(pairing: Pairing[str, str], events: Sequence[Event], now: int = 0) -> list[tuple[str | None, ...]]:
    """Feed `events`, flush, and return (reading, image) of what came out, in order."""
    out = [pair for kind, stamp in events for pair in feed(pairing, kind, stamp, now)]
    return items(out + pairing.flush())


def items(pairs: Sequence[Pair[str, str]]) -> list[tuple[str | None, ...]]:
    return [(pair.reading, pair.image) for pair in pairs]


def nearest(stamp: int, images: Sequence[int], slop: int) -> int | None:
    """The rule by brute force: nearest within slop, of two the earlier."""
    within = [image for image in images if abs(image - stamp) <= slop]
    return min(within, key=lambda image: (abs(image - stamp), image), default=None)


def expected(readings: Sequence[int], images: Sequence[int], slop: int) -> list[tuple[str | None, ...]]:
    best = {stamp: nearest(stamp, images, slop) for stamp in readings}
    return [(f"r{stamp}", None if image is None else f"i{image}") for stamp, image in best.items()]


def interleave(readings: Sequence[int], images: Sequence[int], choices: Sequence[bool]) -> list[Event]:
    """Merge two streams, each in its order; `choices` says whose turn it is."""
    left, right, events = list(readings), list(images), []
    for reading_first in [*choices, *[True] * (len(left) + len(right))]:
        if left and (reading_first or not right):
            events.append(("reading", left.pop(0)))
        elif right:
            events.append(("image", right.pop(0)))
    return events


def assert_nothing_lost(pairing: Pairing[str, str]) -> None:
    c = pairing.counters
    assert c.readings == c.pairs + c.gas_only + c.dropped_readings + c.readings_waiting
    assert c.images == c.images_used + c.images_unused + c.dropped_images + c.images_waiting


stamps = st.lists(st.integers(1, 300), unique=True, max_size=25).map(sorted)
choices = st.lists(st.booleans(), max_size=50)
slops = st.integers(0, 40)


@given(stamps, stamps, choices, slops)
def test_in_order_streams_give_the_true_nearest_in_any_interleaving(
    readings: list[int], images: list[int], turns: list[bool], slop: int
) -> None:
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=slop))
    assert play(pairing, interleave(readings, images, turns)) == expected(readings, images, slop)
    assert_nothing_lost(pairing)


@given(stamps, st.lists(st.integers(7, 40), max_size=20), choices, slops, st.integers(0, 7))
def test_a_true_lower_bound_on_the_frame_interval_changes_no_pair(
    readings: list[int], gaps: list[int], turns: list[bool], slop: int, bound: int
) -> None:
    images = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=slop, min_image_interval_ns=bound))
    assert play(pairing, interleave(readings, images, turns)) == expected(readings, images, slop)
    assert pairing.counters.interval_violations == 0


@given(stamps, stamps, choices, slops, st.integers(0, 60))
def test_waiting_in_stamps_changes_no_pair_while_images_lag_by_no_more_than_wait_minus_slop(
    readings: list[int], images: list[int], turns: list[bool], slop: int, spare: int
) -> None:
    events: list[Event] = []
    missing = list(images)
    for kind, stamp in interleave(readings, images, turns):
        if kind == "image" and stamp not in missing:
            continue
        while kind == "reading" and missing and missing[0] < stamp - spare:
            events.append(("image", missing.pop(0)))
        if kind == "image":
            missing.remove(stamp)
        events.append((kind, stamp))
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=slop, wait_ns=slop + spare))
    assert play(pairing, events) == expected(readings, images, slop)


def arrivals(kind: str, stamps: Sequence[int], delays: Sequence[int]) -> list[tuple[int, str, int]]:
    """(arrival, kind, stamp) over a transport that delays but keeps the order."""
    out: list[tuple[int, str, int]] = []
    for stamp, delay in zip(stamps, delays, strict=True):
        out.append((max(stamp + delay, out[-1][0] if out else 0), kind, stamp))
    return out


@given(stamps, stamps, st.lists(st.integers(0, 50), min_size=50, max_size=50), slops, st.integers(1, 20))
def test_live_equals_offline_while_images_are_delayed_by_no_more_than_wait_minus_slop(
    readings: list[int], images: list[int], delays: list[int], slop: int, tick: int
) -> None:
    events = arrivals("reading", readings, delays[: len(readings)])
    events += arrivals("image", images, delays[: len(images)])
    ticks = [(now, "tick", 0) for now in range(1, 500, tick)]
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=slop, wait_ns=slop + 50))
    out = []
    for now, kind, stamp in sorted(events + ticks, key=lambda event: (event[0], event[1])):
        out += pairing.tick(now) if kind == "tick" else feed(pairing, kind, stamp, now)
    assert items(out) == expected(readings, images, slop)


kinds = st.sampled_from(["reading", "reading", "image", "image", "tick", "flush"])
ages = st.one_of(st.integers(-5, 30), st.integers(-60, 150))
clock_steps = st.one_of(st.integers(0, 20), st.integers(-100, 100))


@given(
    st.lists(st.tuples(kinds, ages, clock_steps), max_size=60),
    st.integers(0, 40),
    st.integers(0, 60),
    st.integers(1, 4),
    st.sampled_from([0, 40, 1000]),
)
def test_whatever_comes_every_reading_and_image_is_accounted_for(
    steps: list[tuple[str, int, int]], slop: int, wait: int, history: int, start: int
) -> None:
    pairing: Pairing[str, str] = Pairing(
        settings(
            slop_ns=slop,
            wait_ns=wait,
            image_history=history,
            reset_jump_ns=50,
            future_tolerance_ns=30,
            silence_ns=80,
            thermal_only_period_ns=20,
        )
    )
    now, given_in = start, 0
    out: list[Pair[str, str]] = []
    for kind, age, step in steps:
        now += step
        stamp = now - age
        if kind == "tick":
            out += pairing.tick(now)
        elif kind == "flush":
            out += pairing.flush()
        else:
            given_in += kind == "reading"
            out += feed(pairing, kind, stamp, now)
        assert_nothing_lost(pairing)
    out += pairing.reset()
    assert_nothing_lost(pairing)
    c = pairing.counters
    assert (c.readings_waiting, c.images_waiting) == (0, 0)
    assert c.readings == given_in == sum(p.reading is not None for p in out) + c.dropped_readings
    assert c.pairs == sum(p.reading is not None and p.image is not None for p in out)
    assert c.gas_only == sum(p.image is None for p in out)
    assert c.thermal_only == sum(p.reading is None for p in out)
    runs = [pair.stretch for pair in out]
    assert runs == sorted(runs)
    assert not runs or (runs[0] >= 0 and runs[-1] < c.resets)
    for pair in out:
        if pair.reading_stamp_ns is not None and pair.image_stamp_ns is not None:
            assert abs(pair.image_stamp_ns - pair.reading_stamp_ns) <= slop


@given(st.permutations([10, 20, 30, 40, 50, 60]), st.permutations([12, 22, 31, 47, 58]), choices)
def test_readings_out_of_order_are_used_and_never_lost(
    readings: list[int], images: list[int], turns: list[bool]
) -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    out = play(pairing, interleave(readings, images, turns))
    assert sorted(reading for reading, _ in out if reading) == [f"r{stamp}" for stamp in sorted(readings)]
    assert_nothing_lost(pairing)


@given(stamps, st.lists(st.integers(1, 300), max_size=10))
def test_repeated_deliveries_change_no_pair(readings: list[int], images: list[int]) -> None:
    images = sorted(set(images))
    events = interleave(readings, images, [True, False] * 30)
    pairing: Pairing[str, str] = Pairing(settings())
    assert play(pairing, [event for event in events for _ in range(2)]) == expected(readings, images, 10)
    assert pairing.counters.duplicate_readings == len(readings)
    assert pairing.counters.duplicate_images == len(images)


def test_a_reading_goes_on_as_soon_as_an_image_at_or_after_it_is_in() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    assert feed(pairing, "image", 95, arrival=1) == []
    assert feed(pairing, "reading", 100, arrival=5) == []
    (pair,) = feed(pairing, "image", 107, arrival=9)
    assert (pair.image, pair.reading_stamp_ns, pair.image_stamp_ns, pair.arrival_ns) == ("i95", 100, 95, 5)


def test_of_two_equally_near_images_the_earlier_is_taken() -> None:
    assert play(Pairing(settings()), [("image", 95), ("reading", 100), ("image", 105)]) == [("r100", "i95")]


def test_slop_zero_pairs_equal_stamps_only() -> None:
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=0))
    events = [("reading", 5), ("image", 5), ("reading", 8), ("image", 9)]
    assert play(pairing, events) == [("r5", "i5"), ("r8", None)]


def test_one_image_serves_several_readings() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    events = [("reading", 98), ("reading", 99), ("image", 100), ("reading", 103), ("image", 200)]
    assert play(pairing, events) == [("r98", "i100"), ("r99", "i100"), ("r103", "i100")]
    assert pairing.counters.images_used == 1


@pytest.mark.parametrize(
    ("reading", "goes_on"),
    [(10, True), (13, True), (15, True), (16, False), (18, False), (20, False)],
)
def test_a_declared_frame_interval_decides_before_the_next_image(reading: int, goes_on: bool) -> None:
    pairing: Pairing[str, str] = Pairing(settings(min_image_interval_ns=10))
    feed(pairing, "image", 10)
    assert bool(feed(pairing, "reading", reading)) is goes_on


def test_a_reading_that_no_image_can_reach_goes_on_at_once() -> None:
    pairing: Pairing[str, str] = Pairing(settings(slop_ns=2, min_image_interval_ns=100))
    feed(pairing, "image", 1000)
    assert items(feed(pairing, "reading", 1090)) == [("r1090", None)]
    assert feed(pairing, "reading", 1098) == []


def test_a_camera_faster_than_declared_is_counted() -> None:
    pairing: Pairing[str, str] = Pairing(settings(min_image_interval_ns=10))
    play(pairing, [("image", 10), ("image", 19), ("image", 29)])
    assert pairing.counters.interval_violations == 1


def test_a_reading_without_image_goes_on_alone_after_its_wait() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50))
    feed(pairing, "reading", 100, now=101)
    assert pairing.tick(150) == []
    assert items(pairing.tick(151)) == [("r100", None)]
    assert pairing.counters.timeouts == 1


def test_after_its_wait_a_reading_takes_the_best_image_there_is() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50))
    feed(pairing, "image", 95, now=100)
    feed(pairing, "reading", 100, now=101)
    assert items(pairing.tick(151)) == [("r100", "i95")]


def test_without_a_clock_the_wait_is_over_when_the_readings_have_gone_past_it() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50))
    feed(pairing, "reading", 100)
    assert feed(pairing, "reading", 150) == []
    assert items(feed(pairing, "reading", 151)) == [("r100", None)]


def test_a_leap_of_the_clock_releases_what_waits() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50))
    feed(pairing, "reading", 100, now=101)
    assert items(pairing.tick(10**12)) == [("r100", None)]


def test_the_wait_begins_when_the_clock_begins() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50, silence_ns=100))
    feed(pairing, "reading", 1000, now=0)
    assert pairing.tick(990) == []
    assert items(pairing.tick(1040)) == [("r1000", None)]


def test_a_simulated_clock_may_begin_at_zero() -> None:
    pairing: Pairing[str, str] = Pairing(PairingSettings(slop_ns=20 * MS))
    out = []
    for tick in range(1, 40):
        stamp = tick * 50 * MS
        out += pairing.add_image(stamp, "i", stamp, 0)
        out += pairing.add_reading(stamp + MS, "r", stamp + MS, 0)
    assert len(out) == 38
    assert all(pair.image == "i" for pair in out)
    assert pairing.counters.resets == 0


@pytest.mark.parametrize("stamp", [0, -5])
def test_a_stamp_that_is_not_set_is_dropped_and_counted(stamp: int) -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    assert play(pairing, [("reading", stamp), ("image", stamp)]) == []
    assert (pairing.counters.zero_stamp_readings, pairing.counters.zero_stamp_images) == (1, 1)


def test_a_reading_from_the_future_goes_on_alone_and_an_image_from_there_is_dropped() -> None:
    pairing: Pairing[str, str] = Pairing(settings(future_tolerance_ns=20))
    assert feed(pairing, "image", 121, now=100) == []
    assert items(feed(pairing, "reading", 121, now=100)) == [("r121", None)]
    assert feed(pairing, "reading", 120, now=100) == []
    assert (pairing.counters.future_images, pairing.counters.future_readings) == (1, 1)


def test_before_the_clock_starts_nothing_is_from_the_future() -> None:
    pairing: Pairing[str, str] = Pairing(settings(future_tolerance_ns=20))
    assert play(pairing, [("image", 500), ("reading", 501)], now=0) == [("r501", "i500")]


def test_a_late_reading_goes_on_at_once_with_its_image() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    for event in [("image", 100), ("reading", 120), ("image", 125)]:
        feed(pairing, *event)
    assert items(feed(pairing, "reading", 103)) == [("r103", "i100")]
    assert pairing.counters.late_readings == 1


def test_a_late_image_is_used_where_still_in_time() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    events = [("image", 100), ("image", 140), ("image", 120), ("reading", 121)]
    assert play(pairing, events) == [("r121", "i120")]
    assert pairing.counters.late_images == 1


def test_an_image_older_than_the_whole_history_is_dropped_and_counted() -> None:
    pairing: Pairing[str, str] = Pairing(settings(image_history=2))
    play(pairing, [("image", 100), ("image", 110), ("image", 90)])
    assert pairing.counters.stale_images == 1
    assert_nothing_lost(pairing)


def test_a_history_too_short_for_the_readings_is_counted() -> None:
    pairing: Pairing[str, str] = Pairing(settings(image_history=2))
    events = [("image", 100), ("image", 110), ("image", 120), ("reading", 101), ("reading", 111)]
    assert play(pairing, events) == [("r101", "i110"), ("r111", "i110")]
    assert pairing.counters.history_overruns == 1


def test_a_reading_whose_image_was_kept_is_no_overrun() -> None:
    pairing: Pairing[str, str] = Pairing(settings(image_history=2))
    events = [("image", 100), ("image", 110), ("image", 120), ("reading", 106)]
    assert play(pairing, events) == [("r106", "i110")]
    assert pairing.counters.history_overruns == 0


def test_a_looping_bag_starts_a_new_run_and_loses_nothing() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    run: list[Event] = [("reading", 100), ("image", 102), ("reading", 200), ("image", 202), ("reading", 205)]
    once = expected([100, 200, 205], [102, 202], 10)
    assert play(pairing, run * 3) == once * 3
    assert pairing.counters.resets == 2
    assert_nothing_lost(pairing)


def test_a_pair_carries_the_run_that_it_belongs_to() -> None:
    """Also where it is decided only by the message that ends the run."""
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    events = [(kind, stamp) for _ in range(3) for stamp in (100, 300) for kind in ("reading", "image")]
    out = [pair for kind, stamp in events for pair in feed(pairing, kind, stamp)] + pairing.flush()
    assert [(pair.reading, pair.stretch) for pair in out] == [
        (reading, run) for run in range(3) for reading in ("r100", "r300")
    ]


def test_a_reading_that_waits_while_its_run_ends_carries_the_old_run() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    for stamp in (480, 500, 100):
        assert feed(pairing, "reading", stamp) == []
    ended = feed(pairing, "reading", 110)
    assert [(pair.reading, pair.stretch) for pair in ended] == [("r480", 0), ("r500", 0)]
    assert [(pair.reading, pair.stretch) for pair in pairing.reset()] == [("r100", 1), ("r110", 1)]
    feed(pairing, "reading", 120)
    assert [pair.stretch for pair in pairing.flush()] == [2]


def test_an_image_alone_carries_its_run_too() -> None:
    pairing: Pairing[str, str] = Pairing(settings(silence_ns=1))
    pairing.reset()
    assert [pair.stretch for pair in feed(pairing, "image", 10, now=10)] == []
    assert [pair.stretch for pair in feed(pairing, "image", 20, now=20)] == [1]


@given(choices, choices, st.integers(2, 4))
def test_every_run_of_a_looping_bag_gives_the_same_pairs(
    turns: list[bool], more_turns: list[bool], loops: int
) -> None:
    readings, images = list(range(100, 1100, 100)), list(range(95, 1100, 37))
    runs = [interleave(readings, images, turns if n % 2 else more_turns) for n in range(loops)]
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=600))
    assert play(pairing, [event for run in runs for event in run]) == expected(readings, images, 10) * loops
    assert pairing.counters.resets == loops - 1


@pytest.mark.parametrize("stamps", [[100, 140, 180], [100, 180]])
def test_a_new_run_may_climb_to_where_the_old_one_ended(stamps: list[int]) -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    run: list[Event] = [("reading", stamp) for stamp in stamps]
    assert len(play(pairing, run * 3)) == 3 * len(stamps)
    assert pairing.counters.resets == 2


def test_a_looping_clock_starts_a_new_run() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50, future_tolerance_ns=20, wait_ns=30))
    feed(pairing, "reading", 500, now=501)
    assert items(pairing.tick(100)) == [("r500", None)]
    assert pairing.counters.resets == 1
    feed(pairing, "reading", 101, now=102)
    assert items(feed(pairing, "image", 104, now=105)) == [("r101", "i104")]


def test_a_clock_set_back_behind_the_stamps_of_a_bag_starts_no_new_run() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50, wait_ns=30))
    feed(pairing, "reading", 10, now=50_000)
    assert pairing.tick(40_000) == []
    assert items(pairing.tick(40_030)) == [("r10", None)]
    assert pairing.counters.resets == 0


def test_large_images_are_kept_as_far_as_their_memory_is_bounded() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    for stamp in range(1, 21):
        pairing.add_image(1000 * stamp, f"i{stamp}", 1000 * stamp, 0, 16 << 20)
        assert_nothing_lost(pairing)
    assert pairing.counters.images_waiting == MOST_BYTES // (16 << 20) == 8
    pairing.add_image(21_000, "huge", 21_000, 0, 10 * MOST_BYTES)
    assert pairing.counters.images_waiting == 1
    pairing.add_image(22_000, "small", 22_000, 0, 1)
    assert pairing.counters.images_waiting == 1, "the huge one has left"
    assert_nothing_lost(pairing)


def test_one_very_late_reading_is_no_new_run() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    events = [("image", 500), ("reading", 510), ("reading", 100), ("reading", 520), ("image", 511)]
    assert play(pairing, events) == [("r100", None), ("r510", "i511"), ("r520", "i511")]
    assert (pairing.counters.resets, pairing.counters.late_readings) == (0, 1)


def test_one_very_late_image_is_no_new_run() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    feed(pairing, "image", 500)
    feed(pairing, "image", 100)
    assert pairing.counters.images_waiting == 2
    assert play(pairing, [("reading", 505), ("image", 540)]) == [("r505", "i500")]
    assert (pairing.counters.resets, pairing.counters.stale_images) == (0, 1)
    assert_nothing_lost(pairing)


@pytest.mark.parametrize("kind", ["reading", "image"])
def test_a_very_late_message_delivered_twice_is_no_new_run(kind: str) -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    out = play(pairing, [(kind, 500), (kind, 100), (kind, 100), (kind, 510)])
    assert len(out) == (3 if kind == "reading" else 0)
    counters = pairing.counters
    assert (counters.resets, counters.duplicate_readings + counters.duplicate_images) == (0, 1)


@pytest.mark.parametrize(("step_back", "resets"), [(50, 0), (51, 1)])
def test_stamps_may_go_back_by_the_reset_jump_and_no_further(step_back: int, resets: int) -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    play(pairing, [("reading", 500), ("reading", 500 - step_back), ("reading", 500 - step_back + 1)])
    assert pairing.counters.resets == resets


def test_a_very_late_reading_waits_no_longer_than_any_other() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50, wait_ns=30))
    feed(pairing, "image", 500, now=500)
    feed(pairing, "reading", 500, now=500)
    assert feed(pairing, "reading", 100, now=510) == []
    assert items(pairing.tick(540)) == [("r100", None)]
    feed(pairing, "reading", 200, now=2510)
    assert pairing.counters.resets == 1


def test_a_clock_set_back_lets_a_very_late_reading_wait_anew() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50, wait_ns=30))
    feed(pairing, "reading", 500, now=9000)
    pairing.tick(9030)
    feed(pairing, "reading", 100, now=9040)
    assert pairing.tick(8000) == []
    assert pairing.tick(8029) == []
    assert items(pairing.tick(8030)) == [("r100", None)]


def test_a_new_run_seen_on_both_streams_at_once_pairs_its_first_messages() -> None:
    pairing: Pairing[str, str] = Pairing(settings(reset_jump_ns=50))
    for event in [("image", 500), ("reading", 500), ("reading", 100)]:
        feed(pairing, *event)
    assert items(feed(pairing, "image", 101)) == [("r100", "i101")]
    assert pairing.counters.resets == 1


def test_reset_hands_over_what_waits_and_forgets_the_images() -> None:
    pairing: Pairing[str, str] = Pairing(settings())
    feed(pairing, "image", 100)
    feed(pairing, "reading", 103)
    assert items(pairing.reset()) == [("r103", "i100")]
    assert play(pairing, [("reading", 101)]) == [("r101", None)]


def test_after_a_reset_the_gas_array_has_its_full_time_to_speak() -> None:
    pairing: Pairing[str, str] = Pairing(settings(silence_ns=100))
    feed(pairing, "reading", 1000, now=1000)
    pairing.reset()
    assert feed(pairing, "image", 5000, now=5000) == []
    assert items(feed(pairing, "image", 5100, now=5100)) == [(None, "i5100")]


def test_images_go_on_alone_while_the_gas_array_is_silent() -> None:
    pairing: Pairing[str, str] = Pairing(settings(silence_ns=100, thermal_only_period_ns=40))
    out = [feed(pairing, "image", stamp, now=stamp) for stamp in range(1000, 1200, 20)]
    assert [pair.image for pairs in out for pair in pairs] == ["i1100", "i1140", "i1180"]
    feed(pairing, "reading", 1200, now=1200)
    assert [pair.reading for pair in feed(pairing, "image", 1220, now=1220)] == ["r1200"]
    assert pairing.counters.thermal_only == 3


def test_readings_alone_all_go_on_in_order() -> None:
    pairing: Pairing[str, str] = Pairing(settings(wait_ns=50))
    out = [pair for stamp in range(100, 1000, 20) for pair in feed(pairing, "reading", stamp, now=stamp)]
    out += pairing.flush()
    assert [pair.reading_stamp_ns for pair in out] == list(range(100, 1000, 20))
    assert all(pair.image is None for pair in out)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slop_ns", -1),
        ("wait_ns", -1),
        ("reset_jump_ns", 0),
        ("silence_ns", 0),
        ("image_history", 0),
        ("slop_ns", 0.5),
    ],
)
def test_a_bad_setting_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        PairingSettings(**{name: value})  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.sampled_from(["reading", "image"]), st.integers(-120, 120), st.integers(0, 60)),
        min_size=1,
        max_size=25,
    )
)
def test_the_next_deadline_is_when_the_next_reading_goes_on(drawn: list[tuple[str, int, int]]) -> None:
    def played() -> Pairing[str, str]:
        pairing: Pairing[str, str] = Pairing(settings(wait_ns=40, reset_jump_ns=50))
        now = 1000
        for kind, delay, since in drawn:
            now += since
            feed(pairing, kind, now - delay, now=now)
        return pairing

    deadline = played().next_deadline_ns
    if deadline is None:
        assert not played().tick(FAR)
        return
    assert not played().tick(deadline - 1)
    assert played().tick(deadline)
