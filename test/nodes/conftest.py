"""A ROS graph of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context

from nodes.harness import Graph


@pytest.fixture(autouse=True)
def ros_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place of its own for what nodes keep over a restart."""
    home = tmp_path / "ros_home"
    monkeypatch.setenv("ROS_HOME", str(home))
    return home


@pytest.fixture
def graph(ros_domain: int) -> Iterator[Graph]:
    """A graph in a domain of its own."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    graph = Graph(context)
    yield graph
    graph.close()
    context.try_shutdown()
