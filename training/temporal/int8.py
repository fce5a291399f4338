"""What temporal fusion loses in eight bits: what its ranges are set on, what is decided on, and the test.

Ranges are set on what the network for pictures has learned from. Whether eight bits may be taken unasked is
decided on what it has not: the inner fold and the camera that its training leaves out. Neither is reported as
a result of the model; those are measured on rows that a split holds out of all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.answers import softmax
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import Runtime
from gas_fusion_ros.model.window import Window
from training.data.images import Images
from training.data.splits import Indices
from training.export.quantised import Inputs
from training.pictures.drawn_set import DrawnSet, draw_set
from training.pictures.pretraining import DrawnSettings
from training.scoring.reliability import expected_calibration_error, leak_figures
from training.temporal.bench import Bench
from training.temporal.fusion_fitting import first_pictures, frozen
from training.temporal.fusion_training import NOISE, STOPPED, noise_pictures
from training.temporal.nested import Fold, Outside

MOST_LOST = 0.002
"""Share by which each figure may be worse in eight bits where these are taken unasked."""
LEFT_OUT = "thermal_only, drawn, of a camera left out"

TAKES = 16
"""Rendered pictures of each row without its readings: of one, a verdict more or less is too many points."""
_CALIBRATION = 512
"""Pictures of rows, and as many drawn ones, on which ranges are set."""
_UNSEEN = 8000
"""Drawn pictures of the camera that training leaves out."""
_BATCH = 32
_ABOVE_ROUNDING = 1e-9

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """N observations of one kind, and what is right.

    Attributes:
        mode: whose network is asked.
        inputs: the network's, by name, the first axis N.
        labels: shape (N,), indices of classes.
    """

    mode: Mode
    inputs: Inputs
    labels: Indices


@dataclass(frozen=True)
class Figures:
    """What is said of N observations; the last two are None without a class of clean air, or without gas.

    Attributes:
        samples: N.
        accuracy: share that is classified rightly.
        ece: expected calibration error.
        leak_recall: share of those with a gas that are called a gas, whichever.
        clean_called_gas: share of those of clean air that are called a gas.
    """

    samples: int
    accuracy: float
    ece: float
    leak_recall: float | None
    clean_called_gas: float | None

    def lost(self, other: Figures) -> dict[str, float]:
        """Return how much worse another's figures are, each as a share; negative where they are better."""
        pairs = {
            "accuracy": (self.accuracy, other.accuracy),
            "ece": (other.ece, self.ece),
            "leak_recall": (self.leak_recall, other.leak_recall),
            "clean_called_gas": (other.clean_called_gas, self.clean_called_gas),
        }
        return {
            name: good - bad for name, (good, bad) in pairs.items() if good is not None and bad is not None
        }


@dataclass(frozen=True)
class Compared:
    """The same observations in float32 and in eight bits."""

    float32: Figures
    int8: Figures

    @property
    def most_lost(self) -> float:
        """By how much the figure that suffers most is worse, as a share."""
        return max(self.float32.lost(self.int8).values())

    @property
    def is_kept(self) -> bool:
        """Whether no figure is worse by more than `MOST_LOST`."""
        return self.most_lost <= MOST_LOST + _ABOVE_ROUNDING

    def to_json(self) -> dict[str, Any]:
        """Return it as the manifest holds it, figures rounded to four digits."""
        return {name: _rounded(asdict(figures)) for name, figures in vars(self).items()}


@dataclass(frozen=True)
class Drawn:
    """Drawn pictures: of the cameras that training draws, and of the one that it leaves out."""

    learned: DrawnSet
    left_out: DrawnSet

    @classmethod
    def of(cls, classes: Sequence[str], size: int, seed: int) -> Drawn:
        """Draw pictures of some of the paper's classes, other ones than training does if the seed is another.

        Args:
            classes: which.
            size: their side, pixels.
            seed: of all of them.
        """
        settings = DrawnSettings()
        cameras = settings.randomisation.detectors
        learned = tuple(camera for camera in cameras if camera.name != settings.left_out)
        left_out = tuple(camera for camera in cameras if camera.name == settings.left_out)
        return cls(
            draw_set(classes, _CALIBRATION, size, seed, replace(settings.randomisation, detectors=learned)),
            draw_set(classes, _UNSEEN, size, seed, replace(settings.randomisation, detectors=left_out)),
        )


