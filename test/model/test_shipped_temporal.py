"""The shipped windowed bundle in every mode, through the classifier."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.base.observation import GasReading, Mode, Observation, ThermalFrame
from gas_fusion_ros.base.shipped_files import SIMULATED_ARRAY, find_array, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.answers import softmax
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.model.thermal import Preparation, network_input
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


def test_eight_bits_say_the_same_of_readings_and_nearly_the_same_of_pictures(bundle: Bundle) -> None:
    float32, int8 = (create_runtime(bundle, "cpu", precision=name) for name in ("float32", "int8"))
    rng = np.random.default_rng(0)
    patrol = Patrol(0)
    for second in range(0, 600, 60):
        frame = patrol.frame(float(second))
        image = network_input(frame, "32FC1", bundle.image_size, Preparation.FIELD)[np.newaxis]
        inputs = {
            "gas": rng.normal(size=(1, 40, 7)).astype(np.float32),
            "valid": np.ones((1, 40, 7), dtype=np.float32),
            "image": image,
            "has_image": np.ones((1, 1), dtype=np.float32),
        }
        fused = [runtime.run(Mode.FUSION, inputs) for runtime in (float32, int8)]
        np.testing.assert_array_equal(fused[1].gas_logits, fused[0].gas_logits)
        np.testing.assert_allclose(softmax(fused[1].logits), softmax(fused[0].logits), atol=0.05)
        unread = {**inputs, "gas": np.zeros_like(inputs["gas"]), "valid": np.zeros_like(inputs["valid"])}
        seen = [runtime.run(Mode.THERMAL_ONLY, unread) for runtime in (float32, int8)]
        assert not np.array_equal(seen[0].logits, seen[1].logits)  # else both are one network
        np.testing.assert_allclose(softmax(seen[1].logits), softmax(seen[0].logits), atol=0.05)


def test_the_bundle_stays_small(bundle: Bundle) -> None:
    assert bundle.int8 is not None
    assert sum(file.stat().st_size for file in bundle.path.iterdir()) < 12e6
