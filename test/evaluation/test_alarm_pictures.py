"""The frames of the first alarms are kept, each with its map or all with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest

from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode, Verdict
from gas_fusion_ros.evaluation.alarm_pictures import MAX_PICTURES, AlarmPictures
from gas_fusion_ros.model.classifier import Classifier, Sample
from gas_fusion_ros.model.grad_cam import GradCamUnavailable
from gas_fusion_ros.pipeline.offline import Decision

SIDE = 8


class Inputs:
    """Stands for the classifier: every sample has the same picture, half bright."""

    def __init__(self, channels: int = 1) -> None:
        self.image = np.full((1, channels, SIDE, SIDE), 0.5, dtype=np.float32)

    def inputs(self, _: Sample) -> tuple[Mode, dict[str, np.ndarray]]:
        return Mode.FUSION, {"image": self.image}


class Heat:
    """Makes maps of the class's index, as often as it may."""

    def __init__(self, times: int = 100) -> None:
        self.left = times
        self.asked: list[tuple[Mode, int]] = []

    def heat(self, inputs: Mapping[str, np.ndarray], mode: Mode, class_index: int) -> np.ndarray:
        if not self.left:
            raise GradCamUnavailable("the process has ended")
        self.left -= 1
        self.asked.append((mode, class_index))
        return np.full(inputs["image"].shape[-2:], class_index, dtype=np.float32)


def pictures(channels: int = 1) -> AlarmPictures:
    return AlarmPictures(cast(Classifier, Inputs(channels)))


def decision(label: str = "Smoke", mode: Mode = Mode.FUSION, stamp_ns: int = 7, **verdict: Any) -> Decision:
    probabilities = np.full(4, 0.1, dtype=np.float32)
    probabilities[PAPER_CLASSES.index(label)] = 0.7
    made = Verdict(stamp_ns, "gas_sensor_link", mode, PAPER_CLASSES, probabilities, "made", **verdict)
    return Decision(cast(Sample, None), made, stamp_ns, 0)


def test_an_alarm_is_kept_with_its_verdict_and_the_map_of_the_likeliest_class() -> None:
    kept, heat = pictures(), Heat()
    kept.add(decision("Smoke", stamp_ns=11), "Mixture")
    kept.add(decision("Perfume", Mode.THERMAL_ONLY, novelty=2.0), "Perfume")
    (first, second), reason = kept.finish(lambda: heat)
    assert (first.stamp_ns, first.gas, first.label, first.mode) == (11, "Mixture", "Smoke", "fusion")
    assert first.probability == pytest.approx(0.7)
    assert first.picture.shape == (SIDE, SIDE)
    assert (first.picture == 128).all()
    assert first.heat is not None
    assert first.heat.shape == (SIDE, SIDE)
    assert second.label == "Unknown"
    assert heat.asked == [(Mode.FUSION, 3), (Mode.THERMAL_ONLY, 2)]
    assert reason == ""


def test_colours_come_last() -> None:
    kept = pictures(channels=3)
    kept.add(decision(), "Smoke")
    assert kept.finish(None)[0][0].picture.shape == (SIDE, SIDE, 3)


def test_an_alarm_on_a_reading_alone_has_no_picture() -> None:
    kept = pictures()
    kept.add(decision(mode=Mode.GAS_ONLY), "Smoke")
    assert kept.finish(Heat) == ((), "")


def test_only_the_first_alarms_are_kept() -> None:
    kept = pictures()
    for stamp_ns in range(MAX_PICTURES + 3):
        kept.add(decision(stamp_ns=stamp_ns), "Smoke")
    shown, _ = kept.finish(None)
    assert [entry.stamp_ns for entry in shown] == list(range(MAX_PICTURES))


def test_without_what_makes_maps_the_reason_is_told() -> None:
    def missing() -> Heat:
        raise GradCamUnavailable("Grad-CAM needs torch: pip install torch")

    kept = pictures()
    kept.add(decision(), "Smoke")
    (shown,), reason = kept.finish(missing)
    assert shown.heat is None
    assert reason == "Grad-CAM needs torch: pip install torch"


def test_maps_made_before_it_failed_are_kept() -> None:
    kept = pictures()
    for _ in range(3):
        kept.add(decision(), "Smoke")
    shown, reason = kept.finish(lambda: Heat(times=2))
    assert [entry.heat is None for entry in shown] == [False, False, True]
    assert reason == "the process has ended"


def test_maps_that_nobody_wants_are_not_made_and_need_no_reason() -> None:
    kept = pictures()
    kept.add(decision(), "Smoke")
    (shown,), reason = kept.finish(None)
    assert shown.heat is None
    assert reason == ""


def test_what_makes_maps_is_not_opened_without_an_alarm() -> None:
    assert pictures().finish(pytest.fail) == ((), "")
