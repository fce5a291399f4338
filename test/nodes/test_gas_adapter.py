"""The adapter node over DDS: what others publish in, an array's readings out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Float32, Float32MultiArray, Float64, Int32, MultiArrayDimension, String, UInt16
from std_srvs.srv import Trigger

from gas_fusion_ros.array.array_file import load_array, write_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.nodes.gas_adapter import GasAdapterNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import decode_reading, encode_reading, key_values, ns_to_stamp
from nodes.harness import Graph
from nodes.test_gas_classifier import Station, counts_of

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
SECOND = 1_000_000_000
CHANNELS = ("mq2", "mq3", "mq135")
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


class Bench:
    """An adapter, whoever publishes to it, and whoever hears it."""

    def __init__(self, graph: Graph, sources: Sequence[str], **parameters: Any) -> None:
        self.graph = graph
        self.received: list[PointCloud2] = graph.listen(PointCloud2, "gas/readings", RELIABLE)
        self.diagnostics: list[DiagnosticArray] = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
        self.infos: list[DiagnosticArray] = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
        self.node = graph.create(GasAdapterNode, sources=list(sources), **parameters)

    def start(self) -> None:
        assert self.node.trigger_configure() == SUCCESS
        assert self.node.trigger_activate() == SUCCESS

    def readings(self, channels: Sequence[str] = CHANNELS) -> list[GasReading]:
        return [decode_reading(message, channels) for message in self.received]

    def wait_for_readings(self, number: int, channels: Sequence[str] = CHANNELS) -> list[list[float]]:
        self.graph.wait_for(lambda: len(self.received) >= number)
        return [reading.counts.tolist() for reading in self.readings(channels)]

    def now_ns(self) -> int:
        return int(self.graph.probe.get_clock().now().nanoseconds)

    def status(self, of: str) -> DiagnosticStatus:
        """The latest status of this name; raises IndexError where there is none yet."""
        found = [status for message in self.diagnostics for status in message.status]
        return [status for status in found if status.name == f"gas_adapter: {of}"][-1]

    def state(self) -> str:
        return key_values(self.infos[-1].status[0])["state"]


def test_a_topic_for_each_sensor(graph: Graph) -> None:
    """Numbers of several types, and from whatever publishers, become one reading stamped at arrival."""
    bench = Bench(graph, ["MQ-2=/adc/mq2", "mq3=/adc/mq3", "mq135=/adc/mq135"])
    kinds = ((Float32, RELIABLE), (UInt16, BEST_EFFORT), (Int32, RELIABLE))
    bench.start()
    talkers = [
        graph.talk(kind, f"/adc/{name}", qos) for name, (kind, qos) in zip(CHANNELS, kinds, strict=True)
    ]
    before_ns = bench.now_ns()
    for number in range(2):
        for value, (talker, (kind, _)) in enumerate(zip(talkers, kinds, strict=True)):
            talker.publish(kind(data=kind().data + 100 * (value + 1) + number))
        graph.wait_for(lambda number=number: len(bench.received) > number)  # type: ignore[misc]
    assert bench.wait_for_readings(2) == [[100.0, 200.0, 300.0], [101.0, 201.0, 301.0]]
    stamps = [reading.stamp_ns for reading in bench.readings()]
    assert before_ns <= stamps[0] < stamps[1] <= bench.now_ns()
    assert bench.received[0].header.frame_id == "gas_sensor_link"
    assert bench.node.problem_counts() == {}


def test_a_silent_channel_is_nan_and_the_others_go_on(graph: Graph) -> None:
    names = CHANNELS[:2]
    bench = Bench(graph, ["mq2=/adc/mq2", "mq3=/adc/mq3"], max_age=1.0, period=0.2)
    bench.start()
    first, second = (graph.talk(UInt16, f"/adc/{name}", RELIABLE) for name in names)

    def last_after(*talks: tuple[Any, int]) -> list[float]:
        for talker, value in talks:
            talker.publish(UInt16(data=value))
        return list(bench.readings(names)[-1].counts.tolist())

    graph.wait_for(lambda: last_after((first, 100), (second, 200)) == [100.0, 200.0])
    graph.wait_for(lambda: np.isnan(last_after((first, 101))).tolist() == [False, True])
    graph.wait_for(lambda: bench.state() == "disconnected")
    published = bench.node.published
    graph.wait_for(lambda: np.isnan(last_after((second, 201))).tolist() == [True, False])
    assert bench.node.published > published


def test_an_array_by_position_and_one_by_its_labels(graph: Graph) -> None:
    bench = Bench(graph, ["mq2,mq3=/board/one", "mq135=/board/two std_msgs/Float32MultiArray"])
    bench.start()
    one, two = (graph.talk(Float32MultiArray, f"/board/{name}", RELIABLE) for name in ("one", "two"))
    one.publish(Float32MultiArray(data=[1.0, 2.0, 3.0]))
    graph.wait_for(lambda: bench.node.problem_counts() == {"array_values /board/one": 1})
    one.publish(Float32MultiArray(data=[400.0, 500.0]))
    labelled = Float32MultiArray(data=[20.0, 600.0])
    labelled.layout.dim = [MultiArrayDimension(label=label, size=1) for label in ("humidity", "MQ-135")]
    two.publish(labelled)
    assert bench.wait_for_readings(1) == [[400.0, 500.0, 600.0]]


def test_lines_of_text(graph: Graph) -> None:
    bench = Bench(graph, ["mq2,mq3,mq135=/arduino"])
    bench.start()
    talker = graph.talk(String, "/arduino", RELIABLE)
    for line in ("MQ-135;MQ-3;MQ-2", "300;200;100", "MQ2: 101 | MQ3: 201 | MQ135: 301", "booting"):
        talker.publish(String(data=line))
    assert bench.wait_for_readings(2) == [[100.0, 200.0, 300.0], [101.0, 201.0, 301.0]]
    graph.wait_for(lambda: bench.node.problem_counts() == {"text /arduino": 1})


def cloud(stamp_ns: int, values: Sequence[float]) -> PointCloud2:
    """A point of FLOAT64 fields under the data sheets' names."""
    names = ("MQ-135", "MQ-3", "MQ-2")
    data = np.array(values, "<f8")
    message = PointCloud2(height=1, width=1, point_step=data.nbytes, row_step=data.nbytes)
    message.fields = [
        PointField(name=name, offset=8 * index, datatype=PointField.FLOAT64, count=1)
        for index, name in enumerate(names)
    ]
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.data = list(data.tobytes())
    return message


