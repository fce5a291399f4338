"""A node wakes at the earliest moment that was asked for, once, and is not woken otherwise."""

from __future__ import annotations

from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.nodes.wake_up import WakeUp
from gas_fusion_ros.ros.messages import ns_to_stamp
from nodes.harness import Graph

MS = 1_000_000
S = 1000 * MS


class Sleeper(ManagedNode):
    """Asks for the next moment of its list when it wakes."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("sleeper", **node_arguments)
        self.woken_ns: list[int] = []
        self.then_ns: list[int] = []
        self.wake_up = WakeUp(self, self._wake)

    def _wake(self) -> None:
        self.woken_ns.append(self.watch_ns())
        if self.then_ns:
            self.wake_up.by(self.then_ns.pop(0))


def test_the_earliest_moment_counts_and_each_is_met_once(graph: Graph) -> None:
    node = Sleeper(context=graph.context)
    began_ns = node.watch_ns()
    first_ns, second_ns = began_ns + 200 * MS, began_ns + 300 * MS
    node.then_ns = [second_ns]
    node.wake_up.by(None)
    node.wake_up.by(began_ns + 3600 * S)
    node.wake_up.by(first_ns)
    node.wake_up.by(began_ns + 400 * MS)  # later than what was asked for: the callback asks again, or not
    graph.add(node)
    graph.wait_for(lambda: len(node.woken_ns) == 2)
    assert first_ns <= node.woken_ns[0]
    assert second_ns <= node.woken_ns[1]


def test_a_moment_that_is_over_is_met_at_once(graph: Graph) -> None:
    node = graph.add(Sleeper(context=graph.context))
    node.wake_up.by(node.watch_ns() - S)
    graph.wait_for(lambda: len(node.woken_ns) == 1)


def test_simulated_time_wakes_when_it_gets_there(graph: Graph) -> None:
    node = Sleeper(context=graph.context, parameter_overrides=[Parameter("use_sim_time", value=True)])
    node.wake_up.destroy()
    graph.add(node)
    clock = graph.talk(Clock, "/clock", RELIABLE)
    clock.publish(Clock(clock=ns_to_stamp(100 * S)))
    graph.wait_for(lambda: node.watch_ns() == 100 * S)
    node.wake_up = WakeUp(node, node._wake)
    node.wake_up.by(130 * S)
    clock.publish(Clock(clock=ns_to_stamp(129 * S)))
    graph.wait_for(lambda: node.watch_ns() == 129 * S)
    assert node.woken_ns == []
    clock.publish(Clock(clock=ns_to_stamp(131 * S)))
    graph.wait_for(lambda: node.woken_ns == [131 * S])
