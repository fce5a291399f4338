"""Encoders are fitted by their settings and seed alone, on training rows alone."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import small_benchmark as small
import torch

from gas_fusion_ros.model.networks.temporal import ENCODERS
from gas_fusion_ros.model.networks.window_encoders import (
    CLIP,
    PROTOTYPES,
    BlendEncoder,
    PatrolPrototypeEncoder,
    PrototypeEncoder,
)
from gas_fusion_ros.teaching.windows import TrainingPart, Windows
from training.fitting.material import Normalisation
from training.temporal import encoder_fitting
from training.temporal.encoder_fitting import EncoderAnswers, EncoderSettings, as_tensors, fit_encoder

SMALL = EncoderSettings(readings=8, prototypes=4, copies=1, batch=64)


def settings_of(encoder: str) -> EncoderSettings:
    return replace(SMALL, encoder=encoder, epochs=0 if encoder in ("prototypes", "patrols") else 1)


@pytest.fixture(scope="module")
def part() -> TrainingPart:
    return small.held_out(small.made_recording())[1].part


@pytest.fixture(scope="module")
def windows(part: TrainingPart) -> Windows:
    return part.windows(SMALL.window)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_is_repeatable_by_its_seed(encoder: str, part: TrainingPart) -> None:
    first, same, other = (fit_encoder(part, settings_of(encoder), seed).network for seed in (1, 1, 2))
    weights, again, others = (network.state_dict() for network in (first, same, other))
    assert not first.training
    for name in weights:
        assert torch.equal(weights[name], again[name]), name
    assert any(not torch.equal(weights[name], others[name]) for name in weights)


def test_a_fit_tells_the_classes_apart(part: TrainingPart, windows: Windows) -> None:
    for encoder in ("prototypes", "statistics"):
        settings = replace(settings_of(encoder), epochs=0 if encoder == "prototypes" else 8)
        answers = fit_encoder(part, settings, 0).answer(windows)
        assert answers.logits.shape == (len(windows), 4)
        assert (answers.logits.argmax(dim=1).numpy() == windows.labels).mean() > 0.8


def test_prototypes_are_clustered_among_standardised_statistics(part: TrainingPart, windows: Windows) -> None:
    """With as many of them as windows each is one's statistics: as fitted, not as they were when built."""
    fitted = fit_encoder(part, replace(SMALL, copies=0, prototypes=len(windows)), 0)
    network = fitted.network
    assert isinstance(network, PrototypeEncoder)
    with torch.no_grad():
        statistics = network.statistics(*as_tensors(windows, fitted.normalisation))
    assert network.prototypes.abs().max() <= CLIP + 1e-4
    for label in range(4):
        mine = statistics[torch.from_numpy(windows.labels == label)]
        apart = (network.prototypes[label][:, None] - mine).square().mean(dim=(2, 3)).amin(dim=1)
        assert apart.median() < 0.05
    assert fitted.answer(windows).distances.mean() < 0.05


def test_normalisation_is_of_the_training_rows(part: TrainingPart) -> None:
    fitted = fit_encoder(part, SMALL, 0)
    np.testing.assert_allclose(fitted.normalisation.mean, part.counts.mean(axis=0), atol=1e-2)
    np.testing.assert_allclose(fitted.normalisation.std, part.counts.std(axis=0), atol=1e-2)
    assert fitted.parameters == 4 * 4 * 7 * 16 + 1
    assert fitted.seconds > 0


def test_fewer_windows_than_prototypes_stand_twice(part: TrainingPart) -> None:
    few = replace(
        part, rows=np.concatenate([np.flatnonzero(part.recording.labels == k)[:3] for k in range(4)])
    )
    network = fit_encoder(few, replace(SMALL, copies=0, prototypes=5), 0).network
    assert isinstance(network, PrototypeEncoder)
    for mine in network.prototypes:
        assert len(torch.unique(mine, dim=0)) == 3
        torch.testing.assert_close(mine[3:], mine[:2])


