"""What a gas branch learns from labelled readings: prototypes, clustered from windows and altered copies.

The windows are the node's. Copies are altered as in training: other slopes, baselines, paces, dead channels.
Recorded prototypes come from windows as recorded and such copies; further ones, which count less, from copies
that begin in clean air.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.model.window import Window, WindowSettings
from gas_fusion_ros.teaching.augmentation import AugmentationSettings, augment
from gas_fusion_ros.teaching.gas_branch import STATISTICS, Answers, GasBranch
from gas_fusion_ros.teaching.windows import Indices, Recording, Windows

Values = npt.NDArray[np.float32]

RECORDED = 64
"""Prototypes per taught class from windows as recorded and altered copies."""
FURTHER = 128
"""Prototypes per taught class from copies that begin in clean air."""
COPIES = 5
"""Altered copies of each window, of either kind."""
SLOWEST, FASTEST = 0.65, 1.5
"""Paces of copies: at 0.65 a window holds 0.65 times the recorded time."""
MOST_WINDOWS = 750
"""Of a class that are learned from, at even distances: more say little more, and take time."""
_MADE_AIR = 200
_AIR_SPREAD = 0.05
"""Standard deviation of ln(Rs/R0) within an array's own clean air, where none was recorded."""
_ALTERED = AugmentationSettings()
_ONSETS = AugmentationSettings(onset=1.0, onset_from_clean=1.0)
_NOTHING: Indices = np.zeros(0, dtype=np.int64)


class LessonError(ValueError):
    """Readings cannot be learned from; the message says what would be right."""


@dataclass(frozen=True)
class Normal:
    """How windows are normalised for a network.

    Attributes:
        mean: shape (C,), in the model's domain.
        std: shape (C,), positive.
    """

    mean: Values
    std: Values

    def inputs(self, windows: Windows) -> tuple[Values, Values]:
        """Return what a network takes, both of shape (N, W, C); see `Window.as_inputs`."""
        return Window(windows.values, windows.valid).as_inputs(self.mean, self.std)


@dataclass(frozen=True)
class Teacher:
    """Teaches a branch classes from readings.

    Attributes:
        branch: what is known, with places for new classes; see `GasBranch.with_classes`.
        normal: how its windows are normalised.
        window: their length and period.
        recording: readings of the taught classes as ln(Rs/R0), labels as the branch's classes.
        clean: the class of clean air.
        seed: decides copies and clusters.
    """

    branch: GasBranch
    normal: Normal
    window: WindowSettings
    recording: Recording
    clean: int
    seed: int = 0

    def learn(self, rows: Indices, barred: Indices = _NOTHING) -> GasBranch:
        """Return the branch with prototypes of the classes of some rows.

        Args:
            rows: whose windows are learned from.
            barred: rows that no window may hold.

        Raises:
            LessonError: a class has no window whose channels live.
        """
        rng = np.random.default_rng(self.seed)
        rows = np.sort(np.concatenate([_thinned(line) for line in _lines(self.recording.labels, rows)]))
        plain = self.recording.windows(rows, barred, self.window)
        altered = [self._copy(rows, barred, _ALTERED, rng) for _ in range(COPIES)]
        onsets = [self._copy(rows, barred, _ONSETS, rng) for _ in range(COPIES)]
        branch = self.branch
        recorded, changing = (
            _statistics(branch, self.normal, parts) for parts in ([plain, *altered], onsets)
        )
        for label in np.unique(self.recording.labels[rows]).tolist():
            if label not in recorded or label not in changing:
                raise LessonError(
                    "a class has no window in which every channel has a value that has one elsewhere; "
                    "record with "
                    "all sensors running"
                )
            branch = self._placed(branch, label, recorded[label], RECORDED, 0.0)
            # Clean air begins in no other.
            if label != self.clean:
                branch = self._placed(branch, label, changing[label], FURTHER, self.branch.reserve)
        return branch

    def answer(self, branch: GasBranch, rows: Indices, barred: Indices) -> Answers:
        """Answer the windows that end at some rows, as recorded."""
        return self.answer_windows(branch, self.recording.windows(rows, barred, self.window))

    def answer_windows(self, branch: GasBranch, windows: Windows) -> Answers:
        """Answer windows of ln(Rs/R0)."""
        return branch.answer(*self.normal.inputs(windows))

    def _copy(
        self, rows: Indices, barred: Indices, settings: AugmentationSettings, rng: np.random.Generator
    ) -> Windows:
        """Return an altered copy of the windows; where no clean air was recorded it is made up for onsets."""
        pace = np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST), len(rows)))
        windows = self.recording.windows(rows, barred, self.window, pace)
        if not (windows.labels == self.clean).any():
            windows = Windows.concatenate([windows, self._made_air(rng)])
        return augment(windows, self.clean, settings, rng).take(np.arange(len(rows)))

    def _made_air(self, rng: np.random.Generator) -> Windows:
        """Return windows of clean air: by definition ln(Rs/R0) is about 0 in it."""
        channels = self.recording.counts.shape[1]
        levels = rng.normal(0, _AIR_SPREAD, (_MADE_AIR, 1, channels))
        shape = (_MADE_AIR, self.window.readings, channels)
        values = np.broadcast_to(levels, shape).astype(np.float32)
        labels = np.full(_MADE_AIR, self.clean, dtype=np.int64)
        return Windows(values, np.ones(shape, dtype=np.bool_), labels, np.zeros(_MADE_AIR, dtype=np.int64))

    def _placed(
        self, branch: GasBranch, label: int, statistics: Values, count: int, prior: float
    ) -> GasBranch:
        found = centres(statistics.reshape(len(statistics), -1), count, self.seed)
        shaped = found.reshape(len(found), -1, STATISTICS)
        return branch.with_prototypes(label, shaped, np.full(len(shaped), prior, dtype=np.float32))


