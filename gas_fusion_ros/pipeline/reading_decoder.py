"""Reads from messages what a model goes by: the one decoding of the live node and of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.model.bundle import Bundle, Domain
from gas_fusion_ros.pipeline.array_choice import ArrayChoice
from gas_fusion_ros.ros.messages import channels_there, decode_reading

if TYPE_CHECKING:
    from sensor_msgs.msg import PointCloud2


class ReadingDecoder:
    """Reads the channels of a model. Not thread-safe.

    A model that looks at counts takes a reading that has all of them. One that looks at ln(Rs/R0) takes those
    that are there, one at least, and besides them those that the array has and the model does not know: they
    count in the array's departure from clean air.

    Args:
        bundle: the model.
        channels: names of the channels to read, where they were chosen; empty for those told above.
        array: the array that stands behind the readings.

    Attributes:
        missing: the model's channels that the latest reading lacked, in the model's order.
    """

    def __init__(self, bundle: Bundle, channels: Sequence[str], array: ArrayChoice) -> None:
        self.missing: tuple[str, ...] = ()
        self._bundle = bundle
        self._channels = tuple(channels)
        self._array = array

    def decode(self, msg: PointCloud2) -> GasReading:
        """Read a message of `gas/readings`.

        Raises:
            MessageError: it cannot be used, or lacks a channel that it must have.
        """
        there = self._there(msg)
        reading = decode_reading(msg, there)
        self.missing = tuple(name for name in self._bundle.channels if name not in there)
        return reading

    def _there(self, msg: PointCloud2) -> tuple[str, ...]:
        """The channels to read; those of the model where it has none of them, to be refused."""
        if self._bundle.domain is Domain.COUNTS:
            return self._channels or self._bundle.channels
        there = channels_there(msg, self._channels or self._known)
        return there if set(there) & set(self._bundle.channels) else self._bundle.channels

    @property
    def _known(self) -> tuple[str, ...]:
        """The channels that anybody knows: the model's, then the array's."""
        array = self._array.current.array
        return tuple(dict.fromkeys([*self._bundle.channels, *(() if array is None else array.names)]))
