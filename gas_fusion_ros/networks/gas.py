"""The paper's 1D CNN for one reading of the gas sensor array."""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.networks.head import classifier_head

GAS_FEATURES = 384
"""Length of the feature vector of seven channels: 128 filters at 3 positions."""


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm1d(outputs),
        nn.ReLU(),
    )


class GasFeatures(nn.Module):
    """Three 1-D convolutions over the channels of one reading, then one halving.

    Normalised counts (N, C) become features (N, 128 * (C // 2)): 384 for the paper's seven sensors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(1, 64),
            _convolution(64, 128),
            _convolution(128, 128),
            nn.MaxPool1d(2),
            nn.Flatten(),
        )

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into features (N, 128 * (C // 2))."""
        return self.layers(gas.unsqueeze(1))


class GasCnn(nn.Module):
    """The 1D CNN: convolutional features and three fully connected layers.

    Source: Ahn, Kim, Kim (2023); layer widths are ours where the paper gives none.
    """

    def __init__(self, classes: int = 4, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = GasFeatures()
        self.head = classifier_head(GAS_FEATURES, classes, dropout)

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, 7) into logits (N, classes)."""
        return self.head(self.features(gas))
