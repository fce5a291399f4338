"""Where a leak is estimated to be comes back."""

from __future__ import annotations

import math

import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.ros.leak_pose import decode_leak_pose
from gas_fusion_ros.ros.map_messages import encode_leak_pose
from gas_fusion_ros.ros.messages import MessageError, ns_to_stamp

STAMP_NS = 1_700_000_000_123_456_789


def test_what_is_told_comes_back() -> None:
    place = LeakPlace(3.0, -4.0, 2.0, 0.5, 1.0, "odom", STAMP_NS)
    assert decode_leak_pose(encode_leak_pose(place)) == place


def test_the_place_of_a_leak_has_the_covariance_of_x_and_y() -> None:
    message = PoseWithCovarianceStamped()
    message.header.stamp, message.header.frame_id = ns_to_stamp(STAMP_NS), "map"
    message.pose.pose.position.x, message.pose.pose.position.y = 3.0, 4.0
    message.pose.covariance = [float(index + 6) for index in range(36)]
    assert decode_leak_pose(message) == LeakPlace(3.0, 4.0, 6.0, 7.0, 13.0, "map", STAMP_NS)
    message.pose.covariance[7] = math.nan
    with pytest.raises(MessageError, match="finite"):
        decode_leak_pose(message)
