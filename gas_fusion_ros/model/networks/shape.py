"""What a network's layers are sized by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What a network's layers are sized by; a network uses what it needs of it.

    Attributes:
        classes: length of the logits, K.
        gas_channels: sensors of a reading, C.
        image_channels: channels of a picture, I: 1 or 3.
        image_size: side of a picture, S, pixels.
        dropout: share of units dropped in training.
        window: readings of a windowed network, W; 1 of the others.
    """

    classes: int = 4
    gas_channels: int = 7
    image_channels: int = 1
    image_size: int = 224
    dropout: float = 0.3
    window: int = 1


PAPER_SHAPE = Shape()
"""Four classes, seven sensors, one channel of 224 x 224 pixels."""
