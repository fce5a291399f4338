"""The pairing as a filter: fed by hand, and by real subscribers over real DDS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rclpy
from hypothesis import given
from hypothesis import strategies as st
from message_filters import SimpleFilter, Subscriber
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2

from gas_fusion_ros.base.observation import GasReading, Observation, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.pairing.pairing import PairingSettings
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.synchronizer import ObservationSynchronizer

MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
CHANNELS = ("mq2", "mq135")
decode = partial(messages.decode_reading, channels=CHANNELS)
SETTINGS = PairingSettings(slop_ns=50 * MS, wait_ns=200 * MS)


def cloud(at_ms: int, channels: tuple[str, ...] = CHANNELS) -> PointCloud2:
    counts = np.arange(len(channels), dtype=np.float32)
    return messages.encode_reading(GasReading(START_NS + at_ms * MS, channels, counts))


def image(at_ms: int, encoding: str = "mono16") -> Image:
    pixels = np.full((2, 3), at_ms % 60_000, dtype=np.uint16)
    msg = messages.encode_frame(ThermalFrame(START_NS + at_ms * MS, pixels, "mono16"))
    msg.encoding = encoding
    return msg


class Clock:
    """A node's clock that stands until it is told."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now(self) -> SimpleNamespace:
        return SimpleNamespace(nanoseconds=START_NS + self.at_ms * MS)


class Bench:
    """A synchronizer, what feeds it, and what came out."""

    def __init__(self, settings: PairingSettings = SETTINGS) -> None:
        self.gas = SimpleFilter()
        self.thermal = SimpleFilter()
        self.clock = Clock()
        self.problems = Problems()
        clock: Any = self.clock
        self.synchronizer = ObservationSynchronizer(
            self.gas, self.thermal, decode, settings, clock, self.problems
        )
        self.observations: list[Observation] = []
        self.synchronizer.registerCallback(self.observations.append)

    def reading(self, at_ms: int) -> None:
        self.clock.at_ms = max(self.clock.at_ms, at_ms)
        self.gas.signalMessage(cloud(at_ms))

    def image(self, at_ms: int) -> None:
        self.clock.at_ms = max(self.clock.at_ms, at_ms)
        self.thermal.signalMessage(image(at_ms))

    @property
    def stamps_ms(self) -> list[tuple[int | None, int | None]]:
        return [
            (
                None if out.reading is None else (out.reading.stamp_ns - START_NS) // MS,
                None if out.frame is None else (out.frame.stamp_ns - START_NS) // MS,
            )
            for out in self.observations
        ]


def test_a_reading_takes_the_nearest_image_not_the_first() -> None:
    bench = Bench()
    bench.image(960)
    bench.reading(1000)
    assert bench.observations == []
    bench.image(1010)
    assert bench.stamps_ms == [(1000, 1010)]
    observation = bench.observations[0]
    assert observation.reading is not None
    assert observation.frame is not None
    assert observation.reading.channels == CHANNELS
    assert observation.reading.counts.tolist() == [0.0, 1.0]
    assert observation.frame.pixels.tolist() == [[1010] * 3] * 2
    assert observation.pair_offset_ns == 10 * MS


def test_a_reading_without_an_image_goes_on_alone_at_a_tick() -> None:
    bench = Bench()
    bench.reading(1000)
    bench.synchronizer.tick()
    assert bench.observations == []
    bench.clock.at_ms = 1200
    bench.synchronizer.tick()
    assert bench.stamps_ms == [(1000, None)]
    assert bench.synchronizer.counters.gas_only == 1


def test_images_go_on_alone_while_the_gas_array_is_silent() -> None:
    bench = Bench()
    bench.reading(0)
    for at_ms in range(100, 8000, 100):
        bench.image(at_ms)
    alone = [frame for reading, frame in bench.stamps_ms if reading is None and frame is not None]
    assert alone
    assert min(alone) >= SETTINGS.silence_ns // MS
    assert np.diff(alone).min() >= SETTINGS.thermal_only_period_ns // MS


def test_the_arrival_is_that_of_the_later_message_on_the_steady_clock() -> None:
    bench = Bench()
    bench.reading(1000)
    before_ns = time.monotonic_ns()
    bench.image(1000)
    assert before_ns <= bench.observations[0].arrival_ns <= time.monotonic_ns()