def test_a_point_cloud_of_other_fields_keeps_its_stamps(graph: Graph) -> None:
    bench = Bench(graph, ["mq2,mq3,mq135=/nose"])
    bench.start()
    talker = graph.talk(PointCloud2, "/nose", BEST_EFFORT)
    stamp_ns = bench.now_ns() - SECOND // 10
    for offset_ns in (0, SECOND // 100, 0):
        talker.publish(cloud(stamp_ns + offset_ns, [300.0, 200.0, 100.0]))
    assert bench.wait_for_readings(2) == [[100.0, 200.0, 300.0]] * 2
    assert [one.stamp_ns for one in bench.readings()] == [stamp_ns, stamp_ns + SECOND // 100]
    graph.wait_for(lambda: bench.node.problem_counts() == {"stamp_not_rising /nose": 1})


def test_a_clock_that_is_off_is_told_and_arrival_can_be_taken(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(graph, ["mq2,mq3,mq135=/nose"])
    bench.start()
    talker = graph.talk(PointCloud2, "/nose", RELIABLE)
    talker.publish(cloud(90 * SECOND, [300.0, 200.0, 100.0]))
    bench.wait_for_readings(1)
    assert bench.readings()[0].stamp_ns == 90 * SECOND
    graph.wait_for(lambda: "behind this node's clock; set the clocks, or" in capfd.readouterr().err)
    for transition in (bench.node.trigger_deactivate, bench.node.trigger_cleanup):
        assert transition() == SUCCESS
    graph.wait_for(lambda: talker.get_subscription_count() == 0)
    bench.node.set_parameters([Parameter("stamp_from", value="arrival")])
    bench.start()
    graph.wait_for(lambda: talker.get_subscription_count() == 1)
    before_ns = bench.now_ns()
    talker.publish(cloud(91 * SECOND, [300.0, 200.0, 100.0]))
    bench.wait_for_readings(2)
    assert bench.readings()[1].stamp_ns >= before_ns


@contextmanager
def another_process(graph: Graph) -> Iterator[Node]:
    """A node that shares no participant with the others: one has each topic with one type only."""
    context = Context()
    rclpy.init(context=context, domain_id=graph.context.get_domain_id())
    node = Node("another", context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        context.shutdown()


def test_a_topic_of_another_type_is_refused_by_name(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    bench = Bench(graph, ["mq2=/adc/mq2"])
    bench.start()
    reason = "sources: /adc/mq2: a sensor_msgs/msg/Image is no reading; what can be read is std_msgs Float32"
    with another_process(graph) as node:
        node.create_publisher(Image, "/adc/mq2", RELIABLE)
        graph.wait_for(lambda: bench.status("/adc/mq2").level == DiagnosticStatus.ERROR)
        assert reason in bench.status("/adc/mq2").message
    assert capfd.readouterr().err.count(reason) == 1
    # Whoever puts that right need not start the adapter again.
    for kind in (Float64, UInt16):
        with another_process(graph) as node:
            talker = node.create_publisher(kind, "/adc/mq2", RELIABLE)
            graph.wait_for(lambda talker=talker: talker.get_subscription_count() > 0)  # type: ignore[misc]
            talker.publish(kind(data=kind().data + 150))
            graph.wait_for(lambda kind=kind: bench.node.published == 1 + (kind is UInt16))  # type: ignore[misc]
        graph.wait_for(lambda: graph.probe.count_publishers("/adc/mq2") == 0)
    assert bench.wait_for_readings(2, ["mq2"]) == [[150.0]] * 2


def test_a_topic_that_nobody_publishes_is_said_with_what_may_be_meant(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gas_fusion_ros.nodes.topic_source._PATIENCE_NS", 0)
    graph.probe.create_publisher(UInt16, "/adc/mq_2", RELIABLE)
    bench = Bench(graph, ["mq2=/adc/mq2"], max_age=0.01)
    bench.start()
    graph.wait_for(lambda: "is /adc/mq_2 meant?" in bench.status("/adc/mq2").message)
    assert bench.status("driver").level == DiagnosticStatus.ERROR
    assert bench.state() == "disconnected"
    assert "no_publisher /adc/mq2: it has had no publisher for" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (["mq2=/adc/mq2 sensor_msgs/Image"], "sources: /adc/mq2: a sensor_msgs/msg/Image is no reading"),
        (["mq2,mq3=/adc std_msgs/Float32"], "a std_msgs/msg/Float32 has one value, and its row in sources"),
        (
            ["mq2=/nose olfaction_msgs/GasSensor"],
            "olfaction_msgs is not installed here: install ros-$ROS_DISTRO-olfaction-msgs or build https://",
        ),
        (["mq2=/gas/readings"], "/gas/readings is what this node publishes itself"),
        (["mq2=/a//b"], "sources: /a//b is no name of a topic: failed to resolve name"),
        ([""], "sources is not set; it must be rows such as mq2=/adc/mq2"),
    ],
)
def test_what_cannot_be_heard_is_refused_at_configure(graph: Graph, sources: list[str], reason: str) -> None:
    bench = Bench(graph, sources)
    assert bench.node.trigger_configure() == FAILURE
    assert reason in bench.node.failure


def test_other_units_than_the_arrays_are_refused(graph: Graph, tmp_path: Path) -> None:
    array = tmp_path / "array.yaml"
    write_array(array, ArrayDescription((ArrayChannel("mq2", "MQ-2"),), Unit.VOLT, 5.0))
    bench = Bench(graph, ["mq2=/board"], array_file=str(array))
    bench.start()
    talker = graph.talk(String, "/board", RELIABLE)
    talker.publish(String(data="MQ2: 20000 ohm"))
    graph.wait_for(lambda: bench.node.problem_counts() == {"unit /board": 1})
    talker.publish(String(data="MQ2: 2.5 V"))
    assert bench.wait_for_readings(1, ["mq2"]) == [[2.5]]
    assert key_values(bench.infos[-1].status[0])["unit"] == "volt"


def test_the_array_is_told_and_calibrated_as_any(graph: Graph, tmp_path: Path) -> None:
    array = tmp_path / "array.yaml"
    bench = Bench(
        graph,
        ["mq2,mq3=/board"],
        array_file=str(array),
        health__warm_up=0.0,
        calibration__duration=4.0,
    )
    bench.start()
    talker = graph.talk(Float32MultiArray, "/board", RELIABLE)
    random = np.random.default_rng(5)
    first_s = time.monotonic()

    def has_breathed() -> bool:
        talker.publish(Float32MultiArray(data=random.normal([400.0, 300.0], 1.0).tolist()))
        return bench.node.published > 100 and time.monotonic() - first_s > 5.0

    graph.wait_for(has_breathed)
    answer = graph.call(Trigger, "gas/calibrate")
    assert answer.success, answer.message
    assert [one.name for one in load_array(array).channels] == ["mq2", "mq3"]
    graph.wait_for(lambda: "baseline" in key_values(bench.infos[-1].status[1]))
    assert key_values(bench.infos[-1].status[0])["driver"] == "topics"


def test_a_simulation_is_shown_as_such(graph: Graph) -> None:
    bench = Bench(graph, ["mq2=/board"], is_sensor=False)
    bench.start()
    graph.wait_for(lambda: key_values(bench.infos[-1].status[0])["is_sensor"] == "false")
    assert "no sensor" in graph.call(Trigger, "gas/calibrate").message


def test_nothing_is_heard_while_the_node_is_inactive(graph: Graph) -> None:
    bench = Bench(graph, ["mq2=/board"])
    bench.start()
    talker = graph.talk(UInt16, "/board", RELIABLE)
    assert bench.node.trigger_deactivate() == SUCCESS
    graph.wait_for(lambda: talker.get_subscription_count() == 0)
    talker.publish(UInt16(data=100))
    assert bench.node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: talker.get_subscription_count() == 1)
    talker.publish(UInt16(data=101))
    assert bench.wait_for_readings(1, ["mq2"]) == [[101.0]]


def test_the_classifier_classifies_what_the_adapter_publishes(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    bench = Bench(graph, [f"{','.join(PAPER_CHANNELS)}=/board"])
    bench.start()
    talker = graph.talk(Float32MultiArray, "/board", RELIABLE)
    graph.wait_for(lambda: station.listening() > 0 and graph.probe.count_publishers("gas/readings") > 1)
    talker.publish(Float32MultiArray(data=[float(value) for value in counts_of("Perfume")]))
    graph.wait_for(lambda: len(station.classes) == 1)
    direct = encode_reading(GasReading(bench.now_ns(), PAPER_CHANNELS, counts_of("Perfume")))
    station.publish_reading(direct)
    graph.wait_for(lambda: len(station.classes) == 2)
    assert station.classes[0].data == station.classes[1].data
