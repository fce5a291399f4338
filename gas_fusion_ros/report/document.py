"""report.html: what became of one or several bags, on one page that needs no other file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.schema import Failure, LeakVerdict
from gas_fusion_ros.report.html import Html, element, joined, mark, page, table
from gas_fusion_ros.report.section import section
from gas_fusion_ros.report.texts import DASH, count_text, duration_text, number_text, share_text
from gas_fusion_ros.report.verdict import leaks_found, verdict_of


def write_html(evaluations: Sequence[Evaluation], path: Path, failed: Sequence[Failure] = ()) -> None:
    """Write the report, whole or not at all.

    Args:
        evaluations: one for each bag, in the order in which they are to be shown.
        path: the file.
        failed: bags that could not be evaluated, which the report says at its top.

    Raises:
        OSError: the file cannot be written.
    """
    write_whole(path, report_html(evaluations, failed).encode())


def report_html(evaluations: Sequence[Evaluation], failed: Sequence[Failure] = ()) -> str:
    """Return the report as HTML; see `write_html`."""
    if len(evaluations) == 1 and not failed:
        title = f"Evaluation of {bag_name(evaluations[0])}"
        return page(title, element("h1", title), section(evaluations[0]))
    title = f"Evaluation of {count_text(len(evaluations) + len(failed), 'bag')}"
    return page(
        title,
        element("h1", title),
        verdict_of(evaluations),
        _failures(failed),
        _summary(evaluations) if evaluations else "",
        *(
            element("section", element("h2", bag_name(entry)), section(entry), id=_anchor(number))
            for number, entry in enumerate(evaluations, start=1)
        ),
    )


def bag_name(evaluation: Evaluation) -> str:
    """The last part of a bag's path."""
    return PurePath(evaluation.report.bag).name or evaluation.report.bag


def _anchor(number: int) -> str:
    return f"bag-{number}"


def _failures(failed: Sequence[Failure]) -> Html:
    if not failed:
        return Html("")
    heading = mark(f"\u26a0 {count_text(len(failed), 'bag')} could not be evaluated", "warn")
    rows = [(failure.bag, failure.reason) for failure in failed]
    return element("div", element("h3", heading), table("", ("bag", "reason"), rows), class_="losses")


def _summary(evaluations: Sequence[Evaluation]) -> Html:
    columns = (
        "bag",
        "duration",
        "readings",
        "class accuracy",
        "macro F1",
        "leaks found",
        "missed",
        "alarms",
        "false",
        "false per hour",
        "losses",
    )
    rows = [_summary_row(number, entry) for number, entry in enumerate(evaluations, start=1)]
    return joined((element("h3", "All bags"), table("", columns, rows)))


def _summary_row(number: int, evaluation: Evaluation) -> list[str]:
    report = evaluation.report
    losses = sum(loss.count for loss in report.losses.values())
    return [
        element("a", bag_name(evaluation), href=f"#{_anchor(number)}"),
        duration_text(report.duration_s),
        f"{report.readings:,}",
        share_text(report.class_accuracy),
        share_text(report.macro_f1),
        leaks_found(report),
        DASH if report.leaks is None else _bad_count(report.leaks_with(LeakVerdict.MISSED)),
        str(len(report.alarms)),
        DASH if report.false_alarms is None else _bad_count(report.false_alarms),
        number_text(report.false_alarms_per_hour),
        mark(f"\u26a0 {losses:,}", "warn") if losses else "none",
    ]


def _bad_count(count: int) -> str:
    return mark(str(count), "bad") if count else "0"
