"""The paper's fusions of gas readings and thermal pictures, and the early fusion of 2021.

Every network takes normalised counts (N, C) and pictures (N, I, S, S) in 0..1 and returns logits
(N, classes).
"""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.networks.gas import GasCnn, GasFeatures, LstmFeatures
from gas_fusion_ros.networks.thermal import Cnn2021Features, GasNet, ThermalFeatures

_HIDDEN = 128


def _joined(features: int, outputs: int, dropout: float) -> nn.Sequential:
    """Build the fully connected layers that read both feature vectors side by side."""
    return nn.Sequential(
        nn.Linear(features, _HIDDEN), nn.ReLU(), nn.Dropout(dropout), nn.Linear(_HIDDEN, outputs)
    )


class FusionI(nn.Module):
    """Early fusion: both feature vectors side by side (2304 + 384 = 2688), then fully connected layers.

    Source: Ahn, Kim, Kim (2023), Fusion I; layer widths are ours where the paper gives none.
    """

    def __init__(
        self,
        classes: int = 4,
        gas_channels: int = 7,
        image_channels: int = 1,
        image_size: int = 224,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.gas = GasFeatures()
        self.thermal = ThermalFeatures(image_channels)
        length = ThermalFeatures.length(image_size) + GasFeatures.length(gas_channels)
        self.head = _joined(length, classes, dropout)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))


class FusionII(nn.Module):
    """Late fusion, trained jointly: each branch ends in one value per class; these go through one more layer.

    Source: Ahn, Kim, Kim (2023), Fusion II: 4 + 4 values for four classes.
    """

    def __init__(
        self,
        classes: int = 4,
        gas_channels: int = 7,
        image_channels: int = 1,
        image_size: int = 224,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.gas = GasCnn(classes, gas_channels, dropout)
        self.thermal = GasNet(classes, image_channels, image_size, dropout)
        self.head = nn.Linear(2 * classes, classes)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))


class _FusionIII(nn.Module):
    """Late fusion of two networks that were trained alone, from their probabilities.

    The logits are the logarithms of the combined probabilities, so that their softmax normalises these.
    """

    def __init__(self, gas: nn.Module, thermal: nn.Module) -> None:
        super().__init__()
        self.gas = gas
        self.thermal = thermal

    def _log_probabilities(self, gas: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.gas(gas).log_softmax(dim=1), self.thermal(image).log_softmax(dim=1)


class FusionIIIMax(_FusionIII):
    """Fusion III: the element-wise maximum of both probability vectors.

    Source: Ahn, Kim, Kim (2023), Fusion III.
    """

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        return torch.maximum(*self._log_probabilities(gas, image))


class FusionIIIMean(_FusionIII):
    """Fusion III with the mean of both probability vectors, which the paper found worse.

    Source: Ahn, Kim, Kim (2023), Fusion III.
    """

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        # The factor 1/2 of the mean is a constant of all classes' logits and changes nothing.
        return torch.logaddexp(*self._log_probabilities(gas, image))


class FusionIV(nn.Module):
    """Hybrid fusion: joined features, an image and a sensor predictor on them, and their joint decision.

    Source: Ahn, Kim, Kim (2023), Fusion IV; layer widths are ours where the paper gives none.
    """

    def __init__(
        self,
        classes: int = 4,
        gas_channels: int = 7,
        image_channels: int = 1,
        image_size: int = 224,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.gas = GasFeatures()
        self.thermal = ThermalFeatures(image_channels)
        length = ThermalFeatures.length(image_size) + GasFeatures.length(gas_channels)
        self.joint = nn.Sequential(nn.Linear(length, _HIDDEN), nn.ReLU(), nn.Dropout(dropout))
        self.image_predictor = nn.Linear(_HIDDEN, classes)
        self.sensor_predictor = nn.Linear(_HIDDEN, classes)
        self.head = nn.Linear(2 * classes, classes)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        joint = self.joint(torch.cat((self.thermal(image), self.gas(gas)), dim=1))
        return self.head(torch.cat((self.image_predictor(joint), self.sensor_predictor(joint)), dim=1))


class EarlyFusion2021(nn.Module):
    """Early fusion of 2021: features of a 5-layer LSTM and of a CNN, then fully connected layers.

    Source: Narkhede et al. (2021), Applied System Innovation 4(1):3, as cited by Ahn, Kim, Kim (2023); layer
    widths are ours.
    """

    def __init__(
        self,
        classes: int = 4,
        gas_channels: int = 7,
        image_channels: int = 1,
        image_size: int = 224,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.gas = LstmFeatures(layers=5, dropout=dropout)
        self.thermal = Cnn2021Features(image_channels)
        length = Cnn2021Features.length(image_size) + LstmFeatures.length(gas_channels)
        self.head = _joined(length, classes, dropout)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, classes)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))
