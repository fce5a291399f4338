"""Measures the classifier node under load: `python -m benchmarks.pipeline [--seconds 60]`.

Readings at 10 Hz and 206x156 mono16 images at 27 Hz come from a process of their own, the node
runs in another with one inference thread, and this one listens. Afterwards the bare network is
timed in this process. Exit code 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rich.console import Console
from rich.table import Table

from benchmarks.publisher import IMAGE_PERIOD_NS, wait_until
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.demo.composition import ACTIVATE, CONFIGURE, Composition, LifecycleClient
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.precision import AUTO
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.pipeline.settings import NO_STATE_FILE
from gas_fusion_ros.ros import messages

MAX_LATENCY_P99_MS = 10.0
MAX_CPU_PERCENT = 60.0
MAX_RESIDENT_MB = 200.0

_ROOT = Path(__file__).resolve().parents[1]
_SAMPLE_PERIOD_S = 0.5
_BARE_RUNS = 300
_PACED_RUNS = 50
_PACE_S = 0.1


@dataclass(frozen=True)
class Arrival:
    """One message of `gas/classification`.

    Attributes:
        stamp_ns: the reading's stamp.
        latency_ms: the node's own measure: arrival of the later message to the published class.
        end_to_end_ms: stamp of the later message to here, both DDS hops included.
        mode: what the verdict was made from.
    """

    stamp_ns: int
    latency_ms: float
    end_to_end_ms: float
    mode: str


@dataclass(frozen=True)
class Load:
    """What the run cost and what was sent.

    Attributes:
        readings: readings published.
        images: images published.
        cpu_percent: the classifier's share of one core, percent.
        resident_mb: the classifier's largest resident memory, MB.
        skipped: readings that the classifier skipped for lack of time, as its diagnostics say.
    """

    readings: int
    images: int
    cpu_percent: float
    resident_mb: float
    skipped: int


class Listener:
    """Takes down every classification of a reading, and how many the classifier had no time for."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.skipped = 0

    @property
    def accounted(self) -> int:
        """Readings of which is known what became of them."""
        return len(self.arrivals) + self.skipped

    def hear(self, msg: DiagnosticArray) -> None:
        """Take down one classification."""
        received_ns = time.time_ns()
        values = messages.key_values(msg.status[0])
        if values["mode"] == Mode.THERMAL_ONLY.value:
            return  # images may go on alone until the first reading; they must not hide a lost one
        stamp_ns = messages.stamp_to_ns(msg.header.stamp)
        offset_ms = float(values["pair_offset_ms"]) if values["mode"] == Mode.FUSION.value else 0.0
        end_to_end_ms = (received_ns - stamp_ns) / 1e6 - max(0.0, offset_ms)
        self.arrivals.append(Arrival(stamp_ns, float(values["latency_ms"]), end_to_end_ms, values["mode"]))

    def hear_diagnostics(self, msg: DiagnosticArray) -> None:
        """Take down what the classifier says that it skipped."""
        for status in msg.status:
            self.skipped = int(messages.key_values(status).get("skipped", self.skipped))


