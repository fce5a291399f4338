"""One run: a model, a split and a seed; trained, tested and written into its folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.base.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.model.bundle import file_sha256
from gas_fusion_ros.model.networks.registry import build
from gas_fusion_ros.model.networks.shape import Shape
from training.data.copies import Copies, find_copies
from training.data.images import Images, Thermal, load_images
from training.data.splits import Split, SplitSettings, split_rows
from training.fitting.catalog import Model, load_model
from training.fitting.fine_tuning import SAMPLE, AnyStart
from training.fitting.fit import CHECKPOINTS, Fit, Machine, fit, infer, threads
from training.fitting.material import Material, Normalisation
from training.fitting.yardsticks import ESTIMATORS, log_probabilities
from training.results.code_version import code_version
from training.results.run_result import RESULT, FineTuningOrigin, RunResult, read_result, write_result
from training.scoring.scores import score

RUNS = "runs"
WEIGHTS = "weights.safetensors"
LOGITS = "logits.npz"

_SMALLEST_PROBABILITY = 1e-6
"""What an estimator's probability of 0 becomes, so that its logarithm is a number."""


@dataclass(frozen=True)
class Study:
    """What all runs of an output folder share.

    Attributes:
        dataset: the rows.
        data_sha256: sha256 of their file.
        output: folder that holds the runs.
        cache: folder of the prepared pictures.
        thermal: which pictures models with pictures get; `NONE` where no model has any.
        copies: readings that stand twice.
    """

    dataset: Dataset
    data_sha256: str
    output: Path
    cache: Path
    thermal: Thermal
    copies: Copies

    @classmethod
    def of(cls, dataset: Dataset, output: Path, cache: Path, thermal: Thermal) -> Study:
        """Take up a data set; nothing is written yet."""
        copies = find_copies(dataset.counts, dataset.labels)
        return cls(dataset, file_sha256(dataset.csv_path), output, cache, thermal, copies)

    def split(self, settings: SplitSettings, seed: int) -> Split:
        """Split the rows, their copies kept apart.

        Raises:
            SplitError: a class has too few rows.
        """
        return split_rows(self.dataset.labels, settings, seed, self.copies)


@dataclass(frozen=True)
class TrainingRun:
    """What is trained on which rows.

    Attributes:
        model: the model.
        split: how rows are split.
        seed: seed of split, weights and order.
        start: the network whose weights it begins with; None for random ones.
        share: of the rows of training and validation that it has, above 0 and at most 1.
    """

    model: Model
    split: SplitSettings
    seed: int
    start: AnyStart | None = None
    share: float = 1.0

    def branches(self) -> tuple[TrainingRun, ...]:
        """The runs whose networks this one combines; none but in Fusion III.

        The branch with pictures takes this run's hyperparameters; the other is the model as it is alone.
        """
        branches = (load_model(name) for name in self.model.branches)
        return tuple(
            TrainingRun(
                branch.with_overrides(asdict(self.model.hyperparameters)) if branch.preparation else branch,
                self.split,
                self.seed,
                share=self.share,
            )
            for branch in branches
        )

    def rows(self, study: Study) -> Split:
        """Split the study's rows as it does.

        Raises:
            SplitError: a class has too few rows.
        """
        whole = study.split(self.split, self.seed)
        return whole.limited(self.share, study.dataset.labels, self.seed)

    def thermal(self, study: Study) -> Thermal:
        """Which pictures it gets."""
        return Thermal.NONE if self.model.preparation is None else study.thermal

    def name(self, study: Study) -> str:
        """Name of its folder: readable, and another one for other settings or data."""
        content: dict[str, Any] = {
            "architecture": self.model.architecture,
            "preparation": self.model.preparation,
            "hyperparameters": asdict(self.model.hyperparameters),
            "split": asdict(self.split),
            "seed": self.seed,
            "thermal": self.thermal(study).value,
            "data": study.data_sha256,
        }
        # What is as ever has no part in it, so that runs of earlier versions are found.
        if study.dataset.channels != PAPER_CHANNELS:
            content["channels"] = study.dataset.channels
        if self.start is not None:
            content["from"] = [self.start.sha256, self.start.mode.value]
        if self.share != 1:
            content["share"] = self.share
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.model.name}-{self.split.label}-seed{self.seed}-{digest}"

    def folder(self, study: Study) -> Path:
        """Its folder."""
        return study.output / RUNS / self.name(study)

    def is_finished(self, study: Study) -> bool:
        """Whether it was run to its end before."""
        return (self.folder(study) / RESULT).is_file()


