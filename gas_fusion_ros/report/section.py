"""What the report says of one bag: verdict, losses, leaks, alarms, classes, confidence, pairing, origin."""

from __future__ import annotations

from collections.abc import Iterable

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.evaluated_bag import AlarmPicture, Evaluation
from gas_fusion_ros.evaluation.schema import AlarmOutcome, EvaluationReport, LeakVerdict
from gas_fusion_ros.report.figure_style import class_colours, time_text
from gas_fusion_ros.report.html import Html, cell, element, figure, joined, mark, named, table
from gas_fusion_ros.report.measures import all_figures, classes, confidence, pairing
from gas_fusion_ros.report.origin import origin
from gas_fusion_ros.report.pictures import alarm_frame, explained_class, timeline_picture
from gas_fusion_ros.report.texts import (
    DASH,
    count_text,
    duration_text,
    number_text,
    percent_text,
    place_text,
    seconds_text,
    share_text,
)
from gas_fusion_ros.report.verdict import leaks_found, verdict_of

_LEAK_MARKS = {
    LeakVerdict.FOUND: ("\u2714 found", "good"),
    LeakVerdict.MISSED: ("\u2716 missed", "bad"),
    LeakVerdict.TOO_SHORT: ("too short to have to be found", "warn"),
    LeakVerdict.ALARM_STOOD: ("an alarm stood already", "warn"),
}
_SAME_ALARM_S = 0.001


def section(evaluation: Evaluation) -> Html:
    """Return everything about one bag, without a heading."""
    report = evaluation.report
    return joined(
        (
            verdict_of([evaluation]),
            _key_figures(report),
            _losses(report),
            element("h3", "Timeline"),
            figure(timeline_picture(evaluation.timeline), _timeline_caption(report), "line"),
            element("h3", "Leaks"),
            _leaks(report),
            element("h3", "Alarms"),
            _alarms(report),
            element("h3", "Frames at the alarms"),
            _frames(evaluation),
            element("h3", "Classes"),
            classes(evaluation),
            element("h3", "Confidence"),
            confidence(evaluation),
            element("h3", "Pairing"),
            pairing(evaluation),
            element("h3", "All figures"),
            all_figures(report),
            element("h3", "Origin"),
            origin(report),
        )
    )


def _key_figures(report: EvaluationReport) -> Html:
    figures = {
        "leaks found": leaks_found(report),
        "false alarms": DASH if report.false_alarms is None else str(report.false_alarms),
        "false alarms per hour": number_text(report.false_alarms_per_hour),
        "class accuracy": share_text(report.class_accuracy),
        "macro F1": share_text(report.macro_f1),
        "readings": f"{report.readings:,}",
        "recorded": duration_text(report.duration_s),
    }
    # The value stands first to the eye, and after its name where it is read out.
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in figures.items())
    return element("dl", *pairs, class_="key")


def _losses(report: EvaluationReport) -> Html:
    warnings = list(_warnings(report))
    if not report.losses and not warnings:
        return Html("")
    heading = "\u26a0 Evaluated with losses" if report.losses else "\u26a0 To be noted"
    parts = [element("h3", mark(heading, "warn"))]
    if report.losses:
        rows = [
            (cause, f"{loss.count:,}", cell(loss.detail, "prose")) for cause, loss in report.losses.items()
        ]
        parts += [
            element("p", "Everything that could be read was evaluated; this could not, or not wholly."),
            table("", ("cause", "times", "the first time"), rows),
        ]
    parts += [element("p", warning) for warning in warnings]
    return element("div", *parts, class_="losses")


def _warnings(report: EvaluationReport) -> Iterable[str]:
    if report.runs > 1:
        yield (
            f"Time jumped back in the bag: it holds {report.runs} runs, and each began with an empty window."
        )
    if report.faults:
        yield f"{count_text(report.faults, 'fault')}: no valid reading for longer than the alarm's timeout."
    unlabelled = report.classified - report.thermal_only - report.judged
    if report.judged and unlabelled > 0:
        yield f"{count_text(unlabelled, 'classified reading')} without a label: not judged."


