"""Runs that do not depend on each other, several at a time: in processes, or on a dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import joblib

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT_S = 10


class ClusterError(RuntimeError):
    """There is no cluster, or a run failed on it; the message says which and why."""


def run_each(run: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Run on each item, `jobs` at a time, in processes where that is more than one.

    Yields:
        Results as they come; with one job, in the items' order.
    """
    if jobs == 1:
        yield from map(run, items)
    else:
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from parallel(joblib.delayed(run)(item) for item in items)


def run_each_remotely(
    run: Callable[[Item], Result], items: Iterable[Item], scheduler: str
) -> Iterator[Result]:
    """Run on each item on the workers of a dask cluster, and yield results as they come.

    The workers must have this package and whatever paths `run` holds. What `run` holds is sent to each once.

    Args:
        run: what is done with an item.
        items: the items.
        scheduler: the scheduler's address, such as `tcp://host:8786`.

    Raises:
        ClusterError: dask is missing, there is no scheduler at the address, or a run failed.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ClusterError("--scheduler needs dask: pip install 'dask[distributed]'") from error
    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ClusterError(f"there is no dask scheduler at {scheduler}: {error}") from error
    with client:
        sent = client.scatter(run, broadcast=True)
        futures = [client.submit(_call, sent, item, pure=False) for item in items]
        for future in as_completed(futures):
            problem = future.exception()
            if problem is not None:
                raise ClusterError(f"a run failed on the cluster: {problem}") from problem
            yield future.result()


def _call(run: Callable[[Item], Result], item: Item) -> Result:
    return run(item)
