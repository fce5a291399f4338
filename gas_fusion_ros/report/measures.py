"""What the report measures of one bag's verdicts: classes, confidence, pairing, and all figures."""

from __future__ import annotations

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.report.figure_style import class_colours
from gas_fusion_ros.report.html import Html, cell, element, figure, joined, named, table
from gas_fusion_ros.report.pictures import confusion_picture, offsets_picture, reliability_picture
from gas_fusion_ros.report.texts import DASH, duration_text, number_text, share_text


def classes(evaluation: Evaluation) -> Html:
    """Return the confusion matrix and the scores of each class."""
    report = evaluation.report
    picture = confusion_picture(evaluation.confusion, report.classes)
    if picture is None:
        return element("p", f"{DASH} {_no_judgement(report)}")
    colours = class_colours(report.classes)
    rows = [
        (
            named(name, colours),
            share_text(score.precision),
            share_text(score.recall),
            share_text(score.f1),
            f"{score.support:,}",
        )
        for name, score in report.per_class.items()
    ]
    scores = table("Each class", ("class", "precision", "recall", "F1", "readings"), rows)
    matrix = element("details", element("summary", "The matrix as a table"), _confusion_table(report))
    caption = "Readings by truth and verdict; the darker, the greater the share of the true class."
    shown = element("div", figure(picture, caption), element("div", scores, matrix), class_="pair")
    return joined((shown, element("p", f"{UNKNOWN}: inputs unlike training; never right.")))


def _confusion_table(report: EvaluationReport) -> Html:
    said = [*report.classes, UNKNOWN]
    rows = [
        (truth, *(f"{report.confusion.get(truth, {}).get(name, 0):,}" for name in said))
        for truth in report.classes
    ]
    return table("", ("truth", *said), rows)


def _no_judgement(report: EvaluationReport) -> str:
    if not report.classified:
        return "Nothing could be classified."
    return "There is no classified reading whose truth is known."


def confidence(evaluation: Evaluation) -> Html:
    """Return how far confidence can be trusted."""
    report = evaluation.report
    picture = reliability_picture(evaluation.reliability, report.ece)
    if picture is None:
        return element("p", f"{DASH} {_no_judgement(report)}")
    caption = (
        "How often the verdicts of a confidence are right. On the dashed line confidence can be taken at its "
        "word. ECE, the expected calibration error, is the mean gap."
    )
    return figure(picture, caption)


def pairing(evaluation: Evaluation) -> Html:
    """Return what became of readings and images before they were classified."""
    report = evaluation.report
    rows = [
        ("readings with an image", f"{report.pairs:,}"),
        ("readings alone", f"{report.gas_only:,}"),
        ("images alone, while there were no readings", f"{report.thermal_only:,}"),
        *((f"dropped: {reason}", f"{count:,}") for reason, count in report.dropped.items()),
    ]
    counts = table("", ("observations", "number"), rows)
    picture = offsets_picture(evaluation.offsets)
    if picture is None:
        return joined((counts, element("p", f"{DASH} There is no pair whose offset could be shown.")))
    offset = report.pair_offset_ms
    caption = (
        f"How far images lay from their readings: half of them at most {number_text(offset.p50, 'ms')}, "
        f"95 % at most {number_text(offset.p95, 'ms')}, all at most {number_text(offset.largest, 'ms')}."
    )
    return element("div", figure(picture, caption), counts, class_="pair")


def all_figures(report: EvaluationReport) -> Html:
    """Return every figure of the report with what it means, or why there is none."""
    latency = report.latency_ms
    judged = "no classified reading's truth is known" if not report.judged else ""
    rows = [
        (
            "class accuracy",
            share_text(report.class_accuracy),
            judged or "judged readings called by their class",
        ),
        *(
            (f"class accuracy, {mode}", share_text(share), f"of {report.modes.get(mode, 0):,} such verdicts")
            for mode, share in report.accuracy_by_mode.items()
        ),
        (
            "settled accuracy",
            share_text(report.settled_accuracy),
            judged or "without the times at which the sensors followed a change of the air",
        ),
        ("macro F1", share_text(report.macro_f1), judged or "mean over the classes that occur"),
        ("leak recall", share_text(report.leak_recall), judged or "readings in a gas that were called a gas"),
        (
            "clean air called gas",
            share_text(report.clean_called_gas),
            judged or "readings in clean air that were called a gas",
        ),
        ("Unknown", share_text(report.unknown_share), "classified readings that are unlike training"),
        ("ECE", share_text(report.ece), judged or "expected calibration error, 15 bins"),
        (
            "false alarms per hour",
            number_text(report.false_alarms_per_hour),
            _clean_air(report),
        ),
        ("faults", f"{report.faults:,}", "times without a valid reading for the alarm's timeout"),
        ("images", f"{report.images:,}", "on the image topic"),
        ("verdicts", f"{report.classified:,}", "observations classified"),
        ("judged", f"{report.judged:,}", "classified readings whose truth is known"),
        (
            "time for a verdict",
            number_text(latency.p50, "ms"),
            f"to decode, pair and classify; 95 %: {number_text(latency.p95, 'ms')}, "
            f"99 %: {number_text(latency.p99, 'ms')}, longest: {number_text(latency.largest, 'ms')}",
        ),
        (
            "rate",
            f"{report.rates.readings_per_s:,.0f} readings/s",
            f"{number_text(report.rates.mb_per_s, 'MB/s')}; "
            f"{number_text(report.rates.real_time_factor)} times real time: "
            f"{duration_text(report.duration_s)} in {duration_text(report.wall_s)}",
        ),
    ]
    return table("", ("figure", "value", "what it is"), [(*row[:2], cell(row[2], "prose")) for row in rows])


def _clean_air(report: EvaluationReport) -> str:
    if report.clean_air_s is None:
        return "the truth is not known"
    if not report.clean_air_s:
        return "there was no clean air"
    return (
        f"of {duration_text(report.clean_air_s)} of clean air; an alarm may stand "
        f"{number_text(report.grace_s, 's')} after a leak's last sign"
    )
