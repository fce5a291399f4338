"""The file that collects all results of an output folder, whatever they measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gas_fusion_ros.base.files import write_whole
from training.data.splits import SplitSettings

_FORMAT_VERSION = 1
RESULTS = "results.json"


class AnyResult(Protocol):
    """What every result says of itself, whatever it measured."""

    @property
    def run(self) -> str:
        """Name of the run, unlike any other's."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def seed(self) -> int:
        """Seed of split, weights and order."""

    @property
    def split(self) -> SplitSettings:
        """How rows were split."""

    @property
    def data_file(self) -> str:
        """Name of the file with the readings."""

    @property
    def data_sha256(self) -> str:
        """Its sha256."""

    @property
    def code_version(self) -> str:
        """Commit of the code."""

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""


Result = TypeVar("Result", bound=AnyResult)


class ResultError(ValueError):
    """A result cannot be read; the message names the file."""


def in_order(results: Iterable[Result], models: Iterable[str]) -> list[Result]:
    """Sort results by the place of their model among `models`, unknown ones last, then by split and seed."""
    places = {name: place for place, name in enumerate(models)}

    def place(result: Result) -> tuple[int, str, float, int, str]:
        split = result.split
        known = places.get(result.model, len(places))
        return known, split.name, split.position or 0.0, result.seed, result.run

    return sorted(results, key=place)


def write_results(path: Path, results: Iterable[AnyResult]) -> None:
    """Write `results.json`, whole or not at all, in the order given."""
    runs = [result.to_json() for result in results]
    write_json(path, {"format_version": _FORMAT_VERSION, "runs": runs})


def read_runs(path: Path) -> list[Any]:
    """Read what `write_results` wrote: JSON values, one for each result.

    Raises:
        ResultError: it is missing, or of another format.
    """
    content = read_json(path)
    version, runs = content.get("format_version"), content.get("runs")
    if version != _FORMAT_VERSION:
        raise ResultError(f"{path}: format_version is {version!r}; expected {_FORMAT_VERSION}")
    if not isinstance(runs, list):
        raise ResultError(f"{path}: runs is {shown(runs)}; expected a list")
    return runs


def shown(value: object) -> str:
    """A value as a message has room for it."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        ResultError: it is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResultError(f"{path} is missing: a finished run has it") from error
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ResultError(f"{path} must hold one JSON object")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file that holds one JSON object, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
