"""Concentration in a gas plume: a smooth mean, met in whiffs with blanks of clean air between them.

A sensor that crosses a plume does not see the mean: eddies carry filaments of gas past it, so the
concentration is zero for part of the time and several times the mean in the rest (Mylne and Mason
1991; Yee and Chan 1997 describe it by a clipped gamma distribution, as is done here). Concentrations
are relative to the mean in the middle of the plume, 1.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAK_THRESHOLD = 0.05
"""Mean concentration above which the air counts as leaking gas."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class IntermittencySettings:
    """How a plume comes in whiffs. Assumed: typical a few metres from a small source in light wind.

    Attributes:
        whiff_s: mean length of a whiff, seconds.
        blank_s: mean length of a blank, seconds.
        shape: shape of the gamma distribution of the concentration in whiffs; 1 = exponential,
            higher is steadier.
    """

    whiff_s: float = 2.5
    blank_s: float = 0.8
    shape: float = 2.0

    def __post_init__(self) -> None:
        for name in ("whiff_s", "blank_s", "shape"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")

    @property
    def intermittency(self) -> float:
        """Share of time in which there is gas at all."""
        return self.whiff_s / (self.whiff_s + self.blank_s)


def mean_concentration(distance_m: npt.ArrayLike, reach_m: float) -> FloatArray:
    """Return the mean concentration along the robot's path.

    Flatter on top and steeper at its edges than a Gaussian (fourth power in the exponent): gas pools
    along the pipe before the wind takes it. Assumed.

    Args:
        distance_m: distance from the leak along the path, metres, any shape.
        reach_m: distance at which the mean has fallen to `LEAK_THRESHOLD`, metres.

    Returns:
        the shape of `distance_m`, 1.0 at the leak.
    """
    relative = np.asarray(distance_m, dtype=np.float64) / reach_m
    return np.exp(math.log(LEAK_THRESHOLD) * relative**4)


def whiffs(
    times_s: FloatArray, rng: np.random.Generator, settings: IntermittencySettings | None = None
) -> FloatArray:
    """Draw what the mean concentration is multiplied with over time.

    Args:
        times_s: shape (N,), ascending, seconds.
        rng: draws the lengths and heights of whiffs.
        settings: typical ones by default.

    Returns:
        shape (N,); 0 in blanks, gamma distributed in whiffs, mean 1 in the long run.
    """
    chosen = settings or IntermittencySettings()
    duration = float(times_s[-1] - times_s[0])
    # Twice the whiffs that fit on average: enough but for odds nobody will see; a blank holds after the last.
    count = 20 + math.ceil(2.0 * duration / (chosen.whiff_s + chosen.blank_s))
    lengths = np.stack(
        [rng.exponential(chosen.whiff_s, count), rng.exponential(chosen.blank_s, count)], axis=1
    )
    ends = times_s[0] + np.cumsum(lengths)
    heights = np.zeros(2 * count + 1)
    heights[0:-1:2] = rng.gamma(chosen.shape, 1.0 / (chosen.shape * chosen.intermittency), count)
    return heights[np.searchsorted(ends, times_s, side="right")]
