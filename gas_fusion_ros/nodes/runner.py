"""Runs one node until it is told to stop; ends quietly, once, with exit code 0."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

_WAKE_UP_S = 0.5


def run(create: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Spin the node that `create` returns until SIGINT, SIGTERM or a shutdown from outside."""
    interrupts = _Interrupts()
    # Before rclpy's own handler, which calls it and in whose place it stands in the end.
    signal.signal(signal.SIGINT, interrupts)
    rclpy.init(args=list(args) if args is not None else None)
    try:
        _spin(create(), interrupts)
    except (KeyboardInterrupt, ExternalShutdownException):
        # The ordinary ends: Ctrl-C, or `ros2 launch` stopping its children.
        pass
    except Exception:
        # A signal during construction invalidates the context under the half-made node.
        if rclpy.ok():
            raise
    finally:
        interrupts.are_over = True
        rclpy.try_shutdown()
        # The last moments belong to nobody's Ctrl-C either.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Interrupts:
    """Handles SIGINT: the first one interrupts, further ones change nothing.

    Ctrl-C reaches a launched node twice, from the terminal and from `ros2 launch`. A second one that waits
    already is heard before any handler can be replaced, so the one handler decides.
    """

    def __init__(self) -> None:
        self.are_over = False

    def __call__(self, *_: object) -> None:
        if not self.are_over:
            self.are_over = True
            raise KeyboardInterrupt


def _spin(node: Node, interrupts: _Interrupts) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        # Not `spin`: a signal just before it begins to wait would go unnoticed for ever.
        while rclpy.ok():
            executor.spin_once(timeout_sec=_WAKE_UP_S)
    finally:
        interrupts.are_over = True
        executor.shutdown()
        node.destroy_node()
