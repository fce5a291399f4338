"""Runs one node until it is told to stop; ends quietly, once, with exit code 0.

ROS arguments that cannot be used, such as a parameter file that is missing, end it with one line and exit
code 1.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

_WAKE_UP_S = 0.5
_SOURCE_PLACE = re.compile(r", at \S+:\d+")
"""Where in the source of rcl an error was found."""


def run(create: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Spin the node that `create` returns until SIGINT, SIGTERM or a shutdown from outside.

    Raises:
        SystemExit: ROS cannot start with these arguments.
    """
    interrupts = _Interrupts()
    # Before rclpy's own handler, which calls it and in whose place it stands in the end.
    signal.signal(signal.SIGINT, interrupts)
    _start_ros(args)
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


def _start_ros(args: Sequence[str] | None) -> None:
    try:
        rclpy.init(args=list(args) if args is not None else None)
    except RuntimeError as error:
        # RCLError and UnknownROSArgsError have no public name.
        reason = _SOURCE_PLACE.sub("", str(error))
        sys.exit(f"{Path(sys.argv[0]).stem}: ROS cannot start with these arguments: {reason}")


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
