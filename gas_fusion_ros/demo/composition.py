"""Several nodes in one process: a thread for each group, lifecycle transitions over their services."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
CLEANUP = Transition.TRANSITION_CLEANUP

_CALLBACK_S = 10.0
_NAMES = {CONFIGURE: "configure", ACTIVATE: "activate", DEACTIVATE: "deactivate", CLEANUP: "clean up"}


class CompositionError(RuntimeError):
    """A node refused a transition, did not answer, or its thread ended with an exception."""


class Composition:
    """Spins nodes in threads until it is closed, and then destroys them.

    Args:
        context: the ROS context that the nodes live in.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._executors: list[SingleThreadedExecutor] = []
        self._threads: list[threading.Thread] = []
        self._nodes: list[Node] = []
        self._failure: BaseException | None = None

    def spin(self, *nodes: Node) -> None:
        """Serve these nodes in a thread of their own."""
        executor = SingleThreadedExecutor(context=self._context)
        for node in nodes:
            executor.add_node(node)
        self._nodes += nodes
        self._executors.append(executor)
        name = "spin_" + nodes[0].get_name()
        thread = threading.Thread(target=self._run, args=(executor.spin,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def check(self) -> None:
        """Raise what ended a thread, if one has ended.

        Raises:
            CompositionError: a callback raised.
        """
        if self._failure is not None:
            error = self._failure
            raise CompositionError(f"a node failed: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Stop the threads and destroy the nodes; safe to call twice.

        A callback that does not return is left behind after a while.
        """
        for executor in self._executors:
            executor.shutdown(timeout_sec=0)
        deadline_s = time.monotonic() + _CALLBACK_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self._executors, self._threads = [], []
        nodes, self._nodes = self._nodes, []
        for node in nodes:
            node.destroy_node()

    def _run(self, spin: Callable[[], None]) -> None:
        try:
            spin()
        except ExternalShutdownException:
            pass
        except Exception as error:
            self._failure = error


class LifecycleClient:
    """Asks one lifecycle node for transitions, over the services that every lifecycle node has.

    Args:
        node: makes the calls; it must be spinning in another thread.
        target: name of the lifecycle node.
    """

    def __init__(self, node: Node, target: str) -> None:
        self.target = target
        self._client: Client = node.create_client(ChangeState, f"{target}/change_state")

    def request(self, transition: int, timeout_s: float = 60.0) -> None:
        """Ask for a transition and wait until it is done.

        Raises:
            CompositionError: it failed, or there was no answer in time.
        """
        asked = f"{self.target} was asked to {_NAMES[transition]}"
        request = ChangeState.Request(transition=Transition(id=transition))
        response = call(self._client, request, timeout_s)
        if response is None:
            raise CompositionError(f"{asked} and did not answer within {timeout_s:.0f} s")
        if not response.success:
            raise CompositionError(f"{asked} and could not")


def call(client: Client, request: Any, timeout_s: float) -> Any | None:
    """Call a service from a thread that does not spin; None when no answer comes in time."""
    if not client.wait_for_service(timeout_sec=timeout_s):
        return None
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _: answered.set())
    if not answered.wait(timeout_s):
        client.remove_pending_request(future)
        return None
    return future.result()
