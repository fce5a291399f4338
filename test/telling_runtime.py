"""A model that tells smoke from clean air by the counts alone, for tests of what evaluates bags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from made_bags import EPOCH, SECOND, Made, image, reading, text

from gas_fusion_ros.alarm.settings import AlarmChoice
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.settings import ClassifierSettings

LOW = [600.0, 460.0, 400.0, 400.0, 560.0, 540.0, 410.0]
HIGH = [750.0, *LOW[1:]]
"""Counts of clean air and of smoke: the first channel's mean of training lies between them."""
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
SETTINGS = ClassifierSettings(
    pairing=PairingSettings(slop_ns=SECOND // 10, wait_ns=SECOND, future_tolerance_ns=5 * SECOND),
    alarm=AlarmChoice(
        on_threshold=0.7,
        off_threshold=0.4,
        on_delay_ns=3 * SECOND,
        off_delay_ns=5 * SECOND,
        timeout_ns=10 * SECOND,
    ),
)


class TellingRuntime:
    """Says smoke where the first channel lies above the mean, else clean air; of a picture alone, perfume."""

    device, precision, note = "cpu", "float32", ""

    def run(self, mode: Mode, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
        label = "Perfume"
        if mode is not Mode.THERMAL_ONLY:
            label = "Smoke" if inputs["gas"].ravel()[0] > 0 else "NoGas"
        logits = np.zeros(len(PAPER_CLASSES), dtype=np.float32)
        logits[PAPER_CLASSES.index(label)] = 6.0
        return Answer(logits)


def telling_model(settings: ClassifierSettings = SETTINGS) -> LoadedModel:
    return LoadedModel(settings, Bundle.load(find_bundle("fusion1")), TellingRuntime())


def readings(seconds: Iterable[int], smoke: Sequence[range] = ()) -> list[Made]:
    """A reading for each second since the epoch, of smoke in these."""
    return [
        reading(EPOCH + second * SECOND, HIGH if any(second in one for one in smoke) else LOW)
        for second in seconds
    ]


def images(seconds: Iterable[int], offset_ns: int = 0) -> list[Made]:
    return [image(EPOCH + second * SECOND + offset_ns, PIXELS, "mono8") for second in seconds]


def labels(changes: Mapping[int, str], topic: str = "/truth/label") -> list[Made]:
    return [text(topic, EPOCH + second * SECOND, label) for second, label in changes.items()]


def in_order(*messages: Iterable[Made]) -> list[Made]:
    return sorted((made for some in messages for made in some), key=lambda made: made.stamp_ns)
