"""The networks for one thermal picture: GasNet, the CNN of 2021, and one for any camera's plumes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from gas_fusion_ros.model.networks.head import classifier_head
from gas_fusion_ros.model.networks.shape import PAPER_SHAPE, Shape

WIDTHS = (16, 32, 64, 128, 256, 256)
"""Filters of GasNet's six convolution layers."""

CNN2021_WIDTHS = (16, 32, 64)
"""Filters of the convolution layers of the CNN of 2021."""

PLUME_WIDTHS = (24, 48, 96, 96, 192)
"""Filters of the convolution layers of `PlumeFeatures`."""
_PLUME_POOLS = (2, 2, 1, 1, 8)
"""Sides over which each takes the maximum: the last ones see 8 x 8 places of a picture of 64 pixels."""

_NEIGHBOURHOOD = 9
"""Side of the square that a pixel is compared with, of a picture halved: 28 % of one of 64 pixels."""
_LEAST_CONTRAST = 0.02
"""Of the range 0..1: what varies less is not made to look like more."""
_MOST_DEVIATIONS = 3.0


def _stage(inputs: int, outputs: int, pool: int = 2) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        # Pooled before it is rectified: the same result from a quarter of the work.
        nn.MaxPool2d(pool),
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


class PlumeFeatures(nn.Module):
    """Features of a picture in which neither fine texture nor the level decides.

    The picture is halved, which takes the noise of fine pixels away, and seen twice: as it is, and each
    pixel against its neighbourhood, in the neighbourhood's own deviations. So a faint plume beside
    a machine of 100 degC is as plain as one before a wall (Jarrett et al. 2009, What Is the Best
    Multi-Stage Architecture for Object Recognition?). Five convolutions follow; the last takes the
    maximum over all places, so that it matters little where a plume is.

    A picture (N, I, S, S) in 0..1 becomes features (N, 192 * (S // 64)**2): 192 for 64 pixels.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        sizes = zip((2 * channels, *PLUME_WIDTHS), PLUME_WIDTHS, _PLUME_POOLS, strict=False)
        self.layers = nn.Sequential(*(_stage(*size) for size in sizes), nn.Flatten())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) into features (N, 192 * (S // 64)**2)."""
        return self.layers(self.normalised(image))

    def normalised(self, image: torch.Tensor) -> torch.Tensor:
        """Turn pictures (N, I, S, S) into what the convolutions see, (N, 2 I, S // 2, S // 2)."""
        halved = functional.avg_pool2d(image, 2)
        apart = halved - _around(halved)
        deviation = _around(apart.square()).sqrt()
        contrast = apart / (_MOST_DEVIATIONS * (deviation + _LEAST_CONTRAST))
        return torch.cat((halved - 0.5, contrast.clamp(-1, 1)), dim=1)

    @staticmethod
    def length(size: int) -> int:
        """Return the length of the feature vector of a picture of `size` pixels.

        Raises:
            ValueError: the picture is too small for six halvings.
        """
        return _length(size, WIDTHS) // WIDTHS[-1] * PLUME_WIDTHS[-1]


def _around(image: torch.Tensor) -> torch.Tensor:
    """Return each pixel's mean over its neighbourhood; beyond an edge the edge goes on."""
    reach = _NEIGHBOURHOOD // 2
    padded = functional.pad(image, (reach,) * 4, mode="replicate")
    rows = functional.avg_pool2d(padded, (1, _NEIGHBOURHOOD), stride=1)
    return functional.avg_pool2d(rows, (_NEIGHBOURHOOD, 1), stride=1)


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