def with_branches(runs: Iterable[TrainingRun]) -> list[TrainingRun]:
    """Return the runs in an order in which each follows its branches, every one once."""
    ordered: dict[TrainingRun, None] = {}
    for run in runs:
        ordered.update(dict.fromkeys((*run.branches(), run)))
    return sorted(ordered, key=lambda run: bool(run.model.branches))


def run_images(run: TrainingRun, study: Study, tick: Callable[[], None]) -> Images | None:
    """Open the pictures of a run, prepared first where they are not yet; None without pictures.

    Raises:
        DatasetError: they cannot be prepared.
    """
    if run.model.preparation is None:
        return None
    hyperparameters = run.model.hyperparameters
    assert hyperparameters.image_size is not None
    return load_images(
        study.dataset,
        study.thermal,
        run.model.preparation,
        hyperparameters.image_size,
        study.cache,
        tick=tick,
        takes=hyperparameters.takes,
    )


def shape_of(run: TrainingRun, dataset: Dataset) -> Shape:
    """What the run's network is sized by."""
    model = run.model
    return Shape(
        classes=len(dataset.classes),
        gas_channels=len(dataset.channels),
        image_channels=model.preparation.channels if model.preparation is not None else 1,
        image_size=model.hyperparameters.image_size or 0,
        dropout=model.hyperparameters.dropout,
    )


def check(run: TrainingRun, study: Study) -> None:
    """See that a run can be trained before anything is written.

    Raises:
        SplitError: the data set has too few rows.
        ValueError: the picture is too small for the network.
    """
    run.rows(study)
    if not run.model.is_yardstick:
        # No memory is taken and no weight drawn.
        with torch.device("meta"):
            build(run.model.architecture, shape_of(run, study.dataset))


def execute(run: TrainingRun, study: Study, machine: Machine) -> RunResult:
    """Train and test a run, or go on where it was killed; a finished one is only read.

    Raises:
        DatasetError: the run's pictures cannot be prepared.
        SplitError: the data set has too few rows.
        BundleError: the weights that it starts from cannot be read.
        StartError: the bundle that it starts from has changed.
    """
    if run.is_finished(study):
        return read_result(run.folder(study))
    count = machine.threads if run.model.preparation is not None else 1
    with threads(count):
        return _execute(run, study, machine)


