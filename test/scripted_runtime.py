"""A windowed model that says what a test tells it to, for tests of what runs models."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.settings import BALANCED, AlarmAdvice
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.window import WindowSettings

PERIOD_NS = 2_000_000_000
CLEAN = {"NoGas": 0.97}

_TIMEOUT_S = 20.0

Array = npt.NDArray[np.float32]


def windowed_bundle(readings: int, advice: AlarmAdvice) -> Bundle:
    """A bundle whose window has so many readings, with the names of `fusion1` and no files of its own."""
    return replace(
        Bundle.load(find_bundle("fusion1")),
        name="windowed",
        networks=dict.fromkeys(Mode, "temporal_fusion"),
        temperatures=dict.fromkeys(Mode, 1.0),
        window=WindowSettings(readings, PERIOD_NS),
        alarm=advice,
        profiles={BALANCED: advice},
        false_reject_rate=0.01,
    )


class ScriptedRuntime:
    """Says what it is told to, as slowly as it is told to, and keeps what it was given."""

    device, precision, note = "cpu", "float32", ""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.given: list[dict[str, Array]] = []
        self.novelty: float | None = 0.5
        self.say(CLEAN)

    def say(self, probabilities: Mapping[str, float]) -> None:
        """Answer with these from now on; what they lack of 1 is shared by the other classes."""
        others = len(PAPER_CLASSES) - len(probabilities)
        rest = (1.0 - sum(probabilities.values())) / others
        self._logits = np.log([probabilities.get(name, rest) for name in PAPER_CLASSES]).astype(np.float32)

    def run(self, _: Mode, inputs: Mapping[str, Array]) -> Answer:
        assert self.may_answer.wait(_TIMEOUT_S)
        self.given.append({name: value.copy() for name, value in inputs.items()})
        return Answer(self._logits, self.novelty)


def leak_logits(leak: float) -> Array:
    """Logits of one leak probability, of Smoke."""
    said = {"NoGas": 1 - leak, "Smoke": leak * 0.98}
    return np.log([said.get(name, leak * 0.01) for name in PAPER_CLASSES]).astype(np.float32)


class TwoMinds:
    """Says one leak probability, of Smoke, with a picture and another one by readings alone.

    Attributes:
        pictured: with a picture.
        alone: by readings alone.
        novelty: of the answers, by mode.
        calls: mode and inputs of each.
    """

    device, precision, note = "cpu", "float32", ""

    def __init__(self, pictured: float, alone: float) -> None:
        self.pictured, self.alone = pictured, alone
        self.novelty = dict.fromkeys(Mode, 0.5)
        self.calls: list[tuple[Mode, dict[str, Array]]] = []

    def run(self, mode: Mode, inputs: Mapping[str, Array]) -> Answer:
        self.calls.append((mode, dict(inputs)))
        leak = self.alone if mode is Mode.GAS_ONLY else self.pictured
        return Answer(leak_logits(leak), self.novelty[mode])

    @property
    def modes(self) -> list[Mode]:
        """Of the calls so far."""
        return [mode for mode, _ in self.calls]


class BothAtOnce(TwoMinds):
    """Tells with a picture what the readings say alone, too."""

    def run(self, mode: Mode, inputs: Mapping[str, Array]) -> Answer:
        answer = super().run(mode, inputs)
        return replace(answer, gas_logits=leak_logits(self.alone)) if mode is Mode.FUSION else answer
