"""Things are drawn where and as warm as they are said to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gas_fusion_ros.simulation.warm_objects import Frame, ObjectKind, WarmObject, add_object

AMBIENT = 20.0


def drawn(thing: WarmObject) -> Frame:
    frame = np.full((156, 206), AMBIENT, dtype=np.float32)
    add_object(frame, thing, AMBIENT)
    return frame - np.float32(AMBIENT)


@pytest.mark.parametrize("kind", ObjectKind)
@pytest.mark.parametrize("contrast", [8.0, -8.0])
def test_a_thing_has_its_contrast_around_its_place_and_nothing_far_away(
    kind: ObjectKind, contrast: float
) -> None:
    effect = drawn(WarmObject(kind, 100.0, 80.0, 9.0, 12.0, contrast, angle=0.4)) * math.copysign(1, contrast)
    assert effect[70:90, 90:110].max() == pytest.approx(8.0, rel=0.15)
    assert effect.min() > -1e-5
    assert np.abs(effect[:, :20]).max() < 0.05


@pytest.mark.parametrize("kind", [ObjectKind.BEAM, ObjectKind.CAN, ObjectKind.HAND])
def test_a_thing_is_turned_by_its_angle(kind: ObjectKind) -> None:
    columns, rows = np.meshgrid(np.arange(206), np.arange(156))
    for angle in (0.0, math.pi / 2):
        effect = np.abs(drawn(WarmObject(kind, 100.0, 80.0, 4.0, 15.0, 5.0, angle)))
        spread = [
            np.average((axis - 100 + 20 * which) ** 2, weights=effect)
            for which, axis in enumerate((columns, rows))
        ]
        assert (spread[0] > spread[1]) == (angle == 0.0)


def test_a_face_has_a_cool_nose_and_warm_corners_of_its_eyes() -> None:
    effect = drawn(WarmObject(ObjectKind.FACE, 100.0, 80.0, 30.0, 40.0, 10.0, angle=math.pi / 2))
    nose, cheek = effect[84, 100], effect[100, 115]
    assert nose < 0.8 * cheek
    assert effect.max() == pytest.approx(11.0)