def _statistics(branch: GasBranch, normal: Normal, parts: list[Windows]) -> dict[int, Values]:
    """Return by class the statistics, shape (n, C, 16), of windows in which each usable channel lives."""
    usable = parts[0].valid[:, -1].any(axis=0)
    found: dict[int, list[Values]] = {}
    for windows in parts:
        gas, valid = normal.inputs(windows)
        whole = windows.valid[:, -1][:, usable].all(axis=1)
        statistics = branch.statistics(gas[whole], valid[whole])
        for label in np.unique(windows.labels[whole]).tolist():
            found.setdefault(label, []).append(statistics[windows.labels[whole] == label])
    return {label: np.concatenate(values) for label, values in found.items()}


def centres(values: Values, count: int, seed: int) -> Values:
    """Return k-means centres, shape (count, F), of `values`, shape (N, F); of fewer all of them."""
    if len(values) <= count:
        return values
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-3)
    start = np.zeros((len(values), 1), dtype=np.int32)
    contiguous = np.ascontiguousarray(values, dtype=np.float32)
    return np.asarray(cv2.kmeans(contiguous, count, start, stop, 1, cv2.KMEANS_PP_CENTERS)[2])


@dataclass(frozen=True)
class Fold:
    """Rows that train and rows held out."""

    train: Indices
    held: Indices


FOLDS = 5


