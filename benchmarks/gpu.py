"""Checks and times every shipped model on a CUDA device: `python -m benchmarks.gpu [--output FILE]`.

Needs the checkout, CUDA, torch, ONNX Runtime, safetensors and OpenCV; no ROS, no network, no registry.
Without a CUDA device it says so, measures nothing and exits with 0. Exit code 1: an answer differs from the
CPU's by more than the tolerance.

Each figure stands beside another of the same run: the live node's runtime beside the CPU's, a replayed CUDA
graph beside eager torch, a training step in half precision beside one in float32.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import find_bundle, shipped_folder
from gas_fusion_ros.model.answers import softmax
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import OnnxRuntime, Runtime, TorchRuntime, load_networks

TOLERANCE = 0.02
"""Greatest difference of a class probability between CUDA and the CPU: half precision."""
BATCHES = (1, 4, 16, 64, 256)
_ANSWERS = 50
_RUNS = 300
_WARM_UP = 20
_TRAINING_BATCH = 32
_TRAINING_STEPS = 30
_FLOAT32, _MIXED = "float32", "mixed"

Inputs = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Agreement:
    """How far the CUDA runtime's probabilities are from the CPU's, over random inputs.

    Attributes:
        bundle: the model.
        mode: which network.
        worst: greatest difference of a class probability.
        within: whether that is within `TOLERANCE`.
    """

    bundle: str
    mode: str
    worst: float
    within: bool


@dataclass(frozen=True)
class Latency:
    """Batch 1 from numbers in memory to numbers in memory, ms.

    Attributes:
        bundle: the model.
        mode: which network.
        device: `cpu` (ONNX Runtime, one thread) or the CUDA device's kind.
        p50: median.
        p99: 99th percentile.
    """

    bundle: str
    mode: str
    device: str
    p50: float
    p99: float


@dataclass(frozen=True)
class Throughput:
    """Answers per second of a network whose inputs are on the device already.

    Attributes:
        bundle: the model.
        batch: observations at once.
        eager: by eager torch.
        replayed: by a captured CUDA graph; None where none could be captured.
        peak_mb: most memory that torch held on the device meanwhile, MB; None without CUDA.
        joule_per_1000: energy of 1000 answers of the eager run; None where the driver does not tell.
    """

    bundle: str
    batch: int
    eager: float
    replayed: float | None
    peak_mb: float | None
    joule_per_1000: float | None


@dataclass(frozen=True)
class TrainingStep:
    """A training step of Fusion I, batch 32, 224 pixels, ms: median.

    Attributes:
        float32: in float32.
        mixed: in float16 with loss scaling, as `training.train` does on a GPU.
    """

    float32: float
    mixed: float


def random_inputs(bundle: Bundle, mode: Mode, batch: int, seed: int) -> Inputs:
    """Return random inputs of a mode's network by name, with that batch."""
    rng = np.random.default_rng(seed)
    shapes = bundle.inputs(mode)
    inputs = {name: rng.random((batch, *shape), dtype=np.float32) for name, shape in shapes.items()}
    for name in ("valid", "has_image"):
        if name in inputs:
            inputs[name] = np.ones_like(inputs[name])
    return inputs


def compare(bundle: Bundle, mine: Runtime, reference: Runtime) -> Iterator[Agreement]:
    """Ask two runtimes the same in every mode."""
    for mode in bundle.networks:
        worst = 0.0
        for seed in range(_ANSWERS):
            inputs = random_inputs(bundle, mode, 1, seed)
            shares = [softmax(runtime.run(mode, inputs).logits) for runtime in (mine, reference)]
            worst = max(worst, float(np.abs(shares[0] - shares[1]).max()))
        yield Agreement(bundle.name, mode.value, worst, worst <= TOLERANCE)


def time_runtime(bundle: Bundle, runtime: Runtime, runs: int = _RUNS) -> Iterator[Latency]:
    """Time batch 1 in every mode."""
    for mode in bundle.networks:
        inputs = random_inputs(bundle, mode, 1, 0)
        taken = timed(lambda mode=mode, inputs=inputs: runtime.run(mode, inputs), runs)  # type: ignore[misc]
        p50, p99 = np.percentile(taken, (50, 99))
        yield Latency(bundle.name, mode.value, runtime.device, round(float(p50), 4), round(float(p99), 4))


def timed(call: Callable[[], object], runs: int) -> list[float]:
    """Return how long each of some calls took, ms, after some that do not count."""
    for _ in range(min(_WARM_UP, runs)):
        call()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - started))
    return taken


