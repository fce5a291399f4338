"""The fully connected layers that the two networks of one sensor share."""

from __future__ import annotations

from torch import nn

from gas_fusion_ros.model.networks.shape import Shape


def classifier_head(features: int, shape: Shape) -> nn.Sequential:
    """Build three fully connected layers from features (N, `features`) to logits (N, K)."""
    return nn.Sequential(
        nn.Linear(features, 128),
        nn.ReLU(),
        nn.Dropout(shape.dropout),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(shape.dropout),
        nn.Linear(64, shape.classes),
    )
