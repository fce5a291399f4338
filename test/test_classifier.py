"""Observations become verdicts: which mode, which input, which calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gas_fusion_ros.classifier import Classifier, ClassifierError, softmax
from gas_fusion_ros.dataset import Dataset
from gas_fusion_ros.inference import Bundle, Thresholds, create_runtime
from gas_fusion_ros.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    GasReading,
    Mode,
    Observation,
    ThermalFrame,
)
from gas_fusion_ros.share import find_bundle
from gas_fusion_ros.thermal import Preparation, network_input

Array = npt.NDArray[np.float32]


class RecordingRuntime:
    """Answers fixed logits and keeps what it was given."""

    device = "cpu"
    note = ""

    def __init__(self) -> None:
        self.calls: list[tuple[Mode, Array | None, Array | None]] = []
        self.logits = np.array([0.0, 1.0, 2.0, 4.0], dtype=np.float32)

    def run(self, mode: Mode, gas: Array | None, image: Array | None) -> Array:
        self.calls.append((mode, gas, image))
        return self.logits


BUNDLE = Bundle(
    path=Path("nowhere"),
    name="probe",
    networks={Mode.FUSION: "fusion1", Mode.GAS_ONLY: "cnn1d", Mode.THERMAL_ONLY: "gasnet"},
    classes=PAPER_CLASSES,
    channels=PAPER_CHANNELS,
    window=1,
    preparation=Preparation.FIELD,
    image_size=32,
    image_channels=1,
    mean=np.arange(100, 800, 100, dtype=np.float32),
    std=np.full(7, 10, dtype=np.float32),
    temperatures={Mode.FUSION: 1.0, Mode.GAS_ONLY: 2.0, Mode.THERMAL_ONLY: 4.0},
    thresholds=Thresholds(0.8, 0.4),
    trained_on={},
    metrics={},
)


def with_modes(*modes: Mode) -> Bundle:
    """The bundle with some of its networks only."""
    networks = {mode: BUNDLE.networks[mode] for mode in modes}
    return replace(
        BUNDLE, networks=networks, temperatures={mode: BUNDLE.temperatures[mode] for mode in modes}
    )


def reading(counts: Array, channels: tuple[str, ...] = PAPER_CHANNELS) -> GasReading:
    return GasReading(1_000, channels, counts)


def frame(stamp_ns: int = 1_500) -> ThermalFrame:
    pixels = np.random.default_rng(0).normal(20, 3, (156, 206)).astype(np.float32)
    return ThermalFrame(stamp_ns, pixels, "32FC1")


@pytest.fixture
def runtime() -> RecordingRuntime:
    return RecordingRuntime()


@pytest.fixture
def classifier(runtime: RecordingRuntime) -> Classifier:
    return Classifier(BUNDLE, runtime)


def test_a_pair_goes_to_the_fusion(classifier: Classifier, runtime: RecordingRuntime) -> None:
    verdict = classifier.classify(Observation(reading(BUNDLE.mean + 10), frame()))
    mode, gas, image = runtime.calls[0]
    assert mode is verdict.mode is Mode.FUSION
    assert gas is not None
    assert image is not None
    np.testing.assert_allclose(gas, np.ones((1, 7)), rtol=1e-6)
    assert gas.dtype == image.dtype == np.float32
    assert image.shape == (1, 1, 32, 32)
    assert (verdict.stamp_ns, verdict.frame_id, verdict.model) == (1_000, "gas_sensor_link", "probe")
    assert verdict.pair_offset_ns == 500
    assert verdict.label == "Smoke"


def test_a_reading_alone_goes_to_the_1d_cnn(classifier: Classifier, runtime: RecordingRuntime) -> None:
    verdict = classifier.classify(Observation(reading(BUNDLE.mean), None))
    assert verdict.mode is Mode.GAS_ONLY
    assert runtime.calls[0][2] is None
    assert verdict.pair_offset_ns is None


def test_a_frame_alone_goes_to_gasnet(classifier: Classifier, runtime: RecordingRuntime) -> None:
    verdict = classifier.classify(Observation(None, frame()))
    assert verdict.mode is Mode.THERMAL_ONLY
    assert runtime.calls[0][1] is None
    assert verdict.frame_id == "thermal_camera_optical_frame"


def test_a_reading_of_nans_with_a_frame_goes_to_gasnet(classifier: Classifier) -> None:
    nans = np.full(7, np.nan, dtype=np.float32)
    verdict = classifier.classify(Observation(reading(nans), frame()))
    assert verdict.mode is Mode.THERMAL_ONLY
    assert verdict.invalid_channels == PAPER_CHANNELS
    assert verdict.stamp_ns == 1_000


def test_nothing_usable_is_an_error(classifier: Classifier) -> None:
    nans = np.full(7, np.nan, dtype=np.float32)
    with pytest.raises(ClassifierError, match="neither a valid gas reading nor a readable thermal frame"):
        classifier.classify(Observation(reading(nans), None))


@pytest.mark.parametrize("logit", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_no_verdict(
    logit: float, classifier: Classifier, runtime: RecordingRuntime
) -> None:
    runtime.logits[1] = logit
    with pytest.raises(ClassifierError, match="every logit must be a finite number"):
        classifier.classify(Observation(reading(BUNDLE.mean), None))


@pytest.mark.parametrize("invalid", [np.nan, np.inf])
def test_an_invalid_channel_takes_the_training_mean_and_is_named(
    invalid: float, classifier: Classifier, runtime: RecordingRuntime
) -> None:
    counts = BUNDLE.mean + 10
    counts[2] = invalid
    verdict = classifier.classify(Observation(reading(counts), None))
    gas = runtime.calls[0][1]
    assert gas is not None
    np.testing.assert_allclose(gas[0], [1, 1, 0, 1, 1, 1, 1], rtol=1e-6)
    assert verdict.invalid_channels == ("mq5",)


def test_channels_are_taken_by_name(classifier: Classifier, runtime: RecordingRuntime) -> None:
    counts = np.append(BUNDLE.mean[::-1], np.float32(9)).astype(np.float32)
    classifier.classify(Observation(reading(counts, (*reversed(PAPER_CHANNELS), "mq9")), None))
    gas = runtime.calls[0][1]
    assert gas is not None
    np.testing.assert_array_equal(gas, np.zeros((1, 7)))


def test_a_reading_without_a_channel_of_the_model_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ClassifierError, match="lacks mq135"):
        classifier.classify(Observation(reading(BUNDLE.mean[:-1], PAPER_CHANNELS[:-1]), None))


def test_an_unreadable_frame_is_counted_and_the_reading_goes_on_alone(classifier: Classifier) -> None:
    broken = ThermalFrame(1_500, np.zeros((2, 2), dtype=np.float32), "32FC1")
    for _ in range(3):
        verdict = classifier.classify(Observation(reading(BUNDLE.mean), broken))
        assert verdict.mode is Mode.GAS_ONLY
        assert verdict.pair_offset_ns is None
    assert classifier.problems.counts() == {"unreadable_frame": 3}
    assert len(classifier.problems.take_unreported()) == 1


@pytest.mark.parametrize("mode", list(Mode))
def test_probabilities_are_calibrated_with_the_modes_temperature(mode: Mode, classifier: Classifier) -> None:
    observation = Observation(
        None if mode is Mode.THERMAL_ONLY else reading(BUNDLE.mean),
        None if mode is Mode.GAS_ONLY else frame(),
    )
    probabilities = classifier.classify(observation).probabilities
    scaled = np.exp(np.array([0.0, 1.0, 2.0, 4.0]) / BUNDLE.temperatures[mode])
    np.testing.assert_allclose(probabilities, scaled / scaled.sum(), rtol=1e-5)
    assert probabilities.dtype == np.float32


def test_softmax_survives_huge_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0], dtype=np.float32)), [1, 0])


def test_warm_up_runs_every_network_with_its_shapes(
    classifier: Classifier, runtime: RecordingRuntime
) -> None:
    classifier.warm_up()
    assert [call[0] for call in runtime.calls] == list(Mode)
    shapes = [
        (gas.shape, image.shape) for _, gas, image in runtime.calls if gas is not None and image is not None
    ]
    assert shapes == [((1, 7), (1, 1, 32, 32))] * 3


@pytest.mark.parametrize(
    ("modes", "chosen"),
    [
        ((Mode.FUSION,), Mode.FUSION),
        ((Mode.FUSION, Mode.THERMAL_ONLY), Mode.FUSION),
        ((Mode.GAS_ONLY, Mode.THERMAL_ONLY), Mode.GAS_ONLY),
        ((Mode.GAS_ONLY,), Mode.GAS_ONLY),
        ((Mode.THERMAL_ONLY,), Mode.THERMAL_ONLY),
    ],
)
def test_a_pair_goes_to_the_best_network_that_there_is(
    modes: tuple[Mode, ...], chosen: Mode, runtime: RecordingRuntime
) -> None:
    verdict = Classifier(with_modes(*modes), runtime).classify(Observation(reading(BUNDLE.mean), frame()))
    assert verdict.mode is chosen
    assert runtime.calls[0][0] is chosen
    assert (verdict.pair_offset_ns is None) == (chosen is not Mode.FUSION)


@pytest.mark.parametrize(
    ("modes", "observation", "needed"),
    [
        ((Mode.FUSION, Mode.THERMAL_ONLY), Observation(reading(BUNDLE.mean), None), "gas_only"),
        ((Mode.FUSION, Mode.GAS_ONLY), Observation(None, frame()), "thermal_only"),
        ((Mode.GAS_ONLY,), Observation(None, frame()), "thermal_only"),
    ],
)
def test_an_observation_without_a_network_is_refused_naming_the_modes(
    modes: tuple[Mode, ...], observation: Observation, needed: str, runtime: RecordingRuntime
) -> None:
    has = ", ".join(mode.value for mode in modes)
    with pytest.raises(ClassifierError, match=f"model 'probe' has the modes {has}; .* needs {needed}$"):
        Classifier(with_modes(*modes), runtime).classify(observation)
    assert not runtime.calls


def test_an_unreadable_frame_leaves_a_fusion_alone_without_a_network(runtime: RecordingRuntime) -> None:
    classifier = Classifier(with_modes(Mode.FUSION), runtime)
    broken = ThermalFrame(1_500, np.zeros((2, 2), dtype=np.float32), "32FC1")
    with pytest.raises(ClassifierError, match="has the modes fusion; this observation needs gas_only"):
        classifier.classify(Observation(reading(BUNDLE.mean), broken))
    assert classifier.problems.counts() == {"unreadable_frame": 1}


def test_a_picture_that_no_network_will_use_is_not_prepared(runtime: RecordingRuntime) -> None:
    bundle = replace(with_modes(Mode.GAS_ONLY), preparation=None, image_size=0, image_channels=0)
    classifier = Classifier(bundle, runtime)
    broken = ThermalFrame(1_500, np.zeros((2, 2), dtype=np.float32), "32FC1")
    assert classifier.classify(Observation(reading(BUNDLE.mean), broken)).mode is Mode.GAS_ONLY
    assert classifier.problems.counts() == {}


def test_the_picture_is_prepared_as_the_model_says(runtime: RecordingRuntime) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    bundle = replace(BUNDLE, preparation=Preparation.ORIGINAL, image_channels=3)
    Classifier(bundle, runtime).classify(Observation(None, ThermalFrame(1, pixels, "rgb8")))
    image = runtime.calls[0][2]
    assert image is not None
    assert image.shape == (1, 3, 32, 32)
    np.testing.assert_array_equal(image[0], network_input(pixels, "rgb8", 32, Preparation.ORIGINAL))


def test_warm_up_runs_the_networks_that_there_are(runtime: RecordingRuntime) -> None:
    Classifier(with_modes(Mode.GAS_ONLY, Mode.THERMAL_ONLY), runtime).warm_up()
    assert [call[0] for call in runtime.calls] == [Mode.GAS_ONLY, Mode.THERMAL_ONLY]


def test_another_bundle_name_stands_in_the_verdict(runtime: RecordingRuntime) -> None:
    verdict = Classifier(replace(BUNDLE, name="other"), runtime).classify(
        Observation(reading(BUNDLE.mean), None)
    )
    assert verdict.model == "other"


def test_the_shipped_bundle_classifies_the_replayed_data_set(gas_fusion_data: Path) -> None:
    """The target of the project: above 0.95 on all rows, training rows included."""
    bundle = Bundle.load(find_bundle("fusion1"))
    shipped = Classifier(bundle, create_runtime(bundle, "cpu"))
    rows = Dataset.load(gas_fusion_data).rows
    right = sum(shipped.classify(Observation(reading(row.counts), None)).label == row.label for row in rows)
    assert right / len(rows) > 0.95