def time_batches(bundle: Bundle, device: str, batches: Sequence[int] = BATCHES) -> Iterator[Throughput]:
    """Time the network for readings with pictures, or the bundle's first one, at several batches."""
    import torch

    mode = Mode.FUSION if Mode.FUSION in bundle.networks else next(iter(bundle.networks))
    network = load_networks(bundle)[mode].to(device).eval()
    for batch in batches:
        inputs = [torch.from_numpy(one).to(device) for one in random_inputs(bundle, mode, batch, 0).values()]
        runs = max(10, _RUNS // batch)
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        before = _joules(device)
        eager = _per_second(lambda inputs=inputs: network(*inputs), batch, runs, device)  # type: ignore[misc]
        spent = _joules(device)
        yield Throughput(
            bundle.name,
            batch,
            eager,
            _replayed(network, inputs, batch, runs, device),
            torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else None,
            None
            if before is None or spent is None
            else 1e3 * (spent - before) / (batch * (runs + min(_WARM_UP, runs))),
        )


def _per_second(call: Callable[[], object], batch: int, runs: int, device: str) -> float:
    import torch

    def finished() -> None:
        with torch.inference_mode():
            call()
        if device == "cuda":
            torch.cuda.synchronize()

    return round(1e3 * batch / statistics.median(timed(finished, runs)), 1)


def _replayed(network: Any, inputs: Sequence[Any], batch: int, runs: int, device: str) -> float | None:
    """Capture the network once as a CUDA graph and replay it; None where it cannot be captured."""
    import torch

    if device != "cuda":
        return None
    try:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), torch.inference_mode():
            for _ in range(3):
                network(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            network(*inputs)
    except RuntimeError as error:
        print(f"no CUDA graph of batch {batch}: {error}", file=sys.stderr)
        return None
    return _per_second(graph.replay, batch, runs, device)


def time_training(device: str, steps: int = _TRAINING_STEPS) -> TrainingStep:
    """Time training steps of Fusion I in float32 and mixed precision."""
    return TrainingStep(_training_ms(device, steps, _FLOAT32), _training_ms(device, steps, _MIXED))


def _training_ms(device: str, steps: int, precision: str) -> float:
    import torch
    from torch import nn

    from gas_fusion_ros.model.networks.registry import build
    from gas_fusion_ros.model.networks.shape import Shape

    shape = Shape(classes=4, gas_channels=7, image_channels=1, image_size=224)
    network = build("fusion1", shape).to(device).to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(network.parameters())
    is_scaled = precision == _MIXED and device == "cuda"
    scaler = torch.amp.GradScaler(device, enabled=is_scaled)
    gas = torch.randn(_TRAINING_BATCH, 7, device=device)
    image = torch.rand(_TRAINING_BATCH, 1, 224, 224, device=device)
    labels = torch.randint(4, (_TRAINING_BATCH,), device=device)

    def step() -> None:
        adam.zero_grad()
        with torch.autocast(device, torch.float16, enabled=is_scaled):
            loss = nn.functional.cross_entropy(network(gas, image), labels)
        scaler.scale(loss).backward()
        scaler.step(adam)
        scaler.update()
        if device == "cuda":
            torch.cuda.synchronize()

    return round(statistics.median(timed(step, steps)), 3)


def _joules(device: str) -> float | None:
    """Return the energy that the device has taken so far; None where its driver does not tell."""
    if device != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0)) / 1e3
    except Exception:  # whatever the library lacks or refuses, energy is a figure that may be missing
        return None


def machine() -> Mapping[str, str]:
    """Return what this was measured on."""
    import onnxruntime
    import torch

    has_gpu = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if has_gpu else "",
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "onnxruntime": onnxruntime.__version__,
        "onnxruntime_providers": ", ".join(onnxruntime.get_available_providers()),
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
    }


def measure(bundles: Sequence[Bundle], device: str) -> dict[str, Any]:
    """Measure everything on a device; `cpu` runs the same road for a test."""
    agreements: list[Agreement] = []
    latencies: list[Latency] = []
    throughputs: list[Throughput] = []
    for bundle in bundles:
        on_cpu, on_device = OnnxRuntime(bundle, threads=1), TorchRuntime(bundle, device)
        agreements += compare(bundle, on_device, on_cpu)
        latencies += [*time_runtime(bundle, on_cpu), *time_runtime(bundle, on_device)]
        throughputs += time_batches(bundle, device)
    return {
        "machine": machine(),
        "tolerance": TOLERANCE,
        "agreement": [asdict(one) for one in agreements],
        "latency_ms": [asdict(one) for one in latencies],
        "throughput_per_s": [asdict(one) for one in throughputs],
        "training_step_ms": asdict(time_training(device)),
    }


def lines_of(result: Mapping[str, Any]) -> Iterator[str]:
    """Lay a result out as text, a table for each kind of figure."""
    yield ", ".join(f"{name} {value}" for name, value in result["machine"].items() if value)
    for name in ("agreement", "latency_ms", "throughput_per_s"):
        rows = result[name]
        yield ""
        yield name
        yield " | ".join(rows[0])
        for row in rows:
            yield " | ".join("-" if value is None else str(value) for value in row.values())
    step = result["training_step_ms"]
    yield ""
    yield (
        f"training step of Fusion I, batch {_TRAINING_BATCH}: float32 {step['float32']} ms, "
        f"mixed {step['mixed']} ms, ratio {step['mixed'] / step['float32']:.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on CUDA, or say that there is none."""
    parser = argparse.ArgumentParser(description="Checks and times every shipped model on a CUDA device.")
    parser.add_argument("--output", type=Path, help="write the figures as JSON into this file")
    parser.add_argument("--models", nargs="*", help="bundles; the shipped ones unless given")
    options = parser.parse_args(arguments)
    try:
        import torch
    except ImportError:
        print("nothing measured: torch is not installed")
        return 0
    if not torch.cuda.is_available():
        print("nothing measured: torch finds no CUDA device on this machine")
        return 0
    shipped = sorted(path.parent.name for path in (shipped_folder() / "models").glob("*/bundle.json"))
    result = measure([Bundle.load(find_bundle(name)) for name in options.models or shipped], "cuda")
    print(*lines_of(result), sep="\n")
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if all(one["within"] for one in result["agreement"]) else 1


if __name__ == "__main__":
    sys.exit(main())
