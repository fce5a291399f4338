"""Puts batch normalisation back between layers that it was folded into.

Folded, a layer's output y is what the normalisation made of it. Put back, the normalisation takes mean and
variance of y on some rows as its own, and scale and shift undo them: in evaluation y comes out as it
went in, in training it is normalised by its batch as if it never had been folded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def restore_norms(
    network: nn.Module, shifts: Mapping[str, torch.Tensor], run_rows: Callable[[nn.Module], object]
) -> None:
    """Set a network's normalisations so that they change nothing but add a shift, in place.

    Args:
        network: its layers hold folded weights.
        shifts: by the name of each folded normalisation what it adds, shape (F,): the folded bias of a layer
            that has none itself.
        run_rows: runs the network, in evaluation mode, on rows to train on.
    """
    watches = [_ObservedNorm(_norm(network, name), shift) for name, shift in shifts.items()]
    run_rows(network)
    for watch in watches:
        watch.finish()


def _norm(network: nn.Module, name: str) -> Norm:
    norm = network.get_submodule(name)
    assert isinstance(norm, Norm)
    return norm


class _ObservedNorm:
    """Lets a normalisation's inputs pass, but for the shift, and adds up their moments."""

    def __init__(self, norm: Norm, shift: torch.Tensor) -> None:
        self._norm, self._shift = norm, shift
        self._count = 0
        self._sum = self._squares = torch.zeros(len(shift), dtype=torch.float64)
        self._set(torch.zeros(len(shift)), torch.ones(len(shift)) - norm.eps)
        self._hook = norm.register_forward_pre_hook(self._add)

    def _add(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1).double().cpu()
        self._count += values.shape[1]
        self._sum = self._sum + values.sum(dim=1)
        self._squares = self._squares + values.square().sum(dim=1)

    def finish(self) -> None:
        """Take the moments as the normalisation's own."""
        self._hook.remove()
        mean = self._sum / self._count
        self._set(mean, (self._squares / self._count - mean.square()).clamp(min=0))

    def _set(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        norm = self._norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        with torch.no_grad():
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + self._shift)
