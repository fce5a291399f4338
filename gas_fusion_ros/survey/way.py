"""The way of a robot through a patrol: how long it is, and which cells of the site it was in."""

from __future__ import annotations

import math

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.mapping.leak_places import is_usable
from gas_fusion_ros.site.patrol_log import CELL_M, MOST_CELLS, Cell

_STEP_M = 0.25
"""A robot that moves less stands, whatever its localization says."""
_JUMP_M = 10.0
"""Between two poses no robot goes so far: its localization has found itself anew."""


class Way:
    """The way so far, in the frame of the first usable pose; poses of others are passed over.

    Attributes:
        frame_id: the frame; None before the first pose.
        length_m: how far the robot went.
        cells: where it was.
    """

    def __init__(self) -> None:
        self.frame_id: str | None = None
        self.length_m = 0.0
        self.cells: set[Cell] = set()
        self._last: RobotPose | None = None

    def hear(self, pose: RobotPose) -> None:
        """The robot is there."""
        if not is_usable(pose) or self.frame_id not in (None, pose.frame_id):
            return
        self.frame_id = pose.frame_id
        if len(self.cells) < MOST_CELLS:
            self.cells.add((math.floor(pose.x / CELL_M), math.floor(pose.y / CELL_M)))
        if self._last is None:
            self._last = pose
            return
        moved_m = math.hypot(pose.x - self._last.x, pose.y - self._last.y)
        if moved_m >= _STEP_M:
            self.length_m += moved_m if moved_m < _JUMP_M else 0.0
            self._last = pose
