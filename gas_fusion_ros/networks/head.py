"""The fully connected layers that the two networks of one sensor share."""

from __future__ import annotations

from torch import nn


def classifier_head(features: int, classes: int, dropout: float) -> nn.Sequential:
    """Build three fully connected layers from features (N, `features`) to logits (N, `classes`)."""
    return nn.Sequential(
        nn.Linear(features, 128),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(64, classes),
    )
