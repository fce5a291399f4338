"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy
import pytest
from domains import next_domain
from hypothesis import settings

if TYPE_CHECKING:
    from nodes.harness import Graph

# An example that takes long on a busy machine is no failure, and looking for a smaller one takes minutes.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")


@pytest.fixture(scope="session")
def gas_fusion_data() -> Path:
    """The data set's folder, named by GAS_FUSION_DATA."""
    folder = os.environ.get("GAS_FUSION_DATA")
    if not folder:
        pytest.skip("GAS_FUSION_DATA is not set: it names the data set's folder")
    return Path(folder)


@pytest.fixture(scope="session")
def untrained_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of untrained networks, which takes seconds to write; not to be changed.

    Where what they say does not matter, but that they are asked does.
    """
    from bundles import write_untrained_bundle

    folder = tmp_path_factory.mktemp("bundles") / "untrained"
    write_untrained_bundle(folder)
    return folder


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A ROS domain that nothing outside this machine sees and no test has used for long.

    rclpy leaves parts of a lifecycle node to the garbage collector.
    """
    gc.collect()
    domain = next_domain()
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    return domain


@pytest.fixture
def ros_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place of its own for what nodes keep over a restart."""
    home = tmp_path / "ros_home"
    monkeypatch.setenv("ROS_HOME", str(home))
    return home


@pytest.fixture
def graph(ros_domain: int) -> Iterator[Graph]:
    """A graph in a domain of its own."""
    import rclpy
    from nodes.harness import Graph
    from rclpy.context import Context

    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    graph = Graph(context)
    yield graph
    graph.close()
    context.try_shutdown()


def pytest_collection_finish() -> None:
    """Keep the garbage collector out of what thousands of collected tests are made of.

    Tests of nodes call it twice each: a second of every test where it walks through all of it.
    """
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep texts of megabytes out of the names of tests: they go from process to process and into reports."""
    return f"{val[:40]!a}..." if isinstance(val, (str, bytes)) and len(val) > 200 else None


@pytest.hookimpl(hookwrapper=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> Generator[None, pluggy.Result[pytest.Module], None]:
    """Keep a module that skips itself from taking its whole folder along.

    The pytest plugin of launch_testing imports each module before it is collected, where pytest does
    not expect `importorskip`.
    """
    outcome = yield
    if isinstance(outcome.exception, pytest.skip.Exception):
        outcome.force_result(pytest.Module.from_parent(parent, path=module_path))
