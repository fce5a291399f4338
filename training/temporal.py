"""Trains temporal fusion on all rows and writes its bundle: `python -m training.temporal --output DIR`.

The encoder's recipe is chosen on folds of the rows, on which temperatures, limits and the alarm's advice
are fitted too. As no row is left to test on, the same is done once with a block held out, for the figures
with pictures; those of readings alone come from `training.benchmark`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import torch
import typer
from rich.console import Console
from torch import nn

from gas_fusion_ros.base.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.model.bundle import ONNX_FILES, Bundle, window_to_json
from gas_fusion_ros.model.runtimes import OnnxRuntime, load_networks
from training import options
from training.benchmark_results import BenchmarkResult, read_benchmark
from training.benchmark_runs import Bench, tune
from training.card import AS_TRAINED, RUNTIME, write_card
from training.contenders import CONTENDERS, ContenderError, Recipe
from training.dataset_check import check_readings
from training.export import (
    INPUTS,
    ExportError,
    Tensors,
    check_difference,
    deployed,
    measure_network,
    to_onnx,
    whole,
    write_manifest,
    write_tensors,
)
from training.fitting import threads
from training.fusion_fitting import ThermalSettings
from training.fusion_training import Trained, answer_shown, load_fusion_images, train
from training.images import Images
from training.nested import FALSE_REJECT_RATE, Outside
from training.reproduce import MOST_FINDINGS, read_readings
from training.runs import code_version
from training.scores import score
from training.splits import BLOCKED, EMBARGO, FRACTION, SplitSettings

CONSOLE = Console()
NAME = "temporal_fusion"
TEST = SplitSettings(BLOCKED, FRACTION, 0.4, EMBARGO)
"""What the figures with pictures are measured on."""


def chosen_recipes(names: Sequence[str]) -> dict[str, Recipe]:
    """Return the recipes of the given names; `all` stands for every one that the benchmark chooses from.

    Raises:
        ContenderError: a name is unknown.
    """
    known = CONTENDERS[NAME].recipes
    unknown = set(names) - {"all", *known}
    if unknown:
        raise ContenderError(
            f"--recipes: no recipe is called {', '.join(sorted(unknown))}; there are all, {', '.join(known)}"
        )
    return {name: recipe for name, recipe in known.items() if name in names or "all" in names}


def picture_metrics(bench: Bench, trained: Trained, test: np.ndarray, images: Images) -> dict[str, Any]:
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
    trained: Trained,
    bench: Bench,
    images: Images,
    output: Path,
    name: str,
    metrics: Mapping[str, Any],
    command: str,
    settings: ThermalSettings,
    seed: int,
) -> Bundle:
    """Write the bundle, whole or not at all.

    Raises:
        ExportError: `output` cannot be written, or ONNX Runtime's logits are too far from torch's.
    """
    network = deployed(copy.deepcopy(trained.fusion.network))
    content = {
        **_content(trained, bench, images, name, command, settings, seed),
        "metrics": dict(metrics),
    }
    with whole(output) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(folder, {"model": network})
        onnx.save(
            to_onnx(network, _examples(trained), ["logits", "novelty"]), folder / ONNX_FILES[Mode.FUSION]
        )
        write_manifest(folder, content)
        runtime = _measure(Bundle.load(folder), trained.fusion.network)
        check_difference(runtime)
        write_manifest(folder, {**content, "metrics": {**content["metrics"], RUNTIME: runtime}})
        write_card(Bundle.load(folder))
    return Bundle.load(output)


def _content(
    trained: Trained,
    bench: Bench,
    images: Images,
    name: str,
    command: str,
    settings: ThermalSettings,
    seed: int,
) -> dict[str, Any]:
    fusion, choice = trained.fusion, trained.choice
    alarm = tune(choice, trained.outside)
    if alarm is None:
        raise ExportError("the data set has no clean air, or too little, to tune the alarm on")
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
        "alarm": alarm.advice,
        "novelty": {"false_reject_rate": FALSE_REJECT_RATE},
        "trained_on": {
            "readings": bench.dataset.csv_path.name,
            "readings_sha256": bench.data_sha256,
            "thermal": images.thermal.value,
            "split": {"name": "none"},
            "protocol": "all rows; recipe, temperatures, limits and alarm fitted on three folds of them",
            "seed": seed,
            "runs": {mode.value: run for mode in Mode},
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


def _examples(trained: Trained) -> Tensors:
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


def main(
    output: Annotated[Path, typer.Option(help="New or empty folder for the bundle.")],
    name: Annotated[str, typer.Option(help="The model's name.")] = NAME,
    data: options.DataOption = None,
    channels: options.ChannelsOption = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="results.json of `training.benchmark`: its figures go into the card.")
    ] = None,
    recipe_names: Annotated[
        str, typer.Option("--recipes", help="Recipes to choose from, with commas between, or all.")
    ] = "all",
    thermal: options.ThermalOption = "auto",
    embargo: options.EmbargoOption = EMBARGO,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and order.")] = 0,
    cache: options.CacheOption = None,
    threads_: options.ThreadsOption = None,
) -> None:
    """Train temporal fusion on all rows and write its bundle."""
    settings = ThermalSettings()
    with options.refusing("training.temporal"):
        recipes = chosen_recipes(options.listed("--recipes", recipe_names, str))
        dataset = read_readings(options.data_folder(data), options.channel_list(channels, PAPER_CHANNELS))
        bench = Bench.of(dataset)
        metrics = {} if benchmark is None else benchmark_metrics(read_benchmark(benchmark), NAME)
        split = replace(TEST, embargo=embargo)
        test, tested = bench.held_out(split, seed)
        images = load_fusion_images(dataset, thermal, settings, options.cache_folder(cache))
    options.print_notes(check_readings(dataset), most=MOST_FINDINGS)
    command = (
        f"python -m training.temporal --recipes {recipe_names} --data DIR --benchmark OUT/results.json "
        f"--embargo {embargo} --output DIR --name {name}"
    )
    with (
        options.stoppable("training.temporal", "nothing was written"),
        options.refusing("training.temporal"),
        threads(options.thread_count(threads_)),
    ):
        CONSOLE.print(
            f"recipes to choose from, twice: {', '.join(recipes)}; each takes minutes and says nothing",
            highlight=False,
            soft_wrap=True,
        )
        CONSOLE.print("with a block held out", highlight=False)
        held = train(recipes, tested, images, settings, seed)
        protocol = f"{split.protocol}, seed {seed}, {images.thermal.value} thermal"
        metrics[protocol] = picture_metrics(bench, held, test, images)
        for mode, figures in metrics[protocol].items():
            CONSOLE.print(f"{mode}: accuracy {figures['accuracy']:.4f} ({protocol})", highlight=False)
        CONSOLE.print("on all rows", highlight=False)
        everything = Outside.of(
            bench.recording, np.zeros(0, dtype=np.int64), bench.copies, embargo, bench.clean
        )
        trained = train(recipes, everything, images, settings, seed)
        write_bundle(trained, bench, images, output, name, metrics, command, settings, seed)
    CONSOLE.print(f"{output}/README.md is its card", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
