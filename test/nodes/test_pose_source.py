"""The pose source keeps the last pose while it listens."""

from __future__ import annotations

import sys

import pytest
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.node import Node

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.pose_source import PoseSource
from gas_fusion_ros.nodes.qos import RELIABLE, STATIC_TRANSFORMS, TRANSFORMS
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


def test_transforms_give_the_pose_until_nobody_listens(graph: Graph) -> None:
    messages = pytest.importorskip("tf2_msgs.msg", reason="no wheel has tf2_msgs")
    source = PoseSource(graph.add(Node("robot", context=graph.context)))
    source.subscribe_transforms("base_link", "map", Problems())
    for topic, profile, parent, child, x in (
        ("/tf_static", STATIC_TRANSFORMS, "map", "odom", 10.0),
        ("/tf", TRANSFORMS, "odom", "base_link", 2.0),
    ):
        transform = TransformStamped(child_frame_id=child)
        transform.header.frame_id = parent
        transform.transform.translation.x = x
        graph.talk(messages.TFMessage, topic, profile).publish(messages.TFMessage(transforms=[transform]))
    graph.wait_for(lambda: source.latest is not None and source.latest.x == 12.0)
    source.unsubscribe()
    assert source.latest is None


def test_transforms_without_their_messages_are_refused(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    source = PoseSource(graph.add(Node("robot", context=graph.context)))
    with pytest.raises(ParameterError, match="robot_frame needs tf2_msgs"):
        source.subscribe_transforms("base_link", "map", Problems())
