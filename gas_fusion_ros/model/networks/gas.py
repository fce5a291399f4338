"""The networks for one reading of the gas sensor array."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from gas_fusion_ros.model.networks.head import classifier_head
from gas_fusion_ros.model.networks.shape import PAPER_SHAPE, Shape

LSTM_UNITS = 64
"""Units of the paper's LSTM."""

_FILTERS = 128


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
            _convolution(128, _FILTERS),
            nn.MaxPool1d(2),
            nn.Flatten(),
        )

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into features (N, 128 * (C // 2))."""
        return self.layers(gas.unsqueeze(1))

    @staticmethod
    def length(channels: int) -> int:
        """Return the length of the feature vector of `channels` sensors.

        Raises:
            ValueError: the halving leaves nothing of one channel.
        """
        if channels < 2:
            raise ValueError(f"a 1D CNN needs at least 2 channels, not {channels}: it halves their number")
        return _FILTERS * (channels // 2)


class GasCnn(nn.Module):
    """The 1D CNN: convolutional features and three fully connected layers.

    Source: Ahn, Kim, Kim (2023); layer widths are ours where the paper gives none.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.features = GasFeatures()
        self.head = classifier_head(GasFeatures.length(shape.gas_channels), shape)

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into logits (N, K)."""
        return self.head(self.features(gas))


class LstmFeatures(nn.Module):
    """An LSTM of 64 units that reads the channels of one reading, one after another.

    Normalised counts (N, C), read as C steps of one value, become features (N, 64 * C): all steps' states.
    """

    def __init__(self, layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(1, LSTM_UNITS, num_layers=layers, batch_first=True, dropout=between)

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into features (N, 64 * C)."""
        states, _ = self.lstm(gas.unsqueeze(2))
        return states.flatten(1)

    @staticmethod
    def length(channels: int) -> int:
        """Return the length of the feature vector of `channels` sensors."""
        return LSTM_UNITS * channels


class GasLstm(nn.Module):
    """The LSTM: 64 units in one or more layers, then three fully connected layers.

    Sources: Ahn, Kim, Kim (2023) for one layer; Narkhede et al. (2021), Applied System Innovation 4(1):3, for
    five. That the fully connected layers see every step, and their widths, are ours.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE, layers: int = 1) -> None:
        super().__init__()
        self.features = LstmFeatures(layers, shape.dropout)
        self.head = classifier_head(LstmFeatures.length(shape.gas_channels), shape)

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into logits (N, K)."""
        return self.head(self.features(gas))


class GasDnn(nn.Module):
    """The DNN: four fully connected layers.

    Source: Ahn, Kim, Kim (2023); widths are ours.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        widths = (shape.gas_channels, 128, 128, 64)
        hidden = [
            layer
            for inputs, outputs in pairwise(widths)
            for layer in (
                nn.Linear(inputs, outputs),
                nn.BatchNorm1d(outputs),
                nn.ReLU(),
                nn.Dropout(shape.dropout),
            )
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(widths[-1], shape.classes))

    def forward(self, gas: torch.Tensor) -> torch.Tensor:
        """Turn normalised counts (N, C) into logits (N, K)."""
        return self.layers(gas)
