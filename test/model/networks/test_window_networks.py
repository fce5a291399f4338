"""Windowed networks: what is missing has no influence, and statistics are what they are called."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build  # noqa: E402
from gas_fusion_ros.model.networks.shape import Shape  # noqa: E402
from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion  # noqa: E402
from gas_fusion_ros.model.networks.window_encoders import PrototypeEncoder, WindowStatistics  # noqa: E402

SHAPE = Shape(classes=4, gas_channels=7, image_channels=1, image_size=64, window=20)


def made_inputs(batch: int = 6) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    gas = torch.randn(batch, SHAPE.window, SHAPE.gas_channels, generator=generator)
    image = torch.rand(batch, 1, 64, 64, generator=generator)
    return gas, torch.ones_like(gas), image, torch.ones(batch, 1)


def made_network(encoder: str = "prototypes") -> TemporalFusion:
    torch.manual_seed(0)
    network = TemporalFusion(SHAPE, ENCODERS[encoder]).eval()
    for module in network.modules():
        if isinstance(module, PrototypeEncoder):
            torch.nn.init.normal_(module.prototypes)
    return network


@pytest.mark.parametrize("name", ENCODERS)
def test_a_dead_channel_has_no_influence(name: str) -> None:
    encoder = made_network(name).gas
    gas, valid, *_ = made_inputs()
    valid[:, :, 2] = 0
    other = gas.clone()
    other[:, :, 2] = 100 * torch.randn(len(gas), SHAPE.window)
    with torch.no_grad():
        for first, second in zip(encoder(gas, valid), encoder(other, valid), strict=True):
            torch.testing.assert_close(first, second)


def test_a_missing_picture_adds_nothing() -> None:
    network = made_network()
    gas, valid, image, has_image = made_inputs()
    with torch.no_grad():
        first = network(gas, valid, image, 0 * has_image)
        second = network(gas, valid, torch.rand_like(image), 0 * has_image)
    for mine, theirs in zip(first, second, strict=True):
        torch.testing.assert_close(mine, theirs)
    alone = (network.gas(gas, valid)[0]).log_softmax(dim=1)
    torch.testing.assert_close(first[0], alone)


def test_without_a_reading_the_picture_decides_and_its_distance_is_the_novelty() -> None:
    network = made_network()
    network.limits[1] = 1e-6
    gas, valid, image, has_image = made_inputs()
    with torch.no_grad():
        logits, novelty, alone = network(0 * gas, 0 * valid, image, has_image)
        thermal, distance = network.thermal(image)
    torch.testing.assert_close(logits, thermal.log_softmax(dim=1))
    torch.testing.assert_close(novelty, distance / 1e-6)
    assert not alone.any()


@pytest.mark.parametrize(("limit", "used"), [(1e-6, False), (1e6, True)])
def test_a_picture_unlike_training_is_not_used_beside_a_reading(limit: float, used: bool) -> None:
    network = made_network()
    network.limits[1] = limit
    gas, valid, image, has_image = made_inputs()
    with torch.no_grad():
        with_picture, _, alone = network(gas, valid, image, has_image)
        without, *_ = network(gas, valid, image, 0 * has_image)
    assert torch.allclose(with_picture, without) is not used
    torch.testing.assert_close(alone, without)


def test_statistics_are_those_of_numpy() -> None:
    gas, *_ = made_inputs()
    raw = WindowStatistics(SHAPE).raw(gas).numpy()
    values = gas.numpy().astype(np.float64)
    places = np.arange(SHAPE.window)
    slope = np.polynomial.polynomial.polyfit(places, values[0], 1)[1] * SHAPE.window
    np.testing.assert_allclose(raw[0, :, 5], slope, atol=1e-4)
    np.testing.assert_allclose(raw[:, :, 2], values.std(axis=1), atol=1e-5)
    np.testing.assert_allclose(raw[:, :, 7], np.diff(values, axis=1).max(axis=1), atol=1e-5)
    quantiles = np.quantile(values, (0.2, 0.5, 0.8), axis=1).transpose(1, 2, 0)
    np.testing.assert_allclose(raw[:, :, 13:], quantiles, atol=1e-4)


@pytest.mark.parametrize("name", [name for name, entry in ARCHITECTURES.items() if entry.windowed])
def test_every_windowed_architecture_has_three_outputs(name: str) -> None:
    with torch.no_grad():
        logits, novelty, alone = build(name, SHAPE).eval()(*made_inputs())
    assert logits.shape == alone.shape == (6, 4)
    assert novelty.shape == (6,)
