"""What an evaluation says on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from gas_fusion_ros.base.quoting import LONGEST_PATH, shown
from gas_fusion_ros.evaluation.schema import (
    EvaluationReport,
    LeakVerdict,
    Percentiles,
    SummaryReport,
    reasons,
)


def report_table(report: EvaluationReport) -> Table:
    """The figures of one bag, a row each."""
    table = Table.grid(padding=(0, 2))
    for name, value in report_rows(report).items():
        table.add_row(name, value)
    return table


def report_rows(report: EvaluationReport) -> dict[str, str]:
    """What is said of a bag, by the name of the figure."""
    rows = {
        "model": f"{shown(report.bundle)} on {shown(report.bag, LONGEST_PATH)}",
        "array": report.array.told,
        "readings": f"{report.readings}: {report.pairs} with an image, {report.gas_only} alone",
        "images": f"{report.images}, {report.thermal_only} on their own",
        "dropped": reasons(report.dropped) or "none",
    }
    if report.judged:
        rows |= {
            "class accuracy": f"{share_text(report.class_accuracy)} of {report.judged} readings, "
            f"{share_text(report.settled_accuracy)} in settled air",
            "macro F1": f"{share_text(report.macro_f1)}, probability error (ECE) {share_text(report.ece)}",
            "leak recall": f"{share_text(report.leak_recall)}, clean air called gas "
            f"{share_text(report.clean_called_gas)}",
        }
    else:
        rows["class accuracy"] = "- (no labels)"
    rows |= {
        "leaks": _leaks(report),
        "alarms": f"{len(report.alarms)}, {_count(report.false_alarms)} false, "
        f"{_rate(report.false_alarms_per_hour)} per hour of clean air; {report.faults} faults",
        "unknown": share_text(report.unknown_share),
        "pair offset": _milliseconds(report.pair_offset_ms),
        "latency": _milliseconds(report.latency_ms),
        "time": f"{report.duration_s:.0f} s evaluated in {report.wall_s:.1f} s "
        f"({report.rates.real_time_factor:.0f} times real time)",
    }
    return rows


def summary_table(reports: Sequence[tuple[str, EvaluationReport]], summary: SummaryReport) -> Table:
    """A row for each bag, and one for all together."""
    title = f"{shown(summary.bundle)} on {len(reports)} bags"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("bag", overflow="fold")
    for head in _HEADS:
        table.add_column(head, no_wrap=True)
    for name, report in reports:
        table.add_row(
            shown(name),
            str(report.readings),
            share_text(report.class_accuracy),
            share_text(report.macro_f1),
            _found(report.leaks is not None, {one.value: report.leaks_with(one) for one in LeakVerdict}),
            str(len(report.alarms)),
            _count(report.false_alarms),
            _rate(report.false_alarms_per_hour),
            str(sum(loss.count for loss in report.losses.values())),
        )
    table.add_section()
    table.add_row(
        "all",
        str(summary.readings),
        share_text(summary.class_accuracy),
        share_text(summary.macro_f1),
        _found(summary.false_alarms is not None, summary.leaks),
        str(summary.alarms),
        _count(summary.false_alarms),
        _rate(summary.false_alarms_per_hour),
        str(sum(summary.losses.values())),
    )
    return table


_HEADS = ("readings", "accuracy", "F1", "found", "alarms", "false", "false/h", "losses")


def share_text(value: float | None) -> str:
    """A share to three digits; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def _found(is_known: bool, leaks: dict[str, int]) -> str:
    if not is_known:
        return "-"
    return f"{leaks[LeakVerdict.FOUND.value]} of {sum(leaks.values())}"


def _leaks(report: EvaluationReport) -> str:
    if report.leaks is None:
        return "-"
    parts = [f"{len(report.leaks)}"]
    found = [leak.delay_s for leak in report.leaks if leak.delay_s is not None]
    if found:
        parts.append(f"{len(found)} found after {', '.join(f'{delay:.1f}' for delay in found[:8])} s")
    words = {
        LeakVerdict.MISSED: "missed",
        LeakVerdict.ALARM_STOOD: "under a standing alarm",
        LeakVerdict.TOO_SHORT: "too short to judge",
    }
    for verdict, word in words.items():
        if report.leaks_with(verdict):
            parts.append(f"{report.leaks_with(verdict)} {word}")
    return ", ".join(parts)


def _milliseconds(percentiles: Percentiles) -> str:
    if percentiles.p50 is None:
        return "-"
    return f"p50 {percentiles.p50:.1f} ms, p95 {percentiles.p95:.1f} ms, p99 {percentiles.p99:.1f} ms"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