def _timeline_caption(report: EvaluationReport) -> str:
    truth = "" if report.leaks is None else " Dashed lines: begin and end of the leaks."
    return f"Readings, class probabilities and alarms over the time of the recording.{truth}"


def _leaks(report: EvaluationReport) -> Html:
    if report.leaks is None:
        return element("p", f"{DASH} There are no labels, so it is not known when there was a leak.")
    if not report.leaks:
        return element("p", "The labels name no leak.")
    colours = class_colours(report.classes)
    rows = [
        (
            str(number),
            named(leak.gas, colours),
            time_text(leak.start_s, report.duration_s),
            duration_text(leak.end_s - leak.start_s),
            seconds_text(leak.delay_s),
            DASH if leak.alarm_gas is None else named(leak.alarm_gas, colours),
            mark(*_LEAK_MARKS[leak.verdict]),
        )
        for number, leak in enumerate(report.leaks, start=1)
    ]
    note = element("p", "Delay: from the leak's start to the alarm; negative where a sign of it came before.")
    return joined((table("", ("leak", "gas", "start", "duration", "delay", "alarm", "verdict"), rows), note))


def _alarms(report: EvaluationReport) -> Html:
    if not report.alarms:
        return element("p", "No alarm was raised.")
    colours = class_colours(report.classes)
    columns = {
        "alarm": [str(number) for number, _ in enumerate(report.alarms, start=1)],
        "gas": [named(alarm.gas, colours) for alarm in report.alarms],
        "start": [time_text(alarm.start_s, report.duration_s) for alarm in report.alarms],
        "duration": [duration_text(alarm.end_s - alarm.start_s) for alarm in report.alarms],
        "place": [place_text(alarm.pose) for alarm in report.alarms],
        "to the leak": [
            DASH if alarm.distance_m is None else f"{alarm.distance_m:.1f} m" for alarm in report.alarms
        ],
        "verdict": [_alarm_verdict(alarm) for alarm in report.alarms],
    }
    if not any(alarm.pose for alarm in report.alarms):
        del columns["place"]
    if all(alarm.distance_m is None for alarm in report.alarms):
        del columns["to the leak"]
    return table("", tuple(columns), zip(*columns.values(), strict=True))


def _alarm_verdict(alarm: AlarmOutcome) -> str:
    if alarm.false is None:
        return f"{DASH} not known: no labels there"
    if alarm.false:
        return mark("\u2716 false", "bad")
    return mark("\u26a0 another gas", "warn") if alarm.names_leak is False else mark("\u2714 right", "good")


def _frames(evaluation: Evaluation) -> Html:
    report, pictures = evaluation.report, evaluation.alarm_pictures
    if not report.alarms:
        return element("p", "No alarm was raised.")
    if not pictures:
        return element("p", f"{DASH} No alarm was raised on a verdict with an image.")
    text = (
        f"What the network saw at {len(pictures)} of {count_text(len(report.alarms), 'alarm')}. Beside it, "
        "by Grad-CAM, what in the picture spoke for the likeliest class: the brighter, the more."
    )
    if evaluation.without_heat:
        text += f" Without maps: {evaluation.without_heat}"
    frames = (_frame(picture, report) for picture in pictures)
    return joined((element("p", text), element("div", *frames, class_="frames")))


def _frame(picture: AlarmPicture, report: EvaluationReport) -> Html:
    seconds = (picture.stamp_ns - report.started_ns) / NANOSECONDS_PER_SECOND
    caption = [
        element("strong", picture.gas),
        f" at {time_text(seconds, report.duration_s)}; verdict {picture.label}"
        f"{_likeliest(picture)} {percent_text(picture.probability)}, {picture.mode}",
    ]
    if any(alarm.false and abs(alarm.start_s - seconds) < _SAME_ALARM_S for alarm in report.alarms):
        caption += [", ", mark("\u2716 false alarm", "bad")]
    if picture.heat is not None and not picture.heat.any():
        caption.append("; nothing in the picture spoke for it")
    return figure(alarm_frame(picture), joined(caption), "frame")


def _likeliest(picture: AlarmPicture) -> str:
    """What the probability is of, where it is not of the verdict."""
    return f", {explained_class(picture)}" if picture.label == UNKNOWN else ""
