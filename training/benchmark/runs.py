"""One contender under one split: chosen and calibrated inside training data, then tested once per seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from gas_fusion_ros.alarm.settings import BALANCED
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.teaching.alarm_tuning import AlarmTuning, detection_delays, false_alarms_per_hour
from gas_fusion_ros.teaching.onsets import Onset, splice_onsets
from gas_fusion_ros.teaching.windows import TrainingPart, Windows
from training.benchmark.contenders import Contender
from training.data.images import Thermal
from training.data.splits import BLOCKED, STRICT, Indices, SplitSettings
from training.results.benchmark_result import BenchmarkResult
from training.results.code_version import code_version
from training.scoring.reliability import calibration, leak_figures, reject_auroc
from training.scoring.scores import score
from training.temporal.alarm import (
    HeldStreams,
    Probabilities,
    leak_probabilities,
    leak_streams,
    probabilities_of,
)
from training.temporal.bench import CHOICE_SEED, STRICT_READINGS, Bench
from training.temporal.encoder_fitting import EncoderAnswers
from training.temporal.nested import Choice, Outside, choose
from training.temporal.recipes import Fitted, Recipe
from training.variations.perturbations import perturbations

PACES = (0.7, 0.85, 1.2, 1.4)
"""How much faster than recorded the re-timed test windows run."""


def run_contender(
    bench: Bench, contender: Contender, split: SplitSettings, seeds: Sequence[int]
) -> Iterator[BenchmarkResult]:
    """Choose, fit and test a contender, once per seed.

    Where the seed does not move the test rows, one choice serves all seeds.

    Raises:
        SplitError: the data set has too few rows.
        NestedError: so few lie outside the test that nothing can be chosen on them.
    """
    choice: Choice | None = None
    for seed in seeds:
        test, outside = bench.held_out(split, seed)
        if choice is None or split.name == STRICT:
            recipes = contender.recipes
            if split.name == STRICT:
                recipes = {name: recipe.with_readings(STRICT_READINGS) for name, recipe in recipes.items()}
            choice = choose(recipes, outside, CHOICE_SEED)
            streams = HeldStreams.of(choice, outside)
            alarms = {} if streams is None else streams.tune()
        fitted = choice.recipe.fit(outside.part, seed)
        yield _measure(bench, contender, split, seed, test, outside, choice, fitted, alarms)


def _measure(
    bench: Bench,
    contender: Contender,
    split: SplitSettings,
    seed: int,
    test: Indices,
    outside: Outside,
    choice: Choice,
    fitted: Fitted,
    alarms: Mapping[str, AlarmTuning],
) -> BenchmarkResult:
    recording = bench.tested(outside)
    windows = recording.windows(test, outside.rows, choice.recipe.window)
    answers = fitted.answer(windows)
    probabilities = probabilities_of(answers, choice.temperature)
    onsets = [] if bench.clean is None else splice_onsets(recording, test, bench.clean, choice.recipe.window)
    return BenchmarkResult(
        **entry_facts(bench, contender, split, seed, choice),
        **answer_figures(bench, answers.logits, probabilities, windows.labels, test),
        modality=Mode.GAS_ONLY.value,
        thermal=Thermal.NONE.value,
        rows={"train": len(outside.rows), "test": len(test)},
        parameters=fitted.parameters,
        seconds=round(fitted.seconds, 2),
        **_alarm_figures(choice, fitted, windows, answers, onsets, alarms, bench),
        leak=_thousandths(probabilities, bench.clean)
        if contender.rejects and seed == CHOICE_SEED and split.name == BLOCKED
        else (),
        temperature=choice.temperature,
        rejected=float((answers.distances.numpy() > choice.limit).mean()) if contender.rejects else None,
        reject_auroc=reject_aurocs(bench, choice.recipe, outside, windows, seed)
        if contender.rejects and seed == CHOICE_SEED and split.name != STRICT
        else None,
        perturbed=_perturbed(bench, choice, fitted, windows, outside, seed),
    )


def entry_facts(
    bench: Bench, contender: Contender, split: SplitSettings, seed: int, choice: Choice
) -> dict[str, Any]:
    """Return what an entry says of itself: which run it is, of what data and code, and what was chosen."""
    return {
        "run": f"{contender.name}-{split.label}-seed{seed}",
        "model": contender.name,
        "title": contender.title,
        "split": split,
        "seed": seed,
        "classes": bench.dataset.classes,
        "channels": bench.dataset.channels,
        "window": choice.recipe.window.readings,
        "period_s": choice.recipe.window.period_s,
        "candidate": choice.name,
        "inner_accuracy": choice.accuracies[choice.name],
        "candidates": choice.accuracies,
        "data_file": bench.dataset.csv_path.name,
        "data_sha256": bench.data_sha256,
        "code_version": code_version(),
    }


def answer_figures(
    bench: Bench, logits: torch.Tensor, probabilities: Probabilities, labels: Indices, rows: Indices
) -> dict[str, Any]:
    """Return an entry's figures of accuracy, leaks and calibration.

    Args:
        bench: the data.
        logits: shape (N, K).
        probabilities: the same, calibrated.
        labels: shape (N,).
        rows: shape (N,), the test rows.
    """
    scores = asdict(score(logits, torch.from_numpy(labels)))
    leaks = leak_figures(
        probabilities.argmax(axis=1), labels, rows, bench.dataset.classes, bench.recording.period_s
    )
    return {
        **scores,
        "confusion": tuple(map(tuple, scores["confusion"])),
        **asdict(leaks),
        **vars(calibration(probabilities, labels)),
    }


def _thousandths(probabilities: Probabilities, clean: int | None) -> tuple[int, ...]:
    """Return the leak probability of each row, in thousandths; none where there is no clean air."""
    if clean is None:
        return ()
    return tuple(np.rint(1000 * (1 - probabilities[:, clean])).astype(int).tolist())


def _accuracy(fitted: Fitted, windows: Windows) -> float:
    return fitted.answer(windows).accuracy(windows.labels)


def _perturbed(
    bench: Bench, choice: Choice, fitted: Fitted, windows: Windows, outside: Outside, seed: int
) -> dict[str, float]:
    """Return the accuracy on perturbed test windows, by the perturbation's name."""
    rng = np.random.default_rng(seed)
    recording = bench.tested(outside)
    measured = {
        f"pace {pace:g}": _accuracy(
            fitted, recording.windows(windows.rows, outside.rows, choice.recipe.window, pace)
        )
        for pace in PACES
    }
    for perturbation in perturbations(bench.dataset.channels):
        measured[perturbation.name] = _accuracy(fitted, perturbation.apply(windows, rng, recording.array))
    return measured