def folds(recording: Recording, embargo_ns: int) -> Iterator[Fold]:
    """Hold contiguous fifths of each class out, in turn.

    Args:
        recording: the rows, in time order within each class and bag.
        embargo_ns: rows of the class nearer in time than this to the held out ones are in no part. It is cut
            to a tenth of the class's time, so that something is left to train on.
    """
    for number in range(FOLDS):
        train, held = [], []
        for line in _lines(recording.labels, np.arange(len(recording.labels))):
            first, end = (len(line) * place // FOLDS for place in (number, number + 1))
            held.append(line[first:end])
            train.append(line[_far(recording, line, line[first:end], embargo_ns)])
        yield Fold(np.sort(np.concatenate(train)), np.sort(np.concatenate(held)))


def embargo_kept_ns(recording: Recording, line: Indices, embargo_ns: int) -> int:
    """Return the embargo, or a tenth of the time of a class's rows, if that is less."""
    return min(embargo_ns, len(line) * recording.period_ns // (2 * FOLDS))


def _far(recording: Recording, line: Indices, held: Indices, embargo_ns: int) -> npt.NDArray[np.bool_]:
    kept_ns = embargo_kept_ns(recording, line, embargo_ns)
    bags = np.zeros(len(recording.labels), dtype=np.int64) if recording.bags is None else recording.bags
    far = ~np.isin(line, held)
    for bag in np.unique(bags[held]):
        stamps = recording.stamps_ns[held[bags[held] == bag]]
        there = recording.stamps_ns[line]
        near = (there >= stamps.min() - kept_ns) & (there <= stamps.max() + kept_ns)
        far &= ~(near & (bags[line] == bag))
    return far


@dataclass(frozen=True)
class HeldFold:
    """One fold: what was taught on its training rows, and the answers to the windows held out."""

    fold: Fold
    branch: GasBranch
    answers: Answers


@dataclass(frozen=True)
class HeldOut:
    """What branches taught on the rest say of held-out rows; N of them in all.

    Attributes:
        folds: fold by fold.
        labels: shape (N,), in the order of the folds.
    """

    folds: tuple[HeldFold, ...]
    labels: Indices

    @property
    def logits(self) -> Values:
        """Of all held-out windows, shape (N, K)."""
        return np.concatenate([one.answers.logits for one in self.folds])

    @property
    def distances(self) -> Values:
        """Of all held-out windows to the nearest prototype, shape (N,)."""
        return np.concatenate([one.answers.distances for one in self.folds])

    @property
    def said(self) -> Indices:
        """The class that each window was given, shape (N,)."""
        return np.asarray(self.logits.argmax(axis=1), dtype=np.int64)

    def recall(self, label: int) -> float:
        """Return the share of a class's windows that were given it."""
        return float((self.said[self.labels == label] == label).mean())

    def confused_with(self, label: int) -> tuple[int, float] | None:
        """Return the class that a class's windows were given most besides their own, and how often."""
        wrong = self.said[(self.labels == label) & (self.said != label)]
        if not len(wrong):
            return None
        other = int(np.bincount(wrong).argmax())
        return other, float((wrong == other).sum() / (self.labels == label).sum())


def hold_out(teacher: Teacher, embargo_ns: int) -> HeldOut:
    """Teach on all but a fifth of the rows, five times, and answer what was held out."""
    held, labels = [], []
    for fold in folds(teacher.recording, embargo_ns):
        branch = teacher.learn(fold.train, fold.held)
        held.append(HeldFold(fold, branch, teacher.answer(branch, fold.held, fold.train)))
        labels.append(teacher.recording.labels[fold.held])
    return HeldOut(tuple(held), np.concatenate(labels))


def remembered(before: GasBranch, after: GasBranch, kept: list[int]) -> list[float]:
    """Return of each class that was known the share of its prototypes that are still taken for it.

    Each prototype is taken for a window and compared with all others, as a window that was recorded next to
    it would be.

    Args:
        before: what was known.
        after: the taught branch.
        kept: for each class of `before` its place in `after`; -1 of one that was forgotten.
    """
    shares = []
    for label, place in enumerate(kept):
        own = np.flatnonzero(before.prior[label] >= before.reserve / 2) if place >= 0 else _NOTHING
        if not len(own):
            shares.append(np.nan)
            continue
        statistics = before.prototypes[label, own]
        living = np.ones(statistics.shape[:2], dtype=np.float32)
        evidence = after.prior - np.float32(after.sharpness) * after.distances(statistics, living)
        evidence[np.arange(len(own)), place, own] = -np.inf
        most = evidence.max(axis=2)
        total = most + np.log(np.exp(evidence - most[:, :, np.newaxis]).sum(axis=2))
        shares.append(float((total.argmax(axis=1) == place).mean()))
    return shares


def _lines(labels: Indices, rows: Indices) -> list[Indices]:
    """Return each class's rows, in their order."""
    return [rows[labels[rows] == label] for label in np.unique(labels[rows])]


def _thinned(rows: Indices) -> Indices:
    if len(rows) <= MOST_WINDOWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_WINDOWS).astype(np.int64)]


def with_calibration(branch: GasBranch, temperature: float, limit: float) -> GasBranch:
    """Return the branch with a temperature and a limit, never surer or stricter than before."""
    return replace(branch, temperature=max(branch.temperature, temperature), limit=max(branch.limit, limit))
