"""Wakes a node at the next moment at which something is due, and not before."""

from __future__ import annotations

from collections.abc import Callable

from gas_fusion_ros.nodes.managed_node import ManagedNode

_IDLE_S = 3600.0


class WakeUp:
    """Calls back once at the earliest of the moments that were asked for since the last call.

    To be used by the executor's thread alone. A watch that goes back may make a call late: whoever depends on
    it looks now and then besides.

    Args:
        node: by whose `watch_ns` moments are told.
        callback: what is called; it may ask for the next moment.
    """

    def __init__(self, node: ManagedNode, callback: Callable[[], None]) -> None:
        self._node = node
        self._callback = callback
        self._due_ns: int | None = None
        self._timer = node.watch_timer(_IDLE_S, self._fire)
        self._timer.cancel()

    def by(self, due_ns: int | None) -> None:
        """Ask for a call at that moment of the watch; None asks for none."""
        if due_ns is None or (self._due_ns is not None and self._due_ns <= due_ns):
            return
        self._due_ns = due_ns
        self._timer.timer_period_ns = max(1, due_ns - self._node.watch_ns())
        self._timer.reset()

    def destroy(self) -> None:
        """Call nobody any more."""
        self._node.destroy_timer(self._timer)

    def _fire(self) -> None:
        self._timer.cancel()
        self._due_ns = None
        self._callback()
