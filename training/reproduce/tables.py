"""The report's tables as text: every figure with its protocol, "-" where none was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from statistics import fmean

from training.data.splits import BACKWARD, BLOCKED, FORWARD, RANDOM, STRICT
from training.fitting.catalog import PaperFigures
from training.report.protocols import ModelRuns, Protocol, Spread, protocols_of
from training.report.tables import MISSING, Table, TableRow, TableRows, extent, number, value_range
from training.reproduce.summary import ComparedModel, Comparison
from training.results.result_file import Result
from training.results.run_result import RunResult

NOT_IN_PAPER = "not in the paper"

SUBJECTS = {4: "sensors", 5: "images", 6: "fusion"}
"""What the paper's tables compare."""
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
}
"""Fields of a result, and their headings."""

_PAPER = "paper, random split"
_ALWAYS_SHOWN = ("epochs", "batch", "learning_rate", "precision")
_MEANINGS = {
    RANDOM: "The paper's: rows are drawn at random, so a test row's neighbours, 2 s away, are in training.",
    BLOCKED: "One stretch of each class is held out for test. Rows within the embargo are in no part.",
    FORWARD: "Trained on early rows, tested on late ones. Rows within the embargo are in no part.",
    BACKWARD: "Trained on late rows, tested on early ones. Rows within the embargo are in no part.",
    STRICT: "One stretch of each class, at a place that the seed draws, is held out for test.",
}


def table_name(comparison: Comparison) -> str:
    """Name of the paper's table, with the kind of the pictures."""
    name = f"Table {comparison.table} ({SUBJECTS[comparison.table]})"
    return name if comparison.thermal == "none" else f"{name}, thermal: {comparison.thermal}"


def score_table(comparison: Comparison, metrics: Sequence[str]) -> Table:
    """Return a row for each model: the paper's figures where it has them, ours for each protocol.

    Args:
        comparison: what to compare.
        metrics: names of the results' fields, of `METRICS`.
    """
    reported = [name for name in metrics if name in PaperFigures.__dataclass_fields__]
    columns = [(protocol, metric) for protocol in comparison.protocols for metric in metrics]

    def row(entry: ComparedModel) -> TableRow:
        paper = (number(getattr(entry.paper, name, None)) for name in reported)
        ours = (score_cell(entry, protocol, metric) for protocol, metric in columns)
        return entry.title, *paper, *ours

    return Table(
        f"{table_name(comparison)}. On test: {' and '.join(METRICS[name] for name in metrics)}",
        ("", *(_PAPER for _ in reported), *(protocol.heading for protocol, _ in columns)),
        ("model", *(METRICS[name] for name in (*reported, *(metric for _, metric in columns)))),
        _blocks(map(row, comparison.in_paper), map(row, comparison.others)),
    )


def cost_table(comparison: Comparison) -> Table:
    """Return a row for each measured model: its size, what it took to train, and its hyperparameters."""
    networks = [entry for entry in comparison.measured if entry.results[0].parameters]
    names = _hyperparameter_columns(networks)
    pictures = ("picture",) if any(entry.results[0].image_size for entry in networks) else ()

    def row(entry: ComparedModel) -> TableRow:
        first = entry.results[0]
        picture = f"{first.preparation}, {first.image_size} px" if first.image_size else MISSING
        settings = first.hyperparameters if first.parameters else {}
        return (
            entry.title,
            _size(first.parameters),
            _size(first.macs),
            *(picture for _ in pictures),
            str(len(entry.results)),
            _mean(result.epochs for result in entry.results),
            _mean(result.seconds for result in entry.results),
            *(str(settings.get(name, MISSING)) for name in names),
        )

    columns = ("model", "parameters", "MACs", *pictures, "runs", "epochs, mean", "seconds, mean")
    titles = ("epochs at most" if name == "epochs" else name.replace("_", " ") for name in names)
    return Table(
        f"{table_name(comparison)}. Size, training time and hyperparameters",
        ("",) * (len(columns) + len(names)),
        (*columns, *titles),
        _blocks((row(entry) for entry in comparison.in_paper if entry.results), map(row, comparison.others)),
    )


def shared_hyperparameters(comparison: Comparison) -> dict[str, str]:
    """Return the hyperparameters that are alike in all networks and not in the cost table."""
    networks = [entry for entry in comparison.measured if entry.results[0].parameters]
    shown = {*_hyperparameter_columns(networks), "image_size"}
    values = networks[0].results[0].hyperparameters if networks else {}
    return {name: str(value) for name, value in values.items() if name not in shown}


def protocol_table(results: Sequence[RunResult]) -> Table:
    """Return a row for each protocol: what it does, and how many rows its parts have."""
    parts = ("train", "validation", "test")
    rows = []
    for protocol in protocols_of(results):
        held = [result.rows for result in results if protocol.holds(result.split)]
        rows.append(
            (
                protocol.heading,
                _MEANINGS[protocol.name],
                *(value_range([counts[part] for counts in held]) for part in parts),
            )
        )
    columns = ("protocol", "what it does", "training rows", "validation rows", "test rows")
    return Table("Protocols", ("",) * len(columns), columns, _blocks(rows, ()))


def score_cell(entry: ModelRuns[Result], protocol: Protocol, metric: str) -> str:
    """Say what a model scored under a protocol: mean, how far it reaches, and over how many runs.

    Args:
        entry: its runs.
        protocol: which of them.
        metric: name of a field of its results.
    """
    spread = Spread.of(entry.under(protocol), attrgetter(metric))
    if spread is None:
        return MISSING
    if spread.runs == 1 and not protocol.positions:
        return f"{number(spread.mean)}\n1 seed"
    count = _positions(spread, protocol) if protocol.positions else f"{spread.runs} seeds"
    return f"{number(spread.mean)}\n{extent(spread, protocol, attrgetter('low'))}\n{count}"


def _positions(spread: Spread, protocol: Protocol) -> str:
    """Names positions that are missing, and runs where a position has several."""
    runs = "" if spread.runs == spread.places else f", {spread.runs} runs"
    return f"{protocol.count(spread.places)}{runs}"


def _blocks(in_paper: Iterable[TableRow], others: Iterable[TableRow]) -> tuple[TableRows, ...]:
    blocks = (TableRows("", tuple(in_paper)), TableRows(NOT_IN_PAPER, tuple(others)))
    return tuple(block for block in blocks if block.rows)


def _hyperparameter_columns(networks: Sequence[ComparedModel]) -> list[str]:
    """Names of the hyperparameters worth a column: the usual ones, and those in which networks differ."""
    settings: list[Mapping[str, object]] = [entry.results[0].hyperparameters for entry in networks]
    names = dict.fromkeys(name for each in settings for name in each)
    return [
        name
        for name in names
        if name != "image_size"
        and (name in _ALWAYS_SHOWN or len({str(each.get(name)) for each in settings}) > 1)
    ]


def _size(value: int) -> str:
    """A count with its SI prefix; an estimator of scikit-learn has none."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.4g} {prefix}"
    return str(value) if value else MISSING


def _mean(values: Iterable[float]) -> str:
    mean = fmean(values)
    return f"{mean:.1f}" if mean else MISSING
