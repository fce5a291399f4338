"""The truth of a patrol on topics: label, pose and markers, at the patrol's time."""

from __future__ import annotations

import math
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nodes.harness import Graph
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from gas_fusion_ros.demo.ground_truth_node import GroundTruthNode, markers
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import ns_to_stamp, stamp_to_ns
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.decoding import decode_leaks
from gas_fusion_ros.truth.ground_truth import GroundTruth, patrol_pose, patrol_truth

S = 1_000_000_000
START_NS = 1000 * S


@pytest.fixture(scope="module")
def patrol() -> Patrol:
    return Patrol(seed=4, duration_s=200.0, leaks=1)


def test_label_and_pose_follow_the_simulated_clock(graph: Graph, patrol: Patrol) -> None:
    labels = graph.listen(String, "truth/label", RELIABLE)
    poses = graph.listen(PoseStamped, "pose", RELIABLE)

    def create(**arguments: Any) -> GroundTruthNode:
        return GroundTruthNode(patrol_truth(patrol), patrol, START_NS, 0.5, **arguments)

    graph.create(create, use_sim_time=True)
    clock = graph.talk(Clock, "/clock", RELIABLE)
    leak = patrol.encounters[0]
    middle_s = (leak.start_s + leak.end_s) / 2
    clock.publish(Clock(clock=ns_to_stamp(START_NS - S)))
    clock.publish(Clock(clock=ns_to_stamp(START_NS + S)))
    graph.wait_for(lambda: len(poses) > 0 and len(labels) > 0)
    clock.publish(Clock(clock=ns_to_stamp(START_NS + round(middle_s * S))))
    graph.wait_for(lambda: labels[-1].data == leak.gas)

    assert labels[0].data == "NoGas"
    assert all(stamp_to_ns(pose.header.stamp) >= START_NS for pose in poses), "nothing before the start"
    at = patrol.pose((stamp_to_ns(poses[0].header.stamp) - START_NS) / S)
    assert (poses[0].pose.position.x, poses[0].pose.position.y) == pytest.approx((at.x, at.y))


def test_a_late_subscriber_gets_leaks_and_markers_and_a_recording_has_no_markers(
    graph: Graph, patrol: Patrol
) -> None:
    truth = patrol_truth(patrol)

    def create(**arguments: Any) -> GroundTruthNode:
        return GroundTruthNode(truth, patrol, START_NS, 0.5, **arguments)

    def create_recording(**arguments: Any) -> GroundTruthNode:
        return GroundTruthNode(
            GroundTruth((), ()), None, START_NS, 0.5, node_name="recording_truth", **arguments
        )

    graph.create(create, namespace="simulated")
    graph.create(create_recording, namespace="recorded")
    none = graph.listen(MarkerArray, "/recorded/truth/markers", LATCHED)
    simulated = graph.listen(MarkerArray, "/simulated/truth/markers", LATCHED)
    labels = graph.listen(String, "/recorded/truth/label", RELIABLE)
    leaks = graph.listen(DiagnosticArray, "/simulated/truth/leaks", LATCHED)
    graph.wait_for(lambda: len(simulated) > 0 and len(labels) > 0 and len(leaks) > 0)
    assert not none
    assert decode_leaks(leaks[0]) == truth.leaks


def test_markers_show_the_pipe_and_each_leak_on_it(patrol: Patrol) -> None:
    array = markers(patrol, START_NS)
    by_namespace = {marker.ns: marker for marker in array.markers}
    pipe, leak, caption = by_namespace["pipe"], by_namespace["leaks"], by_namespace["gases"]
    assert pipe.type == Marker.LINE_STRIP
    assert caption.text == patrol.encounters[0].gas
    assert {marker.header.frame_id for marker in array.markers} == {"map"}
    at = leak.pose.position
    assert min(math.hypot(point.x - at.x, point.y - at.y) for point in pipe.points) < 1.0


def test_the_pose_is_where_the_patrol_is(patrol: Patrol) -> None:
    pose = patrol_pose(patrol, 50.0, START_NS)
    assert (pose.x, pose.y, pose.yaw) == patrol.pose(50.0)
    assert (pose.frame_id, pose.stamp_ns) == ("map", START_NS)
