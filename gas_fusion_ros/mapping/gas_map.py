"""A map of gas along the route: Kernel DM+V (Lilienthal et al. 2009), on cells where the robot was.

Each reading is spread over the cells about its place by a normal distribution, the kernel. A cell's mean and
variance are those of the readings that speak for it, drawn towards the mean of all readings as far as few do.
How many do is its confidence.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.mapping.settings import MappingSettings

FloatArray = npt.NDArray[np.float64]

_EDGE = 16
"""Cells along an edge of a tile, the piece that memory is taken and given back by."""
_REACH = 3.0
"""Kernel widths beyond which a reading says nothing."""
_TILE_MB = 3 * _EDGE * _EDGE * 8 / 1e6


@dataclass(frozen=True)
class MapWindow:
    """A rectangle of the map, R rows by C columns.

    Attributes:
        x: left edge, metres.
        y: lower edge, metres.
        cell_m: edge of a cell, metres.
        mean: shape (R, C), leak probability 0..1; rows go along y.
        variance: shape (R, C), of the readings about the mean.
        confidence: shape (R, C), 0 (nobody was there) .. 1.
    """

    x: float
    y: float
    cell_m: float
    mean: FloatArray
    variance: FloatArray
    confidence: FloatArray


class GasMap:
    """The map. Not thread-safe. Memory is bounded, and the cost of a reading the same however long the route.

    Args:
        settings: cells, kernel and memory.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._cell_m = settings.cell_m
        self._kernel_m = settings.kernel_m
        self._most_tiles = max(4, int(settings.map_mb / _TILE_MB))
        # Of each tile, shape (3, rows, columns): sums of weights, weighted readings and weighted squares.
        self._tiles: OrderedDict[tuple[int, int], FloatArray] = OrderedDict()
        self._peak = 1.0 / (2.0 * math.pi * self._kernel_m**2)
        self._readings = 0
        self._mean = 0.0
        self._variance = 0.0

    @property
    def memory_mb(self) -> float:
        """What the cells take, MB."""
        return len(self._tiles) * _TILE_MB

    def add(self, x: float, y: float, evidence: float) -> None:
        """Take in a reading's leak probability, 0..1, at a finite place, metres."""
        reach = math.ceil(_REACH * self._kernel_m / self._cell_m)
        row, column = math.floor(y / self._cell_m), math.floor(x / self._cell_m)
        rows = np.arange(row - reach, row + reach + 1)
        columns = np.arange(column - reach, column + reach + 1)
        weights = self._peak * np.outer(self._fall(rows, y), self._fall(columns, x))
        sums = self._tiled(rows, columns, weights, evidence)
        here = sums[:, reach, reach]
        off = (evidence - float(self._shrink(here[0], here[1] / here[0], self._mean))) ** 2
        self._add_squares(rows, columns, weights * off)
        self._readings += 1
        self._mean += (evidence - self._mean) / self._readings
        self._variance += (off - self._variance) / self._readings
        while len(self._tiles) > self._most_tiles:
            self._tiles.popitem(last=False)

    def window(self, x: float, y: float, reach_m: float) -> MapWindow:
        """Return the square of the map about a place that reaches `reach_m` to each side."""
        reach = math.ceil(reach_m / self._cell_m)
        first_row, first_column = (math.floor(at / self._cell_m) - reach for at in (y, x))
        size = 2 * reach + 1
        sums = np.zeros((3, size, size))
        for (tile_row, tile_column), tile in self._tiles.items():
            _copy(tile, sums, tile_row * _EDGE - first_row, tile_column * _EDGE - first_column)
        weight = sums[0]
        known = np.where(weight > 0.0, weight, 1.0)
        return MapWindow(
            first_column * self._cell_m,
            first_row * self._cell_m,
            self._cell_m,
            self._shrink(weight, sums[1] / known, self._mean),
            self._shrink(weight, sums[2] / known, self._variance),
            self._confidence(weight),
        )

    def _fall(self, cells: npt.NDArray[np.int64], at: float) -> FloatArray:
        off = ((cells + 0.5) * self._cell_m - at) / self._kernel_m
        return np.asarray(np.exp(-0.5 * off * off))

    def _confidence(self, weight: FloatArray) -> FloatArray:
        return np.asarray(1.0 - np.exp(-np.square(weight / self._peak)))

    def _shrink(self, weight: FloatArray, value: FloatArray, towards: float) -> FloatArray:
        confidence = self._confidence(weight)
        return np.asarray(confidence * value + (1.0 - confidence) * towards)

    def _tiled(
        self,
        rows: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        weights: FloatArray,
        evidence: float,
    ) -> FloatArray:
        """Add a reading to the cells; return their sums, shape (3, rows, columns)."""
        sums = np.empty((3, len(rows), len(columns)))
        for key, inside, part in _pieces(rows, columns):
            tile = self._tiles.setdefault(key, np.zeros((3, _EDGE, _EDGE)))
            self._tiles.move_to_end(key)
            tile[0][inside] += weights[part]
            tile[1][inside] += weights[part] * evidence
            sums[:, part[0], part[1]] = tile[:, inside[0], inside[1]]
        return sums

    def _add_squares(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], squares: FloatArray
    ) -> None:
        for key, inside, part in _pieces(rows, columns):
            self._tiles[key][2][inside] += squares[part]


_Slices = tuple[slice, slice]


def _pieces(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> list[tuple[tuple[int, int], _Slices, _Slices]]:
    """Cut a rectangle of cells by tiles: each tile's key, what of it and what of the rectangle is meant."""
    return [
        ((tile_row, tile_column), (row_in, column_in), (row_of, column_of))
        for tile_row, row_in, row_of in _cuts(rows)
        for tile_column, column_in, column_of in _cuts(columns)
    ]


def _cuts(cells: npt.NDArray[np.int64]) -> list[tuple[int, slice, slice]]:
    first, last = int(cells[0]), int(cells[-1])
    cuts = []
    for tile in range(first // _EDGE, last // _EDGE + 1):
        begin, end = max(first, tile * _EDGE), min(last + 1, (tile + 1) * _EDGE)
        inside = slice(begin - tile * _EDGE, end - tile * _EDGE)
        cuts.append((tile, inside, slice(begin - first, end - first)))
    return cuts


def _copy(tile: FloatArray, into: FloatArray, row: int, column: int) -> None:
    """Copy a tile into a larger grid, of which it begins at (row, column), as far as it lies within."""
    size = into.shape[1]
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + _EDGE, size), min(column + _EDGE, size)
    if top < bottom and left < right:
        into[:, top:bottom, left:right] = tile[:, top - row : bottom - row, left - column : right - column]
