"""Spins nodes in a thread and waits for events, never for a fixed time."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

N = TypeVar("N", bound=Node)

TIMEOUT_S = 20.0


class Graph:
    """The nodes of one test, spun by one thread, and a probe node that listens, talks and calls."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._executor = SingleThreadedExecutor(context=context)
        self._changed = threading.Condition()
        self._nodes: list[Node] = []
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self.probe = self.add(Node("probe", context=context))
        self._thread.start()

    def add(self, node: N) -> N:
        """Spin `node` too."""
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def create(self, node_class: Callable[..., N], namespace: str = "", **parameters: Any) -> N:
        """Construct a node with parameters (`__` in a name stands for a dot) and spin it."""
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in parameters.items()]
        return self.add(node_class(context=self.context, namespace=namespace, parameter_overrides=overrides))

    def listen(self, message_type: type[Any], topic: str, qos: QoSProfile) -> list[Any]:
        """Collect what comes on `topic`."""
        received: list[Any] = []

        def keep(message: Any) -> None:
            with self._changed:
                received.append(message)
                self._changed.notify_all()

        self.probe.create_subscription(message_type, topic, keep, qos)
        return received

    def talk(self, message_type: type[Any], topic: str, qos: QoSProfile, listeners: int = 1) -> Any:
        """Make a publisher and wait until `listeners` subscriptions are connected to it."""
        publisher = self.probe.create_publisher(message_type, topic, qos)
        self.wait_for(lambda: publisher.get_subscription_count() >= listeners)
        return publisher

    def call(self, service_type: type[Any], name: str, request: Any = None) -> Any:
        """Call a service, with an empty request where none is given."""
        client = self.probe.create_client(service_type, name)
        assert client.wait_for_service(TIMEOUT_S)
        answered = threading.Event()
        future = client.call_async(service_type.Request() if request is None else request)
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(TIMEOUT_S)
        return future.result()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again after each message, and now and then.

        One that looks at the last message where none has been heard yet does not hold.
        """
        with self._changed:
            deadline_s = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline_s:
                if _holds(condition):
                    return
                self._changed.wait(0.05)
            raise AssertionError(f"not within {TIMEOUT_S} s")

    def close(self) -> None:
        """Stop spinning and destroy the nodes."""
        self._executor.shutdown()
        self._thread.join()
        while self._nodes:
            self._nodes.pop().destroy_node()
        # rclpy leaves the state services of a lifecycle node to the garbage collector; until then the
        # next test in this domain would find them.
        gc.collect()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except IndexError:
        return False
