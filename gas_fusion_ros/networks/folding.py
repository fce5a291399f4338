"""Folds batch normalisation into the convolutions before it: the form in which networks are shipped."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold every batch normalisation that follows a convolution within a Sequential, in place.

    The network must be in evaluation mode; its results stay the same up to rounding, and it can
    no longer be trained as before.

    Returns:
        The same network.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            _fold_block(block)
    return network


def _fold_block(block: nn.Sequential) -> None:
    for position, (first, second) in enumerate(pairwise(block)):
        if isinstance(first, nn.Conv1d | nn.Conv2d) and isinstance(second, nn.BatchNorm1d | nn.BatchNorm2d):
            block[position] = fuse_conv_bn_eval(first, second)
            block[position + 1] = nn.Identity()
