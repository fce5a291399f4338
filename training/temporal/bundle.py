"""Temporal fusion's bundle: its one network for every mode, with what was measured of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from gas_fusion_ros.alarm.settings import BALANCED, DepartureAdvice
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import ONNX_FILES, Bundle, domain_to_json, window_to_json
from gas_fusion_ros.model.networks.temporal import OUTPUTS
from gas_fusion_ros.model.runtimes import OnnxRuntime, load_networks
from gas_fusion_ros.teaching.bundle_folder import ExportError, whole, write_manifest
from training.data.images import Images
from training.data.splits import SplitSettings
from training.export.bundle import INPUTS
from training.export.card import AS_TRAINED, RUNTIME, write_card
from training.export.networks import Tensors, deployed, to_onnx, write_tensors
from training.export.runtime import check_difference, measure_network
from training.results.benchmark_result import BenchmarkResult
from training.results.code_version import code_version
from training.scoring.scores import score
from training.temporal.alarm import HeldStreams
from training.temporal.bench import Bench
from training.temporal.fusion_fitting import ThermalSettings
from training.temporal.fusion_training import TrainedFusion, answer_shown
from training.temporal.nested import FALSE_REJECT_RATE

NAME = "temporal_fusion"
ALL_ROWS = "none"
"""Name, in the manifest, of the split that holds nothing out."""
DEPARTURE = DepartureAdvice(1.9)
"""Between what real arrays depart in air of their own, and in a gas that they were not taught.

