"""A reproduction is not given the pictures of a real camera, unless that is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.pipeline.camera_choice import pictures_refusal

FUSION1 = Bundle.load(find_bundle("fusion1"))
REAL = Source("v4l2", True, "running")


def test_of_the_shipped_models_fusion1_is_a_reproduction() -> None:
    assert FUSION1.reproduction
    assert not Bundle.load(find_bundle("temporal_fusion")).reproduction


def test_the_refusal_names_model_camera_and_remedy() -> None:
    text = pictures_refusal(FUSION1, False, REAL)
    assert "model 'fusion1' is a reproduction" in text
    assert "v4l2" in text
    assert "set allow_reproduction to true" in text


@pytest.mark.parametrize(
    ("bundle", "allowed", "camera"),
    [
        (FUSION1, True, REAL),
        (replace(FUSION1, reproduction=False), False, REAL),
        (FUSION1, False, Source("simulated", False, "running")),
        (FUSION1, False, Source("recorded", False, "finished")),
        (FUSION1, False, None),
    ],
    ids=["allowed", "no reproduction", "simulated", "recorded", "not told"],
)
def test_nothing_else_is_refused(bundle: Bundle, allowed: bool, camera: Source | None) -> None:
    assert pictures_refusal(bundle, allowed, camera) == ""
