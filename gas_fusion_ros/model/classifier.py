"""From an Observation to a calibrated Verdict: the one road of the live node, replay and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.baseline_tracker import BaselineTracker
from gas_fusion_ros.array.departure import DepartureWatch
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.scale import ScaleComplaint, ScaleWatch
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.observation import CLEAN_AIR, Mode, Observation, ThermalFrame, Verdict
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.model.answers import Answer, answer_complaint, softmax
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.expected_readings import expected_readings
from gas_fusion_ros.model.runtimes import Runtime
from gas_fusion_ros.model.thermal import ThermalError, network_input
from gas_fusion_ros.model.window import Window, WindowHistory

Array = npt.NDArray[np.float32]
_CALM = 0.7
"""Probability of clean air from which on a verdict leaves no doubt of it."""
_LEAST_VALID = 0.5
"""Share of the model's channels with a value below which a reading is not asked what it says alone."""


class ClassifierError(ValueError):
    """An observation cannot be classified; the message says why."""


@dataclass(frozen=True)
class Sample:
    """An observation with everything that depends on what came before it.

    Attributes:
        observation: the observation.
        values: shape (C,), its reading in the model's domain and the order of its channels, NaN where
            invalid; None without a reading.
        window: one window that ends at the reading; all invalid where no channel of the reading is valid.
        departure: how far the array is from its own clean air; 1 is the model's limit. None where that is
            not known.
    """

    observation: Observation
    values: Array | None
    window: Window
    departure: float | None = None

    @property
    def has_gas(self) -> bool:
        """Whether there is a reading with a valid channel."""
        return bool(self.window.valid.any())


