"""The robot's name at the broker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.fleet.names import robot_topics


def test_the_name_is_the_parameter_else_the_namespace() -> None:
    assert robot_topics("gas_fusion", "", "/site/robot1").robot == "site.robot1"
    topics = robot_topics("plant/gas", "seven", "/robot1")
    assert (topics.state, topics.alarms, topics.events) == (
        "plant/gas/seven/state",
        "plant/gas/seven/alarms",
        "plant/gas/seven/events",
    )


def test_without_a_name_the_remedy_is_named() -> None:
    with pytest.raises(ValueError, match="robot is not set, and the node has no namespace"):
        robot_topics("gas_fusion", "", "/")


@given(st.text(), st.text())
def test_no_name_makes_another_topic_than_its_own(prefix: str, robot: str) -> None:
    """No wildcard, no level more, nothing of the broker's own."""
    try:
        topics = robot_topics(prefix, robot, "/robot1")
    except ValueError:
        return
    assert topics.state == f"{prefix}/{topics.robot}/state"
    assert not set("+#$\0") & set(topics.state)
    assert "/" not in topics.robot