def test_gradient_descent_leaves_a_blend_s_prototypes(part: TrainingPart) -> None:
    clustered = fit_encoder(part, replace(settings_of("blend"), copies=0), 0).network
    further = fit_encoder(part, replace(settings_of("blend"), copies=0, epochs=3), 0).network
    assert isinstance(clustered, BlendEncoder)
    assert isinstance(further, BlendEncoder)
    assert torch.equal(clustered.prototypes.prototypes, further.prototypes.prototypes)
    before, after = (network.perceptron.state_dict()["layers.0.weight"] for network in (clustered, further))
    assert not torch.equal(before, after)


def test_answers_come_in_batches_and_can_be_taken_apart(part: TrainingPart, windows: Windows) -> None:
    fitted = fit_encoder(part, SMALL, 0)
    many = Windows.concatenate([windows] * 4)
    answers = fitted.answer(many)
    once = fitted.answer(windows)
    torch.testing.assert_close(answers.logits[: len(windows)], once.logits)
    mask = windows.labels == 2
    torch.testing.assert_close(once.of(mask).distances, once.of(np.flatnonzero(mask)).distances)
    parts = EncoderAnswers.concatenate([once.of(mask), once.of(~mask)])
    assert len(parts.logits) == len(parts.distances) == len(windows)


def test_a_channel_without_any_valid_reading_is_0(windows: Windows) -> None:
    valid = windows.valid.copy()
    valid[:, :, 3] = False
    valid[0, :5, 1] = False
    normalisation = Normalisation([500.0] * 7, [10.0] * 7)
    gas, known = as_tensors(windows.with_readings(windows.values, valid), normalisation)
    assert gas.dtype == known.dtype == torch.float32
    assert not gas[:, :, 3].any()
    assert not known[:, :, 3].any()
    np.testing.assert_allclose(gas[0, :, 1], (windows.values[0, :, 1] - 500) / 10, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"encoder": "oracle"}, "encoder is oracle; it must be one of prototypes, patrols, statistics"),
        ({"readings": 2}, "readings is 2; it must be at least 3"),
        ({"period_s": 0}, "period_s is 0; it must be a positive number"),
        ({"prototypes": 0}, "prototypes is 0"),
        ({"copies": -1}, "copies is -1"),
        ({"slowest": 1.2}, "slowest is 1.2; it must be above 0 and at most 1"),
        ({"fastest": 0.9}, "fastest is 0.9"),
        ({"encoder": "recurrent"}, "epochs is 0; it must be at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_encoder_settings_that_cannot_be_are_refused(wrong: dict[str, Any], detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        EncoderSettings(**wrong)


def test_patrols_add_prototypes_that_count_less(
    part: TrainingPart, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded prototypes are those without patrols; the further ones come from patrols alone."""
    moved = replace(windows, values=windows.values + 40)
    monkeypatch.setattr(encoder_fitting, "patrol_windows", lambda *_: moved)
    settings = replace(settings_of("patrols"), copies=0, prototypes=PROTOTYPES, reserve=2.5)
    plain = fit_encoder(part, replace(settings, encoder="prototypes"), 0).network
    fitted = fit_encoder(part, settings, 0)
    network = fitted.network
    assert isinstance(network, PatrolPrototypeEncoder)
    assert isinstance(plain, PrototypeEncoder)
    assert torch.equal(network.prototypes[:, :PROTOTYPES], plain.prototypes)
    assert network.prior[:, :PROTOTYPES].abs().max() == 0
    assert (network.prior[:, PROTOTYPES:] == -2.5).all()
    far = fit_encoder(part, replace(settings, encoder="prototypes"), 0).answer(moved).distances
    assert fitted.answer(moved).distances.mean() < far.mean() / 2


def test_where_nothing_can_be_simulated_further_prototypes_repeat_the_recorded(part: TrainingPart) -> None:
    settings = replace(settings_of("patrols"), copies=0, prototypes=PROTOTYPES)
    network = fit_encoder(part, settings, 0).network
    assert isinstance(network, PatrolPrototypeEncoder)
    torch.testing.assert_close(
        network.prototypes[:, PROTOTYPES:][:, :PROTOTYPES], network.prototypes[:, :PROTOTYPES]
    )
