"""What is chosen before a test cannot depend on it, and no window crosses from one part into another."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import GasReading, Observation
from gas_fusion_ros.model.networks.window_encoders import PrototypeEncoder
from gas_fusion_ros.model.window import WindowHistory, WindowSettings
from gas_fusion_ros.teaching.onsets import AFTER, LEAD, splice_onsets
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording
from training.data.copies import NO_COPIES
from training.data.splits import BLOCKED, SplitSettings, split_rows
from training.temporal.encoder_fitting import EncoderSettings, fit_encoder
from training.temporal.nested import Outside, choose
from training.temporal.recipes import EncoderRecipe

ROWS = 120
EMBARGO = 12
LABELS = np.repeat(np.arange(4), ROWS)


def made_recording(seed: int = 0) -> Recording:
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 2, (len(LABELS), 3)), axis=0)
    counts = (400 + 60 * LABELS[:, np.newaxis] + wander).astype(np.float32)
    return Recording(counts, LABELS, np.arange(len(LABELS)) * ROW_PERIOD_NS)


def held_out(recording: Recording, position: float = 0.4) -> tuple[np.ndarray, Outside]:
    split = SplitSettings(BLOCKED, 0.2, position, EMBARGO)
    test = split_rows(LABELS, split, 0).test
    return test, Outside.of(recording, test, NO_COPIES, EMBARGO, 1)


RECIPE = EncoderRecipe(EncoderSettings(readings=8, prototypes=3, copies=1))


@settings(max_examples=30, deadline=None)
@given(
    position=st.sampled_from((0.0, 0.2, 0.5, 0.8)),
    pace=st.floats(0.5, 2.0),
    readings=st.integers(2, 30),
)
def test_no_window_holds_a_row_of_another_part(position: float, pace: float, readings: int) -> None:
    recording = made_recording()
    test, outside = held_out(recording, position)
    # A reading is its own row's number, so a window's values tell which rows it was made from.
    numbered = replace(recording, counts=np.arange(len(LABELS), dtype=np.float32)[:, np.newaxis])
    window = WindowSettings(readings)
    for rows, barred in ((test, outside.rows), (outside.rows, test)):
        cut = numbered.windows(rows, barred, window, pace)
        values = cut.values[cut.valid]
        below, above = np.floor(values).astype(int), np.ceil(values).astype(int)
        assert not np.isin(below, barred).any()
        assert not np.isin(above, barred).any()


def test_the_choice_does_not_move_with_the_test_rows() -> None:
    recording = made_recording()
    test, outside = held_out(recording)
    counts = recording.counts.copy()
    counts[test] = 1e6
    _, other = held_out(replace(recording, counts=counts))
    recipes = {"short": RECIPE, "shorter": RECIPE.with_readings(5)}
    first, second = (choose(recipes, sealed, 0) for sealed in (outside, other))
    assert (first.name, first.accuracies) == (second.name, second.accuracies)
    assert (first.temperature, first.limit) == (second.temperature, second.limit)
    assert np.isnan(outside.recording.counts[test]).all()


def test_folds_keep_the_embargo_and_leave_the_test_out() -> None:
    test, outside = held_out(made_recording())
    for fold in outside.folds():
        for rows in (fold.train, fold.held):
            assert not np.isin(rows, test).any()
        same_class = LABELS[fold.train][:, np.newaxis] == LABELS[fold.held]
        apart = np.abs(fold.train[:, np.newaxis] - fold.held)
        assert apart[same_class].min() > EMBARGO


def test_a_fit_is_its_seed_s() -> None:
    _, outside = held_out(made_recording())
    first, same, other = (fit_encoder(outside.part, RECIPE.settings, seed) for seed in (1, 1, 2))
    windows = outside.part.windows(RECIPE.window)
    torch.testing.assert_close(first.answer(windows).logits, same.answer(windows).logits)
    assert not torch.equal(first.answer(windows).logits, other.answer(windows).logits)


def test_prototypes_lie_among_standardised_statistics() -> None:
    _, outside = held_out(made_recording())
    network = fit_encoder(outside.part, RECIPE.settings, 0).network
    assert isinstance(network, PrototypeEncoder)
    assert network.prototypes.abs().max() < 5.001
    # Fitted before: as built, they are 0 and 1.
    assert network.statistics.mean.abs().min() > 0
    assert network.prototypes.abs().max() > 0


@pytest.mark.parametrize("missing", [(), (30, 31, 32, 33, 34), (70,)])
def test_live_windows_are_those_of_training(missing: tuple[int, ...]) -> None:
    """One stream of readings, taken in one by one as the node does, and cut out of the recording at once."""
    recording = made_recording()
    line = np.setdiff1d(np.arange(ROWS), missing)
    part = Recording(recording.counts[line], recording.labels[line], recording.stamps_ns[line])
    window = WindowSettings(8)
    cut = part.windows(np.arange(len(line)), np.zeros(0, dtype=np.int64), window)
    history = WindowHistory(window, 3)
    for place, stamp_ns in enumerate(part.stamps_ns.tolist()):
        history.add(stamp_ns, part.counts[place])
        live = history.window(stamp_ns)
        np.testing.assert_array_equal(live.valid[0], cut.valid[place])
        np.testing.assert_array_equal(live.values[0][live.valid[0]], cut.values[place][cut.valid[place]])


def test_onsets_are_spliced_where_they_say() -> None:
    recording = made_recording()
    for onset in splice_onsets(recording, np.arange(len(LABELS)), 1, WindowSettings(8)):
        labels = onset.windows.labels
        assert len(labels) == LEAD + AFTER
        assert (labels[: onset.at] == 1).all()
        assert (labels[onset.at :] == onset.gas).all()


def test_an_observation_takes_its_run_along() -> None:
    reading = GasReading(1, ("mq2",), np.ones(1, dtype=np.float32))
    assert Observation(reading, None).stretch == 0
