"""Pictures of a thermal camera, drawn and real: `python -m training.pictures`.

`--board OUT [--real DIR]` draws a board of pictures, beside real ones: these are looked at and measured, and
nothing is learned from them. `--data DIR --output OUT` takes the published folder as it is, says how far
drawn pictures carry over to it, fine-tunes with shares of it, makes the paper's tables of pictures and fusion
and a bundle; stopped, the same command goes on where it was.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from training.command_line import options
from training.command_line.options import CONSOLE
from training.command_line.output_folder import make_output, note_command
from training.command_line.study import MOST_FINDINGS
from training.data.images import Thermal
from training.data.splits import EMBARGO, split_settings
from training.fitting.catalog import choose_models, load_model
from training.fitting.fit import Machine
from training.fitting.runs import Study
from training.pictures.board import PAGE, Pair, write_board
from training.pictures.samples import drawn_samples, read_samples
from training.pictures.two_sample import TwoSampleFigures, nearest_drawn, tell_apart
from training.published.folder import open_folder
from training.published.plan import GAS, PERCENTS, STARTED, PlanSettings, make_plan, shares_of
from training.published.study import check_all, keep_subject, prepare_all, run_all

PROGRAMME = "training.pictures"
SHOWN = 48
"""Drawn pictures on the board."""
BOARD, PUBLISHED = "A board of pictures", "The published pictures"
OUTPUT = Path("output/pictures")


def draw_board(board: Path, real: list[Path], drawn: int, seed: int) -> None:
    """Draw pictures, beside real ones where there are any, and say how well they are told apart."""
    with options.refusing(PROGRAMME):
        samples = drawn_samples(drawn, seed)
        pairs: list[Pair] = []
        figures: TwoSampleFigures | None = None
        if real:
            found, problems = read_samples(real)
            options.print_notes(problems)
            figures = tell_apart(samples, found, seed)
            pairs = [Pair(*both) for both in zip(found, nearest_drawn(samples, found), strict=True)]
        number = write_board(board, samples[:SHOWN], pairs, figures)
    if figures is not None:
        CONSOLE.print(
            f"drawn and real are told apart with an AUC of {figures.auc:.2f}; chance gives "
            f"{figures.chance[0]:.2f} to {figures.chance[2]:.2f} (measure {number} of this folder)",
            highlight=False,
            soft_wrap=True,
        )
    CONSOLE.print(str(board / PAGE), highlight=False, markup=False, soft_wrap=True)


def main(
    board: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder for {PAGE}; a board there is replaced, its measures are counted on.",
            rich_help_panel=BOARD,
        ),
    ] = None,
    real: Annotated[
        list[Path] | None,
        typer.Option(help="Folder or file with real pictures; repeatable.", rich_help_panel=BOARD),
    ] = None,
    drawn: Annotated[
        int, typer.Option(min=SHOWN, help="Pictures drawn to measure with.", rich_help_panel=BOARD)
    ] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn; of splits, weights and order.")] = 0,
    data: options.DataOption = None,
    output: Annotated[
        Path,
        typer.Option(help="Folder for runs, report and bundle.", rich_help_panel=PUBLISHED),
    ] = OUTPUT,
    models: Annotated[
        str,
        typer.Option(
            help="Of the paper's tables: models with commas between, or all, gas_only, thermal_only, fusion.",
            rich_help_panel=PUBLISHED,
        ),
    ] = "thermal_only,fusion",
    shares: Annotated[
        str,
        typer.Option(help="Percent of the pictures to fine-tune with.", rich_help_panel=PUBLISHED),
    ] = PERCENTS,
    split: Annotated[
        str,
        typer.Option(
            help="Splits with commas between; the first is the bundle's.", rich_help_panel=PUBLISHED
        ),
    ] = "random,blocked",
    positions: Annotated[
        str, typer.Option(help="Where `blocked` holds its test block out.", rich_help_panel=PUBLISHED)
    ] = "0.4",
    fraction: options.FractionOption = None,
    embargo: options.EmbargoOption = EMBARGO,
    settings: options.SetOption = None,
    cache: options.CacheOption = None,
    threads: options.ThreadsOption = None,
    workers: options.WorkersOption = 0,
    accelerator: options.AcceleratorOption = "auto",
) -> None:
    """Draw a board of pictures, or make everything of the published ones."""
    if board is not None:
        draw_board(board, real or [], drawn, seed)
        return
    machine = Machine(accelerator, threads=options.thread_count(threads), workers=workers)
    with options.refusing(PROGRAMME):
        if real:
            raise ValueError("--real belongs to a board; name its folder by --board")
        overrides = options.hyperparameters(settings)
        plan = PlanSettings(
            tables=tuple(
                model.with_overrides(overrides)
                for model in choose_models(options.listed("--models", models, str))
            ),
            started=tuple(load_model(name).with_overrides(overrides) for name in STARTED),
            gas=load_model(GAS).with_overrides(overrides),
            splits=tuple(
                split_settings(
                    options.listed("--split", split, str),
                    options.listed("--positions", positions, float),
                    fraction,
                    embargo,
                )
            ),
            shares=shares_of(options.listed("--shares", shares, float)),
            seed=seed,
        )
        folder = open_folder(options.data_folder(data))
        given = Study.of(folder.dataset, output, options.cache_folder(cache), Thermal.REAL)
        units = make_plan(plan, replace(given, thermal=Thermal.RENDERED), given)
        check_all(units)
        options.print_notes(folder.findings, most=MOST_FINDINGS)
        options.print_notes(prepare_all(units))
        make_output(output)
        keep_subject(folder, overrides, output)
        note_command(output, PROGRAMME)
    with options.stoppable(PROGRAMME):
        run_all(units, machine, folder, output)


if __name__ == "__main__":
    typer.run(main)
