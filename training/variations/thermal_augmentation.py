"""Robust training on thermal pictures: things in the way, other contrast, other focus, uneven detectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gas_fusion_ros.teaching.limits import Limit, check_limits


@dataclass(frozen=True)
class ThermalAugmentationSettings:
    """How far pictures are altered; 0 for any of them leaves that effect out.

    The defaults are a judgement of what differs between uncooled cameras, not fitted to a data set.

    Attributes:
        occlusion: probability that a rectangle hides a part.
        occluded_side: greatest side of the rectangle, as a share of the picture's.
        blur: probability that the picture is out of focus.
        blur_radius: greatest standard deviation of the Gaussian blur, as a share of the picture's side.
        gain: standard deviation of the logarithm of the contrast.
        offset: standard deviation of the level, of the range 0..1.
        fixed_pattern: standard deviation of the columns' offsets, and of the rows', of the range 0..1.
    """

    occlusion: float = 0.3
    occluded_side: float = 0.4
    blur: float = 0.3
    blur_radius: float = 0.01
    gain: float = 0.1
    offset: float = 0.05
    fixed_pattern: float = 0.01

    def __post_init__(self) -> None:
        check_limits(self, self._limits())

    def _limits(self) -> Iterator[Limit]:
        for name in ("occlusion", "occluded_side", "blur"):
            yield name, 0 <= getattr(self, name) <= 1, "0..1"
        yield "blur_radius", 0 <= self.blur_radius <= 0.1, "0..0.1"
        for name in ("gain", "offset", "fixed_pattern"):
            yield name, 0 <= getattr(self, name) < math.inf, "a finite number of at least 0"


def augment_pictures(
    images: torch.Tensor, settings: ThermalAugmentationSettings, generator: torch.Generator
) -> torch.Tensor:
    """Return altered copies of pictures, in 0..1.

    In the order in which light takes it: the scene, the lens, the detector.

    Args:
        images: shape (N, 1, S, S), floating point, 0..1.
        settings: how far they are altered.
        generator: decides all of it; on the pictures' device.

    Raises:
        ValueError: the pictures have another shape or type.
    """
    if images.ndim != 4 or images.shape[1] != 1 or images.shape[2] != images.shape[3]:
        raise ValueError(f"images must have the shape (N, 1, S, S), not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point in 0..1, not {images.dtype}")
    out = occlude(images, settings.occlusion, settings.occluded_side, generator)
    out = defocus(out, settings.blur, settings.blur_radius, generator)
    out = change_contrast(out, settings.gain, settings.offset, generator)
    out = add_fixed_pattern(out, settings.fixed_pattern, generator)
    return out.clamp(0, 1)


def occlude(
    images: torch.Tensor, probability: float, greatest_side: float, generator: torch.Generator
) -> torch.Tensor:
    """Set a random rectangle of some pictures to a random level."""
    chosen = _uniform(images, generator) < probability
    level = _uniform(images, generator)
    rows, columns = (_stretch(images, greatest_side, generator) for _ in range(2))
    hidden = chosen & rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(hidden, level, images)


def defocus(
    images: torch.Tensor, probability: float, greatest_radius: float, generator: torch.Generator
) -> torch.Tensor:
    """Blur some pictures by Gaussians of standard deviations up to a share of their side."""
    side = images.shape[-1]
    chosen = _uniform(images, generator) < probability
    deviation = _uniform(images, generator) * greatest_radius * side
    reach = min(math.ceil(3 * greatest_radius * side), side - 1)
    if not reach or not len(images):
        return images
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernels = torch.exp(-0.5 * (places / deviation.clamp(min=1e-3)).square())
    kernels = kernels / kernels.sum(dim=-1, keepdim=True)
    return torch.where(chosen, _convolved(images, kernels), images)


def change_contrast(
    images: torch.Tensor, gain: float, offset: float, generator: torch.Generator
) -> torch.Tensor:
    """Scale each picture about the middle of the range, and shift it; the result may leave 0..1."""
    factor = torch.exp(gain * _normal((len(images), 1, 1, 1), images, generator))
    shift = offset * _normal((len(images), 1, 1, 1), images, generator)
    return (images - 0.5) * factor + 0.5 + shift


def add_fixed_pattern(images: torch.Tensor, deviation: float, generator: torch.Generator) -> torch.Tensor:
    """Add fixed pattern noise: an offset per column and one per row; the result may leave 0..1."""
    side = images.shape[-1]
    columns = _normal((len(images), 1, 1, side), images, generator)
    rows = _normal((len(images), 1, side, 1), images, generator)
    return images + deviation * (columns + rows)


def _stretch(images: torch.Tensor, greatest: float, generator: torch.Generator) -> torch.Tensor:
    """Draw a stretch of up to a share of the side, within it; return which of the places it holds, (N, S)."""
    side = images.shape[-1]
    length = _uniform(images, generator).view(-1, 1) * greatest * side
    start = _uniform(images, generator).view(-1, 1) * (side - length)
    middles = torch.arange(side, dtype=images.dtype, device=images.device) + 0.5
    return (middles >= start) & (middles < start + length)


def _convolved(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Convolve each picture with its own kernel, shape (N, 1, 1, P), along both axes; edges are repeated."""
    count, reach = len(images), kernels.shape[-1] // 2
    # As channels of one picture: each then has its own kernel.
    out = torch.nn.functional.pad(images.transpose(0, 1), (reach,) * 4, mode="replicate")
    for kernel in (kernels, kernels.transpose(2, 3)):
        out = torch.nn.functional.conv2d(out, kernel, groups=count)
    return out.transpose(0, 1)


def _uniform(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a number in 0..1 for each picture, shape (N, 1, 1, 1)."""
    shape = (len(images), 1, 1, 1)
    return torch.rand(shape, generator=generator, dtype=images.dtype, device=images.device)


def _normal(shape: tuple[int, ...], images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=images.dtype, device=images.device)
