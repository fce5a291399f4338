"""The gas branch of temporal fusion in numpy: a soft nearest neighbour among prototypes of each class.

It computes what `model.networks.window_encoders.PrototypeEncoder` does, and holds the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

STATISTICS = 16
"""Statistics per channel."""
NOTHING = -1e4
"""The prior of a place without a prototype: exp of it is 0."""

_CLIP = 5.0
_QUANTILES = (0.2, 0.5, 0.8)
_BATCH = 512


def window_statistics(gas: Values) -> Values:
    """Return sixteen statistics of each channel's window, shape (N, C, 16), of `gas`, shape (N, W, C).

    Level, distance from mean, minimum and maximum, spread, slope, extreme one-step and two-step changes,
    quantiles, as the network's `WindowStatistics` computes them. W is at least 3.
    """
    length = gas.shape[1]
    time = np.arange(length, dtype=np.float32) - np.float32((length - 1) / 2)
    slope = time / np.square(time).sum() * np.float32(length)
    last, mean = gas[:, -1], gas.mean(axis=1)
    least, most = gas.min(axis=1), gas.max(axis=1)
    step, leap = gas[:, 1:] - gas[:, :-1], gas[:, 2:] - gas[:, :-2]
    single = (
        last,
        last - mean,
        np.sqrt(np.square(gas - mean[:, np.newaxis]).mean(axis=1)),
        last - least,
        most - last,
        (gas * slope[:, np.newaxis]).sum(axis=1),
        step.min(axis=1),
        step.max(axis=1),
        np.abs(step).mean(axis=1),
        leap.min(axis=1),
        leap.max(axis=1),
        mean,
        gas[:, 0],
    )
    ordered = np.sort(gas, axis=1).transpose(0, 2, 1)
    out = np.concatenate((np.stack(single, axis=2), ordered @ _quantile_weights(length)), axis=2)
    return out.astype(np.float32)


def _quantile_weights(length: int) -> Values:
    """Return the linear interpolation between order statistics as a matrix, shape (W, 3)."""
    ranks = np.arange(length, dtype=np.float32)
    columns = [np.clip(1 - np.abs(ranks - quantile * (length - 1)), 0, None) for quantile in _QUANTILES]
    return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Answers:
    """What the branch says of N windows.

    Attributes:
        logits: shape (N, K).
        distances: shape (N,), squared distance to the nearest prototype, per statistic.
    """

    logits: Values
    distances: Values


@dataclass(frozen=True)
class GasBranch:
    """Prototypes of K classes, P each, of C channels, with what makes them answer.

    Attributes:
        mean: shape (C, 16), of training's statistics.
        deviation: shape (C, 16).
        prototypes: shape (K, P, C, 16), standardised statistics.
        prior: shape (K, P), how much a prototype counts, as a logarithm; `NOTHING` where there is none.
        sharpness: what distances are multiplied by.
        temperature: what logits are divided by before probabilities are made of them.
        limit: distance beyond which a window is unlike what was learned.
    """

    mean: Values
    deviation: Values
    prototypes: Values
    prior: Values
    sharpness: float
    temperature: float
    limit: float

    @property
    def classes(self) -> int:
        """K."""
        return len(self.prototypes)

    @property
    def reserve(self) -> float:
        """The prior of its prototypes of changing air; that of all where it has no such."""
        return float(self.prior[self.prior > NOTHING / 2].min())

    def statistics(self, gas: Values, valid: Values) -> Values:
        """Return standardised statistics, shape (N, C, 16), of windows as networks take them, (N, W, C)."""
        standardised = np.clip((window_statistics(gas) - self.mean) / self.deviation, -_CLIP, _CLIP)
        return np.asarray(standardised * valid[:, -1, :, np.newaxis], dtype=np.float32)

    def answer(self, gas: Values, valid: Values) -> Answers:
        """Answer windows as networks take them, both of shape (N, W, C), normalised."""
        return self.answer_statistics(self.statistics(gas, valid), valid[:, -1])

    def answer_statistics(self, statistics: Values, living: Values) -> Answers:
        """Answer standardised statistics, shape (N, C, 16); `living`, shape (N, C), is 1 or 0."""
        parts = range(0, max(len(statistics), 1), _BATCH)
        answers = [self._answer(statistics[at : at + _BATCH], living[at : at + _BATCH]) for at in parts]
        return Answers(
            np.concatenate([one.logits for one in answers]),
            np.concatenate([one.distances for one in answers]),
        )

    def _answer(self, statistics: Values, living: Values) -> Answers:
        distances = self.distances(statistics, living)
        logits = log_sum_exp(self.prior - np.float32(self.sharpness) * distances)
        return Answers(logits, distances.min(axis=(1, 2)) / np.float32(living.shape[1] * STATISTICS))

    def distances(self, statistics: Values, living: Values) -> Values:
        """Return squared distances to all prototypes, shape (N, K, P); arguments as `answer_statistics`."""
        classes, places, channels, _ = self.prototypes.shape
        flat = self.prototypes.reshape(classes * places, channels, STATISTICS)
        own = np.square(statistics).sum(axis=(1, 2))[:, np.newaxis]
        cross = statistics.reshape(len(statistics), -1) @ flat.reshape(len(flat), -1).T
        theirs = living @ np.square(flat).sum(axis=2).T
        scale = channels / np.clip(living.sum(axis=1, keepdims=True), 1, None)
        distances = np.clip(own - 2 * cross + theirs, 0, None) * scale
        return np.asarray(distances, dtype=np.float32).reshape(-1, classes, places)

    def with_classes(self, kept: list[int], new: int) -> GasBranch:
        """Return the branch with some of its classes, by index, and then so many without a prototype."""
        shape = (new, *self.prototypes.shape[1:])
        return replace(
            self,
            prototypes=np.concatenate((self.prototypes[kept], np.zeros(shape, dtype=np.float32))),
            prior=np.concatenate((self.prior[kept], np.full(shape[:2], NOTHING, dtype=np.float32))),
        )

    def with_prototypes(self, label: int, prototypes: Values, prior: Values) -> GasBranch:
        """Return the branch with further prototypes of a class, in its empty places and new ones.

        Places that stay empty repeat a prototype, so that no distance is to something that nobody recorded.

        Args:
            label: the class.
            prototypes: shape (n, C, 16).
            prior: shape (n,).
        """
        empty = np.flatnonzero(self.prior[label] <= NOTHING / 2)
        more = max(0, len(prototypes) - len(empty))
        places = np.concatenate((empty, self.prior.shape[1] + np.arange(more)))
        width = ((0, 0), (0, more))
        grown = np.pad(self.prototypes, (*width, (0, 0), (0, 0)), mode="edge")
        priors = np.pad(self.prior, width, constant_values=np.float32(NOTHING))
        # As stored, so that what is measured of it is measured on the shipped numbers.
        grown[label, places] = np.resize(prototypes.astype(np.float16), (len(places), *prototypes.shape[1:]))
        priors[label, places[: len(prototypes)]] = prior
        return replace(self, prototypes=grown, prior=priors)


def log_sum_exp(values: Values) -> Values:
    """Return the logarithm of summed exponentials along the last axis."""
    most = values.max(axis=-1, keepdims=True)
    total = np.log(np.exp(values - most).sum(axis=-1))
    return np.asarray(total + most[..., 0], dtype=np.float32)
