"""Trains temporal fusion on all rows and writes its bundle: `python -m training.temporal --output DIR`.

The encoder's recipe is chosen on folds of the rows, on which temperatures, limits and the alarm's advice
are fitted too. As no row is left to test on, the same is done once with a block held out, for the figures
with pictures; those of readings alone come from `training.benchmark`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.model.bundle import Domain
from training.command_line import options
from training.command_line.options import CONSOLE
from training.command_line.study import MOST_FINDINGS
from training.data.dataset_check import check_readings
from training.data.images import choose_thermal
from training.data.readings import array_of, read_readings
from training.data.splits import BLOCKED, EMBARGO, FRACTION, SplitSettings
from training.fitting.fit import threads
from training.results.benchmark_result import read_benchmark
from training.temporal.bench import Bench
from training.temporal.bundle import NAME, benchmark_metrics, picture_metrics, write_bundle
from training.temporal.fusion_fitting import ThermalSettings
from training.temporal.fusion_training import prepare_lessons, train
from training.temporal.recipes import choose_recipes

TEST = SplitSettings(BLOCKED, FRACTION, 0.4, EMBARGO)
"""What the figures with pictures are measured on."""


def main(
    output: Annotated[Path, typer.Option(help="New or empty folder for the bundle.")],
    name: Annotated[str, typer.Option(help="The model's name.")] = NAME,
    data: options.DataOption = None,
    channels: options.ChannelsOption = None,
    domain: options.DomainOption = Domain.LOG_RATIO,
    array: options.ArrayOption = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="results.json of `training.benchmark`: its figures go into the card.")
    ] = None,
    recipe_names: Annotated[
        str, typer.Option("--recipes", help="Recipes to choose from, with commas between, or all.")
    ] = "all",
    thermal: options.ThermalOption = "auto",
    embargo: options.EmbargoOption = EMBARGO,
    hold_out: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Where in each class a block is held out of the bundle itself: one to test, not to use.",
            show_default="none",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and order.")] = 0,
    cache: options.CacheOption = None,
    threads_: options.ThreadsOption = None,
) -> None:
    """Train temporal fusion on all rows and write its bundle."""
    settings = ThermalSettings()
    with options.refusing("training.temporal"):
        recipes = choose_recipes(options.listed("--recipes", recipe_names, str))
        dataset = read_readings(options.data_folder(data), options.channel_list(channels, PAPER_CHANNELS))
        bench = Bench.of(dataset, array_of(dataset, domain, array))
        metrics = {} if benchmark is None else benchmark_metrics(read_benchmark(benchmark), NAME)
        position = TEST.position if hold_out is None else hold_out
        split = replace(TEST, position=position, embargo=embargo)
        test, tested = bench.held_out(split, seed)
        choose_thermal(dataset, thermal)
    options.print_notes(check_readings(dataset), most=MOST_FINDINGS)
    held_out = "" if hold_out is None else f"--hold-out {hold_out:g} "
    command = (
        f"python -m training.temporal --recipes {recipe_names} --data DIR --benchmark OUT/results.json "
        f"--embargo {embargo} {held_out}--output DIR --name {name}"
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
        lessons = prepare_lessons(dataset, thermal, settings, options.cache_folder(cache), seed, _note)
        images = lessons.images
        CONSOLE.print("with a block held out", highlight=False)
        held = train(recipes, tested, lessons, settings, seed)
        protocol = f"{split.protocol}, seed {seed}, {images.thermal.value} thermal"
        metrics[protocol] = picture_metrics(bench, held, test, images)
        for mode, figures in metrics[protocol].items():
            CONSOLE.print(f"{mode}: accuracy {figures['accuracy']:.4f} ({protocol})", highlight=False)
        if hold_out is None:
            CONSOLE.print("on all rows", highlight=False)
            learned = train(recipes, bench.everything(embargo), lessons, settings, seed)
            write_bundle(learned, bench, images, output, name, metrics, command, settings, seed)
        else:
            write_bundle(held, bench, images, output, name, metrics, command, settings, seed, split)
    CONSOLE.print(f"{output}/README.md is its card", highlight=False, soft_wrap=True)


def _note(text: str) -> None:
    CONSOLE.print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
