"""Runs that do not depend on each other, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import joblib

Item = TypeVar("Item")
Result = TypeVar("Result")


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
