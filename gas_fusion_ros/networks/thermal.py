"""GasNet, the paper's convolutional network for one thermal picture."""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.networks.head import classifier_head

WIDTHS = (16, 32, 64, 128, 256, 256)
"""Filters of the six convolution layers."""

THERMAL_FEATURES = 2304
"""Length of the feature vector of a 224x224 picture: six halvings leave 3 x 3 of 256 filters."""


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        # Halved before it is rectified: the same result from a quarter of the work.
        nn.MaxPool2d(2),
        nn.ReLU(),
    )


class ThermalFeatures(nn.Module):
    """Six 3x3 convolutions, each batch-normalised, halved and rectified.

    A picture (N, 1, 224, 224) in 0..1 becomes features (N, 2304).
    """

    def __init__(self) -> None:
        super().__init__()
        stages = [_stage(inputs, outputs) for inputs, outputs in zip((1, *WIDTHS), WIDTHS, strict=False)]
        self.layers = nn.Sequential(*stages, nn.Flatten())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, 1, 224, 224) into features (N, 2304)."""
        return self.layers(image)


class GasNet(nn.Module):
    """GasNet: six convolution layers and three fully connected layers.

    Source: Ahn, Kim, Kim (2023); layer widths are ours where the paper gives none.
    """

    def __init__(self, classes: int = 4, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = ThermalFeatures()
        self.head = classifier_head(THERMAL_FEATURES, classes, dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, 1, 224, 224) in 0..1 into logits (N, classes)."""
        return self.head(self.features(image))
