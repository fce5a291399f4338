"""The tables of carrying over and fine-tuning: every figure with its protocol, "-" where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.published.carry_over import CarryOver
from training.report.protocols import ModelRuns, protocols_of
from training.report.tables import MISSING, Table, TableRow, TableRows
from training.reproduce.tables import score_cell
from training.results.run_result import RunResult


def carry_over_table(carried: Sequence[CarryOver]) -> Table:
    """Return a row for each model: accuracy on drawn test pictures and on the folder's, by protocol."""
    protocols = protocols_of(carried)
    columns = (
        ("drawn_accuracy", "rendered"),
        ("accuracy", "the folder's"),
        ("macro_f1", "the folder's, macro F1"),
    )

    def row(entry: ModelRuns[CarryOver]) -> TableRow:
        cells = (score_cell(entry, protocol, name) for protocol in protocols for name, _ in columns)
        return entry.title, *cells

    return Table(
        "Networks that have seen rendered pictures alone. On test: accuracy by kind of picture, and macro F1",
        ("", *(protocol.heading for protocol in protocols for _ in columns)),
        ("model", *(heading for _ in protocols for _, heading in columns)),
        (TableRows("", tuple(map(row, _by_title(carried)))),),
    )


def recall_table(carried: Sequence[CarryOver]) -> Table:
    """Return a row for each model and protocol: the share of each class's test rows that are called it."""
    classes = carried[0].classes

    def row(entry: ModelRuns[CarryOver], heading: str, found: Sequence[CarryOver]) -> TableRow:
        confusion = np.sum([result.confusion for result in found], axis=0)
        rows = confusion.sum(axis=1)
        shares = (
            f"{right / count:.3f}" if count else MISSING
            for right, count in zip(confusion.diagonal(), rows, strict=True)
        )
        return entry.title, heading, *shares

    rows = [
        row(entry, protocol.heading, found)
        for entry in _by_title(carried)
        for protocol in protocols_of(carried)
        if (found := entry.under(protocol))
    ]
    return Table(
        "The same, asked of the folder's pictures: share of each class's test rows that are called it",
        ("",) * (2 + len(classes)),
        ("model", "protocol", *classes),
        (TableRows("", tuple(rows)),),
    )


def fine_tuning_table(results: Sequence[RunResult], carried: Sequence[CarryOver]) -> Table | None:
    """Return a row for each share of the folder's pictures, by model, from rendered and from random weights.

    Args:
        results: trainings on the folder's pictures; those of models that were never fine-tuned are left out.
        carried: what the networks say that the fine-tuning starts from.

    Returns:
        None where nothing was fine-tuned.
    """
    models = dict.fromkeys(result.model for result in results if result.fine_tuned_from is not None)
    if not models:
        return None
    own = [result for result in results if result.model in models]
    protocols = protocols_of(own)
    columns = ("from rendered", "from random weights")

    def row(model: str, share: float) -> TableRow:
        tuned, fresh = (
            [
                result
                for result in own
                if result.model == model
                and result.share == share
                and (result.fine_tuned_from is not None) is from_rendered
            ]
            for from_rendered in (True, False)
        )
        count = max((result.rows["train"] for result in (*tuned, *fresh)), default=0)
        entries = [ModelRuns(model, tuple(some)) for some in (tuned, fresh)]
        cells = (score_cell(entry, protocol, "accuracy") for protocol in protocols for entry in entries)
        return f"{100 * share:g} %\n{count:,} training rows", *cells

    def untouched(model: str) -> TableRow:
        entry = ModelRuns(model, tuple(result for result in carried if result.model == model))
        cells = (
            cell for protocol in protocols for cell in (score_cell(entry, protocol, "accuracy"), MISSING)
        )
        return "0 %", *cells

    shares = sorted({result.share for result in own})
    titles = {result.model: result.title for result in own}
    blocks = (
        TableRows(titles[model], (untouched(model), *(row(model, share) for share in shares)))
        for model in models
    )
    return Table(
        "Accuracy on test by the share of the folder's pictures that was learned from",
        ("", *(protocol.heading for protocol in protocols for _ in columns)),
        ("share of the pictures", *columns * len(protocols)),
        tuple(blocks),
    )


def _by_title(carried: Sequence[CarryOver]) -> list[ModelRuns[CarryOver]]:
    titles = dict.fromkeys(result.title for result in carried)
    return [
        ModelRuns(title, tuple(result for result in carried if result.title == title)) for title in titles
    ]
