"""What is held out, what a class held out of training leaves, and what a run measures."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_benchmark as small
import torch

from gas_fusion_ros.alarm.settings import PROFILES
from gas_fusion_ros.base.dataset import Dataset
from training.benchmark import runs
from training.benchmark.contenders import Contender
from training.benchmark.runs import run_contender, without_class
from training.data.splits import BACKWARD, BLOCKED, FORWARD, STRICT, SplitSettings
from training.temporal.alarm import HeldStreams, leak_probabilities, probabilities_of
from training.temporal.bench import CHOICE_SEED, STRICT_READINGS, Bench
from training.temporal.encoder_fitting import EncoderAnswers
from training.temporal.nested import Choice, NestedError, Outside, choose
from training.temporal.recipes import Recipe

SPLIT = SplitSettings(BLOCKED, 0.2, 0.4, small.EMBARGO)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_folder(tmp_path_factory.mktemp("runs_data"), small.made_recording())


@pytest.fixture(scope="module")
def bench(folder: Path) -> Bench:
    return Bench.of(Dataset.load(folder))


@pytest.fixture(scope="module", autouse=True)
def patched() -> Iterator[None]:
    with small.short_onsets():
        yield


@pytest.mark.parametrize(
    "split",
    [SPLIT, SplitSettings(FORWARD, 0.3, None, 8), SplitSettings(BACKWARD, 0.3, None, 8)],
    ids=lambda split: split.name,
)
def test_test_rows_are_sealed_and_apart(bench: Bench, split: SplitSettings) -> None:
    test, outside = bench.held_out(split, 0)
    assert np.isnan(outside.recording.counts[test]).all()
    assert np.isfinite(outside.part.counts).all()
    same = bench.recording.labels[test][:, np.newaxis] == bench.recording.labels[outside.rows]
    assert np.abs(test[:, np.newaxis] - outside.rows)[same].min() > split.embargo
    assert outside.clean == bench.clean == small.CLEAN


def test_the_strict_protocol_knows_full_windows_only(bench: Bench) -> None:
    split = SplitSettings(STRICT, 0.2, None, small.EMBARGO)
    places = np.arange(len(bench.recording.labels)) % small.ROWS
    tests = []
    for seed in range(4):
        test, outside = bench.held_out(split, seed)
        for rows in (test, outside.rows):
            assert places[rows].min() >= STRICT_READINGS - 1
        assert len(test) == 4 * round(0.2 * (small.ROWS - STRICT_READINGS + 1))
        tests.append(test.tobytes())
    assert len(set(tests)) > 1


@pytest.mark.parametrize("held", range(4))
def test_a_class_never_seen_carries_no_label_and_no_row(bench: Bench, held: int) -> None:
    _, outside = bench.held_out(SPLIT, 0)
    part = without_class(outside, held)
    before, after = outside.recording.labels, part.recording.labels
    assert (after[before == held] == -1).all()
    assert set(after[before != held]) == {0, 1, 2}
    assert not (before[part.rows] == held).any()
    assert part.classes == 3
    if held == small.CLEAN:
        assert part.clean is None
    else:
        assert part.clean is not None
        assert (before[part.rows[after[part.rows] == part.clean]] == small.CLEAN).all()
    fitted = small.RECIPE.fit(part, 0)
    assert fitted.answer(part.windows(small.RECIPE.window)).logits.shape[1] == 3


def test_probabilities_are_calibrated_by_the_temperature() -> None:
    answers = EncoderAnswers(torch.tensor([[4.0, 0.0, 0.0, 0.0]]), torch.zeros(1))
    warm, cold = (probabilities_of(answers, temperature) for temperature in (4.0, 0.5))
    np.testing.assert_allclose(warm.sum(), 1, atol=1e-6)
    assert warm[0, 0] < cold[0, 0]
    np.testing.assert_allclose(leak_probabilities(answers, 4.0, 0), 1 - warm[:, 0])


def test_the_alarm_is_tuned_on_held_out_rows_where_there_is_clean_air(bench: Bench) -> None:
    _, outside = bench.held_out(SPLIT, 0)
    choice = choose(small.CONTENDER.recipes, outside, CHOICE_SEED)
    streams = HeldStreams.of(choice, outside)
    assert streams is not None
    tuned = streams.tune()
    assert tuple(tuned) == PROFILES
    rates = [alarm.false_alarms_per_hour for alarm in tuned.values()]
    missed = [alarm.missed for alarm in tuned.values()]
    assert rates == sorted(rates)
    assert missed == sorted(missed, reverse=True)
    assert HeldStreams.of(choice, replace(outside, clean=None)) is None


def test_a_run_does_not_choose_by_its_test_rows(bench: Bench) -> None:
    test, _ = bench.held_out(SPLIT, 0)
    counts = bench.recording.counts.copy()
    counts[test] = counts[test][::-1]
    other = replace(bench, recording=replace(bench.recording, counts=counts))
    first, second = (next(run_contender(data, small.CONTENDER, SPLIT, [0])) for data in (bench, other))
    for name in ("candidate", "candidates", "inner_accuracy", "temperature", "alarm", "rows"):
        assert getattr(first, name) == getattr(second, name), name
    assert first.accuracy > second.accuracy


def test_a_contender_that_rejects_nothing_has_no_figures_of_it(bench: Bench) -> None:
    quiet = Contender("quiet", "quiet", {"eight": small.RECIPE})
    (result,) = run_contender(bench, quiet, SPLIT, [0])
    assert result.rejected is None
    assert result.reject_auroc is None


def test_held_out_windows_hold_no_row_that_trains(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all training rows' readings others once the fit is done, the test would come out the same."""
    # So near that windows would reach over the embargo.
    near = replace(SPLIT, embargo=2)
    results = [next(run_contender(bench, small.CONTENDER, near, [0]))]
    _, outside = bench.held_out(near, 0)
    measure = runs._measure

    def poisoned(bench: Bench, *arguments: object) -> object:
        counts = bench.recording.counts.copy()
        counts[outside.rows] = 1e4
        changed = replace(bench, recording=replace(bench.recording, counts=counts))
        return measure(changed, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "_measure", poisoned)
    results.append(next(run_contender(bench, small.CONTENDER, near, [0])))
    first, second = (replace(result, seconds=0.0) for result in results)
    assert first == second


def test_too_few_rows_for_a_choice_are_named(bench: Bench) -> None:
    _, outside = bench.held_out(SPLIT, 0)
    with pytest.raises(NestedError, match="too few rows outside the test"):
        choose(small.CONTENDER.recipes, replace(outside, rows=outside.rows[:4]), CHOICE_SEED)


@pytest.mark.parametrize(
    ("split", "choices"), [(SPLIT, 1), (SplitSettings(STRICT, 0.2, None, small.EMBARGO), 2)]
)
def test_one_choice_serves_all_seeds_but_where_the_seed_moves_the_test(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, split: SplitSettings, choices: int
) -> None:
    sealed = []

    def counted(recipes: Mapping[str, Recipe], outside: Outside, seed: int) -> Choice:
        sealed.append(outside.barred)
        return choose(recipes, outside, seed)

    monkeypatch.setattr(runs, "choose", counted)
    assert len(list(run_contender(bench, small.CONTENDER, split, [0, 1]))) == 2
    assert len(sealed) == choices
    assert len({rows.tobytes() for rows in sealed}) == choices
