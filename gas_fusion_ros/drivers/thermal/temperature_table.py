"""One frame as a table of temperatures, as the programs of camera makers export it (CSV)."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.table.encoding import open_table
from gas_fusion_ros.base.table.options import TableError

_MOST_BYTES = 64 << 20
_LEAST_SIDE = 8
_DELIMITERS = ("\t", ";", ",", " ")
_UNITS = {"f": "fahrenheit", "k": "kelvin"}
_UNIT = re.compile(r"(?:\u00b0|deg(?:rees)?|\[|\()\s*([CFK])\b", re.IGNORECASE)
_DEGREES = re.compile(r"\s*(?:\u00b0\s?)?C$")
_ZERO_CELSIUS_KELVIN = 273.15


class TemperatureTableError(ValueError):
    """A file is no table of temperatures; the message says what is."""


def is_table(path: Path) -> bool:
    """Whether a file is a table of temperatures."""
    try:
        read_table(path)
    except TemperatureTableError:
        return False
    return True


def read_table(path: Path) -> npt.NDArray[np.float32]:
    """Read the temperatures of a frame: the longest run of lines with equally many numbers.

    Lines before and behind are left away; degrees Fahrenheit and kelvin are turned into degrees Celsius where
    a line before names the unit. Numbers may have a decimal comma where something else separates them.

    Returns:
        Shape (H, W), degC.

    Raises:
        TemperatureTableError: it cannot be read, or has no such run of 8 x 8 at least.
    """
    try:
        with open_table(path, _MOST_BYTES).file as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise TemperatureTableError(f"cannot be read ({error.strerror})") from None
    except TableError as error:
        raise TemperatureTableError(f"is no table of temperatures: {error}") from None
    grids = (_grid(lines, delimiter) for delimiter in _DELIMITERS)
    start, grid, others = max(grids, key=lambda found: found[1].size)
    if others:
        raise TemperatureTableError(f"holds {others + 1} tables of one size; expected a file for each frame")
    grid = _without_numbers_of_rows(_without_numbers_of_rows(grid).T).T
    if min(grid.shape) < _LEAST_SIDE:
        raise TemperatureTableError(
            f"is no table of temperatures: expected lines of numbers, {_LEAST_SIDE} x {_LEAST_SIDE} at least"
        )
    return _in_celsius(grid, "\n".join(lines[:start]))


def _grid(lines: list[str], delimiter: str) -> tuple[int, npt.NDArray[np.float32], int]:
    """The longest run of lines with equally many numbers, where it begins, and how many others are alike."""
    rows = [_numbers(line, delimiter) for line in lines]
    runs = [
        list(run) for width, run in groupby(range(len(rows)), lambda n: len(rows[n])) if width >= _LEAST_SIDE
    ]
    longest = max(runs, key=len, default=[])
    if not longest:
        return 0, np.empty((0, 0), np.float32), 0
    grid = np.array([rows[n] for n in longest], dtype=np.float32)
    alike = sum(len(run) == len(longest) and len(rows[run[0]]) == grid.shape[1] for run in runs)
    return longest[0], grid, alike - 1


def _without_numbers_of_rows(grid: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A table without its first column where that counts the rows, from 0 or 1 on."""
    if grid.size and grid[0, 0] in (0, 1) and (grid[:, 0] == grid[0, 0] + np.arange(len(grid))).all():
        return grid[:, 1:]
    return grid


def _numbers(line: str, delimiter: str) -> list[float]:
    """The numbers of a line; none where one of its cells is something else."""
    cells = [cell.strip().strip('"') for cell in line.strip().rstrip(delimiter).split(delimiter)]
    if delimiter != ",":
        cells = [cell.replace(",", ".") for cell in cells]
    if delimiter == " ":
        cells = [cell for cell in cells if cell]
    cells = [_DEGREES.sub("", cell) for cell in cells]
    empty = sum(not cell for cell in cells)
    if empty and 2 * empty < len(cells):
        cells = [cell or "nan" for cell in cells]
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return []


def _in_celsius(grid: npt.NDArray[np.float32], before: str) -> npt.NDArray[np.float32]:
    named = _UNIT.search(before)
    unit = _UNITS.get(named.group(1).lower(), "") if named else ""
    if unit == "fahrenheit":
        return (grid - np.float32(32)) * np.float32(5 / 9)
    return grid - np.float32(_ZERO_CELSIUS_KELVIN) if unit == "kelvin" else grid
