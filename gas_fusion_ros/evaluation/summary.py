"""Figures over several evaluated bags, as if they were one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.evaluation.class_figures import figures_of, share_of
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.schema import EvaluationReport, Failure, LeakVerdict, SummaryReport
from gas_fusion_ros.truth.scoring import ReliabilityBin, expected_calibration_error, per_hour


def summarise(
    evaluations: Mapping[str, Evaluation], failed: Sequence[Failure], wall_s: float
) -> SummaryReport:
    """Return the figures over all bags.

    Args:
        evaluations: at least one, by the bag's name in the output; all of one model.
        failed: bags that could not be evaluated.
        wall_s: wall time of them all together, seconds.
    """
    reports = [evaluation.report for evaluation in evaluations.values()]
    classes = reports[0].classes
    confusion = np.sum([evaluation.confusion for evaluation in evaluations.values()], axis=0)
    false_alarms, clean_air_s = _false_alarms(reports)
    return SummaryReport(
        bags={name: evaluation.report.bag for name, evaluation in evaluations.items()},
        failed=tuple(failed),
        bundle=reports[0].bundle,
        classes=classes,
        duration_s=round(sum(report.duration_s for report in reports), 6),
        readings=sum(report.readings for report in reports),
        images=sum(report.images for report in reports),
        pairs=sum(report.pairs for report in reports),
        gas_only=sum(report.gas_only for report in reports),
        thermal_only=sum(report.thermal_only for report in reports),
        classified=sum(report.classified for report in reports),
        dropped=_total(report.dropped for report in reports),
        losses=_total({cause: loss.count for cause, loss in report.losses.items()} for report in reports),
        **figures_of(confusion, classes),
        settled_accuracy=_settled_accuracy(reports),
        unknown_share=_unknown_share(reports),
        ece=expected_calibration_error(
            pooled([evaluation.reliability for evaluation in evaluations.values()])
        ),
        leaks=_leaks(reports),
        alarms=sum(len(report.alarms) for report in reports),
        false_alarms=false_alarms,
        false_alarms_per_hour=per_hour(false_alarms, clean_air_s),
        faults=sum(report.faults for report in reports),
        misnamed_alarms=_misnamed_alarms(reports),
        wall_s=round(wall_s, 3),
    )


def pooled(reliability: Sequence[Sequence[ReliabilityBin]]) -> list[ReliabilityBin]:
    """Return the bins over all readings of several bags."""
    return [_pooled_bin(bins) for bins in zip(*reliability, strict=True)]


def _pooled_bin(bins: Sequence[ReliabilityBin]) -> ReliabilityBin:
    count = sum(one.count for one in bins)
    if not count:
        return ReliabilityBin(0, 0.0, 0.0)
    return ReliabilityBin(
        count,
        sum(one.confidence * one.count for one in bins) / count,
        sum(one.accuracy * one.count for one in bins) / count,
    )


def _total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _settled_accuracy(reports: Sequence[EvaluationReport]) -> float | None:
    right = sum(round((report.settled_accuracy or 0.0) * report.settled) for report in reports)
    return share_of(right, sum(report.settled for report in reports))


def _unknown_share(reports: Sequence[EvaluationReport]) -> float | None:
    readings = (Mode.FUSION.value, Mode.GAS_ONLY.value)
    classified = sum(report.modes.get(mode, 0) for report in reports for mode in readings)
    return share_of(sum(report.unknown for report in reports), classified)


def _false_alarms(reports: Sequence[EvaluationReport]) -> tuple[int | None, float]:
    """False alarms and the clean air, in seconds, that they are over: of the bags whose truth is known."""
    known = [report for report in reports if report.false_alarms is not None]
    count = sum(report.false_alarms or 0 for report in known) if known else None
    return count, sum(report.clean_air_s or 0.0 for report in known)


def _misnamed_alarms(reports: Sequence[EvaluationReport]) -> int | None:
    """Alarms of another gas than their leak's; None where no bag's truth is known."""
    known = [report.misnamed_alarms for report in reports if report.misnamed_alarms is not None]
    return sum(known) if known else None


def _leaks(reports: Sequence[EvaluationReport]) -> dict[str, int]:
    return {verdict.value: sum(report.leaks_with(verdict) for report in reports) for verdict in LeakVerdict}
