"""What was in the air during alarms that operators judged, as labels.

During a false alarm the air was clean; during a true leak its gas was there; of what is not known, and of a
true leak whose alarm names no gas, nothing is said. Where alarms overlap, a true leak counts before a false
alarm, and of two gases neither is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from gas_fusion_ros.base.observation import CLEAN_AIR, RESERVED_CLASSES
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.site.verdicts import Judgement, Said, last_words
from gas_fusion_ros.truth.scoring import Interval

_SAME_NS = 2 * NANOSECONDS_PER_SECOND
"""How far an alarm that was judged may begin from the same one as its bag has it."""


def verdict_labels(judgements: Iterable[Judgement]) -> list[Interval]:
    """Return the class of the air during alarms that were judged, in time order, no two at a time.

    Args:
        judgements: on the alarms of one robot, in the order in which they were given; those without an end
            say nothing.
    """
    words = [one for one in last_words(judgements) if one.until_ns is not None and one.end_ns > one.since_ns]
    bounds = sorted({bound for one in words for bound in (one.since_ns, one.end_ns)})
    labels: list[Interval] = []
    standing: list[Judgement] = []
    waiting = iter(words)
    following = next(waiting, None)
    for start_ns, end_ns in pairwise(bounds):
        standing = [one for one in standing if one.end_ns > start_ns]
        while following is not None and following.since_ns <= start_ns:
            standing.append(following)
            following = next(waiting, None)
        label = _label_of(standing)
        if label is None:
            continue
        if labels and labels[-1].label == label and labels[-1].end_ns == start_ns:
            labels[-1] = replace(labels[-1], end_ns=end_ns)
        else:
            labels.append(Interval(label, start_ns, end_ns))
    return labels


def without_gas(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the last words that call an alarm a true leak which names no gas, such as `PictureAlone`."""
    return [
        one for one in last_words(judgements) if one.said is Said.TRUE_LEAK and one.gas in RESERVED_CLASSES
    ]


def with_ends(judgements: Iterable[Judgement], recorded: Sequence[Interval]) -> list[Judgement]:
    """Return verdicts with the ends of their alarms as a bag has them, where nobody knew them when judging.

    Args:
        judgements: on the alarms of one robot.
        recorded: when each alarm of the bag sensed its gas.
    """
    return [one if one.until_ns is not None else _ended(one, recorded) for one in judgements]


def _ended(judgement: Judgement, recorded: Sequence[Interval]) -> Judgement:
    ends = [
        (abs(one.start_ns - judgement.since_ns), one.end_ns)
        for one in recorded
        if one.label == judgement.gas and abs(one.start_ns - judgement.since_ns) <= _SAME_NS
    ]
    return replace(judgement, until_ns=min(ends)[1]) if ends else judgement


def _label_of(standing: Sequence[Judgement]) -> str | None:
    """The class during alarms that stand at a time; None where nobody can say."""
    said = {one.said for one in standing}
    gases = {one.gas for one in standing if one.said is Said.TRUE_LEAK}
    named = gases.difference(RESERVED_CLASSES)
    if not said or Said.NOT_KNOWN in said or len(named) > 1 or (gases and not named):
        return None
    return named.pop() if named else CLEAN_AIR