def test_flush_lets_go_what_waits() -> None:
    bench = Bench()
    bench.image(990)
    bench.reading(1000)
    bench.synchronizer.flush()
    assert bench.stamps_ms == [(1000, 990)]


def test_reset_loses_no_reading_and_forgets_the_images() -> None:
    bench = Bench()
    bench.image(990)
    bench.reading(1000)
    bench.synchronizer.reset()
    bench.reading(1005)
    bench.synchronizer.flush()
    assert bench.stamps_ms == [(1000, 990), (1005, None)]
    assert [observation.stretch for observation in bench.observations] == [0, 1]
    assert bench.synchronizer.counters.resets == 1


def test_a_bag_that_loops_goes_on_pairing() -> None:
    bench = Bench()
    for _ in range(2):
        for at_ms in range(5000, 8000, 100):
            bench.clock.at_ms = at_ms
            bench.image(at_ms)
            bench.reading(at_ms)
    bench.synchronizer.flush()
    once = [(at_ms, at_ms) for at_ms in range(5000, 8000, 100)]
    assert bench.stamps_ms == once * 2
    assert bench.synchronizer.counters.resets == 1
    assert [observation.stretch for observation in bench.observations] == [0] * len(once) + [1] * len(once)


def test_bad_messages_are_counted_said_once_and_harm_nothing() -> None:
    bench = Bench()
    for at_ms in (900, 910):
        bench.gas.signalMessage(cloud(at_ms, channels=("mq2", "mq3")))
        bench.thermal.signalMessage(image(at_ms, encoding="rgb16"))
    bench.image(1000)
    bench.reading(1000)
    assert bench.stamps_ms == [(1000, 1000)]
    assert bench.problems.counts() == {"reading_missing_channel": 2, "image_encoding": 2}
    said = {problem.cause: problem.detail for problem in bench.problems.take_unreported()}
    assert "mq135" in said["reading_missing_channel"]
    assert "rgb16" in said["image_encoding"]
    assert bench.problems.take_unreported() == []


def test_a_failing_callback_is_counted_and_stops_neither_others_nor_later_ones() -> None:
    bench = Bench()
    later: list[Observation] = []

    def fail(_: Observation) -> None:
        raise LookupError("no such thing")

    bench.synchronizer.registerCallback(fail)
    bench.synchronizer.registerCallback(later.append)
    for at_ms in (1000, 1100):
        bench.image(at_ms)
        bench.reading(at_ms)
    assert bench.stamps_ms == [(1000, 1000), (1100, 1100)]
    assert later == bench.observations
    assert bench.problems.counts() == {"callback_failed": 2}
    [problem] = bench.problems.take_unreported()
    assert "fail raised LookupError: no such thing" in problem.detail


def test_a_callback_may_call_the_synchronizer_and_get_arguments_of_its_own() -> None:
    bench = Bench()
    calls: list[tuple[int, str]] = []

    def look(_: Observation, tag: str) -> None:
        bench.synchronizer.tick()
        calls.append((bench.synchronizer.counters.pairs, tag))

    bench.synchronizer.registerCallback(look, "tag")
    bench.image(1000)
    bench.reading(1000)
    assert calls == [(1, "tag")]


def test_it_is_a_filter_like_any_other() -> None:
    bench = Bench()
    downstream = SimpleFilter()
    out: list[Observation] = []
    downstream.registerCallback(out.append)
    bench.synchronizer.registerCallback(downstream.signalMessage)
    bench.image(1000)
    bench.reading(1000)
    assert out == bench.observations


def test_a_broken_cv_bridge_is_told_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("cv_bridge cannot be used")

    monkeypatch.setattr(messages, "cv_bridge", broken)
    with pytest.raises(ImportError, match="cv_bridge cannot be used"):
        Bench()


def test_two_threads_feed_it_and_nothing_is_lost_or_out_of_order() -> None:
    bench = Bench(PairingSettings(slop_ns=50 * MS, wait_ns=10_000 * MS))
    bench.clock.at_ms = 5000
    clouds = [cloud(at_ms) for at_ms in range(1000, 4000, 10)]
    images = [image(at_ms) for at_ms in range(1000, 4000, 37)]

    def feed(source: SimpleFilter, feed_messages: list[Any]) -> None:
        for msg in feed_messages:
            source.signalMessage(msg)

    threads = [
        threading.Thread(target=feed, args=(bench.gas, clouds)),
        threading.Thread(target=feed, args=(bench.thermal, images)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.synchronizer.flush()
    readings = [reading for reading, _ in bench.stamps_ms]
    assert readings == list(range(1000, 4000, 10))
    assert bench.problems.counts() == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(min_value=1, max_value=3000)), max_size=60))
