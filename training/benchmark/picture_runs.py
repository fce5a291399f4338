"""Temporal fusion with pictures under one split: as shown, and with faults of the camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from gas_fusion_ros.base.observation import Mode
from training.benchmark.contenders import Contender
from training.benchmark.runs import answer_figures, entry_facts
from training.data.images import Images
from training.data.splits import Indices, SplitSettings
from training.results.benchmark_result import BenchmarkResult
from training.temporal.bench import Bench
from training.temporal.fusion_fitting import ThermalSettings
from training.temporal.fusion_training import (
    BLOCKS,
    NOISE,
    STOPPED,
    TURNED,
    PictureLessons,
    TrainedFusion,
    answer_shown,
    train,
)

PERTURBED = {
    "camera missing": Mode.GAS_ONLY.value,
    "camera stopped": STOPPED,
    "camera noise": NOISE,
    "camera turned": TURNED,
    "camera in blocks": BLOCKS,
}
"""What is done to the camera, and what is shown then."""


def run_with_pictures(
    bench: Bench, lessons: PictureLessons, contender: Contender, split: SplitSettings, seeds: Sequence[int]
) -> Iterator[BenchmarkResult]:
    """Choose, fit and test a contender with pictures, once per seed.

    Raises:
        SplitError: the data set has too few rows.
        NestedError: so few lie outside the test that nothing can be chosen on them.
    """
    for seed in seeds:
        test, outside = bench.held_out(split, seed)
        trained = train(contender.recipes, outside, lessons, ThermalSettings(), seed)
        yield _measure(bench, lessons.images, contender, split, seed, test, trained)


def _measure(
    bench: Bench,
    images: Images,
    contender: Contender,
    split: SplitSettings,
    seed: int,
    test: Indices,
    trained: TrainedFusion,
) -> BenchmarkResult:
    labels, answers = answer_shown(bench, trained, test, images)
    joint = answers[Mode.FUSION.value]
    rows = test[images.usable[test]]
    return BenchmarkResult(
        **entry_facts(bench, contender, split, seed, trained.choice),
        # The network's own temperatures have calibrated what it adds up.
        **answer_figures(bench, joint, joint.softmax(dim=1).numpy(), labels.numpy(), rows),
        modality=Mode.FUSION.value,
        thermal=images.thermal.value,
        rows={"train": len(trained.outside.rows), "test": len(rows)},
        parameters=sum(weights.numel() for weights in trained.fusion.network.parameters()),
        seconds=round(trained.fusion.seconds, 2),
        temperature=1.0,
        perturbed={name: _accuracy(answers[shown], labels) for name, shown in PERTURBED.items()},
    )


def _accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return float((logits.argmax(dim=1) == labels).float().mean())