@dataclass(frozen=True)
class Lessons:
    """What a bundle's network learned from, and what its training left out.

    Attributes:
        bundle: the bundle.
        bench: its data.
        outside: what its training might know.
        images: the rows' pictures.
        renew: prepares pictures of some rows, N alone, `TAKES` of each where they are rendered.
        drawn: drawn pictures; None where the classes cannot be drawn.
    """

    bundle: Bundle
    bench: Bench
    outside: Outside
    images: Images
    renew: Callable[[Indices], Images]
    drawn: Drawn | None

    def calibration(self, seed: int) -> Iterator[Inputs]:
        """Yield batches of what the network for pictures learned from, rows and drawn pictures alike."""
        rng = np.random.default_rng(seed)
        rows = self._usable(self._fold.train)
        rows = rng.choice(rows, min(len(rows), _CALIBRATION), replace=False)
        pictures = [_pixels(first_pictures(self.images)(rows))]
        if self.drawn is not None:
            pictures.append(_pixels(self.drawn.learned.pixels[:, None]))
        for batch in np.array_split(np.concatenate(pictures), -(-sum(map(len, pictures)) // _BATCH)):
            yield self._without_readings(batch)

    def left_out(self) -> dict[str, Shown]:
        """Return what training left out, by what is shown: the decision's."""
        fold = self._fold
        barred = np.concatenate([fold.train, self.outside.barred])
        shown = self._shown(self._usable(fold.held), barred)
        if self.drawn is not None:
            unseen = self.drawn.left_out
            inputs = self._without_readings(_pixels(unseen.pixels[:, None]))
            shown[LEFT_OUT] = Shown(Mode.THERMAL_ONLY, inputs, unseen.shown_labels)
        return shown

    def tested(self, test: Indices) -> dict[str, Shown]:
        """Return the test rows, by what is shown."""
        return self._shown(self._usable(test), self.outside.rows)

    @property
    def _fold(self) -> Fold:
        """The inner fold that the network for pictures leaves out; see `fit_fusion`."""
        folds = list(self.outside.folds())
        return folds[len(folds) // 2]

    def _usable(self, rows: Indices) -> Indices:
        return rows[self.images.usable[rows]]

    def _shown(self, rows: Indices, barred: Indices) -> dict[str, Shown]:
        recording = self.bench.tested(self.outside)
        windows = recording.windows(rows, barred, self.bundle.window)
        gas, valid = Window(windows.values, windows.valid).as_inputs(self.bundle.mean, self.bundle.std)
        own = first_pictures(self.images)
        clean = rows[windows.labels == (self.bench.clean or 0)][0]
        pictures = {
            Mode.FUSION.value: own(rows),
            STOPPED: frozen(own, clean)(rows),
            NOISE: noise_pictures(self.images)(rows),
        }
        shown = {
            name: Shown(Mode.FUSION, _inputs(gas, valid, _pixels(pixels)), windows.labels)
            for name, pixels in pictures.items()
        }
        nothing = np.zeros((len(rows), *self.bundle.inputs(Mode.FUSION)["image"]), dtype=np.float32)
        alone = {**_inputs(gas, valid, nothing), "has_image": np.zeros((len(rows), 1), dtype=np.float32)}
        shown[Mode.GAS_ONLY.value] = Shown(Mode.GAS_ONLY, alone, windows.labels)
        more = self.renew(rows)
        without = self._without_readings(_pixels(more.pixels.reshape(-1, *more.pixels.shape[2:])))
        labels = np.repeat(windows.labels, more.takes)
        shown[Mode.THERMAL_ONLY.value] = Shown(Mode.THERMAL_ONLY, without, labels)
        return shown

    def _without_readings(self, pictures: Array) -> Inputs:
        nothing = np.zeros((len(pictures), *self.bundle.inputs(Mode.FUSION)["gas"]), dtype=np.float32)
        return _inputs(nothing, nothing, pictures)


def compare(
    bundle: Bundle, float32: Runtime, int8: Runtime, shown: Mapping[str, Shown]
) -> dict[str, Compared]:
    """Ask both runtimes of a bundle the same, and score what they say."""
    return {
        name: Compared(_figures(bundle, float32, one), _figures(bundle, int8, one))
        for name, one in shown.items()
    }


def _figures(bundle: Bundle, runtime: Runtime, shown: Shown) -> Figures:
    temperature = np.float32(bundle.temperatures[shown.mode])
    probabilities = np.array(
        [
            softmax(runtime.run(shown.mode, _one(shown.inputs, place)).logits / temperature)
            for place in range(len(shown.labels))
        ]
    )
    verdicts = probabilities.argmax(axis=1)
    leaks = leak_figures(verdicts, shown.labels, np.arange(len(verdicts)), bundle.classes)
    return Figures(
        len(verdicts),
        float((verdicts == shown.labels).mean()),
        expected_calibration_error(probabilities, shown.labels),
        leaks.leak_recall,
        leaks.clean_called_gas,
    )


def _one(inputs: Inputs, place: int) -> dict[str, Array]:
    return {name: values[place : place + 1] for name, values in inputs.items()}


def _inputs(gas: Array, valid: Array, pictures: Array) -> dict[str, Array]:
    has = np.ones((len(pictures), 1), dtype=np.float32)
    return {"gas": gas, "valid": valid, "image": pictures, "has_image": has}


def _pixels(pictures: torch.Tensor | npt.NDArray[np.uint8]) -> Array:
    """Return pictures, shape (N, I, S, S), uint8, as the network takes them."""
    return np.asarray(pictures, dtype=np.float32) / np.float32(255)


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
