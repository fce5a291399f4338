"""The GPU benchmark says where it cannot measure, and its road runs on a CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="what is timed")

from benchmarks import gpu  # noqa: E402
from gas_fusion_ros.base.observation import Mode  # noqa: E402
from gas_fusion_ros.base.shipped_files import find_bundle  # noqa: E402
from gas_fusion_ros.model.answers import Answer  # noqa: E402
from gas_fusion_ros.model.bundle import Bundle  # noqa: E402
from gas_fusion_ros.model.runtimes import OnnxRuntime, TorchRuntime  # noqa: E402

BUNDLE = Bundle.load(find_bundle("temporal_fusion"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_nothing_is_measured_and_that_is_said() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu"], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0
    assert result.stdout.startswith("nothing measured: ")


def test_two_runtimes_are_compared_in_every_mode() -> None:
    found = [*gpu.compare(BUNDLE, TorchRuntime(BUNDLE, "cpu"), OnnxRuntime(BUNDLE))]
    assert {one.mode for one in found} == {mode.value for mode in BUNDLE.networks}
    assert all(one.within and one.worst < 1e-3 for one in found)


def test_a_runtime_that_says_something_else_is_told() -> None:
    class Other(OnnxRuntime):
        def run(self, mode: Mode, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
            answer = super().run(mode, inputs)
            return replace(answer, logits=answer.logits[::-1].copy())

    assert not all(one.within for one in gpu.compare(BUNDLE, Other(BUNDLE), OnnxRuntime(BUNDLE)))


def test_latency_and_throughput_are_measured_of_what_is_there() -> None:
    latencies = [*gpu.time_runtime(BUNDLE, OnnxRuntime(BUNDLE), runs=3)]
    assert [one.mode for one in latencies] == [mode.value for mode in BUNDLE.networks]
    assert all(0 < one.p50 <= one.p99 for one in latencies)
    (first, second) = gpu.time_batches(BUNDLE, "cpu", (1, 2))
    assert (first.batch, second.batch, first.replayed, first.joule_per_1000) == (1, 2, None, None)
    assert first.eager > 0


def test_the_table_holds_every_figure() -> None:
    result = {
        "machine": gpu.machine(),
        "agreement": [vars(gpu.Agreement("model", Mode.FUSION.value, 0.25, False))],
        "latency_ms": [vars(gpu.Latency("model", Mode.FUSION.value, "cuda", 1.5, 2.5))],
        "throughput_per_s": [vars(gpu.Throughput("model", 16, 1000.0, None, 20.0, None))],
        "training_step_ms": {"float32": 4.0, "mixed": 2.0},
    }
    text = "\n".join(gpu.lines_of(result))
    assert "model | fusion | 0.25 | False" in text
    assert "model | 16 | 1000.0 | - | 20.0 | -" in text
    assert "ratio 0.50" in text
