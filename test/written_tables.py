"""Tables of readings as people and programs write them, with numbers of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

CHANNELS = ("mq2", "mq3", "mq5")
ROWS = tuple((610 + row % 5, 480 + row % 7, 390 + row % 3) for row in range(40))
LABELS = ("NoGas",) * 20 + ("Smoke",) * 20


def table(
    delimiter: str = ",",
    names: Sequence[str] = ("MQ2", "MQ3", "MQ5", "Gas"),
    labels: Sequence[str] = LABELS,
    number: Callable[[float], str] = str,
    first: Callable[[int], str] | None = None,
    end: str = "\n",
) -> str:
    """Return a table of `ROWS`; `first` makes a cell in front of each row, for which `names` has a name."""
    lines = [delimiter.join(names)]
    for place, (row, label) in enumerate(zip(ROWS, labels, strict=True)):
        cells = [*map(number, row), label]
        lines.append(delimiter.join(cells if first is None else [first(place), *cells]))
    return end.join(lines) + end


def timed(name: str, first: Callable[[int], str], delimiter: str = ",") -> str:
    """Return a table of `ROWS` with a column of times in front."""
    return table(delimiter, (name, "MQ2", "MQ3", "MQ5", "Gas"), first=first)


def written(folder: Path, content: str | bytes, name: str = "readings.csv") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
