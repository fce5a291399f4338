"""A few numbers of a thermal field that its level and contrast do not change."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.model.pseudo_colour import Field
from training.pictures.samples import Sample

_EDGE = 0.1
"""Step from pixel to pixel, as a share of the range, that counts as an edge."""
_BLOCKS = (4, 8)
"""Periods of JPEG's blocks, pixels: a screenshot's, thinned by two, and as stored."""
_OCTAVES = ((2, 4), (4, 8), (8, 16), (16, 56))
"""Shortest and longest wavelength of each band of the spectrum, pixels."""


@dataclass(frozen=True)
class FieldStatistics:
    """Numbers of one field; energies as their logarithms, so that none outweighs the others.

    Attributes:
        spread: middle half of the values, of the range.
        skew: of the values.
        kurtosis: of the values.
        cut_off: share of the pixels at either end of the range.
        gradient: energy of the steps between neighbours.
        edges: share of steps that are edges.
        columns: energy of column bands beside that of all fine structure.
        rows: likewise of row bands.
        finest: energy of structure of 2 to 4 pixels.
        fine: of 4 to 8.
        middle: of 8 to 16.
        coarse: of 16 to half the picture.
        blocks: how much steps at the borders of blocks exceed others.
        symmetry: correlation with its own mirror image, the greater of both.
    """

    spread: float
    skew: float
    kurtosis: float
    cut_off: float
    gradient: float
    edges: float
    columns: float
    rows: float
    finest: float
    fine: float
    middle: float
    coarse: float
    blocks: float
    symmetry: float


NAMES = tuple(field.name for field in fields(FieldStatistics))


def table(samples: list[Sample]) -> npt.NDArray[np.float64]:
    """Return the statistics of pictures, shape (N, S), in the order of `NAMES`."""
    return np.array([astuple(statistics_of(sample)) for sample in samples], dtype=np.float64)


def statistics_of(sample: Sample) -> FieldStatistics:
    """Return the statistics of one picture."""
    seen = sample.seen.astype(np.float64)
    down, across = np.diff(seen, axis=0), np.diff(seen, axis=1)
    steps = np.concatenate([np.abs(down).ravel(), np.abs(across).ravel()])
    columns, rows = _bands(seen)
    finest, fine, middle, coarse = _spectrum(seen)
    centred = (seen - seen.mean()) / max(float(seen.std()), 1e-6)
    return FieldStatistics(
        spread=float(np.subtract(*np.percentile(seen, (75, 25)))),
        skew=float((centred**3).mean()),
        kurtosis=float(np.log1p((centred**4).mean())),
        cut_off=float(((seen < 0.01) | (seen > 0.99)).mean()),
        gradient=_log(float((steps**2).mean())),
        edges=float((steps > _EDGE).mean()),
        columns=columns,
        rows=rows,
        finest=finest,
        fine=fine,
        middle=middle,
        coarse=coarse,
        blocks=max(_block_excess(sample.field, period) for period in _BLOCKS),
        symmetry=max(float((centred * centred[::-1]).mean()), float((centred * centred[:, ::-1]).mean())),
    )


def _log(energy: float) -> float:
    return float(np.log10(energy + 1e-8))


def _bands(seen: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return how much of the fine structure is the same along each column, and along each row."""
    fine = seen - cv2.GaussianBlur(seen, (0, 0), 3.0)
    whole = float((fine**2).mean()) + 1e-8
    columns, rows = (_log(float((fine.mean(axis=axis) ** 2).mean()) / whole) for axis in (0, 1))
    return columns, rows


def _spectrum(seen: npt.NDArray[np.float64]) -> list[float]:
    """Return the energy of each octave of wavelengths."""
    side = seen.shape[0]
    window = np.hanning(side)
    power = np.abs(np.fft.rfft2((seen - seen.mean()) * np.outer(window, window))) ** 2 / side**2
    frequency = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    return [
        _log(float(power[(frequency > 1 / longest) & (frequency <= 1 / shortest)].mean()))
        for shortest, longest in _OCTAVES
    ]


def _block_excess(field: Field, period: int) -> float:
    """Return the logarithm of steps at the most marked phase of a period beside those at others."""
    excess = []
    for axis in (0, 1):
        along = np.abs(np.diff(field, axis=axis)).mean(axis=1 - axis)
        phases = np.array([along[phase::period].mean() for phase in range(period)])
        excess.append(np.log((phases.max() + 1e-6) / (np.median(phases) + 1e-6)))
    return float(np.mean(excess))