@contextmanager
def child(*command: str, capture: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this checkout in a process that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=_ROOT,
        text=True,
        stdout=subprocess.PIPE if capture else None,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def classifier_command(model: Path) -> list[str]:
    """How the node is started: one inference thread, the camera's rate known, no alarm left behind."""
    parameters = {
        "model": str(model),
        "device": "cpu",
        "threads": "1",
        "pairing.min_image_interval": f"{IMAGE_PERIOD_NS / 1e9:.9f}",
        "state_file": NO_STATE_FILE,
    }
    overrides = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    return ["gas_fusion_ros.nodes.gas_classifier", "--ros-args", *overrides]


def measure_load(classifier: psutil.Process, listener: Listener, seconds: float) -> Load:
    """Publish for `seconds`, watch what the classifier uses meanwhile, and hear it out."""
    with child("benchmarks.publisher", "--seconds", str(seconds), capture=True) as publisher:
        assert publisher.stdout is not None
        if publisher.stdout.readline().strip() != "started":
            raise RuntimeError("the publisher did not start; its reason stands above")
        before, start = classifier.cpu_times(), time.monotonic()
        resident = 0
        while publisher.poll() is None:
            resident = max(resident, classifier.memory_info().rss)
            time.sleep(_SAMPLE_PERIOD_S)
        after, elapsed = classifier.cpu_times(), time.monotonic() - start
        sent = json.loads(publisher.stdout.readline())
    used = after.user + after.system - before.user - before.system
    with suppress(TimeoutError):  # the table says how many are missing
        wait_until(lambda: listener.accounted >= sent["readings"], "verdict for every reading", 5.0)
    return Load(sent["readings"], sent["images"], 100 * used / elapsed, resident / 1e6, listener.skipped)


@contextmanager
def listening() -> Iterator[tuple[Node, Listener]]:
    """A node that hears every classification."""
    context = Context()
    rclpy.init(args=[], context=context)
    composition = Composition(context)
    try:
        node = rclpy.create_node("benchmark", context=context)
        listener = Listener()
        node.create_subscription(DiagnosticArray, "gas/classification", listener.hear, QoSProfile(depth=1000))
        composition.spin(node)
        yield node, listener
    finally:
        composition.close()
        rclpy.shutdown(context=context)


def run_pipeline(model: Path, seconds: float) -> tuple[Load, list[Arrival]]:
    """Start the node, load it, and return what was sent and what came out."""
    with listening() as (node, listener):
        node.create_subscription(DiagnosticArray, "/diagnostics", listener.hear_diagnostics, 10)
        with child(*classifier_command(model)) as process:
            lifecycle = LifecycleClient(node, "gas_classifier")
            lifecycle.request(CONFIGURE)
            lifecycle.request(ACTIVATE)
            load = measure_load(psutil.Process(process.pid), listener, seconds)
        return load, list(listener.arrivals)


def bare_forward_ms(model: Path, runs: int, pause_s: float) -> list[float]:
    """Times of the fusion network alone, one thread, milliseconds; `pause_s` between two runs."""
    bundle = Bundle.load(model)
    runtime = create_runtime(bundle, "cpu", threads=1, precision=AUTO)  # as the node does
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(size=(1, *shape)).astype(np.float32)
        for name, shape in bundle.inputs(Mode.FUSION).items()
    }
    times = []
    for _ in range(runs + 5):
        time.sleep(pause_s)
        start = time.perf_counter()
        runtime.run(Mode.FUSION, inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return times[5:]


def percentiles(values: Sequence[float]) -> str:
    """The median and the 95th and 99th percentile, as the table shows them."""
    return "  ".join(f"{value:6.2f}" for value in np.percentile(values, [50, 95, 99]))


def broken_limits(load: Load, arrivals: Sequence[Arrival]) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    lost = load.readings - len({arrival.stamp_ns for arrival in arrivals})
    p99 = float(np.percentile([arrival.latency_ms for arrival in arrivals], 99)) if arrivals else float("inf")
    checks = [
        (lost == 0, f"{lost} readings lost, none may be; {load.skipped} of them skipped for lack of time"),
        (p99 <= MAX_LATENCY_P99_MS, f"latency p99 {p99:.2f} ms, at most {MAX_LATENCY_P99_MS:g}"),
        (
            load.cpu_percent <= MAX_CPU_PERCENT,
            f"CPU {load.cpu_percent:.1f} % of a core, at most {MAX_CPU_PERCENT:g}",
        ),
        (
            load.resident_mb <= MAX_RESIDENT_MB,
            f"resident {load.resident_mb:.0f} MB, at most {MAX_RESIDENT_MB:g}",
        ),
    ]
    return [text for kept, text in checks if not kept]


def result_table(
    load: Load, arrivals: Sequence[Arrival], bare: Sequence[float], paced: Sequence[float]
) -> Table:
    """Everything that was measured, with the limits."""
    latencies = [arrival.latency_ms for arrival in arrivals]
    classified = len({arrival.stamp_ns for arrival in arrivals})
    paired = sum(arrival.mode == Mode.FUSION.value for arrival in arrivals)
    node_ms, bare_ms, paced_ms = (float(np.median(times)) for times in (latencies, bare, paced))
    table = Table("measured", "value", "limit")
    table.add_row("readings published / classified", f"{load.readings} / {classified}", "")
    table.add_row("readings lost", str(load.readings - classified), "0")
    table.add_row("images published / readings with an image", f"{load.images} / {paired}", "")
    table.add_row(
        "arrival to published class, p50 p95 p99, ms", percentiles(latencies), f"p99 {MAX_LATENCY_P99_MS:g}"
    )
    table.add_row(
        "later stamp to class received, p50 p95 p99, ms",
        percentiles([arrival.end_to_end_ms for arrival in arrivals]),
        "",
    )
    table.add_row("classifier CPU, % of one core", f"{load.cpu_percent:.1f}", f"{MAX_CPU_PERCENT:g}")
    table.add_row("classifier resident, MB", f"{load.resident_mb:.0f}", f"{MAX_RESIDENT_MB:g}")
    table.add_row("bare forward back to back, p50 p95 p99, ms", percentiles(bare), "")
    table.add_row("bare forward at 10 Hz, p50 p95 p99, ms", percentiles(paced), "")
    table.add_row("node / bare back to back, medians", f"{node_ms / bare_ms:.2f}", "")
    table.add_row("node / bare at 10 Hz, medians", f"{node_ms / paced_ms:.2f}", "")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 0 where every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to publish")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model bundle: a name or a folder")
    options = parser.parse_args(arguments)
    model = find_bundle(options.model)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(random.randint(1, 100))
    load, arrivals = run_pipeline(model, options.seconds)
    console = Console()
    broken = broken_limits(load, arrivals)
    if arrivals:
        bare = bare_forward_ms(model, _BARE_RUNS, 0.0)
        paced = bare_forward_ms(model, _PACED_RUNS, _PACE_S)
        console.print(result_table(load, arrivals, bare, paced))
    for text in broken:
        console.print(f"limit not kept: {text}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
