"""The recorder writes what it hears, in the node's time, and outlives a bag that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.harness import Graph
from rosbags.rosbag2 import Reader
from std_msgs.msg import Bool, String

from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.demo.bag_recorder import BagRecorderNode, RecordedTopic
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE

TOPICS = (RecordedTopic("gas/class", String, RELIABLE), RecordedTopic("gas/alarm", Bool, LATCHED))
EARLIEST_NS = 5_000_000_000


def record(graph: Graph, bag: BagWriter, heard: list[str]) -> BagRecorderNode:
    def create(**arguments: Any) -> BagRecorderNode:
        listeners = {"gas/class": lambda message, _: heard.append(message.data)}
        return BagRecorderNode(TOPICS, bag, listeners, EARLIEST_NS, **arguments)

    return graph.create(create, namespace="robot1", use_sim_time=True)


def test_messages_reach_the_bag_and_the_listener(graph: Graph, tmp_path: Path) -> None:
    heard: list[str] = []
    with BagWriter(tmp_path / "bag") as bag:
        record(graph, bag, heard)
        graph.talk(String, "/robot1/gas/class", RELIABLE).publish(String(data="Smoke"))
        graph.talk(Bool, "/robot1/gas/alarm", LATCHED).publish(Bool(data=True))
        graph.wait_for(lambda: sum(bag.counts.values()) == 2)
    assert heard == ["Smoke"]
    with Reader(tmp_path / "bag") as reader:
        topics = {connection.topic: connection.msgtype for connection in reader.connections}
        assert topics == {
            "/robot1/gas/class": "std_msgs/msg/String",
            "/robot1/gas/alarm": "std_msgs/msg/Bool",
        }
        # Simulated time has not begun: zero would stretch the bag back to the epoch.
        assert reader.start_time == EARLIEST_NS


def test_a_bag_that_fails_is_counted_and_the_listener_goes_on(graph: Graph, tmp_path: Path) -> None:
    heard: list[str] = []
    bag = BagWriter(tmp_path / "bag")
    bag.close()
    node = record(graph, bag, heard)
    publisher = graph.talk(String, "/robot1/gas/class", RELIABLE)
    publisher.publish(String(data="Smoke"))
    publisher.publish(String(data="NoGas"))
    graph.wait_for(lambda: len(heard) == 2)
    assert node.problems.counts() == {"bag": 2}
    assert "is closed" in node.problems.take_unreported()[0].detail
