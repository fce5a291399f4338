"""From an Observation to a calibrated Verdict: the one road of the live node, replay and evaluation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.inference import Bundle, Runtime
from gas_fusion_ros.observation import GasReading, Mode, Observation, ThermalFrame, Verdict
from gas_fusion_ros.problems import Problems
from gas_fusion_ros.thermal import ThermalError, network_input

Array = npt.NDArray[np.float32]


class ClassifierError(ValueError):
    """An observation cannot be classified; the message says why."""


class Classifier:
    """Classifies observations with one bundle.

    A reading with a picture goes to the fusion network, a reading alone to the network for readings,
    and a picture whose reading is missing or NaN in every channel to the network for pictures. Where
    the model has no fusion network, a reading with a picture goes to the network for readings, or else to
    the one for pictures. A picture that cannot be read is counted in `problems` and the reading goes on
    alone.

    Args:
        bundle: the model.
        runtime: what runs it.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        self.problems = Problems()
        self._bundle = bundle
        self._runtime = runtime

    def warm_up(self) -> None:
        """Run every network once, so that the first observation meets no one-off costs."""
        gas = np.zeros((1, len(self._bundle.channels)), dtype=np.float32)
        size = self._bundle.image_size
        image = np.zeros((1, self._bundle.image_channels, size, size), dtype=np.float32)
        for mode in self._bundle.networks:
            self._runtime.run(mode, gas, image)

    def classify(self, observation: Observation) -> Verdict:
        """Classify one observation.

        Raises:
            ClassifierError: it has neither a valid reading nor a readable picture, the model has no
                network for what it has, its reading lacks a channel of the model, or the network answers
                with something that is no number.
        """
        reading = observation.reading
        counts = self._counts(reading) if reading is not None else None
        gas = self._normalised(counts) if counts is not None and np.isfinite(counts).any() else None
        mode, image = self._choose(gas, observation.frame)
        logits = self._runtime.run(mode, gas, image)
        if not np.isfinite(logits).all():
            raise ClassifierError(
                f"model '{self._bundle.name}' answers {logits.tolist()} to a {mode.value} observation; "
                "every logit must be a finite number"
            )
        return Verdict(
            stamp_ns=observation.stamp_ns,
            frame_id=observation.frame_id,
            mode=mode,
            classes=self._bundle.classes,
            probabilities=softmax(logits / np.float32(self._bundle.temperatures[mode])),
            model=self._bundle.name,
            pair_offset_ns=observation.pair_offset_ns if mode is Mode.FUSION else None,
            invalid_channels=self._invalid(counts),
        )

    def _choose(self, gas: Array | None, frame: ThermalFrame | None) -> tuple[Mode, Array | None]:
        """Return the mode and, where its network takes one, the picture."""
        if frame is not None:
            mode = self._mode(has_gas=gas is not None, has_picture=True)
            if mode is Mode.GAS_ONLY:
                return mode, None
            image = self._image(frame)
            if image is not None:
                return mode, image
        return self._mode(has_gas=gas is not None, has_picture=False), None

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
                "the observation has neither a valid gas reading nor a readable thermal frame"
            )
        for mode in modes:
            if mode in self._bundle.networks:
                return mode
        raise ClassifierError(
            f"model '{self._bundle.name}' has the modes "
            f"{', '.join(mode.value for mode in self._bundle.networks)}; this observation needs "
            f"{' or '.join(mode.value for mode in modes)}"
        )

    def _counts(self, reading: GasReading) -> Array:
        """Return the reading's counts in the order of the bundle's channels, shape (C,)."""
        if reading.channels == self._bundle.channels:
            return reading.counts
        by_name = dict(zip(reading.channels, reading.counts, strict=True))
        missing = [name for name in self._bundle.channels if name not in by_name]
        if missing:
            raise ClassifierError(
                f"the reading lacks {', '.join(missing)}; model '{self._bundle.name}' needs "
                f"{', '.join(self._bundle.channels)}"
            )
        return np.array([by_name[name] for name in self._bundle.channels], dtype=np.float32)

    def _normalised(self, counts: Array) -> Array:
        """Return normalised counts, shape (1, C); an invalid channel takes the training mean, 0."""
        normalised = (counts - self._bundle.mean) / self._bundle.std
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

    def _invalid(self, counts: Array | None) -> tuple[str, ...]:
        if counts is None:
            return ()
        return tuple(
            name for name, count in zip(self._bundle.channels, counts, strict=True) if not np.isfinite(count)
        )


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the probabilities of `logits`, shape (K,), summing to 1."""
    exponentials = np.exp(logits - logits.max())
    return (exponentials / exponentials.sum()).astype(np.float32)
