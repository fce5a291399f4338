"""Evaluations as of a bag of two minutes, for tests of what shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.evaluation.evaluated_bag import (
    AlarmPicture,
    Evaluation,
    OffsetHistogram,
)
from gas_fusion_ros.evaluation.schema import (
    AlarmOutcome,
    ClassScore,
    EvaluationReport,
    LabelSource,
    LeakOutcome,
    LeakVerdict,
    Percentiles,
    Rates,
)
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.pipeline.array_choice import ArrayFigures
from gas_fusion_ros.truth.scoring import Interval, ReliabilityBin

S = 1_000_000_000
START = 1_700_000_000 * S
READINGS = 600
DRAWN = 60
"""Readings in the timeline."""
CONFUSION = np.array(
    [[139, 0, 7, 1, 0], [2, 221, 0, 3, 4], [5, 0, 123, 0, 0], [0, 9, 0, 85, 0]], dtype=np.int64
)
HEAT_PLACE = (12, 50)
"""Row and column at which the made map is largest."""


def made_report(**changed: Any) -> EvaluationReport:
    """A report whose figures are all different."""
    report = EvaluationReport(
        bag="/recordings/morning_patrol",
        bag_sha256="a" * 64,
        bundle="fusion1",
        bundle_sha256="b" * 64,
        classes=PAPER_CLASSES,
        topics={"gas": "/gas/readings", "image": "/thermal/image", "label": "/truth/label", "leaks": None},
        array=ArrayFigures("gas/array_info", "7", "2026-01-02T03:04:05+00:00", "counts", 1023.0),
        settings={"pairing.tolerance": 0.05, "alarm.critical_classes": ["Mixture", "Smoke"]},
        acknowledged=True,
        started_ns=START,
        duration_s=120.0,
        readings=READINGS,
        images=1187,
        pairs=571,
        gas_only=28,
        thermal_only=13,
        classified=612,
        runs=1,
        dropped={"all_channels_invalid": 17},
        losses={},
        labels_from=LabelSource.TOPIC,
        judged=599,
        class_accuracy=0.9482,
        settled_accuracy=0.9713,
        macro_f1=0.9391,
        confusion={
            truth: dict(zip((*PAPER_CLASSES, "Unknown"), row, strict=True))
            for truth, row in zip(PAPER_CLASSES, CONFUSION.tolist(), strict=True)
        },
        per_class={
            name: ClassScore(0.91 + 0.01 * place, 0.81 + 0.01 * place, 0.71 + 0.01 * place, 101 + place)
            for place, name in enumerate(PAPER_CLASSES)
        },
        leak_recall=0.9567,
        clean_called_gas=0.0217,
        unknown_share=0.0067,
        ece=0.0312,
        leaks=(
            LeakOutcome("Smoke", 20.0, 52.0, True, 3.25, LeakVerdict.FOUND, "Smoke"),
            LeakOutcome("Perfume", 70.0, 105.0, False, None, LeakVerdict.MISSED),
        ),
        alarms=(AlarmOutcome("Smoke", 23.25, 61.0, False), AlarmOutcome("Mixture", 110.5, 118.0, True)),
        false_alarms=1,
        false_alarms_per_hour=33.6,
        faults=0,
        pair_offset_ms=Percentiles(4.4, 11.1, 18.7, 22.9),
        latency_ms=Percentiles(2.1, 3.2, 4.3, 9.9),
        rates=Rates(1234.0, 56.0, 246.0),
        wall_s=0.49,
        modes={"fusion": 571, "gas_only": 28, "thermal_only": 13},
        accuracy_by_mode={"fusion": 0.9511, "gas_only": 0.8929},
        settled=420,
        unknown=4,
        clean_air_s=107.14,
        grace_s=14.0,
    )
    return replace(report, **changed)


def unlabelled_report(**changed: Any) -> EvaluationReport:
    """A report of a bag whose truth is not known."""
    without = dict.fromkeys(
        (
            "class_accuracy",
            "settled_accuracy",
            "macro_f1",
            "leak_recall",
            "clean_called_gas",
            "ece",
            "leaks",
            "false_alarms",
            "false_alarms_per_hour",
            "clean_air_s",
        )
    )
    alarms = tuple(replace(alarm, false=None) for alarm in made_report().alarms)
    report = made_report(
        **without,
        accuracy_by_mode={},
        labels_from=LabelSource.NONE,
        judged=0,
        confusion={},
        per_class={},
        alarms=alarms,
    )
    return replace(report, **changed)


def made_timeline(**changed: Any) -> Timeline:
    rng = np.random.default_rng(0)
    stamps = START + np.arange(DRAWN, dtype=np.int64) * 2 * S
    timeline = Timeline(
        title="morning_patrol",
        start_ns=START,
        end_ns=START + 120 * S,
        channels=PAPER_CHANNELS,
        reading_stamps_ns=stamps,
        counts=rng.normal(500, 20, (DRAWN, len(PAPER_CHANNELS))).astype(np.float32),
        classes=PAPER_CLASSES,
        verdict_stamps_ns=stamps,
        probabilities=rng.dirichlet(np.ones(len(PAPER_CLASSES)), DRAWN).astype(np.float32),
        truth=(Interval("Smoke", START + 20 * S, START + 52 * S),),
        alarms=(Interval("Smoke", START + 23 * S, START + 61 * S),),
    )
    return replace(timeline, **changed)


def made_heat(side: int = 64) -> np.ndarray:
    """A map that is largest at `HEAT_PLACE`."""
    rows, columns = np.mgrid[:side, :side]
    distance = np.hypot(rows - HEAT_PLACE[0], columns - HEAT_PLACE[1])
    return np.exp(-distance / 6).astype(np.float32)


def made_alarm_picture(**changed: Any) -> AlarmPicture:
    rng = np.random.default_rng(0)
    picture = AlarmPicture(
        stamp_ns=START + 23_250_000_000,
        gas="Smoke",
        label="Smoke",
        mode="fusion",
        probability=0.973,
        picture=rng.integers(0, 256, (64, 64), dtype=np.uint8),
        heat=made_heat(),
    )
    return replace(picture, **changed)


def made_evaluation(report: EvaluationReport | None = None, **changed: Any) -> Evaluation:
    """An evaluation with pictures; without truth where its report has none."""
    report = report or made_report()
    evaluation = Evaluation(
        report=report,
        timeline=made_timeline() if report.leaks is not None else made_timeline(truth=None),
        confusion=CONFUSION if report.judged else np.zeros_like(CONFUSION),
        reliability=tuple(
            ReliabilityBin(40 if report.judged else 0, (place + 0.5) / 15, (place + 0.2) / 15)
            for place in range(15)
        ),
        offsets=OffsetHistogram((-20.0, -10.0, 0.0, 10.0, 20.0), (3, 200, 300, 68)),
        alarm_pictures=(
            made_alarm_picture(),
            made_alarm_picture(
                stamp_ns=START + 110_500_000_000, gas="Mixture", label="Mixture", probability=0.812
            ),
        ),
        alarms=tuple(
            Interval(alarm.gas, START + int(alarm.start_s * S), START + int(alarm.end_s * S))
            for alarm in report.alarms
        ),
    )
    return replace(evaluation, **changed)
