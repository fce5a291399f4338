"""A fused verdict that may be a leak tells what its readings say without the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scripted_runtime import PERIOD_NS, BothAtOnce, TwoMinds, windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    GasReading,
    Mode,
    Observation,
    ThermalFrame,
)
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import OnnxRuntime

Array = npt.NDArray[np.float32]
ADVICE = AlarmAdvice(0.8, 0.4)
WINDOWED = windowed_bundle(4, ADVICE)
SINGLE = replace(Bundle.load(find_bundle("fusion1")), alarm=ADVICE)
FRAME = ThermalFrame(1_000, np.random.default_rng(0).normal(20, 3, (156, 206)).astype(np.float32), "32FC1")
COUNTS = np.linspace(300, 600, len(PAPER_CHANNELS), dtype=np.float32)


def pair(step: int = 0, counts: Array = COUNTS) -> Observation:
    return Observation(GasReading(1_000 + step * PERIOD_NS, PAPER_CHANNELS, counts), FRAME)


@pytest.mark.parametrize("bundle", [WINDOWED, SINGLE], ids=["windowed", "single readings"])
def test_a_fused_leak_tells_what_its_readings_say_alone(bundle: Bundle) -> None:
    runtime = TwoMinds(pictured=0.9, alone=0.1)
    verdict = Classifier(bundle, runtime).classify(pair())
    assert verdict.label == "Smoke"
    alone = verdict.readings_alone
    assert alone is not None
    assert (alone.mode, alone.label, alone.pair_offset_ns) == (Mode.GAS_ONLY, "NoGas", None)
    assert alone.novelty == 0.5
    assert runtime.modes == [Mode.FUSION, Mode.GAS_ONLY]


def test_a_network_that_tells_both_is_run_once() -> None:
    runtime = BothAtOnce(pictured=0.9, alone=0.1)
    alone = Classifier(WINDOWED, runtime).classify(pair()).readings_alone
    assert alone is not None
    assert (alone.mode, alone.label, alone.novelty, alone.pair_offset_ns) == (
        Mode.GAS_ONLY,
        "NoGas",
        0.5,
        None,
    )
    assert runtime.modes == [Mode.FUSION]


@pytest.mark.parametrize(("alone", "told"), [(0.39, False), (0.41, True)])
def test_readings_that_may_be_a_leak_are_told_beside_a_picture_without_one(alone: float, told: bool) -> None:
    verdict = Classifier(WINDOWED, BothAtOnce(pictured=0.05, alone=alone)).classify(pair())
    assert verdict.label == "NoGas"
    assert (verdict.readings_alone is not None) is told


def test_the_default_model_tells_both_and_means_the_same() -> None:
    bundle = Bundle.load(find_bundle("temporal_fusion"))
    pictured, alone = (Classifier(bundle, OnnxRuntime(bundle), asked_from=0.0) for _ in range(2))
    rng = np.random.default_rng(1)
    for step in range(6):
        observation = pair(step, (COUNTS + rng.normal(0, 30, COUNTS.shape)).astype(np.float32))
        told = pictured.classify(observation).readings_alone
        asked = alone.classify(Observation(observation.reading, None))
        assert told is not None
        np.testing.assert_allclose(told.probabilities, asked.probabilities, atol=1e-6)
        assert told.novelty == pytest.approx(asked.novelty, rel=1e-5)


def test_they_are_asked_with_the_same_window_and_no_picture() -> None:
    runtime = TwoMinds(pictured=0.9, alone=0.1)
    classifier = Classifier(WINDOWED, runtime)
    classifier.classify(pair(0))
    classifier.classify(pair(1, COUNTS + 5))
    (_, fused), (_, alone) = runtime.calls[-2:]
    np.testing.assert_array_equal(fused["gas"], alone["gas"])
    np.testing.assert_array_equal(fused["valid"], alone["valid"])
    assert (fused["has_image"].item(), alone["has_image"].item()) == (1.0, 0.0)
    assert not alone["image"].any()


@pytest.mark.parametrize(("pictured", "asked"), [(0.05, False), (0.39, False), (0.41, True)])
def test_clean_air_costs_nothing_more(pictured: float, asked: bool) -> None:
    runtime = TwoMinds(pictured, alone=0.1)
    verdict = Classifier(WINDOWED, runtime).classify(pair())
    assert (verdict.readings_alone is not None) is asked
    assert (Mode.GAS_ONLY in runtime.modes) is asked


def test_who_makes_it_says_from_where_on_they_are_asked() -> None:
    runtime = TwoMinds(pictured=0.3, alone=0.1)
    assert Classifier(WINDOWED, runtime, asked_from=0.2).classify(pair()).readings_alone is not None


def test_a_verdict_by_gas_alone_is_not_asked_again() -> None:
    runtime = TwoMinds(pictured=0.9, alone=0.9)
    reading = pair().reading
    assert Classifier(WINDOWED, runtime).classify(Observation(reading, None)).readings_alone is None
    assert runtime.modes == [Mode.GAS_ONLY]


@pytest.mark.parametrize(("missing", "asked"), [(3, True), (4, False)])
def test_fewer_than_half_of_the_models_channels_are_not_asked(missing: int, asked: bool) -> None:
    counts = COUNTS.copy()
    counts[:missing] = np.nan
    runtime = TwoMinds(pictured=0.9, alone=0.1)
    verdict = Classifier(WINDOWED, runtime).classify(pair(counts=counts))
    assert verdict.mode is Mode.FUSION
    assert (verdict.readings_alone is not None) is asked


def test_a_model_without_a_network_for_readings_cannot_say() -> None:
    runtime = TwoMinds(pictured=0.9, alone=0.1)
    classifier = Classifier(replace(WINDOWED, networks={Mode.FUSION: "temporal_fusion"}), runtime)
    assert classifier.classify(pair()).readings_alone is None
    assert runtime.modes == [Mode.FUSION]


def test_an_answer_that_is_no_number_leaves_the_fused_verdict() -> None:
    runtime = TwoMinds(pictured=0.9, alone=0.1)
    runtime.novelty[Mode.GAS_ONLY] = float("nan")
    classifier = Classifier(WINDOWED, runtime)
    verdict = classifier.classify(pair())
    assert (verdict.label, verdict.readings_alone) == ("Smoke", None)
    assert classifier.problems.counts() == {"readings_alone_unusable": 1}
