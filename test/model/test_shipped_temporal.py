"""The shipped windowed bundle in every mode, through the classifier."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.base.observation import GasReading, Mode, Observation, ThermalFrame
from gas_fusion_ros.base.shipped_files import SIMULATED_ARRAY, find_array, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.simulation.patrol import Patrol


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("temporal_fusion"))


@pytest.fixture
def classifier(bundle: Bundle) -> Classifier:
    array = load_array(find_array(SIMULATED_ARRAY))
    return Classifier(bundle, create_runtime(bundle, device="cpu"), array)


def reading(bundle: Bundle, second: int, counts: np.ndarray) -> GasReading:
    return GasReading((second + 1) * NANOSECONDS_PER_SECOND, bundle.channels, counts.astype(np.float32))


def test_one_network_serves_every_mode(bundle: Bundle, classifier: Classifier) -> None:
    patrol = Patrol(0)
    counts = patrol.reading(0.0)
    frame = ThermalFrame(NANOSECONDS_PER_SECOND, patrol.frame(0.0), "32FC1")
    verdicts = [
        classifier.classify(Observation(reading(bundle, 0, counts), frame)),
        classifier.classify(Observation(reading(bundle, 0, counts), None)),
        classifier.classify(Observation(None, frame)),
    ]
    assert [verdict.mode for verdict in verdicts] == list(Mode)
    for verdict in verdicts:
        assert verdict.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert verdict.novelty is not None


def test_a_calm_patrol_is_clean_air_and_nonsense_is_unknown(bundle: Bundle, classifier: Classifier) -> None:
    patrol = Patrol(0, leaks=0)
    for second in range(130):
        calm = classifier.classify(Observation(reading(bundle, second, patrol.reading(float(second))), None))
    assert calm.label == "NoGas"
    rng = np.random.default_rng(0)
    for second in range(130, 260):
        noise = rng.uniform(0, 1023, len(bundle.channels))
        wild = classifier.classify(Observation(reading(bundle, second, noise), None))
    assert wild.is_unknown


def test_a_channel_that_dies_is_named_and_the_verdict_stays(bundle: Bundle, classifier: Classifier) -> None:
    patrol = Patrol(0, leaks=0)
    for second in range(130):
        counts = patrol.reading(float(second)).astype(np.float32)
        counts[0] = np.nan
        verdict = classifier.classify(Observation(reading(bundle, second, counts), None))
    assert verdict.invalid_channels == (bundle.channels[0],)
    assert verdict.label == "NoGas"
