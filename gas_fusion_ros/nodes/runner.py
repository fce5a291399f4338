"""Runs one node until it is told to stop; ends quietly, once, with exit code 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


def run(create: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Spin the node that `create` returns until SIGINT, SIGTERM or a shutdown from outside."""
    rclpy.init(args=list(args) if args is not None else None)
    try:
        node = create()
        try:
            rclpy.spin(node)
        finally:
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        # The ordinary ends: Ctrl-C, or `ros2 launch` stopping its children.
        pass
    finally:
        rclpy.try_shutdown()