Six boards depart by at most 1.3 in air while they settle, and by at least 2.6 in methane or LPG."""


def picture_metrics(bench: Bench, trained: TrainedFusion, test: np.ndarray, images: Images) -> dict[str, Any]:
    """Return the scores of every mode on held-out rows, as the card has them."""
    labels, answers = answer_shown(bench, trained, test, images)
    return {
        shown: {**asdict(score(logits, labels)), "samples": len(labels), "network": AS_TRAINED}
        for shown, logits in answers.items()
    }


def benchmark_metrics(results: list[BenchmarkResult], name: str) -> dict[str, Any]:
    """Return what the benchmark measured of a model, by protocol: means over runs.

    Raises:
        ExportError: it did not measure the model.
    """
    mine = [result for result in results if result.model == name]
    if not mine:
        raise ExportError(f"the benchmark's results hold no run of '{name}'")
    metrics: dict[str, Any] = {}
    for split in dict.fromkeys(result.split.name for result in mine):
        runs = [result for result in mine if result.split.name == split]
        seeds = len({result.seed for result in runs})
        places = len({result.split.position for result in runs})
        where = (
            f"{split} split, mean of {places} positions and {seeds} seeds"
            if places > 1
            else (f"{split} split, mean of {seeds} seeds")
        )
        figures = {
            field: round(float(np.mean([getattr(run, field) for run in runs])), 4)
            for field in ("accuracy", "macro_f1", "ece", "leak_recall", "clean_called_gas")
            if all(getattr(run, field) is not None for run in runs)
        }
        tested = sum(run.rows["test"] for run in runs)
        metrics[where] = {Mode.GAS_ONLY.value: {**figures, "samples": tested, "network": AS_TRAINED}}
    return metrics


def write_bundle(
    trained: TrainedFusion,
    bench: Bench,
    images: Images,
    output: Path,
    name: str,
    metrics: Mapping[str, Any],
    command: str,
    settings: ThermalSettings,
    seed: int,
    split: SplitSettings | None = None,
) -> Bundle:
    """Write the bundle, whole or not at all.

    Args:
        trained: the network.
        bench: what it learned from.
        images: likewise.
        output: its folder; must not exist or be empty.
        name: the model's name.
        metrics: what was measured of it, by protocol.
        command: what made it, for the card.
        settings: how it learned from pictures.
        seed: of weights and order.
        split: what it has not seen; None where it learned from all rows.

    Raises:
        ExportError: `output` cannot be written, or ONNX Runtime's logits are too far from torch's.
    """
    network = deployed(copy.deepcopy(trained.fusion.network))
    content = {
        **_content(trained, bench, images, name, command, settings, seed, split),
        "metrics": dict(metrics),
    }
    with whole(output) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(folder, {"model": network})
        onnx.save(to_onnx(network, _examples(trained), OUTPUTS), folder / ONNX_FILES[Mode.FUSION])
        write_manifest(folder, content)
        runtime = _measure(Bundle.load(folder), trained.fusion.network)
        check_difference(runtime)
        write_manifest(folder, {**content, "metrics": {**content["metrics"], RUNTIME: runtime}})
        write_card(Bundle.load(folder))
    return Bundle.load(output)


def _content(
    trained: TrainedFusion,
    bench: Bench,
    images: Images,
    name: str,
    command: str,
    settings: ThermalSettings,
    seed: int,
    split: SplitSettings | None,
) -> dict[str, Any]:
    fusion, choice = trained.fusion, trained.choice
    streams = HeldStreams.of(choice, trained.outside)
    if streams is None:
        raise ExportError("the data set has no clean air, or too little, to tune the alarm on")
    period_s = trained.outside.recording.period_s
    advice = {name: alarm.advice(period_s) for name, alarm in streams.tune().items()}
    run = {
        "run": f"{NAME}, seed {seed}",
        "model": NAME,
        "title": trained.title,
        "rows": {"train": len(trained.outside.rows), "validation": 0, "test": 0},
        "unusable_images": int((~images.usable).sum()),
        "parameters": sum(parameter.numel() for parameter in fusion.network.parameters()),
        "macs": 0,
        "epochs": settings.epochs,
        "best_epoch": settings.epochs,
        "hyperparameters": {"encoder": asdict(fusion.encoder.settings), "thermal": asdict(settings)},
        "candidates": {name: round(value, 4) for name, value in choice.accuracies.items()},
        "branches": [],
        "code_version": code_version(),
    }
    where = "all rows" if split is None else f"rows outside the {split.protocol}"
    architecture = f"temporal_{fusion.encoder.settings.encoder}"
    return {
        "name": name,
        "networks": {mode.value: architecture for mode in Mode},
        "classes": list(bench.dataset.classes),
        "channels": list(bench.dataset.channels),
        "window": window_to_json(fusion.encoder.settings.window),
        "preparation": images.preparation.value,
        "image_size": images.size,
        "image_channels": images.channels,
        "normalisation": asdict(fusion.encoder.normalisation),
        # The network's own temperatures have calibrated what it adds up.
        "temperature": {mode.value: 1.0 for mode in Mode},
        **domain_to_json(trained.outside.recording.array),
        "alarm": advice[BALANCED],
        "profiles": {name: values for name, values in advice.items() if name != BALANCED},
        "departure": DEPARTURE.to_json() if trained.outside.recording.array is not None else None,
        "novelty": {"false_reject_rate": FALSE_REJECT_RATE},
        "trained_on": {
            "readings": bench.dataset.csv_path.name,
            "readings_sha256": bench.data_sha256,
            "thermal": images.thermal.value,
            "split": {"name": ALL_ROWS} if split is None else asdict(split),
            "protocol": f"{where}; recipe, temperatures, limits and alarm fitted on folds of them",
            "seed": seed,
            "runs": {mode.value: run for mode in Mode},
            "alarm_curve": [alarm.advice(period_s) for alarm in streams.curve()],
            "command": command,
        },
    }


def random_inputs(bundle: Bundle, batch: int, generator: torch.Generator) -> Tensors:
    """Return random inputs of a windowed bundle; some windows lack channels, some rows their picture."""
    window, _, image, _ = bundle.inputs(Mode.FUSION).values()
    living = torch.rand(batch, 1, window[1], generator=generator) < 0.9
    return {
        "gas": torch.randn(batch, *window, generator=generator) * living,
        "valid": living.expand(batch, *window).float(),
        "image": torch.rand(batch, *image, generator=generator),
        "has_image": (torch.rand(batch, 1, generator=generator) < 0.5).float(),
    }


def _examples(trained: TrainedFusion) -> Tensors:
    """Return inputs for the exporter."""
    shape = trained.fusion.shape
    window = torch.ones(2, shape.window, shape.gas_channels)
    image = torch.zeros(2, shape.image_channels, shape.image_size, shape.image_size)
    return {"gas": window, "valid": window.clone(), "image": image, "has_image": torch.ones(2, 1)}


def _measure(bundle: Bundle, trained: nn.Module) -> dict[str, Any]:
    """Measure the one network; every mode has the same figures."""
    stored = load_networks(bundle)[Mode.FUSION]
    runtime = OnnxRuntime(bundle, threads=1)
    draw = partial(random_inputs, bundle)
    entry = measure_network(bundle, runtime, Mode.FUSION, stored, trained, draw, INPUTS)
    return {mode.value: entry for mode in bundle.networks}
