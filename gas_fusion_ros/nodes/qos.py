"""The quality of service of each kind of topic, and what of it parameters may change."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Readings and verdicts: none may be lost on the way."""

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""States: a late subscriber gets the last one."""

TRANSFORMS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
"""Of tf2: its own listeners ask for no less."""

STATIC_TRANSFORMS = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)

LATCHED_LEAKS = QoSProfile(
    depth=16, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Several states on one topic, one after the other: a late subscriber gets the last ones."""

LATCHED_CHANGES = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""To hear states by whoever must miss no change of one."""

HEARTBEAT = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    deadline=Duration(seconds=2.0),
    liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
    liveliness_lease_duration=Duration(seconds=3.0),
)
"""A state that is repeated every second: whoever asks for deadline and liveliness is told of its end."""

LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""Pictures for people: the newest, whole; RViz asks for reliable ones."""

SENSOR_DATA = qos_profile_sensor_data
"""Images: the newest matters more than every one (REP-2003)."""

NO_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)
"""For publishers of a node that hears much: each event is one more thing to wait for at every message.

What they would log, that a subscriber asks for another quality of service, the subscriber logs as well.
"""

OVERRIDABLE = QoSOverridingOptions.with_default_policies()
"""History, depth and reliability, by the parameters `qos_overrides.<topic>.subscription.*`."""

OVERRIDABLE_BUT_RELIABILITY = QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH))
"""Where reliability follows the publishers."""
