"""The leak mapper's parameters, of the live node and of an evaluation alike, and the files that set them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.mapping.settings import MappingSettings
from gas_fusion_ros.pipeline.settings import POSE_TYPES, SettingsError, check_parameters
from gas_fusion_ros.settings.fields import make_settings, setting, specs_of
from gas_fusion_ros.settings.parameter_file import ParameterFileError, nodes_in, read_node_parameters
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS

NODE = "leak_mapper"
_MOST_REACH_CELLS = 500
"""A megabyte of gas/map."""


@dataclass(frozen=True)
class LeakMapperSettings(MappingSettings):
    """What the leak mapper takes; an evaluation makes use of what it maps with."""

    pose_topic: str = setting("pose", "topic of the robot's pose")
    pose_type: str = setting("PoseStamped", "type of the pose topic", choices=POSE_TYPES)
    robot_frame: str = setting(
        "",
        "frame of the robot, as base_link: its pose is then that of the transforms on /tf and /tf_static, in "
        "map_frame, and pose_topic is not heard; empty for the topic",
    )
    map_frame: str = setting("map", "frame in which the robot's frame is looked up; fixed to the site")
    pose_max_age_ns: int = setting(
        2 * NANOSECONDS_PER_SECOND,
        "a reading has no place where the robot's pose is older or newer than it by more, s; a pose without "
        "a stamp is always taken",
        minimum=0.01,
        maximum=3600.0,
    )
    map_reach_m: float = setting(
        40.0,
        "how far about the robot gas/map and gas/map_points reach, m",
        minimum=1.0,
        maximum=500.0,
        name="map_reach",
    )
    site_file: str = setting(
        "",
        "SQLite file that keeps the site's leaks from patrol to patrol, made where it is not there; the "
        "pose's frame must be fixed to the site; empty for none",
    )

    @property
    def pose_source(self) -> str:
        """Where the robot's pose comes from, for a sentence."""
        if self.robot_frame:
            return f"the transform of {shown(self.robot_frame)} in {shown(self.map_frame)}"
        return f"the pose on {shown(self.pose_topic)}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.map_reach_m > _MOST_REACH_CELLS * self.cell_m:
            raise ValueError(
                f"map_reach must be at most {_MOST_REACH_CELLS} times map_cell, not {self.map_reach_m:g} m "
                f"of {self.cell_m:g} m"
            )


def read_mapper_settings(path: Path) -> LeakMapperSettings:
    """Read the mapper's parameters from a ROS file; without a section for it they are the defaults.

    Raises:
        SettingsError: the file cannot be read, or a parameter is unknown or cannot be used.
    """
    try:
        given = read_node_parameters(path, NODE) if NODE in nodes_in(path) else {}
    except ParameterFileError as error:
        raise SettingsError(str(error)) from None
    try:
        check_parameters(NODE, [*specs_of(LeakMapperSettings), *MANAGED_SPECS], given)
        return make_settings(LeakMapperSettings, given)
    except ValueError as error:
        raise SettingsError(f"{shown(path)}: {error}") from None
