"""Where one frame is in another, by the transforms of tf2, of rclpy and of the library rosbags alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.ros.messages import MessageError, stamp_to_ns

if TYPE_CHECKING:
    from geometry_msgs.msg import TransformStamped

TF_TYPE = "tf2_msgs/msg/TFMessage"
TF_TOPIC, TF_STATIC_TOPIC = "/tf", "/tf_static"
MOST_FRAMES = 1024
"""Frames that are kept: no robot has so many."""
_MOST_LINKS = 64
"""Between a frame and another that it is looked up in: beyond it they go round in a circle."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Link:
    """A frame in its parent: the matrix, 4 by 4, takes the frame's coordinates to the parent's."""

    parent: str
    stamp_ns: int | None
    matrix: Matrix


class TransformTree:
    """The latest transform of each frame to its parent; bounded. Not thread-safe."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def hear(self, message: Any, *, is_static: bool) -> None:
        """Take in a tf2_msgs/TFMessage, of `/tf_static` where it is static.

        Raises:
            MessageError: a transform is of no numbers, or of a frame too many; those before it are taken.
        """
        for transform in message.transforms:
            child = transform.child_frame_id.lstrip("/")
            if child not in self._links and len(self._links) >= MOST_FRAMES:
                raise MessageError(
                    "transform_unusable",
                    f"a transform is of the frame {quoted(child)}, and {MOST_FRAMES} others are known",
                )
            stamp_ns = None if is_static else stamp_to_ns(transform.header.stamp)
            self._links[child] = _Link(
                transform.header.frame_id.lstrip("/"), stamp_ns, _matrix_of(transform, child)
            )

    def pose(self, frame: str, within: str) -> RobotPose | None:
        """Return where a frame is in one that it hangs from, however many lie between.

        The pose's stamp is the oldest of the transforms between, 0 where all are static.

        Returns:
            None where that is not known.
        """
        at, matrix = frame, np.eye(4)
        stamps_ns: list[int] = []
        for _ in range(_MOST_LINKS):
            if at == within:
                yaw = math.atan2(matrix[1, 0], matrix[0, 0])
                x, y, z = (float(value) for value in matrix[:3, 3])
                return RobotPose(x, y, z, yaw, within, min(stamps_ns, default=0))
            link = self._links.get(at)
            if link is None:
                return None
            if link.stamp_ns is not None:
                stamps_ns.append(link.stamp_ns)
            at, matrix = link.parent, link.matrix @ matrix
        return None


def _matrix_of(transform: TransformStamped, child: str) -> Matrix:
    moved, turned = transform.transform.translation, transform.transform.rotation
    shift = np.array((moved.x, moved.y, moved.z), dtype=np.float64)
    x, y, z, w = turn = np.array((turned.x, turned.y, turned.z, turned.w), dtype=np.float64)
    length = float(turn @ turn)
    if not (np.isfinite(shift).all() and math.isfinite(length) and length > 0.0):
        raise MessageError(
            "transform_unusable",
            f"the transform of the frame {quoted(child)} has translation {shift.tolist()} and rotation "
            f"{turn.tolist()}; expected metres and a quaternion",
        )
    scale = 2.0 / length
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    matrix[:3, :3] -= scale * np.array(
        (
            (y * y + z * z, z * w - x * y, -x * z - y * w),
            (-x * y - z * w, x * x + z * z, x * w - y * z),
            (y * w - x * z, -y * z - x * w, x * x + y * y),
        )
    )
    return matrix
