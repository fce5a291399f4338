"""A frame is found in another along the transforms between them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.ros.messages import MessageError
from gas_fusion_ros.ros.transforms import MOST_FRAMES, TransformTree

ANGLES = st.floats(-3.0, 3.0)


def transform(
    parent: str, child: str, x: float = 0.0, y: float = 0.0, yaw: float = 0.0, second: int = 1
) -> Any:
    """As geometry_msgs/TransformStamped; the library rosbags makes such objects too."""
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent, stamp=SimpleNamespace(sec=second, nanosec=0)),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=0.0),
            rotation=SimpleNamespace(x=0.0, y=0.0, z=math.sin(yaw / 2.0), w=math.cos(yaw / 2.0)),
        ),
    )


def message(*transforms: Any) -> Any:
    return SimpleNamespace(transforms=[*transforms])


def robot() -> TransformTree:
    """Map -> odom -> base_link -> camera, turned and moved at each."""
    tree = TransformTree()
    tree.hear(message(transform("base_link", "camera", 0.5, yaw=math.pi / 2)), is_static=True)
    tree.hear(message(transform("odom", "base_link", 2.0, second=9)), is_static=False)
    tree.hear(message(transform("/map", "/odom", 10.0, 5.0, math.pi / 2, second=8)), is_static=False)
    return tree


def test_transforms_are_chained() -> None:
    pose = robot().pose("base_link", "map")
    assert pose is not None
    assert (pose.x, pose.y, pose.yaw) == (
        pytest.approx(10.0),
        pytest.approx(7.0),
        pytest.approx(math.pi / 2),
    )
    assert (pose.frame_id, pose.stamp_ns) == ("map", 8 * 10**9)
    camera = robot().pose("camera", "map")
    assert camera is not None
    assert (camera.x, camera.y) == (pytest.approx(10.0), pytest.approx(7.5))
    assert abs(camera.yaw) == pytest.approx(math.pi)


def test_what_hangs_together_nowhere_is_not_known() -> None:
    tree = robot()
    assert tree.pose("base_link", "earth") is None
    assert tree.pose("arm", "map") is None
    tree.hear(message(transform("base_link", "map")), is_static=False)
    assert tree.pose("base_link", "earth") is None


def test_static_transforms_have_no_time() -> None:
    pose = robot().pose("camera", "base_link")
    assert pose is not None
    assert pose.stamp_ns == 0


@given(ANGLES, ANGLES, ANGLES, st.floats(0.1, 3.0))
def test_rotation_is_that_of_its_quaternion(roll: float, pitch: float, yaw: float, scale: float) -> None:
    half = np.array((roll, pitch, yaw)) / 2.0
    (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
    one = transform("map", "base_link")
    rotation = one.transform.rotation
    rotation.w, rotation.x = scale * (cr * cp * cy + sr * sp * sy), scale * (sr * cp * cy - cr * sp * sy)
    rotation.y, rotation.z = scale * (cr * sp * cy + sr * cp * sy), scale * (cr * cp * sy - sr * sp * cy)
    tree = TransformTree()
    tree.hear(message(one, transform("base_link", "tip", 1.0, 2.0)), is_static=False)
    tip = tree.pose("tip", "map")
    assert tip is not None
    (cr, cp, cy), (sr, sp, sy) = np.cos(2 * half), np.sin(2 * half)
    expected = (
        np.array(((cy, -sy, 0), (sy, cy, 0), (0, 0, 1)))
        @ np.array(((cp, 0, sp), (0, 1, 0), (-sp, 0, cp)))
        @ np.array(((1, 0, 0), (0, cr, -sr), (0, sr, cr)))
        @ (1.0, 2.0, 0.0)
    )
    assert (tip.x, tip.y, tip.z) == pytest.approx(tuple(expected), abs=1e-9)


@pytest.mark.parametrize("x", [math.nan, math.inf])
def test_transform_of_no_numbers_is_refused_and_the_one_before_stays(x: float) -> None:
    tree = robot()
    with pytest.raises(MessageError, match="the frame 'odom' has translation"):
        tree.hear(message(transform("map", "odom", x)), is_static=False)
    assert tree.pose("base_link", "map") == robot().pose("base_link", "map")


def test_number_of_frames_is_bounded() -> None:
    tree = robot()
    with pytest.raises(MessageError, match=f"and {MOST_FRAMES} others are known"):
        tree.hear(message(*(transform("map", str(number)) for number in range(MOST_FRAMES))), is_static=False)
    tree.hear(message(transform("map", "odom", 20.0)), is_static=False)
    moved = tree.pose("base_link", "map")
    assert moved is not None
    assert moved.x == pytest.approx(22.0)
