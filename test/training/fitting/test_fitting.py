"""A training killed at any moment goes on as if it had not been, and keeps the best epoch's weights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import needs_training  # noqa: F401
import numpy as np
import pytest
import torch
import typer
from small_training import SETTINGS, SPLIT, KillProcess, material, train

from gas_fusion_ros.model.networks.gas import GasDnn
from training.command_line.options import stoppable
from training.fitting.catalog import Hyperparameters
from training.fitting.fit import CHECKPOINTS, TENSORBOARD, Fit, History, Machine, fit, infer
from training.results.run_result import Epoch


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fit, GasDnn]:
    return train(tmp_path_factory.mktemp("uninterrupted"))


@pytest.mark.parametrize(("step", "moment"), [(2, "training"), (16, "training"), (18, "validation")])
def test_a_training_killed_at_any_moment_ends_as_an_uninterrupted_one(
    step: int, moment: str, tmp_path: Path, uninterrupted: tuple[Fit, GasDnn]
) -> None:
    root, script = Path(__file__).parents[3], Path(__file__).parents[1] / "small_training.py"
    killed = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(step), moment],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    done, network = train(tmp_path)

    assert done.epochs == uninterrupted[0].epochs
    assert done.best_epoch == uninterrupted[0].best_epoch
    assert same_weights(network, uninterrupted[1])


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_training_with_its_exit_code_and_it_goes_on(
    number: int, exit_code: int, tmp_path: Path, uninterrupted: tuple[Fit, GasDnn]
) -> None:
    with pytest.raises(typer.Exit) as ended, stoppable("training.train"):
        train(tmp_path, KillProcess(9, in_validation=False, number=number))
    assert ended.value.exit_code == exit_code

    done, network = train(tmp_path)

    assert done.epochs == uninterrupted[0].epochs
    assert same_weights(network, uninterrupted[1])


def test_a_training_that_had_ended_is_not_trained_again(tmp_path: Path) -> None:
    first, network = train(tmp_path)
    again, loaded = train(tmp_path, KillProcess(1, in_validation=False))
    assert again.epochs == first.epochs
    assert same_weights(network, loaded)


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_checkpoint_that_cannot_be_read_is_named_and_training_begins_anew(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, uninterrupted: tuple[Fit, GasDnn]
) -> None:
    train(tmp_path, settings=Hyperparameters(epochs=2, batch=8, noise_counts=0.1))
    (tmp_path / CHECKPOINTS / name).write_bytes(b"half a checkpoint")

    done, network = train(tmp_path)

    assert "cannot be read" in caplog.text
    assert str(tmp_path) in caplog.text
    assert done.epochs == uninterrupted[0].epochs
    assert same_weights(network, uninterrupted[1])


def test_the_weights_are_those_of_the_smallest_validation_loss(tmp_path: Path) -> None:
    # A learning rate so high that the loss goes up and down.
    done, network = train(tmp_path, settings=Hyperparameters(epochs=6, batch=8, learning_rate=0.3))
    losses = [epoch.val_loss for epoch in done.epochs]
    assert done.best_epoch == 1 + int(np.argmin(losses))
    labels = material().labels[SPLIT.validation]
    loss = torch.nn.functional.cross_entropy(infer(network, material(), SPLIT.validation, "cpu"), labels)
    assert float(loss) == pytest.approx(min(losses), abs=1e-4)


def test_training_stops_after_the_patience_without_a_better_epoch(tmp_path: Path) -> None:
    done, _ = train(tmp_path, settings=Hyperparameters(epochs=60, batch=8, learning_rate=0.1, patience=3))
    assert len(done.epochs) < 60
    assert len(done.epochs) - done.best_epoch == 3


def test_every_epoch_is_on_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done, _ = train(tmp_path)
    events = EventAccumulator(str(tmp_path / TENSORBOARD))
    events.Reload()
    shown = [event.value for event in events.Scalars("val_loss")]
    assert shown == pytest.approx([epoch.val_loss for epoch in done.epochs], abs=1e-5)


@pytest.mark.parametrize(
    ("losses", "over"),
    [([], False), ([0.5], False), ([0.5, 0.6, 0.7], True), ([0.5, 0.6, 0.4], False), ([4, 3, 2, 1], True)],
)
def test_a_history_knows_whether_it_has_run_out(losses: list[float], over: bool) -> None:
    history = History()
    history.epochs = [Epoch(number, 0, loss, 0, 0) for number, loss in enumerate(losses, start=1)]
    assert history.has_run_out(Hyperparameters(epochs=4, patience=2)) is over


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    torch.manual_seed(5)
    machine = Machine(accelerator="cpu", devices="2", strategy="ddp_spawn")
    done = fit(GasDnn(), material(), SPLIT, SETTINGS, 3, tmp_path, machine)
    assert len(done.epochs) == SETTINGS.epochs
