"""Reads where leaks are estimated to be from `gas/leak_pose`, of rclpy and of the library rosbags alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas_fusion_ros.ros.messages import MessageError, decode_pose
from gas_fusion_ros.view.leak_places import LeakPlace

if TYPE_CHECKING:
    from geometry_msgs.msg import PoseWithCovarianceStamped

LEAK_POSE_TOPIC = "gas/leak_pose"


def leak_place(message: PoseWithCovarianceStamped) -> LeakPlace:
    """Read where a leak is estimated to be, in the plane.

    Raises:
        MessageError: it is no place, or its covariance is none.
    """
    pose, covariance = decode_pose(message), message.pose.covariance
    try:
        # Row by row of x, y, z and three turns.
        return LeakPlace(
            pose.x,
            pose.y,
            xx=float(covariance[0]),
            xy=float(covariance[1]),
            yy=float(covariance[7]),
            frame_id=pose.frame_id,
        )
    except ValueError as error:
        raise MessageError("leak_pose_unusable", f"{LEAK_POSE_TOPIC}: {error}") from None
