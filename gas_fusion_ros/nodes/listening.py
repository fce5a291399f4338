"""A node that is spun in a thread of its own, in a ROS context of its own, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidNamespaceException, InvalidTopicNameException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from gas_fusion_ros.base.quoting import one_line

N = TypeVar("N", bound=Node)

_CALLBACK_S = 3.0


class ListeningError(ValueError):
    """ROS cannot start, or a name is none; the message says why."""


@contextmanager
def listening(create: Callable[[Context], N]) -> Iterator[N]:
    """Spin the node that `create` makes in a context.

    Raises:
        ListeningError: ROS cannot start, or its namespace or a topic is no name.
    """
    context = Context()
    try:
        rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise ListeningError(f"ROS cannot start: {one_line(str(error))}") from None
    try:
        try:
            node = create(context)
        except (InvalidNamespaceException, InvalidTopicNameException) as error:
            raise ListeningError(one_line(str(error))) from None
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,), name="listening", daemon=True)
        thread.start()
        try:
            yield node
        finally:
            executor.shutdown(timeout_sec=_CALLBACK_S)
            thread.join(_CALLBACK_S)
            node.destroy_node()
    finally:
        context.try_shutdown()


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return
