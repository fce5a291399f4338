"""Every verdict of an evaluation as a row of a table, written as it comes."""

from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from gas_fusion_ros.base.observation import Verdict

_ROWS_PER_GROUP = 10_000

Value = str | int | float | None


class PredictionFormat(str, Enum):
    """How the verdicts are written."""

    CSV = "csv"
    PARQUET = "parquet"
    NONE = "none"


class PredictionError(RuntimeError):
    """The table cannot be written; the message says what would help."""


class PredictionTable(Protocol):
    """A table of verdicts that is being written."""

    def add(self, row: Sequence[Value]) -> None:
        """Append a row; the values are those of `columns`."""

    def close(self) -> None:
        """Write what is still held back."""


def check_format(chosen: PredictionFormat) -> None:
    """Make sure that a format can be written here.

    Raises:
        PredictionError: a library is missing; says what to install.
    """
    if chosen is PredictionFormat.PARQUET and importlib.util.find_spec("pyarrow") is None:
        raise PredictionError("predictions in parquet need pyarrow: pip install pyarrow, or choose csv")


def columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns, in their order."""
    return [
        "stamp_ns",
        "label",
        "truth",
        *(f"p({name})" for name in classes),
        "confidence",
        "novelty",
        "mode",
        "pair_offset_ms",
        "invalid_channels",
        "run",
        *(f"readings_alone.p({name})" for name in classes),
    ]


def row_of(verdict: Verdict, truth: str | None, stretch: int) -> list[Value]:
    """The values of a verdict's row.

    Args:
        verdict: the verdict.
        truth: the class that was true; None where nobody knows.
        stretch: number of the stretch of time in which the stamps did not jump back.
    """
    offset_ns = verdict.pair_offset_ns
    alone = verdict.readings_alone
    return [
        verdict.stamp_ns,
        verdict.label,
        truth,
        *verdict.probabilities.tolist(),
        verdict.confidence,
        verdict.novelty,
        verdict.mode.value,
        None if offset_ns is None else offset_ns / 1e6,
        " ".join(verdict.invalid_channels),
        stretch,
        *(alone.probabilities.tolist() if alone is not None else (None for _ in verdict.classes)),
    ]


class Predictions:
    """Writes the verdicts of one bag; a context manager. The file appears, whole, when that ends well.

    Args:
        folder: where `predictions.<format>` goes.
        chosen: the format; `none` writes nothing.
        classes: the model's classes.

    Raises:
        PredictionError: a library is missing.
        OSError: the file cannot be written.
    """

    def __init__(self, folder: Path, chosen: PredictionFormat, classes: Sequence[str]) -> None:
        check_format(chosen)
        self._path = folder / f"predictions.{chosen.value}"
        self._draft = self._path.with_name(self._path.name + ".part")
        self._table = _open(self._draft, chosen, columns(classes))

    def __enter__(self) -> Predictions:
        """Return the open table."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put the file in its place; after an exception remove it."""
        if self._table is None:
            return
        self._table.close()
        if exception_type is None:
            os.replace(self._draft, self._path)
        else:
            self._draft.unlink(missing_ok=True)

    def add(self, verdict: Verdict, truth: str | None, stretch: int) -> None:
        """Write a verdict; arguments as for `row_of`."""
        if self._table is not None:
            self._table.add(row_of(verdict, truth, stretch))


def _open(path: Path, chosen: PredictionFormat, names: Sequence[str]) -> PredictionTable | None:
    if chosen is PredictionFormat.NONE:
        return None
    return _CsvTable(path, names) if chosen is PredictionFormat.CSV else _ParquetTable(path, names)


class _CsvTable:
    """Empty fields stand for what is not known; probabilities have every digit of a float32."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(names)

    def add(self, row: Sequence[Value]) -> None:
        self._writer.writerow([f"{value:.9g}" if isinstance(value, float) else value for value in row])

    def close(self) -> None:
        self._file.close()


class _ParquetTable:
    """Row groups of some thousand rows, so that memory does not grow with the table."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._pyarrow = pyarrow
        self._schema = pyarrow.schema([(name, _arrow_type(pyarrow, name)) for name in names])
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)
        self._rows: list[Sequence[Value]] = []

    def add(self, row: Sequence[Value]) -> None:
        self._rows.append(row)
        if len(self._rows) == _ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            arrays = [
                self._pyarrow.array(values, type=field.type)
                for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_table(self._pyarrow.table(arrays, schema=self._schema))
            self._rows.clear()


def _arrow_type(pyarrow: Any, name: str) -> Any:
    if name in ("stamp_ns", "run"):
        return pyarrow.int64()
    if name in ("label", "truth", "mode", "invalid_channels"):
        return pyarrow.string()
    return pyarrow.float32() if "p(" in name else pyarrow.float64()
