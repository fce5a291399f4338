"""Freed memory is used again, without a page fault for each of its pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

MIB = 2**20
_SCRIPT = """
import resource, sys
import numpy as np
from gas_fusion_ros.base.memory import keep_freed_memory

size, most = int(sys.argv[1]), eval(sys.argv[2])

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(size, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
given_back = faults()
kept = keep_freed_memory(most)
faults()
print(kept, given_back, faults())
"""


pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another allocator is left as it is"
)


def faults(size: int, most: int | None) -> tuple[int, int]:
    """Page faults of allocating and filling `size` bytes again, before and after the memory is kept."""
    command = [sys.executable, "-c", _SCRIPT, str(size), str(most)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, before, after = told.stdout.split()
    assert kept == "True"
    return int(before), int(after)


@pytest.mark.parametrize(("size", "most"), [(64 * MIB, None), (16 * MIB, 64 * MIB)])
def test_what_is_freed_is_used_again(size: int, most: int | None) -> None:
    before, after = faults(size, most)

    assert after < before / 10


def test_what_is_beyond_the_limit_is_given_back() -> None:
    before, after = faults(64 * MIB, 16 * MIB)

    assert after > before / 2
