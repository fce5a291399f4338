"""Trains a model and writes its bundle: `python -m training.train --model fusion1 --data DIR --output DIR`.

The data are the real gas readings in DIR and, for each, rendered thermal frames of the row's class.
"""

from __future__ import annotations

import copy
import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning
import numpy as np
import numpy.typing as npt
import torch
import typer
from lightning.pytorch.callbacks import Callback, EarlyStopping, RichProgressBar
from rich.console import Console
from rich.progress import Progress
from torch import nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassF1Score

from gas_fusion_ros.dataset import Dataset
from gas_fusion_ros.inference import Bundle, file_sha256
from gas_fusion_ros.networks.fusion import FusionI
from gas_fusion_ros.networks.gas import GasCnn
from gas_fusion_ros.networks.thermal import GasNet
from gas_fusion_ros.observation import CLEAN_AIR, Mode
from training.card import RUNS, RUNTIME, write_card
from training.data import (
    IMAGE_SIZE,
    AugmentedSamples,
    Frames,
    Readings,
    Sample,
    Samples,
    Split,
    in_order,
    read,
    render_frames,
    shuffled,
    stratified_split,
)
from training.export import deployed, measure_runtime, write_manifest, write_weights

CONSOLE = Console()
EVALUATION_BATCH = 64
FALSE_ALARM_SHARE = 0.01
"""Share of clean validation readings that may exceed the advised alarm threshold."""


class Model(str, Enum):
    """The models that can be trained."""

    FUSION1 = "fusion1"


class Schedule(str, Enum):
    """How the learning rate goes: constant as in the paper, or a cosine down to 0 at the last epoch."""

    CONSTANT = "constant"
    COSINE = "cosine"


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that shapes the weights; the defaults are the paper's where it names them."""

    seed: int = 0
    gas_epochs: int = 200
    thermal_epochs: int = 200
    fusion_epochs: int = 200
    joint_epochs: int = 200
    batch: int = 32
    learning_rate: float = 1e-3
    joint_learning_rate: float = 1e-3
    schedule: Schedule = Schedule.CONSTANT
    patience: int = 12
    dropout: float = 0.3
    noise_counts: float = 2.0
    frames_per_row: int = 2


@dataclass(frozen=True)
class Stage:
    """One training: what is trained on which inputs, for how long and from which learning rate."""

    name: str
    mode: Mode
    epochs: int
    learning_rate: float
    precision: Literal["32-true", "bf16-mixed"]


class FusionOfFeatures(nn.Module):
    """Fusion I without its thermal part: it takes the thermal features instead of the picture."""

    def __init__(self, fusion: FusionI) -> None:
        super().__init__()
        self.gas, self.head = fusion.gas, fusion.head
        self._fuse = fusion.fuse

    def forward(self, gas: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, 7) and thermal features (N, 2304) into logits (N, classes)."""
        return self._fuse(gas, features)


class Task(lightning.LightningModule):
    """One network's training: cross entropy, Adam, accuracy and macro F1 on validation."""

    def __init__(self, network: nn.Module, classes: int, stage: Stage, schedule: Schedule) -> None:
        super().__init__()
        self.network = network
        self._stage = stage
        self._schedule = schedule
        self._accuracy = MulticlassAccuracy(classes, average="micro")
        self._macro_f1 = MulticlassF1Score(classes, average="macro")

    def training_step(self, batch: Sample, _: int) -> torch.Tensor:
        """Return the loss of one batch."""
        inputs, labels = batch
        loss = nn.functional.cross_entropy(self.network(*inputs), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Sample, _: int) -> None:
        """Add one batch to the validation's loss and metrics."""
        inputs, labels = batch
        logits = self.network(*inputs).float()
        self._accuracy(logits, labels)
        self._macro_f1(logits, labels)
        loss = nn.functional.cross_entropy(logits, labels)
        self.log("val_loss", loss, on_epoch=True, batch_size=len(labels))
        self.log("val_accuracy", self._accuracy, on_epoch=True, prog_bar=True)
        self.log("val_macro_f1", self._macro_f1, on_epoch=True)

    def configure_optimizers(self) -> Any:
        """Return Adam, with its schedule where it has one."""
        adam = torch.optim.Adam(self.network.parameters(), lr=self._stage.learning_rate)
        if self._schedule is Schedule.CONSTANT:
            return adam
        return [adam], [torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=self._stage.epochs)]