def test_every_reading_with_a_stamp_of_its_own_comes_out_once(events: list[tuple[bool, int]]) -> None:
    bench = Bench()
    bench.clock.at_ms = 3000
    for is_reading, at_ms in events:
        (bench.reading if is_reading else bench.image)(at_ms)
    bench.synchronizer.flush()
    counters = bench.synchronizer.counters
    out = [reading for reading, _ in bench.stamps_ms if reading is not None]
    assert len(out) + counters.dropped_readings == sum(is_reading for is_reading, _ in events)
    assert set(out) == {at_ms for is_reading, at_ms in events if is_reading}
    for reading, frame in bench.stamps_ms:
        if reading is not None and frame is not None:
            assert abs(reading - frame) <= SETTINGS.slop_ns // MS


# --- real subscribers -----------------------------------------------------------------------


@pytest.fixture
def node(ros_domain: int) -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = rclpy.create_node("synchronizer_test", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


class Graph:
    """Publishers, subscribers and the synchronizer on one node, spun by two threads."""

    def __init__(self, node: Node) -> None:
        self.problems = Problems()
        self.observations: list[Observation] = []
        self.clouds = node.create_publisher(PointCloud2, "gas/readings", 10)
        self.images = node.create_publisher(Image, "thermal/image_raw", qos_profile_sensor_data)
        self._executor = MultiThreadedExecutor(num_threads=2, context=node.context)
        self._executor.add_node(node)
        self.synchronizer = ObservationSynchronizer(
            Subscriber(node, PointCloud2, "gas/readings", qos_profile=10),
            Subscriber(node, Image, "thermal/image_raw", qos_profile=qos_profile_sensor_data),
            decode,
            PairingSettings(slop_ns=20 * MS, wait_ns=300 * MS),
            node.get_clock(),
            self.problems,
        )
        self.synchronizer.registerCallback(self.observations.append)
        self.spin_until(lambda: self.clouds.get_subscription_count() and self.images.get_subscription_count())

    def spin_until(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, "nothing came within 30 s"
            self._executor.spin_once(timeout_sec=0.05)
            self.synchronizer.tick()

    def spin_until_observations(self, count: int) -> None:
        self.spin_until(lambda: len(self.observations) == count)

    def close(self) -> None:
        self._executor.shutdown()


@pytest.fixture
def graph(node: Node) -> Iterator[Graph]:
    graph = Graph(node)
    yield graph
    graph.close()


def stamped_now(node: Node, msg: PointCloud2 | Image) -> PointCloud2 | Image:
    msg.header.stamp = node.get_clock().now().to_msg()
    return msg


def test_over_dds_readings_come_out_with_their_image_and_alone_without(node: Node, graph: Graph) -> None:
    for count in range(1, 6):
        picture = stamped_now(node, image(0))
        reading = cloud(0)
        reading.header.stamp = picture.header.stamp
        graph.images.publish(picture)
        # A slow machine may deliver the image later than a reading waits for it.
        graph.spin_until(lambda expected=count: graph.synchronizer.counters.images == expected)
        graph.clouds.publish(reading)
        graph.spin_until_observations(count)
    assert all(out.pair_offset_ns == 0 for out in graph.observations)
    graph.clouds.publish(stamped_now(node, cloud(0)))
    graph.spin_until_observations(6)
    assert graph.observations[-1].frame is None
    assert graph.problems.counts() == {}


def test_over_dds_bad_messages_kill_nothing(node: Node, graph: Graph) -> None:
    truncated = image(0)
    truncated.data = truncated.data[:-1]
    graph.images.publish(stamped_now(node, truncated))
    graph.clouds.publish(stamped_now(node, cloud(0, channels=("mq3",))))
    graph.spin_until(lambda: len(graph.problems.counts()) == 2)
    assert graph.problems.counts() == {"image_truncated": 1, "reading_missing_channel": 1}
    graph.clouds.publish(stamped_now(node, cloud(0)))
    graph.spin_until_observations(1)
    assert graph.observations[0].frame is None
