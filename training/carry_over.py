"""Asks whether drawn pictures carry over: `python -m training.carry_over --output DIR --real DIR`.

Trains a network on randomised pictures alone, leaves out one kind of camera after the other, and asks it of
the real ones once, at the end. It is an experiment: it writes figures, and no bundle.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.table import Table

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.base.observation import PAPER_CLASSES
from training.command_line import options
from training.command_line.options import CONSOLE
from training.pictures.carry_over import Carried, RealVerdict, carry, judge
from training.pictures.drawn_set import SIDE, draw_set
from training.pictures.pretraining import DrawnSettings
from training.pictures.samples import read_samples

RESULTS = "carry_over.json"
PROTOCOL = "drawn pictures alone, one kind of camera left out at a time; real ones asked of once, at the end"


def main(
    output: Annotated[Path, typer.Option(help=f"Folder for {RESULTS}; made where it is missing.")],
    real: Annotated[
        list[Path] | None, typer.Option(help="Folder or file with real pictures; repeatable.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=400, help="Pictures to draw.")] = DrawnSettings.pictures,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over them.")] = DrawnSettings.epochs,
    seed: Annotated[int, typer.Option(min=0, help="Of pictures, weights and order.")] = 0,
    threads: options.ThreadsOption = None,
) -> None:
    """Train on drawn pictures, and say how the network does on cameras and pictures it has not seen."""
    torch.set_num_threads(options.thread_count(threads))
    with options.refusing("training.carry_over"):
        # Read first: what is missing is told before an hour of training.
        samples, problems = read_samples(real or [])
        options.print_notes(problems)
        output.mkdir(parents=True, exist_ok=True)
        settings = DrawnSettings(pictures=pictures, epochs=epochs)
        drawn = draw_set(PAPER_CLASSES, pictures, SIDE, seed, settings.randomisation)
        carried = carry(drawn, settings, seed, _note)
        verdicts = judge(carried, samples) if samples else []
        results = _results(carried, verdicts, settings, seed)
        write_whole(output / RESULTS, json.dumps(results, indent=2, allow_nan=False).encode())
    _print(carried, verdicts)
    CONSOLE.print(str(output / RESULTS), highlight=False, markup=False, soft_wrap=True)


def _note(text: str) -> None:
    CONSOLE.print(text, highlight=False, markup=False, soft_wrap=True)


def _results(
    carried: Carried, verdicts: list[RealVerdict], settings: DrawnSettings, seed: int
) -> dict[str, object]:
    return {
        "protocol": PROTOCOL,
        "seed": seed,
        "settings": asdict(settings),
        "trust": asdict(carried.trust),
        "unseen_cameras": [asdict(camera) for camera in carried.unseen],
        "unseen_spoken": carried.spoke,
        "unseen_right_where_spoken": carried.right,
        "real": [asdict(verdict) for verdict in verdicts],
    }


def _print(carried: Carried, verdicts: list[RealVerdict]) -> None:
    if carried.right is None:
        _note("on unseen cameras it is never right often enough to speak")
    else:
        _note(
            f"on unseen cameras it speaks of {carried.spoke:.0%}, and {carried.right:.0%} of that is right, "
            f"from probability {carried.trust.least_sure:.2f} on"
        )
    if not verdicts:
        return
    table = Table("picture", "truth", "verdict", "probability", "novelty", "speaks", box=None, pad_edge=False)
    for verdict in verdicts:
        table.add_row(
            verdict.name,
            verdict.truth or "-",
            verdict.label,
            f"{verdict.probabilities[verdict.label]:.2f}",
            f"{verdict.novelty:.2f}",
            "yes" if verdict.spoken else "no",
        )
    CONSOLE.print(table)
    judged = [verdict for verdict in verdicts if verdict.truth]
    spoken = [verdict for verdict in judged if verdict.spoken]
    right, right_spoken = (sum(one.label == one.truth for one in some) for some in (judged, spoken))
    _note(
        f"real: {right} of {len(judged)} right where it must judge; "
        f"it speaks of {len(spoken)}, {right_spoken} of them right"
    )


if __name__ == "__main__":
    typer.run(main)
