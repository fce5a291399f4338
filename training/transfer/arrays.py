"""The data set's readings as other arrays would have given them, each calibrated in minutes of clean air.

An array differs by its resistances, which data sheets leave open by a factor of ten, by its sensors' slopes
over ln ppm, and by what reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.teaching.windows import Recording
from training.data.splits import BLOCKED, EMBARGO, FRACTION, Indices, SplitSettings
from training.temporal.bench import Bench
from training.temporal.recipes import Fitted, Recipe

ROWS_PER_MINUTE = 30
"""Of the data set: a reading every 2 s."""
DRAWS = 3
"""Arrays drawn for each kind, the same for every model."""
_WARM_ROWS = 150
"""Rows of clean air at the start, in which the data set's array still warms up."""
_FIRST_SEED = 700


@dataclass(frozen=True)
class ArrayKind:
    """How far arrays of a kind are from the data set's.

    Attributes:
        name: its name in tables.
        resistance: greatest factor of each channel's resistance, up or down.
        slope: greatest share by which each channel's slope is off.
        full_scale: the converter's reading at the supply, counts.
        towards_gas: how far each baseline lies beyond clean air, on the side of gas, once it is calibrated:
            as a tracked one does that took a slow leak for drift, ln(Rs/R0).
    """

    name: str
    resistance: float = 1.0
    slope: float = 0.0
    full_scale: float = 1023.0
    towards_gas: float = 0.0


KINDS = (
    ArrayKind("the array itself"),
    ArrayKind("12 bits, another load resistor (x 3)", resistance=3.0, full_scale=4095.0),
    ArrayKind("resistances x 1/5 to x 5", resistance=5.0),
    ArrayKind("and slopes +-20 %", resistance=5.0, slope=0.2),
    ArrayKind("the array itself, tracked to its limit by a slow leak", towards_gas=TrackingSettings.limit),
)


@dataclass(frozen=True)
class SeenArray:
    """Another array: what it reads where the data set's reads `counts`, and what it says of itself."""

    counts: npt.NDArray[np.float32]
    array: ArrayDescription


def draw_array(recording: Recording, kind: ArrayKind, rng: np.random.Generator) -> SeenArray:
    """Draw an array of a kind and let it see a recording, whose own array is calibrated.

    Readings are rounded and clipped as a converter does; the array is not calibrated yet.
    """
    own = recording.array
    if own is None:
        raise ValueError("the recording has no array, so nothing can be said of another")
    channels = len(own.channels)
    factor, slope = np.log(kind.resistance), np.log1p(kind.slope)
    resistances = rng.uniform(-factor, factor, channels)
    slopes = np.exp(rng.uniform(-slope, slope, channels))
    described = replace(own, full_scale=kind.full_scale)
    readings = described.readings_of(own.deviations(recording.counts) * slopes + resistances)
    counts = np.clip(np.rint(readings), 0, kind.full_scale).astype(np.float32)
    return SeenArray(counts, described)


@dataclass(frozen=True)
class ArrayFigure:
    """What a model scored through one array.

    Attributes:
        domain: what of a reading the model looks at.
        kind: the array's.
        minutes: of clean air that it was calibrated on; 0 for all that is outside the test.
        position: where the test block lies.
        seed: of the model's fit.
        accuracy: 0..1.
    """

    domain: str
    kind: str
    minutes: int
    position: float
    seed: int
    accuracy: float


def measure_arrays(
    counts: Bench,
    log_ratio: Bench,
    recipe: Recipe,
    positions: Sequence[float],
    seeds: Sequence[int],
    minutes: Sequence[int] = (10, 3),
) -> Iterator[ArrayFigure]:
    """Fit a recipe in both domains on the data set's array and test it through others.

    Args:
        counts: the data in counts.
        log_ratio: the same with its array.
        recipe: how both are fitted.
        positions: where test blocks lie.
        seeds: of the fits.
        minutes: of clean air that the arrays are calibrated on, outside the test, at a drawn place.
    """
    for position in positions:
        for seed in seeds:
            split = SplitSettings(BLOCKED, FRACTION, position, EMBARGO)
            test, outside = log_ratio.held_out(split, seed)
            _, raw = counts.held_out(split, seed)
            seeing = log_ratio.tested(outside)
            fitted, blind = recipe.fit(outside.part, seed), recipe.fit(raw.part, seed)
            clean = outside.rows[outside.recording.labels[outside.rows] == outside.clean][_WARM_ROWS:]

            def score(model: Fitted, recording: Recording) -> float:
                windows = recording.windows(test, outside.rows, recipe.window)  # noqa: B023  used at once
                return model.answer(windows).accuracy(windows.labels)

            yield ArrayFigure("counts", KINDS[0].name, 0, position, seed, score(blind, counts.recording))
            yield ArrayFigure("log_ratio", KINDS[0].name, 0, position, seed, score(fitted, seeing))
            for kind in KINDS:
                for draw in range(DRAWS):
                    rng = np.random.default_rng((_FIRST_SEED, draw))
                    seen = draw_array(seeing, kind, rng)
                    if kind is not KINDS[0]:
                        through = replace(counts.recording, counts=seen.counts)
                        accuracy = score(blind, through)
                        yield ArrayFigure("counts", kind.name, 0, position, seed, accuracy)
                    for length in minutes:
                        through = replace(
                            log_ratio.recording,
                            counts=seen.counts,
                            array=_calibrated(seen, _stretch(clean, length, rng), kind),
                        )
                        accuracy = score(fitted, through)
                        yield ArrayFigure("log_ratio", kind.name, length, position, seed, accuracy)


def _calibrated(seen: SeenArray, rows: Indices, kind: ArrayKind) -> ArrayDescription:
    array = seen.array.with_baseline_of(seen.counts[rows])
    return array.with_baseline_of(array.readings_of(np.full((1, len(array.channels)), -kind.towards_gas)))


def _stretch(clean: Indices, minutes: int, rng: np.random.Generator) -> Indices:
    rows = min(minutes * ROWS_PER_MINUTE, len(clean))
    start = int(rng.integers(len(clean) - rows + 1))
    return clean[start : start + rows]
