"""Keeps what the network saw when an alarm was raised, and where in it the evidence lay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.evaluation.evaluated_bag import AlarmPicture
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.grad_cam import GradCamUnavailable
from gas_fusion_ros.pipeline.offline import Decision

MAX_PICTURES = 24
"""Alarms that are shown; later ones are not."""

Array = npt.NDArray[np.float32]


class HeatSource(Protocol):
    """Makes maps of what in a picture spoke for a class, as `grad_cam.GradCam` does."""

    def heat(self, inputs: Mapping[str, Array], mode: Mode, class_index: int) -> Array:
        """Return the map, shape (S, S), 0..1.

        Raises:
            GradCamUnavailable: none can be made.
        """
        ...


@dataclass(frozen=True)
class _Seen:
    decision: Decision
    gas: str
    inputs: Mapping[str, Array]


class AlarmPictures:
    """The pictures of the first alarms that were raised with one.

    Args:
        classifier: prepares the network's inputs.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._seen: list[_Seen] = []

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._seen)

    def add(self, decision: Decision, gas: str) -> None:
        """An alarm for `gas` was raised by this verdict; one made without a picture has nothing to show."""
        if decision.verdict.mode is Mode.GAS_ONLY or len(self._seen) == MAX_PICTURES:
            return
        _, inputs = self._classifier.inputs(decision.sample)
        self._seen.append(_Seen(decision, gas, inputs))

    def finish(self, explain: Callable[[], HeatSource] | None) -> tuple[tuple[AlarmPicture, ...], str]:
        """Return the pictures, and why some lack their map: empty where none does, or none is wanted.

        Args:
            explain: opens what makes the maps, and is called only where there is a picture; None for none.
        """
        heats, reason = self._heats(explain)
        return tuple(map(_picture, self._seen, heats)), reason

    def _heats(self, explain: Callable[[], HeatSource] | None) -> tuple[list[Array | None], str]:
        heats: list[Array | None] = [None] * len(self._seen)
        if explain is None or not self._seen:
            return heats, ""
        try:
            source = explain()
            for place, seen in enumerate(self._seen):
                verdict = seen.decision.verdict
                heats[place] = source.heat(seen.inputs, verdict.mode, int(np.argmax(verdict.probabilities)))
        except GradCamUnavailable as error:  # what fails once fails for the others too
            return heats, str(error)
        return heats, ""


def _picture(seen: _Seen, heat: Array | None) -> AlarmPicture:
    verdict = seen.decision.verdict
    planes = np.rint(seen.inputs["image"][0] * 255).clip(0, 255).astype(np.uint8)
    return AlarmPicture(
        stamp_ns=verdict.stamp_ns,
        gas=seen.gas,
        label=verdict.label,
        mode=verdict.mode.value,
        probability=verdict.confidence,
        picture=planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1),
        heat=heat,
    )
