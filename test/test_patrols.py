"""What the shipped bundle must do on simulated patrols; `benchmarks.patrols` scores more of them."""

from __future__ import annotations

import pytest

from benchmarks.patrols import PatrolRun
from gas_fusion_ros.classifier import Classifier
from gas_fusion_ros.inference import Bundle, create_runtime
from gas_fusion_ros.share import find_bundle
from gas_fusion_ros.simulation.patrol import Patrol


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    bundle = Bundle.load(find_bundle("fusion1"))
    return Classifier(bundle, create_runtime(bundle, device="cpu", threads=1))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_leak_alarms_and_clean_air_does_not(classifier: Classifier, seed: int) -> None:
    score = PatrolRun(Patrol(seed), classifier).run(with_images=True)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_by_gas_alone(classifier: Classifier, seed: int) -> None:
    score = PatrolRun(Patrol(seed), classifier).run(with_images=False)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)
