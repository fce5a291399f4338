"""Plays a bag into a classifier node over DDS under its own clock, as `ros2 bag play --clock` does.

The node is spun here, and the next message goes out only when the last one has been taken in: nothing depends
on how fast the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.timer import Timer
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, PointCloud2

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.nodes import pose_source
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.pipeline.settings import replay_parameters_file
from gas_fusion_ros.ros import source_messages
from gas_fusion_ros.ros.messages import decode_pose, ns_to_stamp

TIMEOUT_S = 60.0
CLOCK_STEP_NS = 100_000_000
HEARD_AS = {
    "/gas/readings": (PointCloud2, "gas/readings", RELIABLE),
    "/gas/array_info": (DiagnosticArray, "gas/array_info", LATCHED),
    "/thermal/image": (Image, "thermal/image_raw", RELIABLE),
    "/pose": (PoseStamped, "pose", RELIABLE),
}
"""What each topic of a bag is remapped to, as `replay.launch.py` does, and how it is published."""


class BagPlayer(Closing):
    """An active classifier under simulated time, with the parameters of `config/replay.yaml`.

    A context manager.

    Args:
        context: the ROS context.
        parameters: parameters that go before the file's.

    Attributes:
        node: the classifier.
        classifications: what it has published, in order.
    """

    def __init__(self, context: Context, parameters: Mapping[str, Any]) -> None:
        given = {"use_sim_time": True, "device": "cpu", "pose_topic": "pose", **parameters}
        self._stack = ExitStack()
        self._decode_pose = self._stack.enter_context(
            patch.object(pose_source, "decode_pose", wraps=decode_pose)
        )
        self._decode_source = self._stack.enter_context(
            patch.object(source_messages, "decode_source", wraps=source_messages.decode_source)
        )
        self.node = GasClassifierNode(
            context=context,
            cli_args=["--ros-args", "--params-file", str(replay_parameters_file())],
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        self.classifications: list[DiagnosticArray] = []
        self._probe = Node("player", context=context)
        self._probe.create_subscription(
            DiagnosticArray, "gas/classification", self.classifications.append, QoSProfile(depth=1000)
        )
        self._executor = SingleThreadedExecutor(context=context)
        for node in (self.node, self._probe):
            self._executor.add_node(node)
        assert self.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        self._clock = self._publisher(Clock, "/clock", RELIABLE)
        self._publishers: dict[str, Publisher] = {}
        self._wait_for(lambda: self._probe.count_publishers("gas/classification") > 0)
        self._now_ns = 0

    def close(self) -> None:
        """Destroy the nodes."""
        self._stack.close()
        self._executor.shutdown()
        self._probe.destroy_node()
        self.node.destroy_node()

    def play(self, bag: Path) -> None:
        """Play a bag from its first message to its last; the clock goes back there where it was ahead."""
        with Reader(bag) as reader:
            self._advertise(reader.topics)
            self._set_clock(reader.start_time)
            for connection, stamp_ns, cdr in reader.messages():
                self.pass_time(stamp_ns)
                taken = self._taken()
                self._publishers[connection.topic].publish(bytes(cdr))
                self._wait_for(lambda before=taken: self._taken() > before)
                self._wait_until_idle()

    def pass_time(self, end_ns: int) -> None:
        """Let the clock go on in small steps."""
        while self._now_ns < end_ns:
            self._set_clock(min(self._now_ns + CLOCK_STEP_NS, end_ns))

    def _set_clock(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._clock.publish(Clock(clock=ns_to_stamp(now_ns)))
        # A timer that has been called has its next time ahead of it.
        self._wait_for(
            lambda: (
                self.node.get_clock().now().nanoseconds == now_ns
                and not any(_is_due(timer) for timer in self.node.timers)
            )
        )
        self._wait_until_idle()

    def _taken(self) -> int:
        """Messages that the node has decoded, or refused."""
        counters = self.node.pairing_counters
        refused = sum(
            count
            for cause, count in self.node.problem_counts().items()
            if cause.startswith(("reading_", "image_"))
        )
        return int(
            counters.readings
            + counters.images
            + refused
            + self._decode_pose.call_count
            + self._decode_source.call_count
        )

    def _wait_until_idle(self) -> None:
        """Wait for the verdict of each observation that has come out of the pairing, and to hear of it."""
        self._wait_for(
            lambda: (
                self.node.classified + self.node.problem_counts().get("unusable_observation", 0)
                == self._decided()
                and len(self.classifications) == self.node.classified
            )
        )

    def _decided(self) -> int:
        counters = self.node.pairing_counters
        return int(counters.pairs + counters.gas_only + counters.thermal_only)

    def _advertise(self, topics: Iterable[str]) -> None:
        """Publish what a bag has, and nothing else: of an array that is told of something must be heard."""
        for topic in topics:
            if topic not in self._publishers:
                self._publishers[topic] = self._publisher(*HEARD_AS[topic])

    def _publisher(self, message_type: type[Any], topic: str, qos: QoSProfile) -> Publisher:
        publisher = self._probe.create_publisher(message_type, topic, qos)
        self._wait_for(lambda: publisher.get_subscription_count() > 0)
        return publisher

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Spin until something holds."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {TIMEOUT_S} s"
            self._executor.spin_once(timeout_sec=0.02)


def _is_due(timer: Timer) -> bool:
    """Whether a timer is to be called now; one that is cancelled is not."""
    left_ns = timer.time_until_next_call()
    return left_ns is not None and left_ns <= 0
