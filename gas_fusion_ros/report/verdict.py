"""The report's first sentences: what became of the leaks, how often it cried wolf, and by whose truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport, LeakVerdict, SummaryReport
from gas_fusion_ros.evaluation.summary import summarise
from gas_fusion_ros.report.texts import DASH, count_text, duration_text, number_text, share_text
from gas_fusion_ros.truth.track import LabelSource

_SOURCES = {
    LabelSource.CSV: "the CSV file given",
    LabelSource.TOPIC: "the bag's own topics",
}


@dataclass(frozen=True)
class ReportVerdict:
    """What the report says first.

    Attributes:
        kind: `good`, `warn` or `bad`, which its colour shows; empty where nobody knows.
        headline: what became of leaks and alarms.
        accuracy: the class accuracy; empty where there is none to tell.
        further: follows the accuracy.
    """

    kind: str
    headline: str
    accuracy: str = ""
    further: str = ""


def verdict_of(evaluations: Sequence[Evaluation]) -> ReportVerdict:
    """Return the verdict on one or several bags, all of one model."""
    if not evaluations:
        return ReportVerdict("bad", "\u2716 No bag could be evaluated.")
    summary = summarise({str(number): one for number, one in enumerate(evaluations)}, (), 0.0)
    sources = list(dict.fromkeys(evaluation.report.labels_from for evaluation in evaluations))
    kind, headline = _headline(summary)
    return ReportVerdict(kind, headline, *_accuracy(summary, sources))


def leaks_found(report: EvaluationReport) -> str:
    """Return how many of a bag's leaks an alarm was raised for; a dash where the truth is not known."""
    if report.leaks is None:
        return DASH
    return f"{report.leaks_with(LeakVerdict.FOUND)} of {len(report.leaks)}"


def _headline(summary: SummaryReport) -> tuple[str, str]:
    """The kind of verdict, which its colour shows, and what it says first."""
    if not summary.classified:
        return "bad", "\u2716 Nothing could be classified."
    if summary.false_alarms is None:
        return "", f"{count_text(summary.alarms, 'alarm')} in {duration_text(summary.duration_s)}."
    leaks = f"{_found(summary.leaks)}, {count_text(summary.false_alarms, 'false alarm')}"
    if summary.false_alarms_per_hour is not None:
        leaks += f" ({number_text(summary.false_alarms_per_hour)} per hour of clean air)"
    if summary.leaks[LeakVerdict.MISSED]:
        return "bad", f"\u2716 {leaks}."
    return ("warn", f"\u26a0 {leaks}.") if summary.false_alarms else ("good", f"\u2714 {leaks}.")


def _found(leaks: Mapping[str, int]) -> str:
    if not any(leaks.values()):
        return "No leak in the labels"
    total = count_text(sum(leaks.values()), "leak")
    parts = [f"{leaks[LeakVerdict.FOUND]} of {total} found", f"{leaks[LeakVerdict.MISSED]} missed"]
    if leaks[LeakVerdict.ALARM_STOOD]:
        parts.append(f"{leaks[LeakVerdict.ALARM_STOOD]} while an alarm stood already")
    if leaks[LeakVerdict.TOO_SHORT]:
        parts.append(f"{leaks[LeakVerdict.TOO_SHORT]} too short")
    return ", ".join(parts)


def _accuracy(summary: SummaryReport, sources: Sequence[LabelSource]) -> tuple[str, str]:
    """The class accuracy, empty where there is none to tell, and what follows it."""
    if sources == [LabelSource.NONE]:
        return "", "There are no labels, so nothing says whether the verdicts and alarms were right."
    named = " and ".join(_SOURCES[source] for source in sources if source in _SOURCES)
    origin = f"Labels: from {named}."
    if not summary.judged:
        return "", f"No classified reading lies in a labelled time. {origin}"
    unlabelled = " Bags without labels are not judged." if LabelSource.NONE in sources else ""
    judged = count_text(summary.judged, "judged reading")
    return share_text(summary.class_accuracy), f" over {judged}. {origin}{unlabelled}"
