"""Spliced streams: clean air, then a gas, at the place that they name and of the rows that were given."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace

import numpy as np
import pytest
import small_benchmark as small

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.onsets import AFTER, BEFORE, LEAD, splice_onsets
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording

WINDOW = WindowSettings(8)
ROWS = np.concatenate([np.arange(start, start + 70) for start in (10, 140, 270, 400)])


@pytest.fixture(scope="module")
def numbered() -> Recording:
    """A recording whose readings are their rows' numbers."""
    recording = small.made_recording()
    numbers = np.arange(len(recording.labels), dtype=np.float32)
    return replace(recording, counts=np.repeat(numbers[:, np.newaxis], 2, axis=1))


def test_there_are_as_many_streams_of_each_gas_as_asked_for(numbered: Recording) -> None:
    onsets = splice_onsets(numbered, ROWS, small.CLEAN, WINDOW, per_gas=3)
    assert [onset.gas for onset in onsets] == [0, 0, 0, 2, 2, 2, 3, 3, 3]


def test_a_stream_is_clean_rows_then_a_gas_s_rows(numbered: Recording) -> None:
    for onset in splice_onsets(numbered, ROWS, small.CLEAN, WINDOW):
        newest = onset.windows.values[:, -1, 0].astype(int)
        assert onset.at == LEAD
        assert len(newest) == LEAD + AFTER
        assert np.isin(newest, ROWS).all()
        assert (numbered.labels[newest[: onset.at]] == small.CLEAN).all()
        assert (numbered.labels[newest[onset.at :]] == onset.gas).all()
        np.testing.assert_array_equal(numbered.labels[newest], onset.windows.labels)
        steps = np.diff(newest)
        assert (np.delete(steps, onset.at - 1) == 1).all()


def test_windows_reach_over_the_splice(numbered: Recording) -> None:
    for onset in splice_onsets(numbered, ROWS, small.CLEAN, WINDOW):
        assert onset.windows.valid.all()
        newest = onset.windows.values[:, -1, 0]
        # Three readings into the leak, the others are of clean air.
        np.testing.assert_array_equal(
            onset.windows.values[onset.at + 2, :, 0], newest[onset.at - 5 : onset.at + 3]
        )


def test_the_earliest_air_fills_the_first_window(numbered: Recording) -> None:
    longest = WindowSettings(BEFORE - LEAD + 1)
    for onset in splice_onsets(numbered, ROWS, small.CLEAN, longest):
        assert onset.windows.valid.all()


def test_places_are_spread_over_the_block(numbered: Recording) -> None:
    smoke = [onset for onset in splice_onsets(numbered, ROWS, small.CLEAN, WINDOW) if onset.gas == 3]
    first = [onset.windows.values[onset.at, -1, 0] for onset in smoke]
    assert first[0] == 400
    assert first[-1] == 400 + 70 - AFTER
    assert len(set(first)) == len(first) == 4


@pytest.mark.parametrize(("start", "rows", "gases"), [(140, BEFORE - 1, set()), (270, AFTER - 1, {0, 3})])
def test_blocks_that_are_too_short_give_none(
    numbered: Recording, start: int, rows: int, gases: set[int]
) -> None:
    shortened = np.setdiff1d(ROWS, np.arange(start + rows, start + 70))
    onsets = splice_onsets(numbered, shortened, small.CLEAN, WINDOW)
    assert {onset.gas for onset in onsets} == gases


def test_time_goes_on_at_the_rows_pace(numbered: Recording) -> None:
    twice = WindowSettings(4, 2 * ROW_PERIOD_NS)
    onset = splice_onsets(numbered, ROWS, small.CLEAN, twice)[0]
    np.testing.assert_array_equal(np.diff(onset.windows.values[0, :, 0]), [2, 2, 2])
