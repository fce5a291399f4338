"""Grad-CAM: which parts of a picture speak for a class.

Source: Selvaraju et al. (2017), Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gas_fusion_ros.model.networks.folding import fold_batch_norm

_JOINING_BLOCKS = {"resnet34": "layer4", "googlenet": "inception5b"}
"""Where a network's last convolutions stand side by side: the block that joins and rectifies them."""

Map = npt.NDArray[np.float32]


class Explainer:
    """Tells what in the pictures decides, for one network that takes pictures.

    Args:
        network: in evaluation mode; stays as it is.
        architecture: its name in the registry.
    """

    def __init__(self, network: nn.Module, architecture: str) -> None:
        # In double precision: a softmax that is sure leaves hardly any gradient.
        self._network = copy.deepcopy(network).double()
        self._layer = lay_open(self._network, architecture)

    def heat(self, inputs: Sequence[npt.NDArray[np.float32]], target: int) -> Map:
        """Return how much each part of the picture speaks for a class; see `grad_cam`.

        Args:
            inputs: the network's inputs in its order, batch 1.
            target: index of the class.
        """
        tensors = [torch.from_numpy(value).double() for value in inputs]
        return grad_cam(self._network, self._layer, tensors, target)


def lay_open(network: nn.Module, architecture: str) -> nn.Module:
    """Make a network ready for `grad_cam`, in place; its results stay the same up to rounding.

    Batch normalisation is folded, and a layer that rectifies is put behind the last convolution: there the
    picture's last maps are whole, and have not been pooled yet. It changes nothing, because every network
    rectifies these maps anyway, if only after pooling.

    Args:
        network: one that takes pictures.
        architecture: its name in the registry.

    Returns:
        The layer whose output these maps are.
    """
    fold_batch_norm(network.eval())
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # else it would change the maps that Grad-CAM keeps
    if architecture in _JOINING_BLOCKS:
        return network.get_submodule(_JOINING_BLOCKS[architecture])
    name = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)][-1]
    parent, _, own = name.rpartition(".")
    rectified = nn.Sequential(network.get_submodule(name), nn.ReLU())
    setattr(network.get_submodule(parent), own, rectified)
    return rectified


def grad_cam(network: nn.Module, layer: nn.Module, inputs: Sequence[torch.Tensor], target: int) -> Map:
    """Return how much each part of a picture speaks for a class.

    Args:
        network: in evaluation mode; no layer may change the output of `layer` in place.
        layer: one of its layers, whose output is rectified maps (1, F, H, W).
        inputs: the network's inputs in its order, batch 1, of its type of number; the picture,
            (1, I, S, S), is the one of four dimensions.
        target: index of the class.

    Returns:
        Shape (S, S), 0..1, the most telling part 1; 0 everywhere if nothing in the picture speaks for the
        class, or the network does not use the picture.
    """
    (size,) = [value.shape[-2:] for value in inputs if value.ndim == 4]
    maps, gradient = _maps_and_gradient(network, layer, inputs, target)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    speaking = (weights * maps).sum(dim=1, keepdim=True).relu()
    spread = nn.functional.interpolate(speaking, tuple(size), mode="bilinear")[0, 0].numpy()
    peak = float(spread.max())
    return (spread / peak if peak > 0 else np.zeros_like(spread)).astype(np.float32)


def _maps_and_gradient(
    network: nn.Module, layer: nn.Module, inputs: Sequence[torch.Tensor], target: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a layer's output and the gradient of a class's logit with respect to it."""
    kept: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: object, maps: torch.Tensor) -> torch.Tensor:
        # Cut off from the layers before, which then cost no gradients.
        kept.append(maps.detach().requires_grad_())
        return kept[-1]

    hook = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            answer = network(*inputs)
    finally:
        hook.remove()
    logits = answer[0] if isinstance(answer, tuple) else answer  # a windowed network tells its novelty too
    (maps,) = kept
    (gradient,) = torch.autograd.grad(logits[0, target], maps)
    return maps.detach(), gradient
