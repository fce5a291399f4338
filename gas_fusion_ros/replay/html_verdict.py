"""The report's first sentences: what became of the leaks, how often it cried wolf, and by whose truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gas_fusion_ros.replay.evaluation_report import EvaluationReport, LabelSource, LeakVerdict
from gas_fusion_ros.replay.figure_texts import count_text, duration_text, number_text, share_text
from gas_fusion_ros.replay.html_page import Html, element, mark
from gas_fusion_ros.replay.metrics import per_hour

Number = TypeVar("Number", int, float)

_SOURCES = {
    LabelSource.CSV: "the CSV file given",
    LabelSource.TOPIC: "the bag's own topics",
}


@dataclass(frozen=True)
class Tally:
    """What the verdict on one or several bags is drawn from.

    Attributes:
        leaks: leaks of the truth; None where it is not known, as all that is compared with it.
        found: leaks that an alarm was raised for.
        missed: leaks that none was raised for, though they were long enough and no alarm stood.
        too_short: leaks too short to have to be found.
        under_alarm: leaks during which an alarm stood already, so that none could be raised.
        alarms: alarms raised.
        false_alarms: alarms raised without a leak.
        clean_air_s: seconds of clean air, by the truth.
        classified: verdicts.
        judged: verdicts whose truth is known.
        right: those of them that named the class.
        duration_s: seconds of recording.
        sources: where the truth comes from.
    """

    leaks: int | None
    found: int
    missed: int
    too_short: int
    under_alarm: int
    alarms: int
    false_alarms: int | None
    clean_air_s: float | None
    classified: int
    judged: int
    right: float
    duration_s: float
    sources: tuple[LabelSource, ...]

    @property
    def false_alarms_per_hour(self) -> float | None:
        """False alarms per hour of clean air; None where there was none."""
        return per_hour(self.false_alarms, self.clean_air_s)

    @classmethod
    def of(cls, report: EvaluationReport) -> Tally:
        """The tally of one bag."""
        return cls(
            leaks=None if report.leaks is None else len(report.leaks),
            found=report.leaks_with(LeakVerdict.FOUND),
            missed=report.leaks_with(LeakVerdict.MISSED),
            too_short=report.leaks_with(LeakVerdict.TOO_SHORT),
            under_alarm=report.leaks_with(LeakVerdict.ALARM_STOOD),
            alarms=len(report.alarms),
            false_alarms=report.false_alarms,
            clean_air_s=report.clean_air_s,
            classified=report.classified,
            judged=report.judged,
            right=(report.class_accuracy or 0.0) * report.judged,
            duration_s=report.duration_s,
            sources=(report.labels_from,),
        )

    @classmethod
    def over(cls, tallies: Sequence[Tally]) -> Tally:
        """All bags together; of what needs the truth, those that have one."""
        return cls(
            leaks=_sum_known(tally.leaks for tally in tallies),
            found=sum(tally.found for tally in tallies),
            missed=sum(tally.missed for tally in tallies),
            too_short=sum(tally.too_short for tally in tallies),
            under_alarm=sum(tally.under_alarm for tally in tallies),
            alarms=sum(tally.alarms for tally in tallies),
            false_alarms=_sum_known(tally.false_alarms for tally in tallies),
            clean_air_s=_sum_known(tally.clean_air_s for tally in tallies),
            classified=sum(tally.classified for tally in tallies),
            judged=sum(tally.judged for tally in tallies),
            right=sum(tally.right for tally in tallies),
            duration_s=sum(tally.duration_s for tally in tallies),
            sources=tuple(dict.fromkeys(source for tally in tallies for source in tally.sources)),
        )


def _sum_known(numbers: Iterable[Number | None]) -> Number | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def verdict_of(tallies: Sequence[Tally]) -> Html:
    """Return the verdict on one or several bags as a paragraph that stands out."""
    if not tallies:
        return element("p", mark("\u2716 No bag could be evaluated.", "bad"), class_="verdict bad")
    tally = Tally.over(tallies)
    kind, headline = _headline(tally)
    return element(
        "p", element("span", headline, class_="mark"), " ", *_further(tally), class_=f"verdict {kind}"
    )


def _headline(tally: Tally) -> tuple[str, str]:
    """The kind of verdict, which its colour shows, and what it says first."""
    if not tally.classified:
        return "bad", "\u2716 Nothing could be classified."
    if tally.leaks is None or tally.false_alarms is None:
        return "", f"{count_text(tally.alarms, 'alarm')} in {duration_text(tally.duration_s)}."
    leaks = f"{_found(tally)}, {count_text(tally.false_alarms, 'false alarm')}"
    if tally.false_alarms_per_hour is not None:
        leaks += f" ({number_text(tally.false_alarms_per_hour)} per hour of clean air)"
    if tally.missed:
        return "bad", f"\u2716 {leaks}."
    return ("warn", f"\u26a0 {leaks}.") if tally.false_alarms else ("good", f"\u2714 {leaks}.")


def _found(tally: Tally) -> str:
    if not tally.leaks:
        return "No leak in the labels"
    parts = [f"{tally.found} of {count_text(tally.leaks, 'leak')} found", f"{tally.missed} missed"]
    if tally.under_alarm:
        parts.append(f"{tally.under_alarm} while an alarm stood already")
    if tally.too_short:
        parts.append(f"{tally.too_short} too short")
    return ", ".join(parts)


def _further(tally: Tally) -> list[str]:
    if tally.sources == (LabelSource.NONE,):
        return ["There are no labels, so nothing says whether the verdicts and alarms were right."]
    named = " and ".join(_SOURCES[source] for source in tally.sources if source in _SOURCES)
    origin = f"Labels: from {named}."
    if not tally.judged:
        return [f"No classified reading lies in a labelled time. {origin}"]
    accuracy = share_text(tally.right / tally.judged)
    unlabelled = " Bags without labels are not judged." if LabelSource.NONE in tally.sources else ""
    return [
        "Class accuracy ",
        element("strong", accuracy),
        f" over {count_text(tally.judged, 'judged reading')}. {origin}{unlabelled}",
    ]
