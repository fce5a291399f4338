"""Publishes gas readings and thermal images at fixed rates: the load of `benchmarks.pipeline`."""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image, PointCloud2

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, ThermalFrame
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.thermal import raw_counts
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.ros import messages
from gas_fusion_ros.simulation.patrol import Patrol

READING_PERIOD_NS = NANOSECONDS_PER_SECOND // 10
IMAGE_PERIOD_NS = NANOSECONDS_PER_SECOND // 27

_SCENES = 60
_LAST_IMAGES_NS = NANOSECONDS_PER_SECOND // 2


class Stream:
    """Messages published in turn, each at its time on a grid of whole periods and stamped with it."""

    def __init__(
        self, publisher: Publisher, turns: Iterator[PointCloud2 | Image], period_ns: int, start_ns: int
    ) -> None:
        self.published = 0
        self.due_ns = -(-start_ns // period_ns) * period_ns
        self._publisher = publisher
        self._turns = turns
        self._period_ns = period_ns

    def publish(self) -> None:
        """Publish the message that is due."""
        msg = next(self._turns)
        msg.header.stamp = messages.ns_to_stamp(self.due_ns)
        self._publisher.publish(msg)
        self.published += 1
        self.due_ns += self._period_ns


def recorded_scenes() -> tuple[Iterator[Image], Iterator[PointCloud2]]:
    """A simulated patrol made into messages beforehand, so that rendering takes no time from the run."""
    patrol = Patrol(seed=1)
    times = [patrol.encounters[0].start_s + step for step in range(_SCENES)]
    frames = (raw_counts(ThermalFrame(1, patrol.frame(t_s), "32FC1")) for t_s in times)
    images = [messages.encode_frame(frame) for frame in frames]
    readings = [messages.encode_reading(GasReading(1, PAPER_CHANNELS, patrol.reading(t_s))) for t_s in times]
    return itertools.cycle(images), itertools.cycle(readings)


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = 30.0) -> None:
    """Return as soon as `condition` holds.

    Raises:
        TimeoutError: it did not within `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {patience_s:.0f} s")
        time.sleep(0.01)


def publish_load(node: Node, seconds: float) -> dict[str, int]:
    """Publish for `seconds`, once both topics have a subscriber; return how many of each."""
    images, readings = recorded_scenes()
    gas = node.create_publisher(PointCloud2, "gas/readings", RELIABLE)
    thermal = node.create_publisher(Image, "thermal/image_raw", SENSOR_DATA)
    wait_until(lambda: gas.get_subscription_count() > 0, "subscriber of gas/readings")
    wait_until(lambda: thermal.get_subscription_count() > 0, "subscriber of thermal/image_raw")
    print("started", flush=True)
    start_ns = time.time_ns()
    end_ns = start_ns + round(seconds * NANOSECONDS_PER_SECOND)
    gas_stream = Stream(gas, readings, READING_PERIOD_NS, start_ns)
    thermal_stream = Stream(thermal, images, IMAGE_PERIOD_NS, start_ns)
    # Images go on a little longer, so that the last reading finds its own.
    while thermal_stream.due_ns < end_ns + _LAST_IMAGES_NS:
        streams = [thermal_stream, gas_stream] if gas_stream.due_ns < end_ns else [thermal_stream]
        stream = min(streams, key=lambda candidate: candidate.due_ns)
        time.sleep(max(0, stream.due_ns - time.time_ns()) / NANOSECONDS_PER_SECOND)
        stream.publish()
    gas.wait_for_all_acked(Duration(seconds=5))
    return {"readings": gas_stream.published, "images": thermal_stream.published}


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish, then print the numbers of messages as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args(arguments).seconds
    rclpy.init(args=[])
    node = rclpy.create_node("benchmark_publisher")
    try:
        print(json.dumps(publish_load(node, seconds)), flush=True)
    finally:
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
