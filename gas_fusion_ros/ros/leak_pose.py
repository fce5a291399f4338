"""Reads where leaks are estimated to be from `gas/leak_pose`, of rclpy and of the library rosbags alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.ros.messages import MessageError, decode_pose

if TYPE_CHECKING:
    from geometry_msgs.msg import PoseWithCovarianceStamped

LEAK_POSE_TOPIC = "gas/leak_pose"

_XX, _XY, _YY = 0, 1, 7
"""Where x and y stand in a covariance of x, y, z and three turns, row-major."""


def decode_leak_pose(message: PoseWithCovarianceStamped) -> LeakPlace:
    """Read where a leak is estimated to be, in the plane.

    Raises:
        MessageError: it is no place, or its covariance is none.
    """
    pose, covariance = decode_pose(message), message.pose.covariance
    try:
        return LeakPlace(
            pose.x,
            pose.y,
            xx=float(covariance[_XX]),
            xy=float(covariance[_XY]),
            yy=float(covariance[_YY]),
            frame_id=pose.frame_id,
            stamp_ns=pose.stamp_ns,
        )
    except ValueError as error:
        raise MessageError("leak_pose_unusable", f"{LEAK_POSE_TOPIC}: {error}") from None
