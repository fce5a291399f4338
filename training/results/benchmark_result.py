"""What one run of the benchmark measured, and the file that collects all runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from training.data.splits import SplitSettings
from training.results.result_file import ResultError, read_runs, shown
from training.scoring.reliability import ReliabilityPoint, RiskCoveragePoint

_SHARES = (
    "accuracy",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "inner_accuracy",
    "candidates",
    "leak_recall",
    "clean_called_gas",
    "ece",
    "aurc",
    "missed_leaks",
    "rejected",
    "reject_auroc",
    "perturbed",
)
_AMOUNTS = (
    "seconds",
    "false_readings_per_hour",
    "false_runs_per_hour",
    "false_alarms_per_hour",
    "detection_delay",
    "alarm",
)
_POSITIVE = ("window", "period_s", "temperature")
_LIMITS = (
    (_SHARES, 0.0, 1.0, "0..1"),
    (_AMOUNTS, 0.0, sys.float_info.max, "a finite number of at least 0"),
    (_POSITIVE, sys.float_info.min, sys.float_info.max, "a finite number above 0"),
)
"""Names of fields with the least and the greatest value they can have, and how a message puts it."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """One model, chosen, trained and tested once; None stands for what was not measured.

    Accuracy and the figures beside it take the most probable class, rejected rows included.

    Attributes:
        run: name of the run, unlike any other's.
        model: the model's name.
        title: the model's name in the tables.
        modality: `gas_only`, `thermal_only` or `fusion`.
        thermal: `real` or `rendered` pictures, or `none`.
        split: how rows were split.
        seed: seed of split, weights and order.
        classes: class names in the order of the probabilities, length K.
        channels: gas channels in the order of the input, length C.
        rows: number of rows in each part, such as `train` and `test`.
        window: W, readings that a verdict is made from.
        period_s: time between two readings of a window, seconds.
        candidate: name of the configuration that was chosen within the training rows; None without a choice.
        inner_accuracy: its accuracy on the inner folds, 0..1.
        candidates: accuracy on the inner folds of every configuration that was compared; may be empty.
        accuracy: share of the test rows that are classified rightly.
        macro_f1: mean over the classes of F1 on test.
        macro_precision: mean over the classes of precision on test.
        macro_recall: mean over the classes of recall on test.
        confusion: shape (K, K), test rows by truth (row) and verdict (column).
        parameters: trainable parameters; 0 for a scikit-learn estimator.
        seconds: wall time of choice and training.
        data_file: name of the file with the readings.
        data_sha256: its sha256.
        code_version: commit of the code.
        leak_recall: share of the test rows with a gas that are called a gas, whichever.
        clean_called_gas: share of the test rows of clean air that are called a gas.
        false_readings_per_hour: test rows of clean air called gas, per hour of clean air.
        false_runs_per_hour: stretches of consecutive such rows, per hour of clean air.
        false_alarms_per_hour: alarms raised in clean air, per hour of it, by the alarm as `alarm` sets it.
        detection_delay: readings from a leak's begin to the same alarm, median over the leaks that raised it.
        missed_leaks: share of the leaks that did not raise it.
        temperature: what logits are divided by.
        ece: expected calibration error, 15 bins, 0..1.
        aurc: area under the risk-coverage curve, 0..1.
        reliability: confidence and accuracy on test, by bin of confidence; may be empty.
        risk_coverage: risk by coverage on test; may be empty.
        rejected: share of the test rows, all of known classes, that are rejected as Unknown.
        reject_auroc: area under the ROC curve of the rejection score, by the class held out of training.
        perturbed: accuracy on perturbed test rows by the perturbation's name, which holds the names of the
            channels that it is done to, if not to all, and may end with a number: how strong it is.
        alarm: what a bundle advises: `on_threshold` and `off_threshold`, probabilities, `on_delay_s` and
            `off_delay_s`, seconds, and `false_alarms_per_hour`, on the inner folds.
        profiles: the same three figures of the alarm, `false_alarms_per_hour`, `detection_delay` and
            `missed_leaks`, by profile of the advice; may be empty.
        leak: leak probability of each test row, in the rows' order, in thousandths; may be empty.
    """

    run: str
    model: str
    title: str
    modality: str
    thermal: str
    split: SplitSettings
    seed: int
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    rows: Mapping[str, int]
    window: int
    period_s: float
    candidate: str | None = None
    inner_accuracy: float | None = None
    candidates: Mapping[str, float]
    accuracy: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    confusion: tuple[tuple[int, ...], ...]
    parameters: int
    seconds: float
    data_file: str
    data_sha256: str
    code_version: str
    leak_recall: float | None = None
    clean_called_gas: float | None = None
    false_readings_per_hour: float | None = None
    false_runs_per_hour: float | None = None
    false_alarms_per_hour: float | None = None
    detection_delay: float | None = None
    missed_leaks: float | None = None
    temperature: float | None = None
    ece: float | None = None
    aurc: float | None = None
    reliability: tuple[ReliabilityPoint, ...] = ()
    risk_coverage: tuple[RiskCoveragePoint, ...] = ()
    rejected: float | None = None
    reject_auroc: Mapping[str, float] | None = None
    perturbed: Mapping[str, float] | None = None
    alarm: Mapping[str, float | None] | None = None
    profiles: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    leak: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for names, least, most, expected in _LIMITS:
            for name, value in self._numbers(names):
                if value is not None and not least <= value <= most:
                    raise ValueError(f"{name} is {value}; expected {expected}")
        size = len(self.classes)
        if len(self.confusion) != size or any(len(row) != size for row in self.confusion):
            raise ValueError(f"confusion must have {size} rows and columns, one for each of classes")

    def _numbers(self, names: Iterable[str]) -> Iterator[tuple[str, float | None]]:
        """Yield fields by name; of a mapping each value."""
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Mapping):
                yield from ((f"{name}[{key!r}]", item) for key, item in value.items())
            else:
                yield name, value

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object, source: str) -> BenchmarkResult:
        """Read what `to_json` made; `source` is named where it cannot be.

        Raises:
            ResultError: a field is missing or unusable; the message names it.
        """
        result = _value(cls, values, source)
        assert isinstance(result, cls)
        return result


def read_benchmark(path: Path) -> list[BenchmarkResult]:
    """Read the benchmark's `results.json`.

    Raises:
        ResultError: it is missing, of another format, or a field is; the message names file and field.
    """
    return [
        BenchmarkResult.from_json(values, f"{path}: runs[{index}]")
        for index, values in enumerate(read_runs(path))
    ]


_SCALARS: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "an integer"),
    float: ((int, float), "a finite number"),
}
"""Python's types of a JSON value by the type of a field, and what a message calls it."""


