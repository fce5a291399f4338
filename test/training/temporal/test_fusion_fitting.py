"""Temporal fusion around a fitted encoder: the network for pictures changes nothing of it."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_benchmark as small
import torch

from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion
from gas_fusion_ros.model.thermal import Preparation
from training.data.images import Images, Thermal
from training.pictures.drawn_set import DrawnSet
from training.pictures.pretraining import Pretrained, fit
from training.temporal.encoder_fitting import FittedEncoder
from training.temporal.fusion_fitting import (
    FittedFusion,
    ThermalSettings,
    answer_fusion,
    answer_pictures,
    first_pictures,
    fit_fusion,
    frozen,
)
from training.temporal.fusion_training import in_blocks, turned
from training.temporal.nested import FALSE_REJECT_RATE, Choice, Outside, choose
from training.variations.nonsense import nonsense_pictures

SETTINGS = ThermalSettings(image_size=64, epochs=4, batch=32)
BUILD = partial(TemporalFusion, encoder=ENCODERS["prototypes"])


@pytest.fixture(scope="module")
def outside() -> Outside:
    return small.held_out(small.made_recording())[1]


@pytest.fixture(scope="module")
def images(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Noise, brighter for each class; of two rows there is none."""
    rng = np.random.default_rng(0)
    labels = outside.recording.labels
    pixels = rng.integers(0, 40, (len(labels), 1, 1, 64, 64)) + 50 * labels[:, None, None, None, None]
    path = tmp_path_factory.mktemp("pictures") / "pixels.npy"
    np.save(path, pixels.astype(np.uint8))
    usable = np.ones(len(labels), np.bool_)
    usable[outside.rows[[0, 60]]] = False
    return Images(np.load(path, mmap_mode="r"), usable, Thermal.REAL, Preparation.FIELD, 64)


@pytest.fixture(scope="module")
def choice(outside: Outside) -> Choice:
    return choose({"eight": small.RECIPE}, outside, 0)


@pytest.fixture(scope="module")
def encoder(outside: Outside) -> FittedEncoder:
    fitted = small.RECIPE.fit(outside.part, 0)
    assert isinstance(fitted, FittedEncoder)
    return fitted


@pytest.fixture(scope="module")
def fitted(encoder: FittedEncoder, choice: Choice, outside: Outside, images: Images) -> FittedFusion:
    return fit_fusion(encoder, choice, outside, BUILD, images, SETTINGS, None, 0)


def test_the_encoder_stays_as_fitted(fitted: FittedFusion, encoder: FittedEncoder, choice: Choice) -> None:
    assert not fitted.network.training
    weights = encoder.network.state_dict()
    for name, value in fitted.network.gas.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert fitted.network.temperatures[0].item() == pytest.approx(choice.temperature)
    assert fitted.network.limits[0].item() == pytest.approx(choice.limit)
    assert fitted.seconds > encoder.seconds


