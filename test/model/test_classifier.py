"""Observations become verdicts: which mode, which input, which calibration."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from bundles import NOVELTY_LIMIT, PICTURE, made_answer, write_windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice, DepartureAdvice
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.array.scale import WINDOW as SCALE_WINDOW
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    UNKNOWN,
    GasReading,
    Mode,
    Observation,
    ThermalFrame,
)
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.answers import Answer, softmax
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, ClassifierError
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.model.thermal import Preparation, network_input
from gas_fusion_ros.model.window import Window, WindowSettings

Array = npt.NDArray[np.float32]


class RecordingRuntime:
    """Answers fixed logits and keeps what it was given."""

    device = "cpu"
    precision = "float32"
    note = ""

    def __init__(self) -> None:
        self.calls: list[tuple[Mode, dict[str, Array]]] = []
        self.logits = np.array([0.0, 1.0, 2.0, 4.0], dtype=np.float32)
        self.novelty: float | None = None

    def run(self, mode: Mode, inputs: Mapping[str, Array]) -> Answer:
        self.calls.append((mode, dict(inputs)))
        return Answer(self.logits, self.novelty)

    @property
    def inputs(self) -> dict[str, Array]:
        """What the latest call was given."""
        return self.calls[-1][1]


BUNDLE = Bundle(
    path=Path("nowhere"),
    name="probe",
    networks={Mode.FUSION: "fusion1", Mode.GAS_ONLY: "cnn1d", Mode.THERMAL_ONLY: "gasnet"},
    classes=PAPER_CLASSES,
    channels=PAPER_CHANNELS,
    window=WindowSettings(1),
    preparation=Preparation.FIELD,
    image_size=32,
    image_channels=1,
    mean=np.arange(100, 800, 100, dtype=np.float32),
    std=np.full(7, 10, dtype=np.float32),
    temperatures={Mode.FUSION: 1.0, Mode.GAS_ONLY: 2.0, Mode.THERMAL_ONLY: 4.0},
    array=None,
    alarm=AlarmAdvice(),
    profiles={"balanced": AlarmAdvice()},
    departure=None,
    false_reject_rate=None,
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
    mode, inputs = runtime.calls[0]
    assert mode is verdict.mode is Mode.FUSION
    assert set(inputs) == {"gas", "image"}
    gas, image = inputs["gas"], inputs["image"]
    np.testing.assert_allclose(gas, np.ones((1, 7)), rtol=1e-6)
    assert gas.dtype == image.dtype == np.float32
    assert image.shape == (1, 1, 32, 32)
    assert (verdict.stamp_ns, verdict.frame_id, verdict.model) == (1_000, "gas_sensor_link", "probe")
    assert verdict.pair_offset_ns == 500
    assert verdict.label == "Smoke"


def test_a_reading_alone_goes_to_the_1d_cnn(classifier: Classifier, runtime: RecordingRuntime) -> None:
    verdict = classifier.classify(Observation(reading(BUNDLE.mean), None))
    assert verdict.mode is Mode.GAS_ONLY
    assert set(runtime.inputs) == {"gas"}
    assert verdict.pair_offset_ns is None


def test_a_frame_alone_goes_to_gasnet(classifier: Classifier, runtime: RecordingRuntime) -> None:
    verdict = classifier.classify(Observation(None, frame()))
    assert verdict.mode is Mode.THERMAL_ONLY
    assert set(runtime.inputs) == {"image"}
    assert verdict.frame_id == "thermal_camera_optical_frame"


def test_a_reading_of_nans_with_a_frame_goes_to_gasnet(classifier: Classifier) -> None:
    nans = np.full(7, np.nan, dtype=np.float32)
    verdict = classifier.classify(Observation(reading(nans), frame()))
    assert verdict.mode is Mode.THERMAL_ONLY
    assert verdict.invalid_channels == PAPER_CHANNELS
    assert verdict.stamp_ns == 1_000


def test_nothing_usable_is_an_error(classifier: Classifier) -> None:
    nans = np.full(7, np.nan, dtype=np.float32)
    with pytest.raises(ClassifierError, match="neither a valid gas reading nor a thermal frame"):
        classifier.classify(Observation(reading(nans), None))


@pytest.mark.parametrize("logit", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_no_verdict(
    logit: float, classifier: Classifier, runtime: RecordingRuntime
) -> None:
    runtime.logits[1] = logit
    with pytest.raises(ClassifierError, match="every logit must be a finite number"):
        classifier.classify(Observation(reading(BUNDLE.mean), None))


@pytest.mark.parametrize("invalid", [np.nan, np.inf, -1e30, 3e7])
def test_an_invalid_channel_takes_the_training_mean_and_is_named(
    invalid: float, classifier: Classifier, runtime: RecordingRuntime
) -> None:
    counts = BUNDLE.mean + 10
    counts[2] = invalid
    verdict = classifier.classify(Observation(reading(counts), None))
    np.testing.assert_allclose(runtime.inputs["gas"][0], [1, 1, 0, 1, 1, 1, 1], rtol=1e-6)
    assert verdict.invalid_channels == ("mq5",)


def test_channels_are_taken_by_name(classifier: Classifier, runtime: RecordingRuntime) -> None:
    counts = np.append(BUNDLE.mean[::-1], np.float32(9)).astype(np.float32)
    classifier.classify(Observation(reading(counts, (*reversed(PAPER_CHANNELS), "mq9")), None))
    np.testing.assert_array_equal(runtime.inputs["gas"], np.zeros((1, 7)))


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
    shapes = [(mode, {name: value.shape for name, value in inputs.items()}) for mode, inputs in runtime.calls]
    gas, image = (1, 7), (1, 1, 32, 32)
    assert shapes == [
        (Mode.FUSION, {"gas": gas, "image": image}),
        (Mode.GAS_ONLY, {"gas": gas}),
        (Mode.THERMAL_ONLY, {"image": image}),
    ]


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
    image = runtime.inputs["image"]
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


# --- windows --------------------------------------------------------------------------------

PERIOD = 2_000_000_000
WINDOW = WindowSettings(4, PERIOD)
WINDOWED = replace(
    BUNDLE,
    networks=dict.fromkeys(Mode, "temporal_fusion"),
    window=WINDOW,
    temperatures=dict.fromkeys(Mode, 1.0),
    false_reject_rate=0.01,
)
NANS = np.full(7, np.nan, dtype=np.float32)


def deviating(by: float) -> Array:
    """Counts that are normalised to `by` in every channel."""
    return BUNDLE.mean + np.float32(by) * BUNDLE.std


def at(
    tick: int, counts: Array | float, picture: ThermalFrame | None = None, stretch: int = 0
) -> Observation:
    """An observation some periods after the start; its counts, or what they are normalised to."""
    values = counts if isinstance(counts, np.ndarray) else deviating(counts)
    return Observation(GasReading(tick * PERIOD, PAPER_CHANNELS, values), picture, stretch=stretch)


@pytest.fixture
def windowed(runtime: RecordingRuntime) -> Classifier:
    runtime.novelty = 0.5
    return Classifier(WINDOWED, runtime)


def series(inputs: Mapping[str, Array], channel: int = 0) -> list[float | None]:
    """One channel of a window as the network sees it, oldest first; None where not valid."""
    pairs = zip(inputs["gas"][0, :, channel].tolist(), inputs["valid"][0, :, channel].tolist(), strict=True)
    return [round(value, 4) if valid else None for value, valid in pairs]


def test_a_window_grows_with_the_readings_oldest_first(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for tick in range(1, 6):
        windowed.classify(at(tick, tick))
    assert [series(inputs) for _, inputs in runtime.calls] == [
        [None, None, None, 1],
        [None, None, 1, 2],
        [None, 1, 2, 3],
        [1, 2, 3, 4],
        [2, 3, 4, 5],
    ]
    assert runtime.inputs["gas"].dtype == runtime.inputs["valid"].dtype == np.float32
    assert runtime.inputs["gas"].shape == runtime.inputs["valid"].shape == (1, 4, 7)


def test_readings_at_another_rate_are_resampled_to_the_models_period(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for half in range(2, 10):
        stamp_ns = half * PERIOD // 2 + 1
        windowed.classify(Observation(GasReading(stamp_ns, PAPER_CHANNELS, deviating(half)), None))
    assert series(runtime.inputs) == [3, 5, 7, 9]


def test_a_reading_without_an_image_runs_the_same_network_without_one(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    pictured = windowed.classify(at(1, 1.0, frame(PERIOD + 7)))
    alone = windowed.classify(at(2, 2.0))
    assert (pictured.mode, alone.mode) == (Mode.FUSION, Mode.GAS_ONLY)
    assert (pictured.pair_offset_ns, alone.pair_offset_ns) == (7, None)
    with_image, without = runtime.calls[0][1], runtime.calls[-1][1]
    assert set(with_image) == set(without) == {"gas", "valid", "image", "has_image"}
    assert with_image["has_image"].tolist() == [[1.0]]
    assert with_image["image"].any()
    assert without["has_image"].tolist() == [[0.0]]
    assert without["image"].shape == with_image["image"].shape
    assert not without["image"].any()
    assert series(without) == [None, None, 1, 2]


def test_an_unreadable_frame_is_no_image_to_a_windowed_network(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    broken = ThermalFrame(PERIOD, np.zeros((2, 2), dtype=np.float32), "32FC1")
    assert windowed.classify(at(1, 1.0, broken)).mode is Mode.GAS_ONLY
    assert runtime.inputs["has_image"].tolist() == [[0.0]]
    assert windowed.problems.counts() == {"unreadable_frame": 1}


@pytest.mark.parametrize("counts", [None, NANS])
def test_without_a_valid_reading_the_window_is_empty_however_many_came_before(
    counts: Array | None, windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for tick in range(1, 4):
        windowed.classify(at(tick, 3.0))
    observation = Observation(None, frame(4 * PERIOD)) if counts is None else at(4, counts, frame())
    sample = windowed.prepare(observation)
    assert not sample.window.valid.any()
    assert windowed.decide(sample).mode is Mode.THERMAL_ONLY
    assert not runtime.inputs["gas"].any()
    assert not runtime.inputs["valid"].any()
    assert runtime.inputs["has_image"].tolist() == [[1.0]]


def test_nothing_usable_is_an_error_of_decide_and_still_enters_the_window(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    windowed.classify(at(1, 1.0))
    sample = windowed.prepare(at(2, NANS))
    with pytest.raises(ClassifierError, match="neither a valid gas reading nor a thermal frame"):
        windowed.decide(sample)
    windowed.classify(at(3, 3.0))
    assert series(runtime.inputs) == [None, 1, 2, 3]  # the line between the two that are valid


def test_a_channel_without_any_valid_reading_is_zero_throughout(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for tick in range(1, 5):
        counts = deviating(tick)
        counts[2] = np.nan
        verdict = windowed.classify(at(tick, counts))
    assert verdict.invalid_channels == ("mq5",)
    assert not runtime.inputs["gas"][..., 2].any()
    assert not runtime.inputs["valid"][..., 2].any()
    assert series(runtime.inputs, channel=3) == [1, 2, 3, 4]


def test_a_channel_that_fails_keeps_its_past(windowed: Classifier, runtime: RecordingRuntime) -> None:
    for tick in range(1, 4):
        windowed.classify(at(tick, tick))
    failing = deviating(4)
    failing[0] = np.inf
    windowed.classify(at(4, failing))
    assert series(runtime.inputs) == [1, 2, 3, None]
    assert np.isfinite(runtime.inputs["gas"]).all()


def test_another_run_clears_the_history(windowed: Classifier, runtime: RecordingRuntime) -> None:
    for stretch in (0, 1, 5, 0):
        for tick in (7, 8):
            windowed.classify(at(tick, tick, stretch=stretch))
        assert series(runtime.inputs) == [None, None, 7, 8]
    windowed.classify(at(9, 9, stretch=0))
    assert series(runtime.inputs) == [None, 7, 8, 9]


def test_a_run_that_begins_with_an_observation_without_a_reading_clears_the_history(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    windowed.classify(at(7, 7))
    windowed.classify(Observation(None, frame(), stretch=1))
    windowed.classify(at(8, 8, stretch=1))
    assert series(runtime.inputs) == [None, None, None, 8]


def test_a_run_that_begins_with_an_unusable_reading_clears_the_history(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    windowed.classify(at(7, 7))
    short = GasReading(PERIOD, PAPER_CHANNELS[:-1], deviating(0)[:-1])
    with pytest.raises(ClassifierError, match="lacks mq135"):
        windowed.prepare(Observation(short, None, stretch=1))
    windowed.classify(at(8, 8, stretch=1))
    assert series(runtime.inputs) == [None, None, None, 8]


def test_a_reading_whose_verdict_is_skipped_is_in_the_window_all_the_same(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for tick in (1, 2, 3):
        windowed.prepare(at(tick, tick))
    windowed.classify(at(4, 10))
    assert len(runtime.calls) == 1
    assert series(runtime.inputs) == [1, 2, 3, 10]


def test_verdicts_may_be_made_in_any_order_and_see_nothing_of_what_came_later(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    samples = [windowed.prepare(at(tick, tick)) for tick in range(1, 5)]
    windowed.prepare(at(1, 99, stretch=1))
    seen = {}
    for sample in (samples[2], samples[0], samples[3], samples[1]):
        verdict = windowed.decide(sample)
        seen[verdict.stamp_ns // PERIOD] = series(runtime.inputs)
    assert seen == {1: [None, None, None, 1], 2: [None, None, 1, 2], 3: [None, 1, 2, 3], 4: [1, 2, 3, 4]}


def test_a_late_reading_sees_its_own_past_and_enters_that_of_the_others(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    for tick in (1, 2, 4):
        windowed.classify(at(tick, tick))
    windowed.classify(at(3, 30))
    assert series(runtime.inputs) == [None, 1, 2, 30]
    windowed.classify(at(5, 5))
    assert series(runtime.inputs) == [2, 30, 4, 5]


def test_verdicts_made_in_another_thread_meanwhile_see_the_same_windows(runtime: RecordingRuntime) -> None:
    observations = [at(tick, tick % 13) for tick in range(1, 300)]
    classifier = Classifier(WINDOWED, runtime)
    for observation in observations:
        classifier.classify(observation)
    expected = [series(inputs) for _, inputs in runtime.calls]
    runtime.calls.clear()
    classifier = Classifier(WINDOWED, runtime)
    with ThreadPoolExecutor(max_workers=1) as worker:
        list(worker.map(classifier.decide, map(classifier.prepare, observations)))
    assert [series(inputs) for _, inputs in runtime.calls] == expected


def test_a_window_takes_channels_by_name(windowed: Classifier, runtime: RecordingRuntime) -> None:
    counts = np.append(deviating(2)[::-1], np.float32(9)).astype(np.float32)
    windowed.classify(Observation(reading(counts, (*reversed(PAPER_CHANNELS), "mq9")), None))
    np.testing.assert_allclose(runtime.inputs["gas"][0, -1], np.full(7, 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("novelty", "label"),
    [(None, "Smoke"), (0.0, "Smoke"), (1.0, "Smoke"), (1.01, UNKNOWN), (np.inf, UNKNOWN)],
)
def test_an_input_unlike_training_is_unknown(
    novelty: float | None, label: str, windowed: Classifier, runtime: RecordingRuntime
) -> None:
    runtime.novelty = novelty
    verdict = windowed.classify(at(1, 1.0))
    assert (verdict.novelty, verdict.label, verdict.is_unknown) == (novelty, label, label == UNKNOWN)
    assert verdict.confidence == pytest.approx(max(verdict.by_class.values()))
    assert UNKNOWN not in verdict.by_class


def test_a_novelty_that_is_no_number_is_no_verdict(windowed: Classifier, runtime: RecordingRuntime) -> None:
    runtime.novelty = np.nan
    with pytest.raises(ClassifierError, match="answers the novelty nan; it must be a number"):
        windowed.classify(at(1, 1.0))


def test_a_windowed_model_without_a_mode_says_so(runtime: RecordingRuntime) -> None:
    networks = dict.fromkeys((Mode.FUSION, Mode.GAS_ONLY), "temporal_fusion")
    classifier = Classifier(replace(WINDOWED, networks=networks), runtime)
    with pytest.raises(ClassifierError, match=r"has the modes fusion, gas_only; .* needs thermal_only$"):
        classifier.classify(Observation(None, frame()))


def test_warm_up_runs_every_mode_of_a_windowed_network(
    windowed: Classifier, runtime: RecordingRuntime
) -> None:
    windowed.warm_up()
    assert [mode for mode, _ in runtime.calls] == list(Mode)
    assert {name: value.shape for name, value in runtime.inputs.items()} == {
        "gas": (1, 4, 7),
        "valid": (1, 4, 7),
        "image": (1, 1, 32, 32),
        "has_image": (1, 1),
    }


def test_a_model_of_single_readings_remembers_nothing(
    classifier: Classifier, runtime: RecordingRuntime
) -> None:
    for tick, by in ((1, 5.0), (2, 1.0)):
        classifier.classify(at(tick, by))
    np.testing.assert_allclose(runtime.inputs["gas"], np.ones((1, 7)), rtol=1e-5)
    assert set(runtime.inputs) == {"gas"}
    sample = classifier.prepare(at(3, 1.0))
    assert isinstance(sample.window, Window)
    assert sample.window.values.shape == (1, 1, 7)


def test_a_windowed_bundle_answers_by_its_whole_input(tmp_path: Path) -> None:
    """From observations to probabilities through a real network whose answer can be worked out by hand."""
    write_windowed_bundle(tmp_path)
    bundle = Bundle.load(tmp_path)
    classifier = Classifier(bundle, create_runtime(bundle, "cpu"))
    classifier.warm_up()
    for tick in (1, 2, 3, 4):
        picture = frame(tick * PERIOD) if tick == 4 else None
        counts = bundle.mean + np.float32(0.01 * tick) * bundle.std
        verdict = classifier.classify(Observation(GasReading(tick * PERIOD, PAPER_CHANNELS, counts), picture))
    deviations = np.array([0.01, 0.02, 0.03, 0.04], dtype=np.float32)
    gas = np.repeat(deviations[np.newaxis, :, np.newaxis], 7, axis=2)
    image = network_input(frame().pixels, "32FC1", PICTURE, Preparation.FIELD)[np.newaxis]
    ones = np.ones((1, 1), dtype=np.float32)
    logits, novelty = made_answer(gas, np.ones_like(gas), image, ones)
    np.testing.assert_allclose(verdict.probabilities, softmax(logits[0]), rtol=1e-4)
    assert verdict.novelty == pytest.approx(float(novelty[0]), rel=1e-3)
    far = bundle.mean + np.float32(NOVELTY_LIMIT + 1) * bundle.std
    assert classifier.classify(Observation(reading(far), None, stretch=1)).label == UNKNOWN


ARRAY = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in PAPER_CHANNELS))
LOG_RATIO = replace(
    BUNDLE,
    array=ARRAY,
    mean=np.zeros(7, np.float32),
    std=np.ones(7, np.float32),
    departure=DepartureAdvice(2.0),
)


def counts_of(deviations: Array | float, array: ArrayDescription = ARRAY) -> Array:
    return array.readings_of(np.broadcast_to(np.asarray(deviations, dtype=np.float32), len(array.channels)))


def test_a_log_ratio_model_sees_the_same_through_any_calibrated_array(runtime: RecordingRuntime) -> None:
    deviations = np.linspace(-1, 0.5, 7).astype(np.float32)
    other = ArrayDescription(
        tuple(ArrayChannel(name, baseline=0.3 * index) for index, name in enumerate(PAPER_CHANNELS)),
        Unit.VOLT,
        3.3,
        Divider.LOAD_HIGH,
    )
    for array in (None, ARRAY, other):
        counts = counts_of(deviations, array or ARRAY)
        Classifier(LOG_RATIO, runtime, array).classify(Observation(reading(counts), None))
        np.testing.assert_allclose(runtime.inputs["gas"][0], deviations, atol=1e-4)


def test_a_log_ratio_model_takes_any_subset_of_its_channels_and_others_beside(
    runtime: RecordingRuntime,
) -> None:
    array = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in ("tgs2602", "mq135", "mq3")))
    verdict = Classifier(LOG_RATIO, runtime, array).classify(
        Observation(reading(counts_of(-1.0, array), array.names), None)
    )
    np.testing.assert_allclose(runtime.inputs["gas"][0], [0, -1, 0, 0, 0, 0, -1], atol=1e-5)
    assert verdict.invalid_channels == ("mq2", "mq5", "mq6", "mq7", "mq8")


def test_an_array_without_a_baseline_that_the_model_needs_is_refused_and_the_old_one_stays(
    runtime: RecordingRuntime,
) -> None:
    classifier = Classifier(LOG_RATIO, runtime, ARRAY)
    with pytest.raises(ClassifierError, match=r"no baseline of mq2, .*gas-fusion calibrate"):
        classifier.use_array(ArrayDescription((ArrayChannel("mq2"), ArrayChannel("mq9", baseline=1.0))))
    assert classifier.classify(Observation(reading(counts_of(0.0)), None)).invalid_channels == ()


def test_a_count_at_an_end_of_the_range_is_an_invalid_channel(runtime: RecordingRuntime) -> None:
    counts = counts_of(0.0).copy()
    counts[0], counts[1] = 1023, 0
    verdict = Classifier(LOG_RATIO, runtime, ARRAY).classify(Observation(reading(counts), None))
    assert verdict.invalid_channels == ("mq2", "mq3")


def test_departure_is_over_all_channels_of_a_known_array_in_units_of_the_limit(
    runtime: RecordingRuntime,
) -> None:
    array = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in ("mq2", "mq4", "mq9")))
    runtime.logits = np.array([0.0, 9.0, 0.0, 0.0], dtype=np.float32)  # clean air, says the network
    counts = counts_of(np.array([0.0, -3.0, -3.0], dtype=np.float32), array)
    classifier = Classifier(LOG_RATIO, runtime, array)
    verdict = classifier.classify(Observation(reading(counts, array.names), None))
    assert verdict.departure == pytest.approx(1.5)
    assert verdict.label == UNKNOWN
    unknown = Classifier(LOG_RATIO, runtime).classify(Observation(reading(counts_of(-3.0)), None))
    assert unknown.departure is None
    assert unknown.label == "NoGas"


def test_departure_begins_anew_with_a_stretch_and_an_array(runtime: RecordingRuntime) -> None:
    classifier = Classifier(LOG_RATIO, runtime, ARRAY)
    for _ in range(5):
        classifier.classify(Observation(reading(counts_of(-3.0)), None))
    assert classifier.classify(Observation(reading(counts_of(0.0)), None, stretch=1)).departure == 0
    classifier.classify(Observation(reading(counts_of(-3.0)), None, stretch=1))
    classifier.use_array(ARRAY)
    assert classifier.classify(Observation(reading(counts_of(0.0)), None, stretch=1)).departure == 0


def test_the_scale_of_what_comes_is_judged_by_the_array_that_the_model_is_given(
    runtime: RecordingRuntime,
) -> None:
    classifier = Classifier(LOG_RATIO, runtime, ARRAY)

    def feed(factor: float, stretch: int = 0) -> None:
        for _ in range(SCALE_WINDOW):
            observation = Observation(reading(factor * counts_of(0.0)), None, stretch=stretch)
            classifier.prepare(observation)

    feed(1.0)
    assert classifier.scale_complaint is None
    feed(4.003)
    assert classifier.scale_complaint is not None
    assert classifier.scale_complaint.causes[0] == "a 12-bit converter"
    classifier.prepare(Observation(reading(4.003 * counts_of(0.0)), None, stretch=1))
    assert classifier.scale_complaint is not None, "after a jump of the stamps the array is the same one"
    classifier.use_array(replace(ARRAY, full_scale=4095.0))
    assert classifier.scale_complaint is None
    feed(4.003, stretch=1)
    assert classifier.scale_complaint is None
    classifier.use_array(None)
    feed(4.003, stretch=1)
    assert classifier.scale_complaint is not None
    classifier.forget()
    assert classifier.scale_complaint is None


def drift_after(runtime: RecordingRuntime, logits: list[float], deviation: float = 0.1) -> float:
    """How far the baseline has moved in 300 s of the same reading and verdict."""
    runtime.logits = np.array(logits, dtype=np.float32)
    classifier = Classifier(LOG_RATIO, runtime, ARRAY, TrackingSettings(rate=1.0, delay_ns=60 * 10**9))
    for second in range(300):
        counts = GasReading(second * 10**9, PAPER_CHANNELS, counts_of(deviation))
        classifier.classify(Observation(counts, None))
    assert set(classifier.drift) == set(PAPER_CHANNELS)
    return classifier.drift["mq2"]


def test_the_baseline_follows_air_that_is_surely_clean_alone(runtime: RecordingRuntime) -> None:
    followed = drift_after(runtime, [0.0, 9.0, 0.0, 0.0])
    assert followed == pytest.approx(180 / 3600, rel=0.05)
    assert runtime.inputs["gas"][0, 0] == pytest.approx(0.1 - followed, abs=1e-3)
    assert drift_after(runtime, [9.0, 0.0, 0.0, 0.0]) == 0, "a gas"
    assert drift_after(runtime, [0.0, 1.0, 0.0, 0.0]) == 0, "clean air, but not surely"
    assert drift_after(runtime, [0.0, 9.0, 0.0, 0.0], deviation=-3.0) == 0, "a departure"


def test_another_array_begins_with_its_own_baseline(runtime: RecordingRuntime) -> None:
    runtime.logits = np.array([0.0, 9.0, 0.0, 0.0], dtype=np.float32)
    classifier = Classifier(LOG_RATIO, runtime, ARRAY, TrackingSettings(rate=1.0, delay_ns=10 * 10**9))
    for second in range(100):
        sample = classifier.prepare(
            Observation(GasReading(second * 10**9, PAPER_CHANNELS, counts_of(0.1)), None)
        )
        if second == 50:
            assert classifier.drift["mq2"] > 0
            classifier.use_array(replace(ARRAY, serial_id="2"))
            assert classifier.drift["mq2"] == 0
        classifier.decide(sample)
