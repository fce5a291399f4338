"""Keeps what the network saw when an alarm was raised, and where in it the evidence lay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.classifier import Classifier
from gas_fusion_ros.observation import Mode
from gas_fusion_ros.replay.evaluation import AlarmPicture
from gas_fusion_ros.replay.grad_cam import GradCamUnavailable
from gas_fusion_ros.replay.pipeline import Decision

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

    def finish(self, heat_source: HeatSource | None) -> tuple[AlarmPicture, ...]:
        """Return the pictures, with a map each where there is something to make it."""
        return tuple(_picture(seen, heat_source) for seen in self._seen)


def _picture(seen: _Seen, heat_source: HeatSource | None) -> AlarmPicture:
    verdict = seen.decision.verdict
    planes = np.rint(seen.inputs["image"][0] * 255).clip(0, 255).astype(np.uint8)
    return AlarmPicture(
        stamp_ns=verdict.stamp_ns,
        gas=seen.gas,
        label=verdict.label,
        mode=verdict.mode.value,
        probability=verdict.confidence,
        picture=planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1),
        heat=_heat(seen, heat_source),
    )


def _heat(seen: _Seen, heat_source: HeatSource | None) -> Array | None:
    if heat_source is None:
        return None
    verdict = seen.decision.verdict
    try:
        return heat_source.heat(seen.inputs, verdict.mode, int(np.argmax(verdict.probabilities)))
    except GradCamUnavailable:
        return None
