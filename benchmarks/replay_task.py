"""One task of `benchmarks.replay`, in a process that does nothing else.

`python -m benchmarks.replay_task` with `evaluate BAG OUTPUT [OPTION...]`, `read BAG` or `forward MODEL MODE
RUNS`. What it took is printed as the last line, in JSON.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import BagTopics, find_topics
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.precision import AUTO
from gas_fusion_ros.model.runtimes import create_runtime


def evaluate(bag: str, output: str, *options: str) -> float:
    """Run the command `gas-fusion evaluate`; return the seconds that the evaluation itself took.

    Raises:
        RuntimeError: the bag was not evaluated whole.
    """
    from gas_fusion_ros.cli import app

    arguments = ["evaluate", bag, "--output", output, *options]
    code = app(arguments, standalone_mode=False)
    if code:
        raise RuntimeError(f"gas-fusion {' '.join(arguments)} ended with exit code {code}")
    report = json.loads((Path(output) / "report.json").read_text(encoding="utf-8"))
    return float(report["wall_s"])


def read(bag: str) -> float:
    """Deserialize every reading and image of a bag; return the seconds that took."""
    began_s = time.perf_counter()
    with BagReader(Path(bag), Problems()) as reader:
        found = find_topics(reader.topics, BagTopics(), Problems(), samples=reader.first_messages).topics
        for _ in reader.messages({name for name in (found.gas, found.image) if name is not None}):
            pass
    return time.perf_counter() - began_s


def forward(model: str, mode: str, runs: str) -> float:
    """Run a network on random inputs, one at a time on one thread; return the seconds that took."""
    bundle = Bundle.load(find_bundle(model))
    runtime = create_runtime(bundle, "cpu", threads=1, precision=AUTO)  # as the evaluation does
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(size=(1, *shape)).astype(np.float32)
        for name, shape in bundle.inputs(Mode(mode)).items()
    }
    runtime.run(Mode(mode), inputs)
    began_s = time.perf_counter()
    for _ in range(int(runs)):
        runtime.run(Mode(mode), inputs)
    return time.perf_counter() - began_s


TASKS: Mapping[str, Callable[..., float]] = {"evaluate": evaluate, "read": read, "forward": forward}


def peak_mb() -> float:
    """The most memory that this process has had, and with it the largest that it started, MB.

    Not its own `ru_maxrss`: that begins with what the parent had when it started this process.
    """
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    children_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (int(found[1]) + children_kb) * 1024 / 1e6


def run(arguments: Sequence[str]) -> Mapping[str, float]:
    """Do a task and return what it took: its own `seconds`, and its peak memory."""
    name, *rest = arguments
    seconds = TASKS[name](*rest)
    return {"seconds": seconds, "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1:])), flush=True)
