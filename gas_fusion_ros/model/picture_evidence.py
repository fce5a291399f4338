"""What a model makes of one thermal picture alone, and what in it spoke for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import Mode, Observation, ThermalFrame, Verdict
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.grad_cam import GradCam, GradCamUnavailable, Map
from gas_fusion_ros.model.runtimes import Runtime


class PictureEvidenceError(ValueError):
    """A model cannot look at pictures; the message says why."""


@dataclass(frozen=True)
class PictureFinding:
    """What a model makes of a picture.

    Attributes:
        verdict: of the model's network for pictures alone.
        heat: what spoke for the likeliest class, shape (S, S), 0..1; None where no map can be made.
    """

    verdict: Verdict
    heat: Map | None


class PictureEvidence:
    """Asks one model of pictures, each on its own: none is the past of the next.

    Args:
        bundle: a model with a network for pictures alone.
        runtime: what runs it.

    Attributes:
        without_maps: why no map can be made; empty where they can.

    Raises:
        PictureEvidenceError: the model has no such network.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        if Mode.THERMAL_ONLY not in bundle.networks:
            raise PictureEvidenceError(
                f"model '{bundle.name}' has no network for pictures alone; its modes are "
                f"{', '.join(mode.value for mode in bundle.networks)}"
            )
        self.without_maps = ""
        self._classifier = Classifier(bundle, runtime)
        self._grad_cam: GradCam | None = None
        try:
            self._grad_cam = GradCam(bundle)
        except GradCamUnavailable as error:
            self.without_maps = str(error)

    def of(self, frame: ThermalFrame) -> PictureFinding:
        """Ask of a picture.

        Raises:
            ClassifierError: it cannot be used, or the network answers with something that is no number.
        """
        self._classifier.forget()
        sample = self._classifier.prepare(Observation(None, frame))
        verdict = self._classifier.decide(sample)
        mode, inputs = self._classifier.inputs(sample)
        return PictureFinding(verdict, self._heat(inputs, mode, int(np.argmax(verdict.probabilities))))

    def _heat(
        self, inputs: Mapping[str, npt.NDArray[np.float32]], mode: Mode, class_index: int
    ) -> Map | None:
        if self._grad_cam is None:
            return None
        try:
            return self._grad_cam.heat(inputs, mode, class_index)
        except GradCamUnavailable as error:  # what fails once fails for the others too
            self._grad_cam, self.without_maps = None, str(error)
            return None
