"""An image that has arrived, and becomes pixels once a reading takes it: most images are taken by none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from gas_fusion_ros.base.observation import ThermalFrame


class PendingFrame:
    """An image of which is known that it can be read.

    Args:
        stamp_ns: acquisition time, nanoseconds.
        size: bytes that it takes, or will.
        decode: makes the frame; asked once, and let go of with all that it holds.
    """

    def __init__(self, stamp_ns: int, size: int, decode: Callable[[], ThermalFrame]) -> None:
        self.stamp_ns = stamp_ns
        self.size = size
        self._decode: Callable[[], ThermalFrame] | None = decode

    @classmethod
    def of(cls, frame: ThermalFrame) -> PendingFrame:
        """One that is decoded already."""
        return cls(frame.stamp_ns, frame.pixels.nbytes, lambda: frame)

    @cached_property
    def frame(self) -> ThermalFrame:
        """The frame."""
        assert self._decode is not None
        frame = self._decode()
        self._decode = None
        return frame
