"""Runs one node until it is told to stop; ends quietly, once, with exit code 0.

The node lives in a thread of its own, so that the main thread hears a signal at once, whatever the node is
doing. rclpy's own signal handling is off: it would end the context before the node has said its last word.

What ends the node otherwise, be it ROS arguments that cannot be used or an exception in a callback, is told
in one line, with exit code 1.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from gas_fusion_ros.nodes.parameter_file_check import without_place
from gas_fusion_ros.nodes.service_manager import ServiceManager

_LOOK_S = 0.25
_CALLBACK_S = 3.0
"""How long a callback may go on after the signal. With the next one below the 10 s of `ros2 launch`."""
_LAST_WORDS_S = 5.0

_Ends = SimpleQueue[Exception | None]
"""What ends the node: an exception, or None for a signal. Its `put` may be called by a signal handler."""


def run(create: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Spin the node that `create` returns until SIGINT, SIGTERM or a shutdown from outside.

    The node is then destroyed while its context is still valid. A callback or an end that takes too long is
    left behind.

    Raises:
        SystemExit: ROS cannot start with these arguments, or the node failed.
    """
    ends: _Ends = SimpleQueue()
    hear_signals(lambda *_: ends.put(None))
    _start_ros(args)
    life = _Life(create, ends)
    life.start()
    failure = _first(ends)
    if failure is not None:
        get_logger(_program()).debug("".join(traceback.format_exception(failure)))
    left_behind = life.end()
    if not left_behind:
        rclpy.try_shutdown()
    # The last moments belong to nobody's Ctrl-C either.
    hear_signals(signal.SIG_IGN)
    if failure is not None:
        _say(f"ended by {type(failure).__name__}: {failure}")
    if left_behind:
        # The interpreter would wait for it, or fall over it.
        _say(left_behind)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if failure is None else 1)
    if failure is not None:
        sys.exit(1)


def _first(ends: _Ends) -> Exception | None:
    """Wait for the first end; it alone counts, and further signals change nothing.

    The system may hand a signal to another thread, as after a SIGCONT: Python calls its handler when the main
    thread next looks.
    """
    while True:
        try:
            return ends.get(timeout=_LOOK_S)
        except Empty:
            continue


def hear_signals(handler: Callable[[int, object], object] | signal.Handlers) -> None:
    """Handle SIGINT and SIGTERM by `handler`; to be called by the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _start_ros(args: Sequence[str] | None) -> None:
    try:
        rclpy.init(
            args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO
        )
    except RuntimeError as error:
        # RCLError and UnknownROSArgsError have no public name.
        _say(f"ROS cannot start with these arguments: {without_place(error)}")
        sys.exit(1)


def _program() -> str:
    return Path(sys.argv[0]).stem


def _say(reason: str) -> None:
    print(f"{_program()}: {' '.join(reason.split())}", file=sys.stderr)


class _Life(threading.Thread):
    """Makes the node and spins it until the end.

    Args:
        create: makes the node.
        ends: learns how spinning ended.
    """

    def __init__(self, create: Callable[[], Node], ends: _Ends) -> None:
        super().__init__(name="node", daemon=True)
        self._create = create
        self._ends = ends
        self._executor = SingleThreadedExecutor()
        self._node: Node | None = None
        self._service_manager = ServiceManager.of(os.environ)
        self._is_ending = False

    def run(self) -> None:
        """Make the node, then spin it."""
        failure: Exception | None = None
        try:
            self._node = self._create()
            self._executor.add_node(self._node)
            if self._service_manager is not None:
                self._service_manager.attend(self._node)
            while rclpy.ok() and not self._is_ending:
                self._executor.spin_once()
        except ExternalShutdownException:
            pass
        except Exception as error:
            failure = error
        self._ends.put(failure)

    def end(self) -> str:
        """Stop spinning and destroy the node.

        Returns:
            What had to be left behind because it took too long; empty where nothing was.
        """
        self._is_ending = True
        if self._service_manager is not None:
            self._service_manager.end()
        # A task, for `wake` alone does not end the wait; `shutdown` would destroy what the thread waits on.
        self._executor.create_task(lambda: None)
        self.join(_CALLBACK_S)
        closing = threading.Thread(target=self._close, name="close node", daemon=True)
        closing.start()
        closing.join(_LAST_WORDS_S)
        if closing.is_alive():
            return f"the node could not be closed within {_LAST_WORDS_S:g} s"
        return f"a callback has not returned for {_CALLBACK_S:g} s" if self.is_alive() else ""

    def _close(self) -> None:
        if self._node is not None:
            self._node.destroy_node()
