"""ROS domains for tests, each in nobody else's."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator


def _share() -> Iterator[int]:
    """Domains 1 to 100 in any order; of several processes of pytest-xdist, each has its own share."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = range(1 + worker % workers, 101, workers)
    return itertools.cycle(random.sample(share, len(share)))


_DOMAINS = _share()


def next_domain() -> int:
    """A domain that no other test of this run uses, or has used for long.

    A process that was killed is seen in its domain for twenty seconds more.
    """
    return next(_DOMAINS)
