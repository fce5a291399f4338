"""Listening to a live topic: what came, or why nothing did."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.nodes.reading_listener import HeardReadings, ListenError, listen
from gas_fusion_ros.ros.messages import encode_reading
from nodes.harness import Graph

READING = GasReading(10**18, ("mq2", "mq3"), np.array([400.0, np.nan], dtype=np.float32))


def never() -> bool:
    return False


def heard(
    topic: str = "gas/readings",
    channels: tuple[str, ...] | None = None,
    duration_s: float = 1.0,
    has_ended: Callable[[], bool] = never,
    problems: Problems | None = None,
    patience_s: float = 15.0,
) -> HeardReadings:
    return listen(
        topic, channels, duration_s, problems or Problems(), lambda: None, has_ended, patience_s=patience_s
    )


@contextmanager
def talking(say: Callable[[int], None]) -> Iterator[None]:
    """Call `say` with a growing number each 5 ms."""
    ended = threading.Event()

    def talk() -> None:
        number = 0
        while not ended.wait(0.005):
            say(number)
            number += 1

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("qos", [RELIABLE, qos_profile_sensor_data], ids=["reliable", "best effort"])
@pytest.mark.parametrize("name", ["gas/readings", "/gas/readings"])
def test_readings_are_heard_from_the_first_on_for_the_duration(graph: Graph, qos: object, name: str) -> None:
    publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", qos)
    seconds: list[int] = []
    with talking(lambda n: publisher.publish(encode_reading(replace(READING, stamp_ns=10**18 - n)))):
        found = listen(name, None, 2.0, Problems(), lambda: seconds.append(1), never, 15.0)
    assert found.channels == ("mq2", "mq3")
    assert len(found.readings) == len(found.stamps_ns) > 60
    assert (np.diff(found.stamps_ns) > 0).all()
    assert (found.readings[:, 0] == 400.0).all()
    assert np.isnan(found.readings[:, 1]).all()
    assert found.seconds == 2.0
    assert len(seconds) == 2


def test_it_ends_when_it_is_told_to_with_what_has_come(graph: Graph) -> None:
    publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", RELIABLE)
    seconds: list[int] = []

    def tick() -> None:
        seconds.append(1)

    with talking(lambda _: publisher.publish(encode_reading(READING))):
        found = listen("gas/readings", ("mq2",), 600.0, Problems(), tick, lambda: len(seconds) > 0, 15.0)
    assert found.channels == ("mq2",)
    assert 1.0 <= found.seconds < 60.0


@pytest.mark.usefixtures("ros_domain")
def test_ended_before_the_first_reading_there_is_none() -> None:
    with pytest.raises(ListenError, match="no reading has come on gas/readings yet"):
        heard(has_ended=lambda: True)


def test_where_nobody_publishes_it_is_said_and_who_else_does(graph: Graph) -> None:
    with pytest.raises(ListenError, match=r"nobody has published gas/readings for 1 s; is the node of the "):
        heard(patience_s=1.0)
    graph.talk(PointCloud2, "/robot1/gas/readings", RELIABLE, listeners=0)
    with pytest.raises(ListenError, match=r"nobody has published .* 5 s; there is /robot1/gas/readings"):
        heard(patience_s=5.0)


def test_a_topic_of_another_type_is_named(graph: Graph) -> None:
    graph.talk(String, "gas/readings", RELIABLE, listeners=0)
    with pytest.raises(ListenError, match=r"is of the type std_msgs/msg/String; readings are "):
        heard(patience_s=5.0)


def test_a_publisher_that_is_silent_is_told_from_none(graph: Graph) -> None:
    publisher = graph.talk(PointCloud2, "gas/readings", RELIABLE, listeners=0)
    with pytest.raises(ListenError, match="the publisher of gas/readings has been silent for 5 s"):
        heard(patience_s=5.0)
    seconds: list[int] = []

    def say_for_a_second(_: int) -> None:
        if not seconds:
            publisher.publish(encode_reading(READING))

    with (
        talking(say_for_a_second),
        pytest.raises(ListenError, match=r"gas/readings fell silent for 5 s, after \d+ readings"),
    ):
        listen("gas/readings", None, 60.0, Problems(), lambda: seconds.append(1), never, 5.0)


def test_readings_that_cannot_be_used_are_counted_and_told(graph: Graph) -> None:
    publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", RELIABLE)
    problems = Problems()
    with (
        talking(lambda _: publisher.publish(encode_reading(READING))),
        pytest.raises(ListenError, match=r"no reading on gas/readings can be used: .*mq9"),
    ):
        heard(channels=("mq9",), patience_s=5.0, problems=problems)
    assert problems.counts()["reading_unusable"] > 1


@pytest.mark.usefixtures("ros_domain")
def test_a_name_that_ros_does_not_take_is_refused() -> None:
    with pytest.raises(ListenError, match="is no name of a topic"):
        heard("gas//readings")
