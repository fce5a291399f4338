"""Trains one network with Lightning: resumable after a kill at any moment, repeatable by its seed."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from gas_fusion_ros.base.memory import keep_freed_memory
from training.data.splits import Indices, Split
from training.fitting.catalog import Hyperparameters
from training.fitting.material import (
    Batch,
    Material,
    OrderedBatches,
    Samples,
    ShuffledBatches,
    as_inputs,
    epoch_seed,
    loader,
)
from training.fitting.precision import lightning_precision
from training.results.run_result import Epoch

CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
EVALUATION_BATCH = 64

_LOG = logging.getLogger(__name__)
_NETWORK = "network."
_LOAD_WARNINGS = (
    ".*does not have many workers.*",
    ".*exists and is not empty.*",
    ".*`isinstance.treespec.*",
)


@dataclass(frozen=True)
class Machine:
    """What a training runs on; it changes how long training takes, not what it is.

    Attributes:
        accelerator: Lightning's: `auto`, `cpu`, `gpu` ...
        devices: Lightning's: how many, or `auto`.
        nodes: machines that train together.
        strategy: Lightning's: `auto`, `ddp` ...
        threads: CPU threads of a network with pictures; one without takes a single thread, which is faster.
        workers: processes that read pictures ahead.
        callbacks: further callbacks of Lightning, such as its progress bar.
    """

    accelerator: str = "auto"
    devices: str = "1"
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 2
    workers: int = 0
    callbacks: tuple[Callback, ...] = ()

    @property
    def has_gpu(self) -> bool:
        """Whether training runs on CUDA."""
        return self.accelerator != "cpu" and torch.cuda.is_available()


class NetworkTraining(lightning.LightningModule):
    """One network's training: cross entropy, Adam, accuracy and macro F1 on validation.

    Source: the protocol of Ahn, Kim, Kim (2023).
    """

    def __init__(self, network: nn.Module, material: Material, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.network = network
        self._hyperparameters = hyperparameters
        classes = int(material.labels.max()) + 1
        self._accuracy = MulticlassAccuracy(classes, average="micro")
        self._macro_f1 = MulticlassF1Score(classes, average="macro")
        self.register_buffer("_noise", hyperparameters.noise_counts * material.noise, persistent=False)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss of one batch."""
        values, labels = batch
        inputs = self._with_noise(as_inputs(values))
        loss = nn.functional.cross_entropy(self.network(*inputs), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Add one batch to the validation's loss and metrics."""
        values, labels = batch
        logits = self.network(*as_inputs(values)).float()
        self._accuracy(logits, labels)
        self._macro_f1(logits, labels)
        loss = nn.functional.cross_entropy(logits, labels)
        self.log("val_loss", loss, on_epoch=True, batch_size=len(labels), prog_bar=True, sync_dist=True)
        self.log("val_accuracy", self._accuracy, on_epoch=True, prog_bar=True)
        self.log("val_macro_f1", self._macro_f1, on_epoch=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.network.parameters(), lr=self._hyperparameters.learning_rate)

    def _with_noise(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Add the hyperparameters' noise to readings, (N, C); pictures stay as they are."""
        if not self._hyperparameters.noise_counts:
            return inputs
        noise = self._noise
        assert isinstance(noise, torch.Tensor)
        return tuple(
            value + noise * torch.randn_like(value) if value.ndim == 2 else value for value in inputs
        )


class SeedEpochs(Callback):
    """Seeds each epoch's dropout and noise by run and epoch, so that a resumed training goes on alike."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, _task: object, _batch: object, batch_idx: int
    ) -> None:
        """Seed the epoch that begins: at its first batch, since the loader draws a number before it."""
        if batch_idx == 0:
            torch.manual_seed(epoch_seed(self._seed, trainer.current_epoch))


class History(Callback):
    """Keeps how each epoch went and how long training took, through checkpoints.

    Attributes:
        epochs: the epochs so far.
        seconds: their wall time, resumed parts included.
    """

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self.seconds = 0.0
        self._since = time.monotonic()

    @property
    def best(self) -> Epoch:
        """The epoch with the smallest validation loss, the earliest of them."""
        return min(self.epochs, key=lambda epoch: epoch.val_loss)

    def has_run_out(self, hyperparameters: Hyperparameters) -> bool:
        """Whether these epochs are all that the hyperparameters allow."""
        if not self.epochs:
            return False
        waited = self.epochs[-1].epoch - self.best.epoch
        return len(self.epochs) >= hyperparameters.epochs or waited >= hyperparameters.patience

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Keep the figures of the epoch that ends."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        names = ("train_loss", "val_loss", "val_accuracy", "val_macro_f1")
        self.epochs.append(Epoch(trainer.current_epoch + 1, *(round(metrics[name], 6) for name in names)))
        now = time.monotonic()
        self.seconds, self._since = round(self.seconds + now - self._since, 3), now

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs], "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint holds of it."""
        self.epochs = [Epoch(**epoch) for epoch in state_dict["epochs"]]
        self.seconds, self._since = state_dict["seconds"], time.monotonic()


@dataclass(frozen=True)
class Fit:
    """How a training went: its epochs, the one whose weights were kept, and its wall time in seconds."""

    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class _Files:
    """Where a training keeps what it needs to go on."""

    folder: Path
    best: Path = field(init=False)
    last: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "best", self.folder / "best.ckpt")
        object.__setattr__(self, "last", self.folder / "last.ckpt")


def fit(
    network: nn.Module,
    material: Material,
    split: Split,
    hyperparameters: Hyperparameters,
    seed: int,
    folder: Path,
    machine: Machine,
) -> Fit:
    """Train a network in place and leave it with the weights of the smallest validation loss.

    Where `folder` holds checkpoints of the same training, it goes on from them; they stay there.

    Args:
        network: fresh weights.
        material: readings and pictures of all rows.
        split: which rows train and validate.
        hyperparameters: the paper's or others.
        seed: seeds order, dropout and noise.
        folder: the run's folder, for checkpoints and TensorBoard.
        machine: what it runs on.
    """
    files = _Files(folder / CHECKPOINTS)
    keep_freed_memory()
    network.to(memory_format=torch.channels_last)
    history = _read_history(files)
    if not history.has_run_out(hyperparameters):
        _train(network, material, split, hyperparameters, seed, folder, machine, len(history.epochs))
        # Read anew: where several processes trained, theirs is not the one in this process.
        history = _read_history(files)
    weights = torch.load(files.best, map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict(
        {name.removeprefix(_NETWORK): value for name, value in weights.items() if name.startswith(_NETWORK)}
    )
    return Fit(tuple(history.epochs), history.best.epoch, history.seconds)


def _train(
    network: nn.Module,
    material: Material,
    split: Split,
    hyperparameters: Hyperparameters,
    seed: int,
    folder: Path,
    machine: Machine,
    epochs_done: int,
) -> None:
    files = _Files(folder / CHECKPOINTS)
    samples = Samples(material)
    training = ShuffledBatches(split.train, material.takes, hyperparameters.batch, seed)
    # Resuming, Lightning draws the first batches before it tells the epoch.
    training.set_epoch(epochs_done)
    validation = OrderedBatches(split.validation, EVALUATION_BATCH)
    # Lightning warns and reports through both; a table of runs has no room for it.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for pattern in _LOAD_WARNINGS:
            warnings.filterwarnings("ignore", pattern)
        trainer = lightning.Trainer(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            strategy=machine.strategy,
            max_epochs=hyperparameters.epochs,
            precision=lightning_precision(hyperparameters.precision, machine.has_gpu),  # type: ignore[arg-type]
            callbacks=[
                SeedEpochs(seed),
                History(),
                EarlyStopping("val_loss", patience=hyperparameters.patience),
                _checkpoint(files.best, monitor="val_loss", save_weights_only=True),
                # Last: it holds the state of all others at the epoch's end.
                _checkpoint(files.last, save_on_train_epoch_end=True),
                *machine.callbacks,
            ],
            logger=TensorBoardLogger(folder, name=None, version=TENSORBOARD),
            log_every_n_steps=max(1, len(training)),
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in machine.callbacks),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            # The batches share themselves out.
            use_distributed_sampler=False,
            deterministic="warn",
        )
        trainer.fit(
            NetworkTraining(network.train(), material, hyperparameters),
            loader(samples, training, machine.workers),
            loader(samples, validation, machine.workers),
            ckpt_path=str(files.last) if files.last.exists() else None,
        )


def _checkpoint(path: Path, **options: Any) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=path.parent,
        filename=path.stem,
        auto_insert_metric_name=False,
        enable_version_counter=False,
        **options,
    )


def _read_history(files: _Files) -> History:
    """Return the history out of the last checkpoint; where it is unreadable, drop it and begin anew."""
    history = History()
    if files.last.exists():
        try:
            state = torch.load(files.last, map_location="cpu", weights_only=True)["callbacks"]["History"]
            torch.load(files.best, map_location="cpu", weights_only=True)
            history.load_state_dict(state)
        except Exception as error:  # torch.load's exceptions have no common base
            _LOG.warning("%s cannot be read (%s): training begins anew", files.folder, error)
            files.last.unlink()
    return history


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` CPU threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def infer(network: nn.Module, material: Material, rows: Indices, device: str) -> torch.Tensor:
    """Return the logits of some rows in float32, shape (N, K), on the CPU."""
    network.eval().to(device)
    outputs = []
    with torch.inference_mode():
        for values, _ in loader(Samples(material), OrderedBatches(rows, EVALUATION_BATCH), workers=0):
            inputs = as_inputs(tuple(value.to(device) for value in values))
            outputs.append(network(*inputs).float().cpu())
    network.cpu()
    # A clone: tensors made in inference mode cannot be used outside of it for everything.
    return torch.cat(outputs).clone()
