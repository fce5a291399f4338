"""The schedule by which small networks are trained here: one cycle of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def one_cycle(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, steps: int, rising: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return AdamW and a schedule of one cycle; both take a step after each batch.

    Source: Smith and Topin (2018), Super-Convergence: Very Fast Training of Neural Networks.

    Args:
        parameters: what is trained.
        learning_rate: the greatest.
        weight_decay: AdamW's.
        steps: of the whole training.
        rising: share of them in which the learning rate rises.
    """
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps, pct_start=rising
    )
    return optimiser, schedule