class KeepBest(Callback):
    """Keeps the weights of the epoch with the smallest validation loss, and says how each epoch went."""

    def __init__(self, name: str) -> None:
        self.best_loss = float("inf")
        self.best_epoch = 0
        self._name = name
        self._weights: dict[str, torch.Tensor] = {}

    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Compare the epoch that ends with the best one."""
        assert isinstance(pl_module, Task)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = 0 if trainer.sanity_checking else trainer.current_epoch + 1
        CONSOLE.print(
            f"{self._name} epoch {epoch}: loss {metrics['val_loss']:.4f}, "
            f"accuracy {metrics['val_accuracy']:.4f} on validation",
            soft_wrap=True,
        )
        if metrics["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = metrics["val_loss"], epoch
            self._weights = copy.deepcopy(pl_module.network.state_dict())

    def restore(self, network: nn.Module) -> None:
        """Put the best epoch's weights back."""
        network.load_state_dict(self._weights)


@dataclass(frozen=True)
class Material:
    """What all networks are trained and measured on: the readings and each part's frames."""

    readings: Readings
    train: Frames
    validation: Frames
    test: Frames


def train_network(
    stage: Stage, network: nn.Module, material: Material, classes: int, settings: Hyperparameters
) -> int:
    """Train one network in place and leave it with its best weights.

    Returns:
        The epoch these come from; 0 where training made it no better.
    """
    training = AugmentedSamples(stage.mode, material.readings, material.train, settings.seed)
    validation = Samples(stage.mode, material.readings, material.validation)
    best = KeepBest(stage.name)
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=stage.epochs,
        precision=stage.precision,
        callbacks=[
            best,
            EarlyStopping("val_loss", patience=settings.patience),
            RichProgressBar(leave=False, console_kwargs={"stderr": True}),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        # All of validation before the first epoch: the network may come trained.
        num_sanity_val_steps=-1,
    )
    trainer.fit(
        Task(network.to(memory_format=torch.channels_last).train(), classes, stage, settings.schedule),
        shuffled(training, settings.batch),
        in_order(validation, EVALUATION_BATCH),
    )
    best.restore(network)
    return best.best_epoch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: for networks as small as the 1D CNN, a second one only costs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train_networks(
    material: Material, classes: int, settings: Hyperparameters
) -> tuple[dict[Mode, nn.Module], dict[str, int]]:
    """Train the 1D CNN, GasNet and, starting from their features, Fusion I.

    Fusion I is trained first with the thermal features held as they are, which costs seconds per
    epoch, then jointly, as in the paper. Pictures are computed in bfloat16: a third of the time.

    Returns:
        The networks in the form that is shipped, and each stage's best epoch.
    """
    gas, thermal = GasCnn(classes, settings.dropout), GasNet(classes, settings.dropout)
    fusion = FusionI(classes, settings.dropout)
    best_epochs: dict[str, int] = {}

    def run(stage: Stage, network: nn.Module, on: Material) -> None:
        best_epochs[stage.name] = train_network(stage, network, on, classes, settings)

    rate = settings.learning_rate
    with one_thread():
        run(Stage("1D CNN", Mode.GAS_ONLY, settings.gas_epochs, rate, "32-true"), gas, material)
    run(Stage("GasNet", Mode.THERMAL_ONLY, settings.thermal_epochs, rate, "bf16-mixed"), thermal, material)
    fusion.gas.load_state_dict(gas.features.state_dict())
    fusion.thermal.load_state_dict(thermal.features.state_dict())
    held = Stage("Fusion I, thermal features held", Mode.FUSION, settings.fusion_epochs, rate, "32-true")
    seen = seen_by(fusion.thermal.eval(), material)
    with one_thread():
        run(held, FusionOfFeatures(fusion), seen)
    rate = settings.joint_learning_rate
    run(Stage("Fusion I, jointly", Mode.FUSION, settings.joint_epochs, rate, "bf16-mixed"), fusion, material)
    networks: dict[Mode, nn.Module] = {
        Mode.FUSION: fusion,
        Mode.GAS_ONLY: gas,
        Mode.THERMAL_ONLY: thermal,
    }
    return {mode: deployed(network.cpu()) for mode, network in networks.items()}, best_epochs


def seen_by(extractor: nn.Module, material: Material) -> Material:
    """Return the material with the features of all frames in place of their pictures."""
    return replace(
        material,
        train=material.train.features(extractor, EVALUATION_BATCH),
        validation=material.validation.features(extractor, EVALUATION_BATCH),
        test=material.test.features(extractor, EVALUATION_BATCH),
    )