def test_without_pictures_fusion_is_the_encoder(
    fitted: FittedFusion, encoder: FittedEncoder, choice: Choice, outside: Outside
) -> None:
    windows = outside.part.windows(small.RECIPE.window)
    alone, joint = encoder.answer(windows), answer_fusion(fitted, windows, None)
    torch.testing.assert_close(
        joint.logits, (alone.logits / choice.temperature).log_softmax(dim=1), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(joint.novelty, alone.distances / choice.limit, rtol=1e-4, atol=1e-5)


def test_the_network_for_pictures_learns(fitted: FittedFusion, outside: Outside, images: Images) -> None:
    logits, distances = answer_pictures(fitted.network, outside.rows, first_pictures(images))
    right = logits.argmax(dim=1).numpy() == outside.recording.labels[outside.rows]
    assert right.mean() > 0.4
    assert torch.isfinite(distances).all()


def test_the_limit_of_pictures_is_that_of_the_held_out_fold(
    fitted: FittedFusion, choice: Choice, images: Images
) -> None:
    held = choice.folds[len(choice.folds) // 2].windows.rows
    held = held[images.usable[held]]
    _, distances = answer_pictures(fitted.network, held, first_pictures(images))
    limit = np.quantile(distances.numpy(), 1 - FALSE_REJECT_RATE)
    assert fitted.network.limits[1].item() == pytest.approx(limit, rel=1e-4)


def test_pictures_of_test_rows_have_no_influence(
    fitted: FittedFusion,
    encoder: FittedEncoder,
    choice: Choice,
    outside: Outside,
    images: Images,
    tmp_path: Path,
) -> None:
    pixels = np.array(images.pixels)
    pixels[outside.barred] = 255 - pixels[outside.barred]
    np.save(tmp_path / "pixels.npy", pixels)
    changed = replace(images, pixels=np.load(tmp_path / "pixels.npy", mmap_mode="r"))
    again = fit_fusion(encoder, choice, outside, BUILD, changed, SETTINGS, None, 0)
    other = fit_fusion(encoder, choice, outside, BUILD, images, SETTINGS, None, 1)
    weights = fitted.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())
    assert any(not torch.equal(value, weights[name]) for name, value in other.network.state_dict().items())


def test_a_turned_camera_shows_each_picture_on_its_side(images: Images) -> None:
    rows = np.array([1, 2])
    shown, as_it_is = turned(first_pictures(images))(rows), first_pictures(images)(rows)
    assert torch.equal(shown[0, 0], torch.from_numpy(np.rot90(as_it_is[0, 0].numpy()).copy()))


def test_a_compressed_picture_is_even_within_its_blocks(images: Images) -> None:
    rows = np.array([1, 2])
    shown, as_it_is = in_blocks(first_pictures(images))(rows), first_pictures(images)(rows)
    assert (shown.shape, shown.dtype) == (as_it_is.shape, as_it_is.dtype)
    assert shown[0, 0, 4:8, 8:12].unique().numel() == 1
    mean = as_it_is[0, 0, 4:8, 8:12].to(torch.float32).mean()
    assert abs(float(shown[0, 0, 4, 8]) - float(mean)) <= 0.5


def test_a_stopped_camera_shows_one_picture(images: Images) -> None:
    shown = frozen(first_pictures(images), 7)(np.array([1, 2, 3]))
    assert shown.shape == (3, 1, 64, 64)
    assert all(torch.equal(picture, torch.from_numpy(images.pixels[7, 0].copy())) for picture in shown)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"image_size": 32}, "image_size is 32; it must be at least 64 pixels"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 1}, "batch is 1"),
        ({"dropout": 1}, "dropout is 1"),
        ({"missing_readings": 1.5}, "missing_readings is 1.5; it must be a share"),
    ],
)
def test_thermal_settings_that_cannot_be_are_refused(wrong: dict[str, Any], detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        ThermalSettings(**wrong)


def test_pictures_of_nothing_teach_to_say_little(
    encoder: FittedEncoder, choice: Choice, outside: Outside, images: Images
) -> None:
    noise = nonsense_pictures(40, 64, torch.Generator().manual_seed(5))

    def preference(nonsense: float) -> float:
        settings = replace(SETTINGS, nonsense=nonsense, epochs=12, missing_readings=1.0)
        network = fit_fusion(encoder, choice, outside, BUILD, images, settings, None, 0).network
        with torch.no_grad():
            logits, _ = network.thermal(noise)
        return float(logits.softmax(dim=1).amax(dim=1).mean())

    assert preference(0.5) < preference(0.0)


@pytest.fixture(scope="module")
def pretrained(outside: Outside) -> Pretrained:
    """Taught drawn pictures of two cameras that look like the rows' own; a third one is left out."""
    rng = np.random.default_rng(1)
    names = tuple(str(label) for label in range(outside.part.classes))
    labels = np.arange(90) % len(names)
    pixels = rng.integers(0, 40, (90, 64, 64)) + 50 * labels[:, None, None]
    cameras = np.array([("a", "b", "left")[index // len(names) % 3] for index in range(90)])
    plumes, is_seen = np.full((90, 2, 8, 8), 255, np.uint8), np.ones(90, np.bool_)
    drawn = DrawnSet(names, pixels.astype(np.uint8), plumes, labels, is_seen, cameras)
    is_left = cameras == "left"
    learned, settings = drawn.where(~is_left), replace(SETTINGS.drawn, epochs=8, batch=16)
    return Pretrained(settings, fit(learned, settings, 0, lambda _: None), learned, drawn.where(is_left))


def test_what_a_picture_may_say_is_measured_on_the_camera_left_out(
    encoder: FittedEncoder, choice: Choice, outside: Outside, images: Images, pretrained: Pretrained
) -> None:
    network = fit_fusion(encoder, choice, outside, BUILD, images, SETTINGS, pretrained, 0).network
    trust, _ = pretrained.measured(network.thermal)
    assert network.temperatures[1].item() == pytest.approx(trust.belief.temperature)
    assert network.reliability.item() == pytest.approx(trust.belief.reliability)
    assert network.least_sure.item() == pytest.approx(trust.least_sure)
    assert network.reliability.item() < 1
    # Where the camera left out shows what another class looks like, pictures are not believed.
    turned = replace(pretrained.left_out, labels=(pretrained.left_out.labels + 1) % outside.part.classes)
    wrong = fit_fusion(
        encoder, choice, outside, BUILD, images, SETTINGS, replace(pretrained, left_out=turned), 0
    ).network
    assert wrong.reliability.item() < network.reliability.item()
