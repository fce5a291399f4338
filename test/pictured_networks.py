"""Untrained networks that take pictures, and inputs of theirs."""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.window_encoders import PrototypeEncoder

SEED = 1
"""Of untrained networks; with this one the picture has a say in each of them."""
SHAPE = Shape(image_size=64)
WINDOWED_SHAPE = Shape(image_size=64, window=6)
WITH_PICTURES = [name for name, entry in ARCHITECTURES.items() if entry.mode is not Mode.GAS_ONLY]
WINDOWED = [name for name in WITH_PICTURES if ARCHITECTURES[name].windowed]


def untrained(name: str) -> nn.Module:
    """A seeded network in evaluation mode whose batch normalisation has seen something."""
    torch.manual_seed(SEED)
    network = build(name, WINDOWED_SHAPE if name in WINDOWED else SHAPE).train()
    for module in network.modules():
        if isinstance(module, PrototypeEncoder):
            nn.init.normal_(module.prototypes)
    with torch.no_grad():
        network(*inputs_of(name, samples=4))
    network.eval()
    if name in WINDOWED:
        network.limits.fill_(1e6)  # no picture is unlike training
    return network.requires_grad_(False)


def inputs_of(name: str, samples: int = 1, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(samples, 1, 64, 64, generator=generator)
    if name in WINDOWED:
        gas = torch.randn(samples, 6, 7, generator=generator)
        return [gas, torch.ones_like(gas), image, torch.ones(samples, 1)]
    gas = 3 * torch.randn(samples, 7, generator=generator)
    return [gas, image] if ARCHITECTURES[name].mode is Mode.FUSION else [image]
