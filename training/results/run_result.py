"""What a finished run says of itself, and the file that collects all runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from training.data.splits import SplitSettings
from training.results.result_file import ResultError, read_json, write_json

RESULT = "result.json"
"""In a run's folder; there once the run has finished."""
BUNDLE, RUN = "bundle", "run"
"""What a run can be fine-tuned from."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run's training, numbered from 1."""

    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    val_macro_f1: float


@dataclass(frozen=True)
class FineTuningOrigin:
    """What a run was fine-tuned from: a bundle, or another run.

    Attributes:
        bundle: its name.
        sha256: of the bundle's manifest, which holds those of all its files; of the run's weights.
        network: which of its networks, by its mode.
        weights: share of the network's weights that were taken over, 0..1.
        new_classes: classes that it does not know.
        new_channels: gas channels that it does not know; none of a network that takes pictures alone.
        kind: `bundle` or `run`.
    """

    bundle: str
    sha256: str
    network: str
    weights: float
    new_classes: tuple[str, ...] = ()
    new_channels: tuple[str, ...] = ()
    kind: str = BUNDLE

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FineTuningOrigin:
        """Read what `dataclasses.asdict` made."""
        names = {name: tuple(values[name]) for name in ("new_classes", "new_channels")}
        return cls(**{**values, **names})


@dataclass(frozen=True)
class RunResult:
    """One model, trained and tested once.

    Attributes:
        run: name of the run's folder.
        model: the model's name.
        title: the model's name in the tables.
        architecture: name of its network, or of its scikit-learn estimator.
        modality: `gas_only`, `thermal_only` or `fusion`.
        preparation: how pictures were prepared; None without pictures.
        image_size: side of the picture, pixels; None without pictures.
        thermal: `real` or `rendered` pictures, or `none`.
        split: how rows were split.
        seed: seed of split, weights and order.
        classes: class names in the order of the logits, length K.
        channels: gas channels in the order of the input, length C.
        normalisation: mean and std of the training rows' counts, length C each.
        rows: rows in training, validation and test.
        accuracy: share of the test rows that are classified rightly.
        macro_f1: mean over the classes of F1 on test.
        macro_precision: mean over the classes of precision on test.
        macro_recall: mean over the classes of recall on test.
        confusion: shape (K, K), test rows by truth (row) and verdict (column).
        parameters: trainable parameters; 0 for a scikit-learn estimator.
        macs: multiplications of one forward pass, batch 1; 0 for a scikit-learn estimator.
        epochs: epochs trained.
        best_epoch: the epoch whose weights were kept, from 1.
        seconds: wall time of the training, resumed parts included.
        hyperparameters: everything that shaped the weights.
        history: how each epoch went.
        data_file: name of the file with the readings.
        data_sha256: its sha256.
        code_version: commit of the code.
        unusable_images: rows left out, because their picture is missing or unreadable.
        branches: runs whose networks were combined, in Fusion III.
        fine_tuned_from: the bundle whose weights it began with; None where they were random.
        share: of the rows of training and validation that it had.
    """

    run: str
    model: str
    title: str
    architecture: str
    modality: str
    preparation: str | None
    image_size: int | None
    thermal: str
    split: SplitSettings
    seed: int
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    normalisation: Mapping[str, list[float]]
    rows: Mapping[str, int]
    accuracy: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    confusion: list[list[int]]
    parameters: int
    macs: int
    epochs: int
    best_epoch: int
    seconds: float
    hyperparameters: Mapping[str, Any]
    data_file: str
    data_sha256: str
    code_version: str
    history: tuple[Epoch, ...] = ()
    unusable_images: int = 0
    branches: tuple[str, ...] = field(default=())
    fine_tuned_from: FineTuningOrigin | None = None
    share: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], source: Path) -> RunResult:
        """Read what `to_json` made; `source` is named where it cannot be.

        Raises:
            ResultError: a field is missing or unusable.
        """
        try:
            # Results from before there were fine-tuning and shares say nothing of them.
            given = {"fine_tuned_from": None, "share": 1.0, **values}
            known = {entry.name: given[entry.name] for entry in fields(cls)}
            for name in ("classes", "channels", "branches"):
                known[name] = tuple(known[name])
            known["split"] = SplitSettings(**known["split"])
            known["history"] = tuple(Epoch(**epoch) for epoch in known["history"])
            if known["fine_tuned_from"] is not None:
                known["fine_tuned_from"] = FineTuningOrigin.from_json(known["fine_tuned_from"])
            return cls(**known)
        except KeyError as error:
            raise ResultError(f"{source}: the field {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise ResultError(f"{source}: {error}") from error


def write_result(folder: Path, result: RunResult) -> None:
    """Write `result.json` into a run's folder, whole or not at all."""
    write_json(folder / RESULT, result.to_json())


def read_result(folder: Path) -> RunResult:
    """Read a finished run's result.

    Raises:
        ResultError: the folder holds none, or it cannot be read.
    """
    path = folder / RESULT
    return RunResult.from_json(read_json(path), path)
