"""The networks for one thermal picture: GasNet, and the CNN of 2021."""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.model.networks.head import classifier_head
from gas_fusion_ros.model.networks.shape import PAPER_SHAPE, Shape

WIDTHS = (16, 32, 64, 128, 256, 256)
"""Filters of GasNet's six convolution layers."""

CNN2021_WIDTHS = (16, 32, 64)
"""Filters of the convolution layers of the CNN of 2021."""


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        # Halved before it is rectified: the same result from a quarter of the work.
        nn.MaxPool2d(2),
        nn.ReLU(),
    )


def _stages(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    stages = [_stage(inputs, outputs) for inputs, outputs in zip((channels, *widths), widths, strict=False)]
    return nn.Sequential(*stages, nn.Flatten())


def _length(size: int, widths: tuple[int, ...]) -> int:
    """Return the length of the feature vector of a picture of `size` pixels.

    Raises:
        ValueError: the halvings leave nothing of it.
    """
    side = size >> len(widths)
    if side < 1:
        raise ValueError(
            f"image_size is {size}; {len(widths)} halvings leave nothing of less than {1 << len(widths)}"
        )
    return widths[-1] * side * side


class ThermalFeatures(nn.Module):
    """Six 3x3 convolutions, each batch-normalised, halved and rectified.

    A picture (N, I, S, S) in 0..1 becomes features (N, 256 * (S // 64)**2): 2304 for 224 pixels.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.layers = _stages(channels, WIDTHS)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) into features (N, 256 * (S // 64)**2)."""
        return self.layers(image)

    @staticmethod
    def length(size: int) -> int:
        """Return the length of the feature vector of a picture of `size` pixels.

        Raises:
            ValueError: the picture is too small for six halvings.
        """
        return _length(size, WIDTHS)


class GasNet(nn.Module):
    """GasNet: six convolution layers and three fully connected layers.

    Source: Ahn, Kim, Kim (2023); layer widths are ours where the paper gives none.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.features = ThermalFeatures(shape.image_channels)
        self.head = classifier_head(ThermalFeatures.length(shape.image_size), shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) in 0..1 into logits (N, K)."""
        return self.head(self.features(image))


class Cnn2021Features(nn.Module):
    """Three 3x3 convolutions, each batch-normalised, halved and rectified.

    A picture (N, I, S, S) in 0..1 becomes features (N, 64 * (S // 8)**2).
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.layers = _stages(channels, CNN2021_WIDTHS)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) into features (N, 64 * (S // 8)**2)."""
        return self.layers(image)

    @staticmethod
    def length(size: int) -> int:
        """Return the length of the feature vector of a picture of `size` pixels.

        Raises:
            ValueError: the picture is too small for three halvings.
        """
        return _length(size, CNN2021_WIDTHS)


class Cnn2021(nn.Module):
    """The CNN of 2021: three convolution layers and three fully connected layers.

    Source: Narkhede et al. (2021), Applied System Innovation 4(1):3, as cited by Ahn, Kim, Kim (2023);
    layer widths are ours.
    """

    def __init__(self, shape: Shape = PAPER_SHAPE) -> None:
        super().__init__()
        self.features = Cnn2021Features(shape.image_channels)
        self.head = classifier_head(Cnn2021Features.length(shape.image_size), shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) in 0..1 into logits (N, K)."""
        return self.head(self.features(image))
