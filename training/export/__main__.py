"""Makes trained runs a bundle: `python -m training.export RUN --output DIR`. See docs/bundle.md.

The bundle has the mode of RUN; `--gas-only` and `--thermal-only` add further runs' networks for when a
sensor is silent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.command_line import options
from training.command_line.options import CONSOLE
from training.export.bundle import INPUTS, export, load_runs
from training.export.card import RUNTIME


def _command(run: Path, gas_only: Path | None, thermal_only: Path | None, tested: bool, name: str) -> str:
    """Return what makes the bundle again, with the runs' names in place of this machine's paths."""
    further = {"--gas-only": gas_only, "--thermal-only": thermal_only}
    parts = [run.resolve().name]
    parts += [f"{option} {folder.resolve().name}" for option, folder in further.items() if folder is not None]
    parts += ["--data DIR"] if tested else []
    return f"python -m training.export {' '.join(parts)} --output DIR --name {name}"


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, as `training.train` leaves it.")],
    output: Annotated[Path, typer.Option(help="New or empty folder for the bundle.")],
    gas_only: Annotated[
        Path | None, typer.Option(help="Run whose network takes readings without a picture.")
    ] = None,
    thermal_only: Annotated[
        Path | None, typer.Option(help="Run whose network takes pictures without a reading.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.", show_default="RUN's model")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="GAS_FUSION_DATA",
            help="Folder of the data set: tests the networks anew, in the form that is stored. Without it "
            "the metrics are the runs'.",
        ),
    ] = None,
) -> None:
    """Make trained runs a model bundle."""
    with options.refusing("training.export"):
        runs = load_runs(run, gas_only, thermal_only)
        chosen = name or next(iter(runs.values())).result.model
        command = _command(run, gas_only, thermal_only, data is not None, chosen)
        bundle = export(runs, output, chosen, command, data, INPUTS)
    for mode, entry in bundle.metrics[RUNTIME].items():
        difference = entry["onnx_torch_max_difference"]
        CONSOLE.print(f"{mode}: ONNX Runtime and torch differ by {difference:.1e} at most", highlight=False)
    CONSOLE.print(f"{output}/README.md is its card", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
