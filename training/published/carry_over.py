"""A network that has seen drawn pictures alone, asked of a folder's pictures: how far it carries over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from training.data.splits import SplitSettings
from training.fitting.catalog import all_models
from training.fitting.fit import Machine, infer, threads
from training.fitting.material import Material, Normalisation
from training.fitting.runs import Study, TrainingRun, run_images
from training.fitting.trained import load_run
from training.results.code_version import code_version
from training.results.result_file import ResultError, in_order, read_json, write_json
from training.scoring.scores import score

CARRY_OVER = "carry_over"
"""Folder of the results, a file for each network."""


@dataclass(frozen=True)
class CarryOver:
    """How a network that has seen drawn pictures alone does on test rows, by drawn and by the folder's.

    Attributes:
        run: name of its training.
        model: the model's name.
        title: the model's name in the tables.
        split: how rows were split; no test row was seen in training, neither its reading nor a picture.
        seed: seed of split, weights and order.
        classes: class names in the order of the confusion, length K.
        drawn_accuracy: share of test rows classified rightly by their drawn pictures.
        accuracy: by the folder's pictures.
        macro_f1: mean over the classes of F1, by the folder's pictures.
        confusion: shape (K, K), by truth (row) and verdict (column), by the folder's pictures.
        data_file: name of the file with the readings.
        data_sha256: its sha256.
        code_version: commit of the code.
    """

    run: str
    model: str
    title: str
    split: SplitSettings
    seed: int
    classes: tuple[str, ...]
    drawn_accuracy: float
    accuracy: float
    macro_f1: float
    confusion: list[list[int]]
    data_file: str
    data_sha256: str
    code_version: str

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], source: Path) -> CarryOver:
        """Read what `to_json` made; `source` is named where it cannot be.

        Raises:
            ResultError: a field is missing or unusable.
        """
        try:
            known = {entry.name: values[entry.name] for entry in fields(cls)}
            known["classes"] = tuple(known["classes"])
            known["split"] = SplitSettings(**known["split"])
            return cls(**known)
        except KeyError as error:
            raise ResultError(f"{source}: the field {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise ResultError(f"{source}: {error}") from error


def carry_over_path(run: TrainingRun, drawn: Study) -> Path:
    """Where the result of a training on drawn pictures goes."""
    return drawn.output / CARRY_OVER / f"{run.name(drawn)}.json"


def read_carry_over(output: Path) -> list[CarryOver]:
    """Read all results of an output folder, in the order of the tables.

    Raises:
        ResultError: one cannot be read.
    """
    paths = (output / CARRY_OVER).glob("*.json")
    results = [CarryOver.from_json(read_json(path), path) for path in paths]
    return in_order(results, (model.name for model in all_models()))


def ask(run: TrainingRun, drawn: Study, given: Study, machine: Machine) -> CarryOver:
    """Ask a network that was trained on drawn pictures of a folder's test rows, and keep the result.

    Args:
        run: the training, finished.
        drawn: the study that it is of.
        given: the same rows with the folder's pictures.
        machine: what it runs on.

    Raises:
        ResultError: the training is not finished.
        DatasetError: the folder's pictures cannot be prepared.
    """
    trained = load_run(run.folder(drawn))
    images = run_images(run, given, lambda: None)
    assert images is not None
    rows = run.rows(given).only(images.usable).test
    normalisation = Normalisation(**trained.result.normalisation)
    material = Material.of(trained.mode, given.dataset, normalisation, images)
    with threads(machine.threads):
        logits = infer(trained.network, material, rows, "cuda" if machine.has_gpu else "cpu")
    scores = score(logits, material.labels[rows])
    result = CarryOver(
        run=trained.result.run,
        model=trained.result.model,
        title=trained.result.title,
        split=trained.result.split,
        seed=trained.result.seed,
        classes=trained.result.classes,
        drawn_accuracy=trained.result.accuracy,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        confusion=scores.confusion,
        data_file=trained.result.data_file,
        data_sha256=trained.result.data_sha256,
        code_version=code_version(),
    )
    path = carry_over_path(run, drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result.to_json())
    return result
