"""ONNX Runtime beside torch: how far their logits differ on random inputs, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import Bundle, onnx_files
from gas_fusion_ros.model.runtimes import OnnxRuntime, load_networks
from gas_fusion_ros.teaching.bundle_folder import ExportError
from training.export.networks import Tensors, random_inputs
from training.fitting.trained import TrainedRun

TOLERANCE = 1e-4
"""How far a logit of ONNX Runtime may be from torch's."""
RUNS = 300
"""Forward passes at most, of which the fastest counts ..."""
RUN_SECONDS = 10.0
"""... and how long they may take together."""
_BATCH = 20

Draw = Callable[[int, torch.Generator], Tensors]
"""Makes so many random inputs of a network, by the names of its ONNX inputs, in its order."""


def measure_runtime(bundle: Bundle, runs: Mapping[Mode, TrainedRun], inputs: int) -> dict[str, Any]:
    """Compare ONNX Runtime with torch on random inputs, and time it at batch 1 with one thread.

    The inputs are normalised counts of a normal distribution and pictures of uniform noise.

    Returns:
        By mode: the largest difference of a logit between ONNX Runtime and torch, and between the network
        as stored and as trained; the number of inputs; and the shortest forward time in ms: the one that
        other programs on the machine disturb least.
    """
    runtime = OnnxRuntime(bundle, threads=1)
    measured = {}
    for mode, network in load_networks(bundle).items():
        draw = partial(random_inputs, mode, runs[mode].shape)
        measured[mode.value] = measure_network(
            bundle, runtime, mode, network, runs[mode].network, draw, inputs
        )
    return measured


def measure_network(
    bundle: Bundle,
    runtime: OnnxRuntime,
    mode: Mode,
    stored: nn.Module,
    trained: nn.Module,
    draw: Draw,
    inputs: int,
) -> dict[str, Any]:
    """Compare one network's forms on random inputs, and time it at batch 1.

    Args:
        bundle: whose network it is.
        runtime: of the bundle, with one thread.
        mode: which network.
        stored: as stored, in torch.
        trained: as trained, in torch.
        draw: makes random inputs.
        inputs: how many are compared.

    Returns:
        What `measure_runtime` holds of a mode.
    """
    path = bundle.path / onnx_files(bundle.networks, bundle.window.readings)[mode]
    onnx_torch, rounding = _differences(path, stored, trained, draw, inputs)
    return {
        "onnx_torch_max_difference": onnx_torch,
        "stored_trained_max_difference": rounding,
        "inputs": inputs,
        "forward_ms": round(_fastest_ms(mode, runtime, draw), 3),
    }


def _differences(
    path: Path, stored: nn.Module, trained: nn.Module, draw: Draw, inputs: int
) -> tuple[float, float]:
    """Return the largest difference of a logit: ONNX Runtime to torch, and as stored to as trained."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for start in range(0, inputs, _BATCH):
        values = draw(min(_BATCH, inputs - start), generator)
        (logits,) = session.run(["logits"], {name: value.numpy() for name, value in values.items()})
        with torch.inference_mode():
            expected, before = (_logits(network(*values.values())) for network in (stored, trained))
        differences = torch.from_numpy(logits) - expected, expected - before
        pairs.append(torch.stack([difference.abs().max() for difference in differences]))
    # The maximum of tensors is NaN where one of them is: no difference is lost.
    onnx_torch, rounding = torch.stack(pairs).max(dim=0).values.tolist()
    return onnx_torch, rounding


def _logits(answer: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the first of a network's outputs."""
    return answer[0] if isinstance(answer, tuple) else answer


def check_difference(runtime: Mapping[str, Any]) -> None:
    """Refuse a bundle whose runtimes differ.

    Raises:
        ExportError: a logit of ONNX Runtime is further than `TOLERANCE` from torch's.
    """
    for mode, measured in runtime.items():
        difference = measured["onnx_torch_max_difference"]
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{mode}: a logit of ONNX Runtime is {difference:.1e} from torch's on {measured['inputs']} "
                f"random inputs; at most {TOLERANCE:.0e} is right"
            )


def _fastest_ms(mode: Mode, runtime: OnnxRuntime, draw: Draw) -> float:
    inputs = {name: tensor.numpy() for name, tensor in draw(1, torch.Generator().manual_seed(0)).items()}
    times: list[float] = []
    while len(times) < RUNS and sum(times) < 1e3 * RUN_SECONDS:
        start = time.perf_counter()
        runtime.run(mode, inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)