class Classifier:
    """Classifies observations with one bundle.

    `prepare` takes every observation in, in order; `decide` makes its verdict, at any time later and in
    any thread, or never: the reading is in the windows of those that follow all the same.

    A reading with a picture goes to the fusion network, a reading alone to the network for readings,
    and a picture whose reading is missing or NaN in every channel to the network for pictures. Where
    the model has no fusion network, a reading with a picture goes to the network for readings, or else to
    the one for pictures. A picture that cannot be read is counted in `problems` and the reading goes on
    alone.

    A fused verdict that may be a leak tells besides what its readings say alone. A network that knows says so
    itself, and then also where these alone may be a leak; for another the one for readings runs once more, on
    the same window without the picture. They are
    not asked where fewer than half of the model's channels have a value now, and cannot be where the model
    has no network for readings.

    Args:
        bundle: the model.
        runtime: what runs it.
        array: what makes ln(Rs/R0) of readings; None where nobody knows: then a model that looks at
            ln(Rs/R0) takes them for those of the array that it learned from.
        tracking: how the array's baseline follows calm air.
        asked_from: probability of other than clean air from which on a fused verdict may be a leak, 0..1;
            None for the model's advice, `off_threshold`.

    Attributes:
        problems: what was passed over.
        refuses_pictures: whether pictures are passed over, so that every reading goes alone.

    Raises:
        ClassifierError: no channel of the array that the model knows is calibrated, and the model needs one.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: Runtime,
        array: ArrayDescription | None = None,
        tracking: TrackingSettings = TrackingSettings(),  # noqa: B008  frozen
        asked_from: float | None = None,
    ) -> None:
        self.problems = Problems()
        self.refuses_pictures = False
        self._bundle = bundle
        self._runtime = runtime
        self._tracking = tracking
        self._asked_from = bundle.alarm.off_threshold if asked_from is None else asked_from
        self._departure = DepartureWatch()
        self._history = WindowHistory(bundle.window, len(bundle.channels))
        self._stretch = 0
        self.use_array(array)

    def use_array(self, array: ArrayDescription | None) -> None:
        """Take what comes for readings of this array, from the next one on; see the class.

        Raises:
            ClassifierError: likewise; then all stays as it was.
        """
        self.check_array(array)
        self._array = array
        self._tracker = (
            BaselineTracker(self._tracking, len(array.channels))
            if array is not None and self._tracking.rate > 0
            else None
        )
        self._scale = ScaleWatch(expected_readings(self._bundle, array))
        self.forget()

    def check_array(self, array: ArrayDescription | None) -> None:
        """Refuse an array that the model cannot go by.

        Raises:
            ClassifierError: it is such a one; see the class.
        """
        if array is not None and self._bundle.array is not None:
            calibrated = {one.name for one in array.channels if one.baseline is not None}
            if not calibrated & set(self._bundle.channels):
                raise ClassifierError(
                    f"the array has no baseline of {', '.join(self._bundle.channels)}, and model "
                    f"'{self._bundle.name}' needs some: `gas-fusion calibrate` measures them in clean air"
                )

    @property
    def drift(self) -> dict[str, float]:
        """How far each channel's baseline has followed calm air, ln(Rs/R0); empty where none is tracked."""
        if self._array is None or self._tracker is None:
            return {}
        return dict(zip(self._array.names, self._tracker.drift.tolist(), strict=True))

    @property
    def scale_complaint(self) -> ScaleComplaint | None:
        """Why the latest readings cannot be of the array that the model is given; None where they can."""
        return self._scale.complaint

    def warm_up(self) -> None:
        """Run every mode once, so that the first observation meets no one-off costs."""
        for mode in self._bundle.networks:
            self._runtime.run(mode, self._complete(mode, {}))

    def forget(self) -> None:
        """Empty the history, and judge the scale anew: no reading so far is the past of what comes."""
        self._forget_past()
        self._scale.forget()

    def classify(self, observation: Observation) -> Verdict:
        """Classify one observation: `prepare`, then `decide`.

        Raises:
            ClassifierError: as both do.
        """
        return self.decide(self.prepare(observation))

    def prepare(self, observation: Observation) -> Sample:
        """Take an observation in, and its reading into the windows of those to come; cheap.

        To be called once for every observation, in the order in which they come. A new stretch begins with
        an empty history. Not thread-safe.

        Raises:
            ClassifierError: its reading lacks a channel of the model.
        """
        if observation.stretch != self._stretch:
            self._forget_past()  # the array is the same one
            self._stretch = observation.stretch
        reading = observation.reading
        if reading is None:
            return Sample(observation, None, self._blank_window())
        counts = np.where(reading.valid, reading.counts, np.float32(np.nan))
        self._scale.add(reading.channels, counts)
        deviations = self._deviations(reading.channels, counts, reading.stamp_ns)
        values = self._values(reading.channels, counts, deviations)
        departure = self._departure_of(deviations)
        self._history.add(reading.stamp_ns, values)
        if not np.isfinite(values).any():
            return Sample(observation, values, self._blank_window(), departure)
        return Sample(observation, values, self._history.window(reading.stamp_ns), departure)

    def decide(self, sample: Sample) -> Verdict:
        """Run the network on a prepared observation; in any order, and in another thread than `prepare`.

        Raises:
            ClassifierError: it has neither a valid reading nor a readable picture, the model has no
                network for what it has, or the network answers with something that is no number.
        """
        mode, inputs = self.inputs(sample)
        answer = self._answer(mode, inputs)
        verdict = self._verdict(sample, mode, answer)
        if mode is Mode.FUSION:
            verdict = replace(verdict, readings_alone=self._told_beside(sample, verdict, answer))
        reading, tracker = sample.observation.reading, self._tracker
        if reading is not None and tracker is not None:
            tracker.judge(reading.stamp_ns, _is_calm(verdict))
        return verdict

    def _told_beside(self, sample: Sample, verdict: Verdict, answer: Answer) -> Verdict | None:
        """Return what the readings of a fused verdict say alone, where they or it may be a leak."""
        is_asked = _leak_probability(verdict) >= self._asked_from
        if not is_asked and (answer.gas_logits is None or self._is_calm_alone(answer.gas_logits)):
            return None
        return self._readings_alone(sample, answer)

    def _is_calm_alone(self, gas_logits: Array) -> bool:
        """Whether readings by themselves are no leak; not so where what they say is no number."""
        if Mode.GAS_ONLY not in self._bundle.networks or CLEAN_AIR not in self._bundle.classes:
            return True
        alone = softmax(gas_logits / np.float32(self._bundle.temperatures[Mode.GAS_ONLY]))
        return bool(1.0 - alone[self._bundle.classes.index(CLEAN_AIR)] < self._asked_from)

    def _readings_alone(self, sample: Sample, fused: Answer) -> Verdict | None:
        """Return what a fused observation's readings say without the picture; None where they cannot."""
        if Mode.GAS_ONLY not in self._bundle.networks:
            return None
        if sample.values is None or np.isfinite(sample.values).mean() < _LEAST_VALID:
            return None
        try:
            if fused.gas_logits is None:
                alone = self._answer(Mode.GAS_ONLY, self._inputs(sample, Mode.GAS_ONLY, None))
            else:
                alone = Answer(fused.gas_logits, fused.novelty)
                self._check(Mode.GAS_ONLY, alone)
            return self._verdict(sample, Mode.GAS_ONLY, alone)
        except ClassifierError as error:
            self.problems.add("readings_alone_unusable", str(error))
            return None

    def _answer(self, mode: Mode, inputs: Mapping[str, Array]) -> Answer:
        """Run a mode's network.

        Raises:
            ClassifierError: it answers with something that is no number.
        """
        answer = self._runtime.run(mode, inputs)
        self._check(mode, answer)
        return answer

    def _check(self, mode: Mode, answer: Answer) -> None:
        """Refuse an answer that is none.

        Raises:
            ClassifierError: it is none.
        """
        complaint = answer_complaint(answer, self._bundle, mode)
        if complaint:
            raise ClassifierError(
                f"the network of model '{self._bundle.name}' for {mode.value} observations {complaint}"
            )

    def _verdict(self, sample: Sample, mode: Mode, answer: Answer) -> Verdict:
        """Make a verdict of what a mode's network answers."""
        observation = sample.observation
        return Verdict(
            stamp_ns=observation.stamp_ns,
            frame_id=observation.frame_id,
            mode=mode,
            classes=self._bundle.classes,
            probabilities=softmax(answer.logits / np.float32(self._bundle.temperatures[mode])),
            model=self._bundle.name,
            pair_offset_ns=observation.pair_offset_ns if mode is Mode.FUSION else None,
            invalid_channels=self._invalid(sample.values),
            novelty=answer.novelty,
            departure=sample.departure,
        )

    def inputs(self, sample: Sample) -> tuple[Mode, dict[str, Array]]:
        """Return which network decides on a prepared observation, and what it is given; as for `Runtime.run`.

        Raises:
            ClassifierError: it has neither a valid reading nor a readable picture, or the model has no
                network for what it has.
        """
        mode, image = self._choose(sample.has_gas, sample.observation.frame)
        return mode, self._inputs(sample, mode, image)

    def _forget_past(self) -> None:
        self._history.clear()
        self._departure.forget()
        if self._tracker is not None:
            self._tracker.forget()

    def _inputs(self, sample: Sample, mode: Mode, image: Array | None) -> dict[str, Array]:
        given: dict[str, Array] = {}
        if mode is not Mode.THERMAL_ONLY:
            given |= self._gas_inputs(sample)
        if image is not None:
            given |= {"image": image, "has_image": np.ones((1, 1), dtype=np.float32)}
        return self._complete(mode, given)

    def _gas_inputs(self, sample: Sample) -> dict[str, Array]:
        if not self._bundle.is_windowed:
            assert sample.values is not None  # else the mode would be another
            return {"gas": self._normalised(sample.values)}
        gas, valid = sample.window.as_inputs(self._bundle.mean, self._bundle.std)
        return {"gas": gas, "valid": valid}

    def _complete(self, mode: Mode, given: Mapping[str, Array]) -> dict[str, Array]:
        """Return every input of a mode's network, 0 where it is not given."""
        return {
            name: given[name] if name in given else np.zeros((1, *shape), dtype=np.float32)
            for name, shape in self._bundle.inputs(mode).items()
        }

    def _blank_window(self) -> Window:
        """Return the window of no reading at all."""
        shape = (1, self._bundle.window.readings, len(self._bundle.channels))
        return Window(np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.bool_))

    def _choose(self, has_gas: bool, frame: ThermalFrame | None) -> tuple[Mode, Array | None]:
        """Return the mode and, where its network takes one, the picture."""
        if frame is not None and not self.refuses_pictures:
            mode = self._mode(has_gas, has_picture=True)
            if mode is Mode.GAS_ONLY:
                return mode, None
            image = self._image(frame)
            if image is not None:
                return mode, image
        return self._mode(has_gas, has_picture=False), None

    def _mode(self, has_gas: bool, has_picture: bool) -> Mode:
        """Return the best mode that the model has a network for."""
        usable = {
            Mode.FUSION: has_gas and has_picture,
            Mode.GAS_ONLY: has_gas,
            Mode.THERMAL_ONLY: has_picture,
        }
        modes = [mode for mode, possible in usable.items() if possible]
        if not modes:
            raise ClassifierError(
                "the observation has neither a valid gas reading nor a thermal frame that can be used"
            )
        for mode in modes:
            if mode in self._bundle.networks:
                return mode
        raise ClassifierError(
            f"model '{self._bundle.name}' has the modes "
            f"{', '.join(mode.value for mode in self._bundle.networks)}; this observation needs "
            f"{' or '.join(mode.value for mode in modes)}"
        )

    def _deviations(self, channels: tuple[str, ...], counts: Array, stamp_ns: int) -> Mapping[str, float]:
        """Return ln(Rs/R0) of the array's channels, by name; none where no array is known."""
        array = self._array or self._bundle.array
        deviations = {} if array is None else array.deviations_by_name(channels, counts)
        if self._tracker is None:
            return deviations
        tracked = self._tracker.track(stamp_ns, np.array([*deviations.values()], dtype=np.float32))
        return dict(zip(deviations, tracked.tolist(), strict=True))

    def _values(self, channels: tuple[str, ...], counts: Array, deviations: Mapping[str, float]) -> Array:
        """Return a reading in the domain and the order of the bundle, shape (C,); NaN is invalid."""
        if self._bundle.array is None:
            return self._counts(channels, counts)
        return np.array([deviations.get(name, np.nan) for name in self._bundle.channels], dtype=np.float32)

    def _departure_of(self, deviations: Mapping[str, float]) -> float | None:
        """Return how far the array is from its clean air, over all its calibrated channels."""
        advice = self._bundle.departure
        if self._array is None or advice is None:
            return None
        departure = self._departure.add(np.array([*deviations.values()], dtype=np.float32))
        return None if departure is None else departure / advice.limit

    def _counts(self, channels: tuple[str, ...], counts: Array) -> Array:
        """Return counts in the order of the bundle's channels, shape (C,)."""
        if channels == self._bundle.channels:
            return counts
        by_name = dict(zip(channels, counts, strict=True))
        missing = [name for name in self._bundle.channels if name not in by_name]
        if missing:
            raise ClassifierError(
                f"the reading lacks {', '.join(missing)}; model '{self._bundle.name}' needs "
                f"{', '.join(self._bundle.channels)}"
            )
        return np.array([by_name[name] for name in self._bundle.channels], dtype=np.float32)

    def _normalised(self, values: Array) -> Array:
        """Return normalised values, shape (1, C); an invalid channel takes the training mean, 0."""
        normalised = (values - self._bundle.mean) / self._bundle.std
        return np.where(np.isfinite(normalised), normalised, 0.0).astype(np.float32)[np.newaxis]

    def _image(self, frame: ThermalFrame) -> Array | None:
        """Return the network's picture, shape (1, I, S, S); None where the frame cannot be read."""
        preparation = self._bundle.preparation
        assert preparation is not None  # else no network takes a picture
        try:
            picture = network_input(frame.pixels, frame.encoding, self._bundle.image_size, preparation)
        except ThermalError as error:
            self.problems.add("unreadable_frame", str(error))
            return None
        return picture[np.newaxis]

    def _invalid(self, values: Array | None) -> tuple[str, ...]:
        if values is None:
            return ()
        return tuple(
            name for name, value in zip(self._bundle.channels, values, strict=True) if not np.isfinite(value)
        )


def _leak_probability(verdict: Verdict) -> float:
    """Return the probability of anything but clean air."""
    return sum(probability for name, probability in verdict.by_class.items() if name != CLEAN_AIR)


def _is_calm(verdict: Verdict) -> bool:
    """Whether a verdict leaves no doubt that the air is clean."""
    return not verdict.is_unknown and not verdict.departs and verdict.by_class.get(CLEAN_AIR, 0.0) >= _CALM
