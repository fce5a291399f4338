"""Values that come channel by channel become readings of all channels."""

from __future__ import annotations

import math

import numpy as np

from gas_fusion_ros.drivers.gas.latest_values import LatestValues

MS = 1_000_000
EPOCH = 1_700_000_000_000 * MS


def values(channels: int = 3) -> LatestValues:
    return LatestValues(channels, wait_ns=500 * MS, max_age_ns=2000 * MS, at_ns=0)


def take(latest: LatestValues, place: int, value: float, at_ms: int, stamp_ms: int | None = None) -> None:
    stamp_ns = EPOCH + (at_ms if stamp_ms is None else stamp_ms) * MS
    latest.take([place], np.array([value], np.float32), stamp_ns, at_ms * MS)


def due(latest: LatestValues, at_ms: int) -> tuple[float, list[float]] | None:
    joined = latest.due(at_ms * MS)
    return None if joined is None else ((joined.stamp_ns - EPOCH) / MS, joined.counts.tolist())


def test_a_reading_waits_for_all_channels_and_has_the_newest_stamp() -> None:
    latest = values()
    assert due(latest, 0) is None
    for place, at_ms in ((1, 10), (0, 20)):
        take(latest, place, float(place), at_ms)
        assert due(latest, at_ms) is None
    take(latest, 2, 2.0, 30)
    assert due(latest, 30) == (30.0, [0.0, 1.0, 2.0])
    assert due(latest, 1000) is None  # nothing new came


def test_a_late_channel_keeps_its_value_and_the_others_wait_no_longer_than_told() -> None:
    latest = values(2)
    take(latest, 0, 1.0, 0)
    take(latest, 1, 2.0, 0)
    assert due(latest, 0) == (0.0, [1.0, 2.0])
    take(latest, 0, 3.0, 100)
    assert due(latest, 599) is None
    assert due(latest, 600) == (100.0, [3.0, 2.0])


def test_a_silent_channel_is_nan_and_nobody_waits_for_it() -> None:
    latest = values(2)
    take(latest, 0, 1.0, 0)
    take(latest, 1, 2.0, 0)
    assert due(latest, 0) is not None
    take(latest, 0, 3.0, 2001)
    stamp, counts = due(latest, 2001) or (0.0, [])
    assert (stamp, counts[0]) == (2001.0, 3.0)
    assert math.isnan(counts[1])
    take(latest, 1, 4.0, 2100)
    take(latest, 0, 5.0, 2101)
    assert due(latest, 2101) == (2101.0, [5.0, 4.0])


def test_a_channel_that_was_never_heard_is_nan() -> None:
    latest = values(2)
    take(latest, 1, 7.0, 50)
    stamp, counts = due(latest, 550) or (0.0, [])
    assert stamp == 50.0
    assert math.isnan(counts[0])
    assert counts[1] == 7.0


def test_stamps_rise_where_channels_come_out_of_order() -> None:
    latest = values(2)
    take(latest, 0, 1.0, 0, stamp_ms=0)
    take(latest, 1, 2.0, 0, stamp_ms=40)
    first = due(latest, 0)
    take(latest, 0, 3.0, 600, stamp_ms=20)
    second = due(latest, 1100)
    assert first == (40.0, [1.0, 2.0])
    assert second == (40.000001, [3.0, 2.0])


def test_what_was_before_a_jump_of_the_clock_is_forgotten() -> None:
    latest = values(2)
    take(latest, 0, 1.0, 5000)
    take(latest, 1, 2.0, 5000)
    assert due(latest, 5000) is not None
    take(latest, 0, 3.0, 5100, stamp_ms=1000)
    stamp, counts = due(latest, 5600) or (0.0, [])
    assert (stamp, counts[0]) == (1000.0, 3.0)
    assert math.isnan(counts[1])
