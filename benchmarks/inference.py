"""A bundle's forward pass, memory and windows beside another bundle's: `python -m benchmarks.inference`.

Each bundle runs in a process of its own, one thread, batch 1; ratios are of medians in the same run.
Eight bits are measured beside float32 in one process, in turns, by CPU time.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.observation import GasReading, Mode, Observation
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle, Precision
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import OnnxRuntime

_ROUNDS = 5
_RUNS = 400
_PAIRS = 9
_RATE_HZ = 10


def measure(model: str) -> dict[str, float]:
    """Return a bundle's figures: milliseconds per forward pass and per window at 10 Hz, and resident MB."""
    bundle = Bundle.load(find_bundle(model))
    runtime = OnnxRuntime(bundle, threads=1)
    rng = np.random.default_rng(0)
    inputs = _inputs(bundle, rng)
    forward = _median_ms(lambda: runtime.run(Mode.FUSION, inputs))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    classifier = Classifier(bundle, runtime)
    stamps = iter(range(NANOSECONDS_PER_SECOND, 10**15, NANOSECONDS_PER_SECOND // _RATE_HZ))

    def prepare() -> None:
        counts = rng.uniform(300, 700, len(bundle.channels)).astype(np.float32)
        classifier.prepare(Observation(GasReading(next(stamps), bundle.channels, counts), None))

    for _ in range(_RATE_HZ * 130):  # two minutes fill every window
        prepare()
    return {"forward_ms": forward, "window_ms": _median_ms(prepare), "resident_mb": resident}


def _inputs(bundle: Bundle, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
    return {
        name: rng.random((1, *shape), dtype=np.float32) for name, shape in bundle.inputs(Mode.FUSION).items()
    }


def measure_precisions(model: str) -> list[tuple[float, float]]:
    """Return milliseconds of CPU time per forward pass, in float32 and in eight bits, of each pair of turns.

    Empty where the bundle has no network in eight bits.
    """
    bundle = Bundle.load(find_bundle(model))
    if bundle.int8 is None:
        return []
    runtimes = [OnnxRuntime(bundle, threads=1, precision=precision) for precision in Precision]
    inputs = _inputs(bundle, np.random.default_rng(0))

    def turn(runtime: OnnxRuntime) -> float:
        runtime.run(Mode.FUSION, inputs)
        start = time.process_time()
        for _ in range(_RUNS):
            runtime.run(Mode.FUSION, inputs)
        return 1e3 * (time.process_time() - start) / _RUNS

    return [(turn(runtimes[0]), turn(runtimes[1])) for _ in range(_PAIRS)]


def _median_ms(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def _in_process(model: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.inference", "--one", model]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def main(
    model: Annotated[
        str, typer.Option(help="Model bundle: a name below models/ or a folder.")
    ] = "temporal_fusion",
    beside: Annotated[str, typer.Option(help="The bundle to compare with.")] = "fusion1",
    one: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Compare two bundles; the rounds alternate, so that both see the same machine."""
    if one:
        sys.stdout.write(json.dumps(measure(one)))
        return
    rounds = [(_in_process(model), _in_process(beside)) for _ in range(_ROUNDS)]
    pairs = measure_precisions(model)
    table = Table("measured", model, beside, "ratio")
    for name, title in (
        ("forward_ms", "forward pass with a picture, ms"),
        ("resident_mb", "resident memory after it, MB"),
        ("window_ms", f"taking in a reading at {_RATE_HZ} Hz, ms"),
    ):
        mine, theirs = (statistics.median(pair[side][name] for pair in rounds) for side in (0, 1))
        table.add_row(title, f"{mine:.3f}", f"{theirs:.3f}", f"{mine / theirs:.2f}")
    console = Console()
    console.print(table)
    if pairs:
        console.print(precision_table(model, pairs))


def precision_table(model: str, pairs: Sequence[tuple[float, float]]) -> Table:
    """Show what `measure_precisions` returned: medians, and the ratio of each pair with its spread."""
    ratios = [int8 / float32 for float32, int8 in pairs]
    table = Table("CPU time", *(precision.value for precision in Precision), "ratio (spread)", title=model)
    medians = [f"{statistics.median(values):.3f}" for values in zip(*pairs, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    table.add_row("forward pass with a picture, ms", *medians, spread)
    return table


if __name__ == "__main__":
    typer.run(main)
