"""What the shipped bundle must do on simulated patrols; `benchmarks.patrols` scores more of them."""

from __future__ import annotations

import pytest

from benchmarks.patrols import PatrolRun
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.scoring import Score


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("fusion1"))


@pytest.fixture(scope="module")
def runtime(bundle: Bundle) -> Runtime:
    return create_runtime(bundle, device="cpu", threads=1)


def play(bundle: Bundle, runtime: Runtime, seed: int, with_images: bool) -> Score:
    return PatrolRun(Patrol(seed), bundle, runtime).run(with_images)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_leak_alarms_and_clean_air_does_not(bundle: Bundle, runtime: Runtime, seed: int) -> None:
    score = play(bundle, runtime, seed, with_images=True)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_by_gas_alone(bundle: Bundle, runtime: Runtime, seed: int) -> None:
    score = play(bundle, runtime, seed, with_images=False)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)
