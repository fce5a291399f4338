"""The quality of service of each kind of topic."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Readings and verdicts: none may be lost on the way."""

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""States: a late subscriber gets the last one."""

SENSOR_DATA = qos_profile_sensor_data
"""Images: the newest matters more than every one (REP-2003)."""
