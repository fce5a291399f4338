"""The paper's fusion of gas readings and thermal pictures."""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.networks.gas import GAS_FEATURES, GasFeatures
from gas_fusion_ros.networks.thermal import THERMAL_FEATURES, ThermalFeatures


class FusionI(nn.Module):
    """Early fusion: both feature vectors side by side (2304 + 384), then fully connected layers.

    Source: Ahn, Kim, Kim (2023), Fusion I; layer widths are ours where the paper gives none.
    """

    def __init__(self, classes: int = 4, dropout: float = 0.3) -> None:
        super().__init__()
        self.gas = GasFeatures()
        self.thermal = ThermalFeatures()
        self.head = nn.Sequential(
            nn.Linear(THERMAL_FEATURES + GAS_FEATURES, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, classes),
        )

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, 7) and pictures (N, 1, 224, 224) into logits (N, classes)."""
        return self.fuse(gas, self.thermal(image))

    def fuse(self, gas: torch.Tensor, thermal_features: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, 7) and thermal features (N, 2304) into logits (N, classes)."""
        return self.head(torch.cat((thermal_features, self.gas(gas)), dim=1))
