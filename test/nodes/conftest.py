"""A ROS graph of its own for each test."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context

from nodes.harness import Graph

# One after another: a process that was killed is seen in its domain for twenty seconds more.
_DOMAINS = itertools.cycle(random.sample(range(1, 101), 100))


@pytest.fixture(autouse=True)
def ros_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place of its own for what nodes keep over a restart."""
    home = tmp_path / "ros_home"
    monkeypatch.setenv("ROS_HOME", str(home))
    return home


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A graph in a domain of its own that nothing outside this machine sees."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = next(_DOMAINS)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    graph = Graph(context)
    yield graph
    graph.close()
    context.try_shutdown()
