"""Choosing a recipe, a temperature and a limit inside training data, where the test rows cannot be seen.

Everything here works on an `Outside`, whose recording holds NaN in place of the test rows' readings: a
choice that looked at one would fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from gas_fusion_ros.teaching.windows import Recording, TrainingPart, Windows
from training.data.copies import Copies
from training.data.splits import Indices, far_from
from training.scoring.calibration import fit_temperature
from training.temporal.encoder_fitting import EncoderAnswers
from training.temporal.recipes import Fitted, Recipe

FOLDS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Where, as a share of each class's rows outside the test, the inner folds hold a fifth out."""
FOLD_SHARE = 0.2
FALSE_REJECT_RATE = 0.01
"""Share of inputs like training that may be rejected as unknown; the limit is fitted to it on the folds."""


class NestedError(ValueError):
    """There are too few rows outside the test to choose on; the message says what would be right."""


@dataclass(frozen=True)
class Outside:
    """What may be known before the test.

    Attributes:
        recording: all rows; the test rows' readings are NaN.
        rows: those outside test and embargo: for training, choosing and calibration.
        barred: the test rows and their copies: no window to learn from holds one.
        copies: readings that stand twice.
        embargo: rows beside a held-out block that are in no part.
        clean: the class of clean air; None where there is none.
    """

    recording: Recording
    rows: Indices
    barred: Indices
    copies: Copies
    embargo: int
    clean: int | None

    @classmethod
    def of(
        cls, recording: Recording, test: Indices, copies: Copies, embargo: int, clean: int | None
    ) -> Outside:
        """Seal the test rows off; an array's baseline is measured without them."""
        counts = recording.counts.copy()
        counts[test] = np.nan
        rows = np.concatenate(
            [
                line[far_from(np.searchsorted(line, test[np.isin(test, line)]), line, copies, embargo)]
                for line in _lines(recording.labels)
            ]
        )
        barred = np.union1d(test, copies.of(test))
        sealed = replace(recording, counts=counts)
        if clean is not None:
            sealed = sealed.calibrated(rows[recording.labels[rows] == clean])
        return cls(sealed, np.sort(rows), barred, copies, embargo, clean)

    @property
    def part(self) -> TrainingPart:
        """All rows outside the test, to fit on."""
        return TrainingPart(self.recording, self.rows, self.barred, self.clean)

    def folds(self) -> Iterator[Fold]:
        """Yield the inner folds.

        Raises:
            NestedError: a class has too few rows.
        """
        for place in FOLDS:
            train, held = [], []
            for line in _lines(self.recording.labels):
                mine = line[np.isin(line, self.rows)]
                count = int(len(mine) * FOLD_SHARE)  # rounded up, neighbours would overlap
                start = min(round(len(mine) * place), len(mine) - count)
                block = mine[start : start + count]
                far = line[far_from(np.searchsorted(line, block), line, self.copies, self.embargo)]
                held.append(block)
                train.append(np.intersect1d(far, mine))
            if not all(len(rows) for rows in (*train, *held)):
                raise NestedError(
                    f"a class has too few rows outside the test for folds with an embargo of {self.embargo} "
                    "rows; more rows or a smaller --embargo is needed"
                )
            yield Fold(self, np.sort(np.concatenate(train)), np.sort(np.concatenate(held)))


@dataclass(frozen=True)
class Fold:
    """One inner fold: rows that train, and rows held out, all outside the test."""

    outside: Outside
    train: Indices
    held: Indices

    @property
    def part(self) -> TrainingPart:
        """What is fitted on."""
        copied = self.outside.copies.of(self.held)
        barred = np.unique(np.concatenate([self.held, copied, self.outside.barred]))
        return TrainingPart(self.outside.recording, self.train, barred, self.outside.clean)

    def windows(self, recipe: Recipe) -> Windows:
        """Return the held-out rows' windows."""
        barred = np.concatenate([self.train, self.outside.barred])
        return self.outside.recording.windows(self.held, barred, recipe.window)


@dataclass(frozen=True)
class FoldAnswers:
    """A recipe fitted on one fold, and what it says of the windows which that holds out."""

    fold: Fold
    fitted: Fitted
    windows: Windows
    answers: EncoderAnswers

    @property
    def accuracy(self) -> float:
        """Share of the windows classified rightly."""
        return self.answers.accuracy(self.windows.labels)


@dataclass(frozen=True)
class Choice:
    """What training data chose.

    Attributes:
        name: the recipe's name.
        recipe: the recipe.
        accuracies: mean accuracy over the folds, by recipe.
        folds: the chosen recipe's answers on held-out rows.
        temperature: makes its probabilities calibrated.
        limit: distance that a share of `FALSE_REJECT_RATE` of held-out windows exceeds.
    """

    name: str
    recipe: Recipe
    accuracies: Mapping[str, float]
    folds: tuple[FoldAnswers, ...]
    temperature: float
    limit: float


def answer_folds(recipe: Recipe, outside: Outside, seed: int) -> tuple[FoldAnswers, ...]:
    """Fit a recipe on each inner fold and run it on what that holds out."""
    out = []
    for fold in outside.folds():
        windows = fold.windows(recipe)
        fitted = recipe.fit(fold.part, seed)
        out.append(FoldAnswers(fold, fitted, windows, fitted.answer(windows)))
    return tuple(out)


def choose(recipes: Mapping[str, Recipe], outside: Outside, seed: int) -> Choice:
    """Choose the recipe with the best mean accuracy on the inner folds, the first of equals.

    Raises:
        NestedError: there are too few rows outside the test.
    """
    answers = {name: answer_folds(recipe, outside, seed) for name, recipe in recipes.items()}
    accuracies = {name: float(np.mean([fold.accuracy for fold in folds])) for name, folds in answers.items()}
    best = max(accuracies, key=lambda name: accuracies[name])
    folds = answers[best]
    logits = torch.cat([fold.answers.logits for fold in folds])
    labels = torch.from_numpy(np.concatenate([fold.windows.labels for fold in folds]))
    distances = torch.cat([fold.answers.distances for fold in folds]).numpy()
    return Choice(
        name=best,
        recipe=recipes[best],
        accuracies=accuracies,
        folds=folds,
        temperature=fit_temperature(logits, labels),
        limit=float(np.quantile(distances, 1 - FALSE_REJECT_RATE)),
    )


def _lines(labels: Indices) -> list[npt.NDArray[np.int64]]:
    """Return each class's rows, in time order."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