def infer(network: nn.Module, loader: DataLoader[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a network's logits, shape (N, K), and the labels, shape (N,), of a loader's samples."""
    outputs, labels = [], []
    with torch.inference_mode():
        for inputs, expected in loader:
            outputs.append(network(*inputs))
            labels.append(expected)
    return torch.cat(outputs).clone(), torch.cat(labels).clone()


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature that minimises the cross entropy of `logits` / temperature.

    Source: Guo et al. (2017), On Calibration of Modern Neural Networks. Kept within 0.05 .. 20.
    """
    candidates = torch.logspace(np.log10(0.05), np.log10(20.0), 600)
    losses = torch.stack([nn.functional.cross_entropy(logits / value, labels) for value in candidates])
    return round(float(candidates[losses.argmin()]), 4)


def score(logits: torch.Tensor, labels: torch.Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, macro F1, the confusion matrix (rows: truth) and the number of samples."""
    count = len(classes)
    return {
        "accuracy": round(float(MulticlassAccuracy(count, average="micro")(logits, labels)), 4),
        "macro_f1": round(float(MulticlassF1Score(count, average="macro")(logits, labels)), 4),
        "confusion": MulticlassConfusionMatrix(count)(logits, labels).tolist(),
        "samples": len(labels),
    }


def advise_thresholds(clean_leak_probabilities: npt.NDArray[np.float32]) -> dict[str, float]:
    """Return the alarm thresholds: at most 1 % of clean readings lie above `on`; `off` is half of it."""
    quantile = float(np.quantile(clean_leak_probabilities, 1 - FALSE_ALARM_SHARE))
    on = min(0.95, max(0.6, np.ceil(quantile * 20) / 20))
    return {"on": round(on, 2), "off": round(on / 2, 3)}


@dataclass(frozen=True)
class Evaluation:
    """The measured parts of bundle.json."""

    temperature: dict[str, float]
    thresholds: dict[str, float]
    metrics: dict[str, Any]


def evaluate(
    networks: Mapping[Mode, nn.Module], material: Material, classes: Sequence[str], seed: int
) -> Evaluation:
    """Calibrate on validation, measure on test; each metric stands under its protocol's name."""
    temperature: dict[str, float] = {}
    tested: dict[Mode, tuple[torch.Tensor, torch.Tensor]] = {}
    clean_leaks: list[npt.NDArray[np.float32]] = []
    for mode, network in networks.items():
        logits, labels = infer(
            network, in_order(Samples(mode, material.readings, material.validation), EVALUATION_BATCH)
        )
        temperature[mode.value] = fit_temperature(logits, labels)
        if mode is not Mode.THERMAL_ONLY:
            clean_leaks.append(_clean_leaks(logits / temperature[mode.value], labels, classes))
        tested[mode] = infer(
            network, in_order(Samples(mode, material.readings, material.test), EVALUATION_BATCH)
        )
    protocol = f"random split, seed {seed}"
    rendered = f"{protocol}, rendered thermal"
    fused, labels = tested[Mode.FUSION]
    hidden = torch.from_numpy(~material.test.visible) & (labels != classes.index(CLEAN_AIR))
    with torch.inference_mode():
        replayed = networks[Mode.GAS_ONLY](material.readings.gas)
    metrics = {
        protocol: {Mode.GAS_ONLY.value: score(*tested[Mode.GAS_ONLY], classes)},
        rendered: {mode.value: score(*tested[mode], classes) for mode in (Mode.FUSION, Mode.THERMAL_ONLY)},
        "all rows replayed, training rows included": {
            Mode.GAS_ONLY.value: score(replayed, material.readings.labels, classes)
        },
    }
    if hidden.any():
        metrics[f"{rendered}, gas rows whose plume is out of view"] = {
            Mode.FUSION.value: score(fused[hidden], labels[hidden], classes)
        }
    return Evaluation(temperature, advise_thresholds(np.concatenate(clean_leaks)), metrics)


def _clean_leaks(
    logits: torch.Tensor, labels: torch.Tensor, classes: Sequence[str]
) -> npt.NDArray[np.float32]:
    clean = classes.index(CLEAN_AIR)
    return 1 - logits.softmax(dim=1)[labels == clean, clean].numpy()


def prepare(
    dataset: Dataset, split: Split, normalisation: Mapping[str, list[float]], settings: Hyperparameters
) -> Material:
    """Normalise the readings and render the frames: several per training row, one per other row."""
    readings = read(dataset, normalisation["mean"], normalisation["std"], settings.noise_counts)
    takes = {
        "train": [(row, take) for row in split.train.tolist() for take in range(settings.frames_per_row)],
        "validation": [(row, 0) for row in split.validation.tolist()],
        "test": [(row, 0) for row in split.test.tolist()],
    }
    with Progress(console=CONSOLE) as progress:
        bar = progress.add_task("rendering thermal frames", total=sum(map(len, takes.values())))

        def tick() -> None:
            progress.advance(bar)

        frames = {name: render_frames(dataset, rows, settings.seed, tick) for name, rows in takes.items()}
    return Material(readings, frames["train"], frames["validation"], frames["test"])


def normalise(dataset: Dataset, split: Split) -> dict[str, list[float]]:
    """Return mean and standard deviation of the training rows' counts."""
    counts = dataset.counts[split.train].astype(np.float64)
    return {
        "mean": [round(float(value), 4) for value in counts.mean(axis=0)],
        "std": [round(float(value), 4) for value in counts.std(axis=0)],
    }


def train(model: Model, data: Path, output: Path, settings: Hyperparameters, command: str) -> Bundle:
    """Train `model` on the folder `data` and write its bundle to `output`.

    Raises:
        DatasetError: the data cannot be read.
    """
    lightning.seed_everything(settings.seed, verbose=False)
    dataset = Dataset.load(data)
    split = stratified_split(dataset.labels, settings.seed)
    normalisation = normalise(dataset, split)
    material = prepare(dataset, split, normalisation, settings)
    networks, best_epochs = train_networks(material, len(dataset.classes), settings)
    evaluation = evaluate(networks, material, dataset.classes, settings.seed)
    write_weights(output, networks)
    content = {
        "name": model.value,
        "classes": list(dataset.classes),
        "channels": list(dataset.channels),
        "window": 1,
        "image_size": IMAGE_SIZE,
        "image_channels": 1,
        "normalisation": normalisation,
        "temperature": evaluation.temperature,
        "thresholds": evaluation.thresholds,
        "trained_on": {
            "readings": dataset.csv_path.name,
            "readings_sha256": file_sha256(dataset.csv_path),
            "rows": {name: len(rows) for name, rows in asdict(split).items()},
            "thermal": "rendered by gas_fusion_ros.simulation.renderer; no real thermal image",
            "hyperparameters": asdict(settings),
            "best_epochs": best_epochs,
            "code_version": code_version(),
            "command": command,
        },
        "metrics": evaluation.metrics,
    }
    write_manifest(output, content)
    runtime = measure_runtime(Bundle.load(output), RUNS)
    write_manifest(output, {**content, "metrics": {**evaluation.metrics, RUNTIME: runtime}})
    bundle = Bundle.load(output)
    write_card(bundle)
    return bundle


def code_version() -> str:
    """Return the checkout's commit, with `-dirty` where files differ from it; `unknown` without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main(
    data: Annotated[Path, typer.Option(help="Folder in the data set's layout.")],
    output: Annotated[Path, typer.Option(help="Folder to write the bundle to.")],
    model: Annotated[Model, typer.Option(help="Which model to train.")] = Model.FUSION1,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most, of each stage without its own.")] = 200,
    gas_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most: the 1D CNN.")] = None,
    thermal_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most: GasNet.")] = None,
    fusion_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs at most: Fusion I, thermal features held.")
    ] = None,
    joint_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most: Fusion I jointly.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of split, scenes, noise and weights.")] = 0,
    batch: Annotated[int, typer.Option(min=2, help="Samples per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=1e-6, help="Adam's learning rate.")] = 1e-3,
    joint_learning_rate: Annotated[
        float, typer.Option(min=1e-6, help="Adam's learning rate when Fusion I is trained jointly.")
    ] = 1e-3,
    schedule: Annotated[Schedule, typer.Option(help="Course of the learning rate.")] = Schedule.CONSTANT,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without a better validation loss.")] = 12,
    dropout: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of units dropped.")] = 0.3,
    noise_counts: Annotated[float, typer.Option(min=0.0, help="Noise on training readings, counts.")] = 2.0,
    frames_per_row: Annotated[int, typer.Option(min=1, help="Rendered frames per training row.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train a model on real gas readings and rendered thermal frames, and write its bundle."""
    torch.set_num_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    settings = Hyperparameters(
        seed=seed,
        gas_epochs=gas_epochs or epochs,
        thermal_epochs=thermal_epochs or epochs,
        fusion_epochs=fusion_epochs or epochs,
        joint_epochs=joint_epochs or epochs,
        batch=batch,
        learning_rate=learning_rate,
        joint_learning_rate=joint_learning_rate,
        schedule=schedule,
        patience=patience,
        dropout=dropout,
        noise_counts=noise_counts,
        frames_per_row=frames_per_row,
    )
    command = "python -m training.train --data DIR --output DIR " + " ".join(
        f"--{name.replace('_', '-')} {value.value if isinstance(value, Enum) else value}"
        for name, value in {"model": model, **asdict(settings)}.items()
    )
    bundle = train(model, data, output, settings, command)
    for protocol, results in bundle.metrics.items():
        CONSOLE.print(protocol, results)


if __name__ == "__main__":
    typer.run(main)
