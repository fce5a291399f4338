"""Runs on a dask cluster come back as those in this process; one that fails is told."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Iterator
from functools import partial

import pytest

from training.command_line.parallel import ClusterError, run_each, run_each_remotely

distributed = pytest.importorskip("distributed", reason="the cluster is dask's")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        yield cluster.scheduler_address


def divided(item: int, by: int) -> tuple[int, int]:
    return item, item // by


def test_each_comes_back_once(scheduler: str) -> None:
    run = partial(divided, by=3)
    assert sorted(run_each_remotely(run, range(20), scheduler)) == list(run_each(run, range(20), jobs=1))


def test_equal_items_are_run_each(scheduler: str) -> None:
    assert list(run_each_remotely(partial(divided, by=1), [4, 4], scheduler)) == [(4, 4), (4, 4)]


def test_a_run_that_fails_is_told(scheduler: str) -> None:
    with pytest.raises(ClusterError, match="a run failed on the cluster: integer division"):
        list(run_each_remotely(partial(divided, by=0), [1], scheduler))
