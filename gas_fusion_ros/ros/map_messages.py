"""Makes the messages that tell where gas is: the leak's pose, the map as a grid and as coloured points."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.mapping.gas_map import MapWindow

POINT_FIELDS = ("x", "y", "z", "rgb", "mean", "variance", "confidence")
"""Float32 fields of the coloured points."""
LEAST_CONFIDENCE = 0.1
"""Cells of less are unknown."""
_HEIGHT_VARIANCE = 1.0
_TURN_VARIANCE = math.pi**2
"""Nobody knows the leak's heading."""

FloatArray = npt.NDArray[np.float64]


def encode_leak_pose(place: LeakPlace) -> PoseWithCovarianceStamped:
    """Make the PoseWithCovarianceStamped of a leak's place; height and heading are not known, and say so."""
    message = PoseWithCovarianceStamped(header=_header(place.stamp_ns, place.frame_id))
    message.pose.pose.position.x = place.x
    message.pose.pose.position.y = place.y
    message.pose.pose.orientation.w = 1.0
    xx, xy, yy = place.covariance
    covariance = np.diag([0.0, 0.0, _HEIGHT_VARIANCE, *[_TURN_VARIANCE] * 3])
    covariance[:2, :2] = (xx, xy), (xy, yy)
    message.pose.covariance = covariance.ravel()
    return message


def encode_map(window: MapWindow, stamp_ns: int, frame_id: str) -> OccupancyGrid:
    """Make the OccupancyGrid of a part of the gas map: leak probability in percent, -1 where nobody was."""
    message = OccupancyGrid(header=_header(stamp_ns, frame_id))
    info = message.info
    info.map_load_time = message.header.stamp
    info.resolution = window.cell_m
    info.height, info.width = window.mean.shape
    info.origin.position.x, info.origin.position.y = window.x, window.y
    info.origin.orientation.w = 1.0
    percent = np.rint(100.0 * np.clip(window.mean, 0.0, 1.0))
    cells = np.where(window.confidence >= LEAST_CONFIDENCE, percent, -1.0).astype(np.int8)
    message.data.frombytes(cells.tobytes())
    return message


def encode_map_points(window: MapWindow, stamp_ns: int, frame_id: str) -> PointCloud2:
    """Make the PointCloud2 of the cells where the robot was: green without gas, red with it."""
    rows, columns = np.nonzero(window.confidence >= LEAST_CONFIDENCE)
    mean = np.clip(window.mean[rows, columns], 0.0, 1.0)
    points = np.zeros((len(rows), len(POINT_FIELDS)), dtype="<f4")
    points[:, 0] = window.x + (columns + 0.5) * window.cell_m
    points[:, 1] = window.y + (rows + 0.5) * window.cell_m
    points[:, 3] = _colours(mean)
    points[:, 4] = mean
    points[:, 5] = window.variance[rows, columns]
    points[:, 6] = window.confidence[rows, columns]
    message = PointCloud2(header=_header(stamp_ns, frame_id))
    message.height, message.width = 1, len(points)
    message.fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate(POINT_FIELDS)
    ]
    message.point_step = points.itemsize * len(POINT_FIELDS)
    message.row_step = message.point_step * message.width
    message.data.frombytes(points.tobytes())
    message.is_dense = True
    return message


def _colours(mean: FloatArray) -> npt.NDArray[np.float32]:
    """Pack colours as PCL and RViz read them: 0x00RRGGBB in the bits of a float."""
    red = np.rint(255.0 * np.minimum(1.0, 2.0 * mean)).astype(np.uint32)
    green = np.rint(255.0 * np.minimum(1.0, 2.0 * (1.0 - mean))).astype(np.uint32)
    return (red << 16 | green << 8).astype("<u4").view("<f4")


def _header(stamp_ns: int, frame_id: str) -> Header:
    seconds, rest = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    return Header(stamp=Time(sec=seconds, nanosec=rest), frame_id=frame_id)
