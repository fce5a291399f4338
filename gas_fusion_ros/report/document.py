"""report.html: what became of one or several bags, on one page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport, Failure, LeakOutcome, LeakVerdict
from gas_fusion_ros.report.figure_style import UNKNOWN_COLOUR, class_colours, time_text
from gas_fusion_ros.report.figures import FIGURES
from gas_fusion_ros.report.frames import ShownFrame, frames_text, shown_frames
from gas_fusion_ros.report.measures import MEASURES
from gas_fusion_ros.report.origin import origin_of, settings_of
from gas_fusion_ros.report.page import page_environment
from gas_fusion_ros.report.texts import (
    DASH,
    count_text,
    duration_text,
    number_text,
    place_text,
    seconds_text,
    share_text,
)
from gas_fusion_ros.report.verdict import ReportVerdict, leaks_found, verdict_of

_LEAK_MARKS = {
    LeakVerdict.FOUND: ("\u2714 found", "good"),
    LeakVerdict.MISSED: ("\u2716 missed", "bad"),
    LeakVerdict.TOO_SHORT: ("too short to have to be found", "warn"),
    LeakVerdict.ALARM_STOOD: ("an alarm stood already", "warn"),
}


@dataclass(frozen=True)
class ShownBag:
    """All that the page says of one bag.

    Attributes:
        name: the last part of its path.
        evaluation: what came of it.
        report: the same, its numbers.
        verdict: the first sentences.
        colours: of its classes.
        key_figures: those that stand out, by name.
        leaks_found: how many of how many.
        missed_leaks: None where the truth is not known.
        losses: how often something was lost.
        warnings: what needs care though nothing was lost.
        frames_text: what the frames are, or why there are none.
        frames: what the network saw at the alarms.
        origin: what it was evaluated with, by name.
        settings: parameters of the classifier node, by name.
    """

    name: str
    evaluation: Evaluation
    report: EvaluationReport
    verdict: ReportVerdict
    colours: Mapping[str, str]
    key_figures: Mapping[str, str]
    leaks_found: str
    missed_leaks: int | None
    losses: int
    warnings: tuple[str, ...]
    frames_text: str
    frames: Sequence[ShownFrame]
    origin: Mapping[str, str]
    settings: Mapping[str, str]


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
    bags = [shown_bag(evaluation) for evaluation in evaluations]
    is_one_bag = len(bags) == 1 and not failed
    called = bags[0].name if is_one_bag else count_text(len(bags) + len(failed), "bag")
    environment = page_environment()
    environment.globals |= {
        "figures": FIGURES,
        "measures": MEASURES,
        "unknown": UNKNOWN,
        "unknown_colour": UNKNOWN_COLOUR,
    }
    environment.filters |= {
        "leak_mark": _leak_mark,
        "metres": lambda metres: DASH if metres is None else f"{metres:.1f} m",
        "or_dash": lambda figure: DASH if figure is None else figure,
        "place": place_text,
        "seconds": seconds_text,
        "share": share_text,
        "time": time_text,
    }
    return environment.get_template("evaluation.html.jinja").render(
        title=f"Evaluation of {called}",
        is_one_bag=is_one_bag,
        verdict=verdict_of(evaluations),
        bags=bags,
        failed=failed,
    )


def shown_bag(evaluation: Evaluation) -> ShownBag:
    """Return all that the page says of one bag."""
    report = evaluation.report
    return ShownBag(
        name=PurePath(report.bag).name or report.bag,
        evaluation=evaluation,
        report=report,
        verdict=verdict_of([evaluation]),
        colours=class_colours(report.classes),
        key_figures=_key_figures(report),
        leaks_found=leaks_found(report),
        missed_leaks=None if report.leaks is None else report.leaks_with(LeakVerdict.MISSED),
        losses=sum(loss.count for loss in report.losses.values()),
        warnings=tuple(_warnings(report)),
        frames_text=frames_text(evaluation),
        frames=shown_frames(evaluation),
        origin=origin_of(report),
        settings=settings_of(report),
    )


def _leak_mark(leak: LeakOutcome) -> tuple[str, str]:
    return _LEAK_MARKS[leak.verdict]


def _key_figures(report: EvaluationReport) -> dict[str, str]:
    return {
        "leaks found": leaks_found(report),
        "false alarms": DASH if report.false_alarms is None else str(report.false_alarms),
        "false alarms per hour": number_text(report.false_alarms_per_hour),
        "class accuracy": share_text(report.class_accuracy),
        "macro F1": share_text(report.macro_f1),
        "readings": f"{report.readings:,}",
        "recorded": duration_text(report.duration_s),
    }


def _warnings(report: EvaluationReport) -> Iterable[str]:
    if report.runs > 1:
        yield (
            f"Time jumped back in the bag: it holds {report.runs} runs, and each began with an empty window."
        )
    if report.faults:
        yield (
            f"{count_text(report.faults, 'fault')}: no valid reading for longer than the alarm's timeout, or "
            "readings of another scale."
        )
    unlabelled = report.classified - report.thermal_only - report.judged
    if report.judged and unlabelled > 0:
        yield f"{count_text(unlabelled, 'classified reading')} without a label: not judged."
