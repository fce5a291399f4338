"""The health of an array's channels."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.mq import (
    ChannelHealth,
)
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.channel_health import ChannelMonitor, ChannelSettings

S = 1_000_000_000


OK, OUT_OF_RANGE, STUCK = ChannelHealth.OK, ChannelHealth.OUT_OF_RANGE, ChannelHealth.STUCK


NAN, WARMING_UP = ChannelHealth.NAN, ChannelHealth.WARMING_UP


def monitor(**changes: float) -> ChannelMonitor:
    settings = ChannelSettings(("mq2", "mq3"), **{"warm_up_ns": 0, **changes})  # type: ignore[arg-type]
    return ChannelMonitor(settings, (1.0, 1022.0))


def health(channels: ChannelMonitor, stamp: int, first: float, second: float = 500.0) -> ChannelHealth:
    return channels.update(stamp, [first, second])[0].health


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, OUT_OF_RANGE),
        (1, OK),
        (1022, OK),
        (1023, OUT_OF_RANGE),
        (math.nan, NAN),
        (math.inf, OUT_OF_RANGE),
        (-math.inf, OUT_OF_RANGE),
    ],
)
def test_a_value_at_the_rails_is_out_of_range(value: float, expected: ChannelHealth) -> None:
    states = monitor().update(0, [value, 500])
    assert [state.health for state in states] == [expected, OK]
    assert [state.name for state in states] == ["mq2", "mq3"]


def test_masked_hides_what_is_out_of_range_and_leaves_its_input_alone() -> None:
    counts = np.array([1023.0, 400.0], np.float32)
    np.testing.assert_array_equal(monitor().masked(counts), [np.nan, 400])
    assert counts[0] == 1023


@given(st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_masked_keeps_exactly_the_values_in_range(counts: list[float]) -> None:
    for value, kept in zip(counts, monitor().masked(counts), strict=True):
        assert kept == value if 1 <= value <= 1022 else math.isnan(kept)


def test_a_value_that_does_not_change_is_stuck_until_it_does() -> None:
    channels = monitor(stuck_ns=60 * S)
    found = [health(channels, second * S, 400, second + 1) for second in range(0, 65, 5)]
    assert found == [OK] * 12 + [STUCK]
    np.testing.assert_array_equal(channels.masked([400, 500]), [400, 500])
    assert health(channels, 80 * S, 401) is OK


@pytest.mark.parametrize("stuck_ns", [60 * S, 60 * S + 3])
def test_a_pause_alone_makes_no_value_stuck(stuck_ns: int) -> None:
    channels = monitor(stuck_ns=stuck_ns)
    found = [health(channels, hour * 3600 * S, 400) for hour in range(11)]
    assert found == [OK] * 10 + [STUCK]


def test_stuck_can_be_switched_off() -> None:
    channels = monitor(stuck_ns=0)
    assert [health(channels, hour * 3600 * S, 400) for hour in range(3)] == [OK] * 3


def test_a_gap_of_nan_is_no_stuck_value() -> None:
    channels = monitor(stuck_ns=60 * S)
    values = [400] * 6 + [math.nan] + [400] * 6
    found = [health(channels, 6 * step * S, value) for step, value in enumerate(values)]
    assert found == [OK] * 6 + [NAN] + [OK] * 6


def test_all_channels_warm_up_together_from_the_first_reading() -> None:
    channels = monitor(warm_up_ns=10 * S)
    found = [health(channels, (1000 + t) * S, 400 + t) for t in (0, 9, 10)]
    assert found == [WARMING_UP, WARMING_UP, OK]
    np.testing.assert_array_equal(monitor(warm_up_ns=10 * S).masked([400, 500]), [400, 500])


def test_stamps_that_go_back_neither_cool_a_sensor_nor_stick_it() -> None:
    channels = monitor(warm_up_ns=10 * S, stuck_ns=10 * S)
    for stamp, value in ((1000, 400), (1010, 401)):
        health(channels, stamp * S, value)
    assert [health(channels, stamp * S, 401) for stamp in range(11)] == [OK] * 10 + [STUCK]


@pytest.mark.parametrize("counts", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_a_reading_of_another_size_is_refused(counts: list[float]) -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        monitor().update(0, counts)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        monitor().masked(counts)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"channels": ()}, "channels"),
        ({"channels": ("mq2", "mq2")}, "channels must be different names, at least one, not mq2, mq2"),
        ({"channels": ("mq2", "z")}, "channels must not be named z"),
        ({"stuck_ns": -1}, "stuck_ns"),
        ({"warm_up_ns": 1.5}, "warm_up_ns"),
    ],
)
def test_a_bad_setting_is_refused_by_name(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ChannelSettings(**{"channels": ("mq2",), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (1.0, 4094.0)),
        ({"maximum_counts": 3100.0}, (1.0, 3100.0)),
        ({"minimum_counts": 0.0}, (0.0, 4094.0)),
    ],
)
def test_what_is_given_goes_before_what_the_array_says(
    given: dict[str, float], expected: tuple[float, float]
) -> None:
    assert ChannelSettings(**given).plausible(1.0, 4094.0) == expected


def test_a_range_without_any_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="minimum_counts must be below maximum_counts, not 2000 and 1022"):
        ChannelSettings(minimum_counts=2000.0).plausible(1.0, 1022.0)


def test_no_channel_of_the_real_data_is_called_faulty(gas_fusion_data: Path) -> None:
    channels = ChannelMonitor(ChannelSettings(PAPER_CHANNELS, warm_up_ns=0), (1.0, 1022.0))
    with (gas_fusion_data / "Gas_Sensors_Measurements.csv").open(newline="") as file:
        for row, cells in enumerate(csv.DictReader(file)):
            counts = [float(cells[name.upper()]) for name in PAPER_CHANNELS]
            states = channels.update(row * 2 * S, counts)
            assert {state.health for state in states} == {OK}
