"""The pose source keeps the last pose while it listens."""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from gas_fusion_ros.nodes.pose_source import PoseSource
from gas_fusion_ros.nodes.qos import RELIABLE
from nodes.harness import Graph


def test_latest_pose_is_kept_until_nobody_listens(graph: Graph) -> None:
    source = PoseSource(graph.add(Node("robot", context=graph.context)))
    source.subscribe("pose", "PoseStamped")
    message = PoseStamped()
    message.pose.position.x = 4.5
    graph.talk(PoseStamped, "pose", RELIABLE).publish(message)
    graph.wait_for(lambda: source.latest is not None and source.latest.x == 4.5)
    source.unsubscribe()
    assert source.latest is None
