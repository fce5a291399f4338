"""What several commands let their user choose from."""

from __future__ import annotations

from enum import Enum


class Device(str, Enum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
