"""Follows what a bag tells of its array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.inspection.schema import ArrayFound
from gas_fusion_ros.pipeline.array_choice import KnownArray
from gas_fusion_ros.ros.messages import MessageError
from gas_fusion_ros.ros.source_messages import decode_array

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray


class ArrayFollower:
    """Follows the messages of `gas/array_info`.

    Args:
        topic: full topic name.
        problems: where messages that cannot be used are counted.
    """

    def __init__(self, topic: str, problems: Problems) -> None:
        self._topic = topic
        self._problems = problems
        self._array: ArrayDescription | None = None
        self._changes = 0

    def add(self, msg: DiagnosticArray) -> ArrayDescription | None:
        """Take in a message; return the array that is told of, where one is."""
        try:
            array = decode_array(msg, shown(self._topic))
        except MessageError as error:
            self._problems.add(error.cause, error.detail)
            return self._array
        if self._array is not None and array != self._array:
            self._changes += 1
        self._array = array
        return array

    def found(self) -> ArrayFound | None:
        """Return the array that was told of last; None where that message describes none."""
        if self._array is None:
            return None
        bare = tuple(one.name for one in self._array.channels if one.baseline is None)
        return ArrayFound(KnownArray(self._topic, self._array).figures(None), bare, self._changes)
