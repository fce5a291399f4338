"""The table of all figures in report.html: another one is another entry of `MEASURES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.report.texts import duration_text, number_text, share_text

ReportText = Callable[[EvaluationReport], str]


@dataclass(frozen=True)
class Measure:
    """A figure of one bag.

    Attributes:
        name: what it is called.
        value: the figure as text.
        meaning: what it is, or why there is none.
        is_shown: whether the bag has it at all.
    """

    name: str
    value: ReportText
    meaning: ReportText
    is_shown: Callable[[EvaluationReport], bool] = lambda _: True


def _is(meaning: str) -> ReportText:
    return lambda _: meaning


def _of_judged(meaning: str) -> ReportText:
    return lambda report: meaning if report.judged else "no classified reading's truth is known"


def _of_mode(mode: Mode) -> Measure:
    return Measure(
        f"class accuracy, {mode.value}",
        lambda report: share_text(report.accuracy_by_mode[mode.value]),
        lambda report: f"of {report.modes.get(mode.value, 0):,} such verdicts",
        is_shown=lambda report: mode.value in report.accuracy_by_mode,
    )


def _clean_air(report: EvaluationReport) -> str:
    if report.clean_air_s is None:
        return "the truth is not known"
    if not report.clean_air_s:
        return "there was no clean air"
    return (
        f"of {duration_text(report.clean_air_s)} of clean air; an alarm may stand "
        f"{number_text(report.grace_s, 's')} after a leak's last sign"
    )


def _further_latency(report: EvaluationReport) -> str:
    latency = report.latency_ms
    return (
        f"to decode, pair and classify; 95 %: {number_text(latency.p95, 'ms')}, "
        f"99 %: {number_text(latency.p99, 'ms')}, longest: {number_text(latency.largest, 'ms')}"
    )


def _further_rates(report: EvaluationReport) -> str:
    return (
        f"{number_text(report.rates.mb_per_s, 'MB/s')}; "
        f"{number_text(report.rates.real_time_factor)} times real time: "
        f"{duration_text(report.duration_s)} in {duration_text(report.wall_s)}"
    )


MEASURES = (
    Measure(
        "class accuracy",
        lambda report: share_text(report.class_accuracy),
        _of_judged("judged readings called by their class"),
    ),
    *map(_of_mode, Mode),
    Measure(
        "settled accuracy",
        lambda report: share_text(report.settled_accuracy),
        _of_judged("without the times at which the sensors followed a change of the air"),
    ),
    Measure(
        "macro F1",
        lambda report: share_text(report.macro_f1),
        _of_judged("mean over the classes that occur"),
    ),
    Measure(
        "leak recall",
        lambda report: share_text(report.leak_recall),
        _of_judged("readings in a gas that were called a gas"),
    ),
    Measure(
        "clean air called gas",
        lambda report: share_text(report.clean_called_gas),
        _of_judged("readings in clean air that were called a gas"),
    ),
    Measure(
        "Unknown",
        lambda report: share_text(report.unknown_share),
        _is("classified readings that are unlike training"),
    ),
    Measure(
        "probability error (ECE)",
        lambda report: share_text(report.ece),
        _of_judged("how far confidence is from accuracy: expected calibration error, 15 bins"),
    ),
    Measure("false alarms per hour", lambda report: number_text(report.false_alarms_per_hour), _clean_air),
    Measure(
        "faults",
        lambda report: f"{report.faults:,}",
        _is("times without a valid reading for the alarm's timeout"),
    ),
    Measure("images", lambda report: f"{report.images:,}", _is("on the image topic")),
    Measure("verdicts", lambda report: f"{report.classified:,}", _is("observations classified")),
    Measure("judged", lambda report: f"{report.judged:,}", _is("classified readings whose truth is known")),
    Measure("time for a verdict", lambda report: number_text(report.latency_ms.p50, "ms"), _further_latency),
    Measure("rate", lambda report: f"{report.rates.readings_per_s:,.0f} readings/s", _further_rates),
)
