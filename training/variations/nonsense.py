"""Pictures that show no scene: what a covered, broken or wrongly read camera gives.

A network that has seen some of them, without a class, says little of others. Source: Hendrycks, Mazeika,
Dietterich (2019), Deep Anomaly Detection with Outlier Exposure.
"""

from __future__ import annotations

import torch
from torch import nn

_BLOCKS = (2, 4, 8, 16)


def nonsense_pictures(count: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Draw levels, slopes, stripes, blocks and noise, in turn; shape (count, 1, side, side), 0..1.

    Args:
        count: how many.
        side: pixels.
        generator: decides all of it.
    """
    kinds = (_level, _slope, _stripes, _blocks, _noise)
    first = int(torch.randint(len(kinds), (1,), generator=generator))
    drawn = [kinds[(first + number) % len(kinds)](side, generator) for number in range(count)]
    return torch.stack(drawn)[:, None].clamp(0, 1) if drawn else torch.zeros(0, 1, side, side)


def silence_loss(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of logits, shape (N, K), to no class rather than another; a scalar."""
    return -logits.log_softmax(dim=1).mean()


def _level(side: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(1, 1, generator=generator).expand(side, side)


def _slope(side: int, generator: torch.Generator) -> torch.Tensor:
    low, high = torch.rand(2, generator=generator)
    return _turned(torch.linspace(float(low), float(high), side)[:, None].expand(side, side), generator)


def _stripes(side: int, generator: torch.Generator) -> torch.Tensor:
    return _turned(torch.rand(side, 1, generator=generator).expand(side, side), generator)


def _blocks(side: int, generator: torch.Generator) -> torch.Tensor:
    across = _BLOCKS[int(torch.randint(len(_BLOCKS), (1,), generator=generator))]
    coarse = torch.rand(1, 1, across, across, generator=generator)
    return nn.functional.interpolate(coarse, (side, side), mode="nearest")[0, 0]


def _noise(side: int, generator: torch.Generator) -> torch.Tensor:
    middle, deviation = torch.rand(2, generator=generator)
    return middle + 0.4 * deviation * torch.randn(side, side, generator=generator)


def _turned(picture: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return picture.T if torch.rand(1, generator=generator) < 0.5 else picture
