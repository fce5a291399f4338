"""The models that can be trained: one file each in `models/` here, with network and hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.registry import ARCHITECTURES
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.teaching.limits import check_limits
from training.fitting.yardsticks import ESTIMATORS

FOLDER = Path(__file__).parent / "models"
GROUPS = ("all", *(mode.value for mode in Mode))
"""What `--models` takes beside names: every model, or those of one modality."""
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "auto")


class ModelError(ValueError):
    """A model is unknown or its file unusable; the message names it and what would be right."""


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that shapes the weights beside network, data and split; the defaults are the paper's.

    Attributes:
        learning_rate: Adam's.
        batch: samples per step.
        epochs: epochs at most.
        patience: epochs without a smaller validation loss after which training stops.
        dropout: share of units dropped.
        noise_counts: standard deviation of noise on training readings, ADC counts; the paper has none.
        image_size: side of the picture, pixels; None without pictures.
        takes: rendered frames per row, of which each epoch draws one; the paper has one picture per row.
        precision: Lightning's; `auto` is what the machine computes in fastest.
    """

    learning_rate: float = 1e-3
    batch: int = 32
    epochs: int = 200
    patience: int = 12
    dropout: float = 0.3
    noise_counts: float = 0.0
    image_size: int | None = None
    takes: int = 1
    precision: str = "32-true"

    def __post_init__(self) -> None:
        limits = (
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("batch", self.batch >= 2, "at least 2"),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("patience", self.patience >= 1, "at least 1"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("noise_counts", self.noise_counts >= 0, "at least 0"),
            ("image_size", self.image_size is None or self.image_size >= 32, "at least 32 pixels"),
            ("takes", self.takes >= 1, "at least 1"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
        )
        check_limits(self, limits, ModelError)


@dataclass(frozen=True)
class PaperFigures:
    """What the paper reports of a model, under its random split.

    Attributes:
        table: number of its table in the paper: 4, 5 or 6.
        accuracy: share of the test rows that are classified rightly.
        macro_f1: mean over the classes of F1.
    """

    table: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Model:
    """One row of the tables.

    Attributes:
        name: the file's name.
        title: its name in the tables.
        order: its place in the tables.
        architecture: name of its network in the registry, or of a scikit-learn estimator.
        preparation: how its pictures are prepared; None without pictures.
        branches: models that are trained alone and whose networks it combines, gas first; or none.
        paper: what the paper reports of it; None where it does not.
        hyperparameters: its defaults.
    """

    name: str
    title: str
    order: int
    architecture: str
    preparation: Preparation | None
    branches: tuple[str, ...]
    paper: PaperFigures | None
    hyperparameters: Hyperparameters

    @property
    def is_yardstick(self) -> bool:
        """Whether it is a scikit-learn estimator."""
        return self.architecture in ESTIMATORS

    @property
    def mode(self) -> Mode:
        """What it takes."""
        return Mode.GAS_ONLY if self.is_yardstick else ARCHITECTURES[self.architecture].mode

    def with_overrides(self, overrides: Mapping[str, Any]) -> Model:
        """Return the model with other hyperparameters; a gas model keeps having no picture.

        Raises:
            ModelError: a value is out of range.
        """
        known = dict(overrides)
        if self.preparation is None:
            known.pop("image_size", None)
            known.pop("takes", None)
        return replace(self, hyperparameters=replace(self.hyperparameters, **known))


def all_models() -> list[Model]:
    """Return all models in the order of the tables: sensors, images, fusion."""
    models = [load_model(path.stem) for path in FOLDER.glob("*.yaml")]
    return sorted(models, key=lambda model: model.order)


def load_model(name: str) -> Model:
    """Read `training/fitting/models/<name>.yaml`.

    Raises:
        ModelError: there is no such model, or its file is unusable.
    """
    path = FOLDER / f"{name}.yaml"
    if Path(name).name != name or not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in FOLDER.glob("*.yaml")))
        raise ModelError(f"no model is called '{name}'; there are {known}")
    try:
        return _parse(name, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ModelError(f"{path.name}: {error}") from error


def choose_models(names: Sequence[str]) -> list[Model]:
    """Return the models of the given names, each once; a group's name stands for its models.

    Raises:
        ModelError: a name is unknown, or there is none.
    """
    chosen: dict[str, Model] = {}
    for name in names:
        if name in GROUPS:
            group = [model for model in all_models() if name in ("all", model.mode.value)]
        else:
            group = [load_model(name)]
        chosen.update({model.name: model for model in group})
    if not chosen:
        raise ModelError(f"no model is given; name some, or one of {', '.join(GROUPS)}")
    return list(chosen.values())


def _parse(name: str, content: Mapping[str, Any]) -> Model:
    given = content.get("hyperparameters", {})
    unknown = set(given) - {field.name for field in fields(Hyperparameters)}
    if unknown:
        raise ValueError(f"unknown hyperparameters {', '.join(sorted(unknown))}")
    architecture = content["architecture"]
    if architecture not in ARCHITECTURES and architecture not in ESTIMATORS:
        raise ValueError(
            f"architecture is '{architecture}'; it must be one of {', '.join((*ARCHITECTURES, *ESTIMATORS))}"
        )
    return Model(
        name=name,
        title=content["title"],
        order=content["order"],
        architecture=architecture,
        preparation=Preparation(content["preparation"]) if "preparation" in content else None,
        branches=tuple(content.get("branches", ())),
        paper=PaperFigures(**content["paper"]) if "paper" in content else None,
        hyperparameters=Hyperparameters(**given),
    )