def _alarm_figures(
    choice: Choice,
    fitted: Fitted,
    windows: Windows,
    answers: EncoderAnswers,
    onsets: Sequence[Onset],
    alarms: Mapping[str, AlarmTuning],
    bench: Bench,
) -> dict[str, Any]:
    """Return what the tuned alarms do on the test rows: in clean air, and where it gives way to a gas."""
    clean, period_s = bench.clean, bench.recording.period_s
    if not alarms or clean is None:
        return {}
    air = answers.of(windows.labels == clean)
    quiet = [leak_probabilities(air, choice.temperature, clean)]
    leaks = leak_streams(fitted, onsets, choice.temperature, clean)
    profiles = {}
    for name, alarm in alarms.items():
        delays = detection_delays(leaks, alarm.settings, period_s)
        heard = [delay for delay in delays if delay is not None]
        profiles[name] = {
            "false_alarms_per_hour": false_alarms_per_hour(quiet, alarm.settings, period_s),
            "detection_delay": float(np.median(heard)) if heard else None,
            "missed_leaks": 1 - len(heard) / len(delays) if delays else None,
        }
    return {**profiles[BALANCED], "alarm": alarms[BALANCED].advice(period_s), "profiles": profiles}


def reject_aurocs(
    bench: Bench, recipe: Recipe, outside: Outside, windows: Windows, seed: int
) -> dict[str, float]:
    """Hold each class out of training once, and tell its test windows from the others' by distance."""
    return {
        name: _reject_auroc(recipe, without_class(outside, held), windows, held, seed)
        for held, name in enumerate(bench.dataset.classes)
    }


def without_class(outside: Outside, held: int) -> TrainingPart:
    """Return what is left to train on when a class has never been seen: its rows carry no label."""
    labels = outside.recording.labels
    fewer = np.where(labels == held, -1, labels - (labels > held))
    clean = outside.clean
    if clean is not None:
        clean = None if clean == held else clean - (clean > held)
    rows = outside.rows[labels[outside.rows] != held]
    return TrainingPart(replace(outside.recording, labels=fewer), rows, outside.barred, clean)


def _reject_auroc(recipe: Recipe, part: TrainingPart, windows: Windows, held: int, seed: int) -> float:
    distances = recipe.fit(part, seed).answer(windows).distances.numpy()
    unseen = windows.labels == held
    return reject_auroc(distances[~unseen], distances[unseen])