def _value(kind: Any, value: object, place: str) -> Any:
    """Return a JSON value as what a field's type hint asks for; `place` is where it stands."""
    if get_origin(kind) in (Union, UnionType):
        (inner,) = (entry for entry in get_args(kind) if entry is not NoneType)
        return None if value is None else _value(inner, value, place)
    if kind in _SCALARS:
        return _scalar(kind, value, place)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        items = _expect((list, tuple), value, place, "a list")
        return tuple(_value(inner, item, f"{place}[{index}]") for index, item in enumerate(items))
    entries = _expect(dict, value, place, "an object")
    if get_origin(kind) is Mapping:
        inner = get_args(kind)[1]
        return {key: _value(inner, item, f"{place}[{key!r}]") for key, item in entries.items()}
    assert is_dataclass(kind)
    return _record(kind, entries, place)


def _scalar(kind: type, value: object, place: str) -> object:
    accepted, name = _SCALARS[kind]
    is_right = isinstance(value, accepted) and not isinstance(value, bool)
    if not is_right or (isinstance(value, float) and not math.isfinite(value)):
        raise ResultError(f"{place} is {shown(value)}; expected {name}")
    return value


def _record(kind: Any, entries: dict[str, object], place: str) -> Any:
    hints = get_type_hints(kind)
    known = {}
    for entry in fields(kind):
        if entry.name not in entries:
            raise ResultError(f"{place}: the field '{entry.name}' is missing")
        known[entry.name] = _value(hints[entry.name], entries[entry.name], f"{place}.{entry.name}")
    try:
        return kind(**known)
    except ValueError as error:
        raise ResultError(f"{place}: {error}") from error


def _expect(kind: type | tuple[type, ...], value: object, place: str, name: str) -> Any:
    if not isinstance(value, kind):
        raise ResultError(f"{place} is {shown(value)}; expected {name}")
    return value
