"""Which units a run over the published folder has, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.splits import SplitSettings
from training.fitting.catalog import Model
from training.fitting.runs import Study, TrainingRun, with_branches
from training.published.units import Asking, FinalBundle, FineTuning, Training, Unit

STARTED = ("gasnet_field", "fusion1_field")
"""What is trained on drawn pictures and fine-tuned: they see a picture as a live camera gives it."""
GAS = "cnn1d"
"""The bundle's network for readings alone."""
PERCENTS = "1,10,100"


@dataclass(frozen=True)
class PlanSettings:
    """What is asked for.

    Attributes:
        tables: the models of the paper's tables.
        started: those that are trained on drawn pictures and fine-tuned, that of the bundle's largest network
            last.
        gas: the one for readings alone.
        splits: under which; the bundle is of the first.
        shares: of the folder's pictures, for fine-tuning; 1 is all of them.
        seed: of all.
    """

    tables: tuple[Model, ...]
    started: tuple[Model, ...]
    gas: Model
    splits: tuple[SplitSettings, ...]
    shares: tuple[float, ...]
    seed: int = 0


def shares_of(percents: Sequence[float]) -> tuple[float, ...]:
    """Return shares, ascending; all of the pictures are always among them, since the bundle is made of these.

    Raises:
        ValueError: a number is none of percent.
    """
    for percent in percents:
        if not 0 < percent <= 100:
            raise ValueError(f"--shares has {percent:g}; expected percent, above 0 and at most 100")
    return tuple(sorted({1.0, *(percent / 100 for percent in percents)}))


def make_plan(settings: PlanSettings, drawn: Study, given: Study) -> tuple[Unit, ...]:
    """Return all units, each after those that it needs, and the longest last.

    Args:
        settings: what is asked for.
        drawn: the rows with rendered pictures.
        given: the same with the folder's.
    """
    units: list[Unit] = []
    tuned: list[FineTuning] = []
    for split in settings.splits:
        for model in settings.started:
            training = Training(TrainingRun(model, split, settings.seed), drawn)
            mine = [FineTuning(training, share, given) for share in settings.shares]
            fresh = [
                Training(TrainingRun(model, split, settings.seed, share=share), given)
                for share in settings.shares
            ]
            units += [training, Asking(training, given), *mine, *fresh]
            tuned += [one for one in mine if split == settings.splits[0] and one.share == 1]
    gas = Training(TrainingRun(settings.gas, settings.splits[0], settings.seed), given)
    units += [gas, FinalBundle(tuple(tuned), gas)]
    runs = with_branches(
        TrainingRun(model, split, settings.seed) for split in settings.splits for model in settings.tables
    )
    units += [Training(run, given) for run in runs]
    return tuple({unit.name: unit for unit in units}.values())
