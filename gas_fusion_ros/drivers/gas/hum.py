"""Means of samples that are free of mains hum, also where the samples came a little late."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAINS_HZ = (50.0, 60.0)

_RIDGE = 0.01
"""Keeps the weights near even ones where the times do not tell a hum from a voltage."""


def weights(times_s: npt.ArrayLike) -> Floats:
    """Return the weights of samples in their mean, shape (N,), whose sum is 1.

    They are the nearest to even ones for which hum of 50 and of 60 Hz adds up to nothing: even ones where the
    samples lie evenly over whole periods of both.

    Args:
        times_s: when each sample was taken, shape (N,), seconds.
    """
    rows = _rows(times_s)
    number = rows.shape[1]
    even = np.full(number, 1.0 / number)
    wanted = np.eye(len(rows))[0]
    gram = rows @ rows.T + _RIDGE * number * np.eye(len(rows))
    found = even + rows.T @ np.linalg.solve(gram, wanted - rows @ even)
    return np.asarray(found / found.sum())


def remaining(times_s: npt.ArrayLike, of_samples: Floats) -> float:
    """Return which share of a hum's amplitude is left by these weights: the worst of 50 and 60 Hz."""
    cosines, sines = np.split((_rows(times_s) @ of_samples)[1:], 2)
    return float(np.hypot(cosines, sines).max())


def _rows(times_s: npt.ArrayLike) -> Floats:
    """Ones, then a cosine and then a sine of each frequency, shape (5, N)."""
    phases = 2.0 * np.pi * np.outer(MAINS_HZ, np.asarray(times_s, dtype=np.float64))
    return np.vstack([np.ones((1, phases.shape[1])), np.cos(phases), np.sin(phases)])
