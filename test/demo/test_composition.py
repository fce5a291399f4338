"""Nodes in threads of one process: transitions over services, failures said, an end without leftovers."""

from __future__ import annotations

import threading

import pytest
from nodes.harness import Graph
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from gas_fusion_ros.demo.composition import (
    ACTIVATE,
    CONFIGURE,
    Composition,
    CompositionError,
    LifecycleClient,
)
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.qos import RELIABLE


def test_transitions_go_over_the_nodes_services(graph: Graph) -> None:
    composition = Composition(graph.context)
    simulated = [Parameter("driver", value="simulated")]
    sensor = GasSensorNode(context=graph.context, parameter_overrides=simulated)
    composition.spin(sensor)
    lifecycle = LifecycleClient(graph.probe, sensor.get_name())
    lifecycle.request(CONFIGURE)
    lifecycle.request(ACTIVATE)
    with pytest.raises(CompositionError, match="gas_sensor was asked to configure and could not"):
        lifecycle.request(CONFIGURE)
    composition.check()
    composition.close()
    composition.close()


def test_a_node_that_is_not_there_is_named(graph: Graph) -> None:
    lifecycle = LifecycleClient(graph.probe, "nobody")
    with pytest.raises(CompositionError, match="nobody was asked to activate and did not answer"):
        lifecycle.request(ACTIVATE, timeout_s=0.1)


def test_a_callback_that_raises_is_said(graph: Graph) -> None:
    raised = threading.Event()

    def fail(_: String) -> None:
        raised.set()
        raise RuntimeError("broken sensor")

    composition = Composition(graph.context)
    node = Node("failing", context=graph.context)
    node.create_subscription(String, "topic", fail, RELIABLE)
    composition.spin(node)
    graph.talk(String, "topic", RELIABLE).publish(String(data="x"))
    assert raised.wait(20)
    composition.close()
    with pytest.raises(CompositionError, match="RuntimeError: broken sensor"):
        composition.check()
