"""The paper's fusions of gas readings and thermal pictures, and the early fusion of 2021.

Every network takes normalised counts (N, C) and pictures (N, I, S, S) in 0..1 and returns logits
(N, K).
"""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.model.networks.gas import GasCnn, GasFeatures, LstmFeatures
from gas_fusion_ros.model.networks.shape import PAPER_SHAPE, Shape
from gas_fusion_ros.model.networks.thermal import Cnn2021Features, GasNet, ThermalFeatures

_HIDDEN = 128


def _joined(features: int, shape: Shape) -> nn.Sequential:
    """Build the fully connected layers that read both feature vectors side by side."""
    return nn.Sequential(
        nn.Linear(features, _HIDDEN), nn.ReLU(), nn.Dropout(shape.dropout), nn.Linear(_HIDDEN, shape.classes)
    )


class FusionI(nn.Module):
    """Early fusion: both feature vectors side by side (2304 + 384 = 2688), then fully connected layers.

    Source: Ahn, Kim, Kim (2023), Fusion I; layer widths are ours where the paper gives none.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.gas = GasFeatures()
        self.thermal = ThermalFeatures(shape.image_channels)
        length = ThermalFeatures.length(shape.image_size) + GasFeatures.length(shape.gas_channels)
        self.head = _joined(length, shape)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))


class FusionII(nn.Module):
    """Late fusion, trained jointly: each branch ends in one value per class; these go through one more layer.

    Source: Ahn, Kim, Kim (2023), Fusion II: 4 + 4 values for four classes.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.gas = GasCnn(shape)
        self.thermal = GasNet(shape)
        self.head = nn.Linear(2 * shape.classes, shape.classes)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))


class _FusionIII(nn.Module):
    """Late fusion of two networks that were trained alone, from their probabilities.

    The logits are the logarithms of the combined probabilities, so that their softmax normalises these.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.gas = GasCnn(shape)
        self.thermal = GasNet(shape)

    def _log_probabilities(self, gas: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.gas(gas).log_softmax(dim=1), self.thermal(image).log_softmax(dim=1)


class FusionIIIMax(_FusionIII):
    """Fusion III: the element-wise maximum of both probability vectors.

    Source: Ahn, Kim, Kim (2023), Fusion III.
    """

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        return torch.maximum(*self._log_probabilities(gas, image))


class FusionIIIMean(_FusionIII):
    """Fusion III with the mean of both probability vectors, which the paper found worse.

    Source: Ahn, Kim, Kim (2023), Fusion III.
    """

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        # The factor 1/2 of the mean is a constant of all classes' logits and changes nothing.
        return torch.logaddexp(*self._log_probabilities(gas, image))


class FusionIV(nn.Module):
    """Hybrid fusion: joined features, an image and a sensor predictor on them, and their joint decision.

    Source: Ahn, Kim, Kim (2023), Fusion IV; layer widths are ours where the paper gives none.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.gas = GasFeatures()
        self.thermal = ThermalFeatures(shape.image_channels)
        length = ThermalFeatures.length(shape.image_size) + GasFeatures.length(shape.gas_channels)
        self.joint = nn.Sequential(nn.Linear(length, _HIDDEN), nn.ReLU(), nn.Dropout(shape.dropout))
        self.image_predictor = nn.Linear(_HIDDEN, shape.classes)
        self.sensor_predictor = nn.Linear(_HIDDEN, shape.classes)
        self.head = nn.Linear(2 * shape.classes, shape.classes)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        joint = self.joint(torch.cat((self.thermal(image), self.gas(gas)), dim=1))
        return self.head(torch.cat((self.image_predictor(joint), self.sensor_predictor(joint)), dim=1))


class EarlyFusion2021(nn.Module):
    """Early fusion of 2021: features of a 5-layer LSTM and of a CNN, then fully connected layers.

    Source: Narkhede et al. (2021), Applied System Innovation 4(1):3, as cited by Ahn, Kim, Kim (2023); layer
    widths are ours.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.gas = LstmFeatures(layers=5, dropout=shape.dropout)
        self.thermal = Cnn2021Features(shape.image_channels)
        length = Cnn2021Features.length(shape.image_size) + LstmFeatures.length(shape.gas_channels)
        self.head = _joined(length, shape)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) and pictures (N, I, S, S) into logits (N, K)."""
        return self.head(torch.cat((self.thermal(image), self.gas(gas)), dim=1))