@dataclass(frozen=True)
class Answers:
    """What a run's network said of one part of its rows.

    Attributes:
        logits: shape (N, K), float32.
        labels: shape (N,), indices into the run's classes.
        rows: shape (N,), indices into the rows of the data set.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor


def _execute(run: TrainingRun, study: Study, machine: Machine) -> RunResult:
    dataset = study.dataset
    images = run_images(run, study, lambda: None)
    whole = run.rows(study)
    normalisation = Normalisation.fit(dataset.counts[whole.train])
    if run.start is not None:
        normalisation = run.start.scale(normalisation, dataset.channels)
    split = whole if images is None else whole.only(images.usable)
    material = Material.of(run.model.mode, dataset, normalisation, images)
    folder = run.folder(study)
    folder.mkdir(parents=True, exist_ok=True)
    trained = _train(run, study, material, split, machine)
    parts = {
        name: Answers(trained.answer(rows), material.labels[rows], torch.from_numpy(rows))
        for name, rows in (("validation", split.validation), ("test", split.test))
    }
    result = RunResult(
        run=run.name(study),
        model=run.model.name,
        title=run.model.title,
        architecture=run.model.architecture,
        modality=run.model.mode.value,
        preparation=None if run.model.preparation is None else run.model.preparation.value,
        image_size=run.model.hyperparameters.image_size,
        thermal=run.thermal(study).value,
        split=run.split,
        seed=run.seed,
        classes=dataset.classes,
        channels=dataset.channels,
        normalisation=asdict(normalisation),
        rows={name: len(rows) for name, rows in asdict(split).items()},
        **asdict(score(parts["test"].logits, parts["test"].labels)),
        parameters=trained.parameters,
        macs=trained.macs,
        epochs=len(trained.fit.epochs),
        best_epoch=trained.fit.best_epoch,
        seconds=trained.fit.seconds,
        hyperparameters=asdict(run.model.hyperparameters),
        history=trained.fit.epochs,
        data_file=dataset.csv_path.name,
        data_sha256=study.data_sha256,
        code_version=code_version(),
        unusable_images=0 if images is None else int((~images.usable).sum()),
        branches=tuple(branch.name(study) for branch in run.branches()),
        fine_tuned_from=trained.origin,
        share=run.share,
    )
    _write(folder, trained.network, parts, result)
    return result


@dataclass(frozen=True)
class _Trained:
    """A trained model: how it answers rows, and what it took."""

    answer: Callable[[Any], torch.Tensor]
    fit: Fit
    network: nn.Module | None
    parameters: int
    macs: int
    origin: FineTuningOrigin | None = None


_NO_FIT = Fit((), 0, 0.0)


def _train(run: TrainingRun, study: Study, material: Material, split: Split, machine: Machine) -> _Trained:
    if run.model.is_yardstick:
        return _trained_estimator(run, material, split)
    lightning.seed_everything(run.seed, verbose=False)
    shape = shape_of(run, study.dataset)
    network = build(run.model.architecture, shape)
    device = "cuda" if machine.has_gpu else "cpu"
    origin = _begin(network, run, study, material, split, device)
    if run.model.branches:
        done = _combine(network, run, study)
    else:
        done = fit(network, material, split, run.model.hyperparameters, run.seed, run.folder(study), machine)
    return _Trained(
        answer=lambda rows: infer(network, material, rows, device),
        fit=done,
        network=network,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=count_macs(network, run.model.mode, shape),
        origin=origin,
    )


def _begin(
    network: nn.Module, run: TrainingRun, study: Study, material: Material, split: Split, device: str
) -> FineTuningOrigin | None:
    """Give a fresh network the weights that its run begins with; None where they are to stay."""
    if run.start is None:
        return None
    rows = split.train[:: -(-len(split.train) // SAMPLE)]
    return run.start.begin(
        network,
        study.dataset.classes,
        study.dataset.channels,
        run.model.hyperparameters.image_size or 0,
        lambda started: infer(started, material, rows, device),
    )


def _trained_estimator(run: TrainingRun, material: Material, split: Split) -> _Trained:
    gas = material.gas.numpy()
    estimator = ESTIMATORS[run.model.architecture](run.seed)
    estimator.fit(gas[split.train], material.labels[split.train].numpy())

    def answer(rows: Any) -> torch.Tensor:
        return log_probabilities(estimator, gas[rows], _SMALLEST_PROBABILITY)

    return _Trained(answer, _NO_FIT, None, 0, 0)


def _combine(network: nn.Module, run: TrainingRun, study: Study) -> Fit:
    """Put the branches' weights into a Fusion III network; the time is theirs."""
    gas, thermal = (branch.folder(study) for branch in run.branches())
    for branch, folder in (("gas", gas), ("thermal", thermal)):
        network.get_submodule(branch).load_state_dict(load_file(folder / WEIGHTS))
    return Fit((), 0, round(sum(read_result(folder).seconds for folder in (gas, thermal)), 2))


def _write(folder: Path, network: nn.Module | None, parts: dict[str, Answers], result: RunResult) -> None:
    """Write weights and logits, then the result, and drop what was only there to go on with."""
    if network is not None:
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
        write_whole(folder / WEIGHTS, save(tensors))
    arrays = {
        f"{part}_{name}": getattr(tested, name).numpy()
        for part, tested in parts.items()
        for name in ("logits", "labels", "rows")
    }
    compressed = BytesIO()
    np.savez_compressed(compressed, **arrays)
    write_whole(folder / LOGITS, compressed.getvalue())
    write_result(folder, result)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def count_macs(network: nn.Module, mode: Mode, shape: Shape) -> int:
    """Count the multiplications of one forward pass at batch 1: convolutions, matrix products, LSTM steps."""
    gas = torch.zeros(1, shape.gas_channels)
    image = torch.zeros(1, shape.image_channels, shape.image_size, shape.image_size)
    inputs = {Mode.GAS_ONLY: [gas], Mode.THERMAL_ONLY: [image], Mode.FUSION: [gas, image]}[mode]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    recurrent = [module for module in network.modules() if isinstance(module, nn.LSTM)]
    # The counter passes over LSTMs: each reads the channels as steps.
    return counter.get_total_flops() // 2 + sum(_lstm_macs(lstm, shape.gas_channels) for lstm in recurrent)


def _lstm_macs(lstm: nn.LSTM, steps: int) -> int:
    weights = sum(
        parameter.numel() for name, parameter in lstm.named_parameters() if name.startswith("weight")
    )
    return steps * weights
