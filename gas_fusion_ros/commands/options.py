"""What several commands let their user choose from."""

from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

# ruff: noqa: UP045
# No `from __future__ import annotations` and no `X | None`, see cli.py.


class Device(str, Enum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


GasTopic = Annotated[Optional[str], typer.Option(help="Topic of the gas readings.")]
ImageTopic = Annotated[Optional[str], typer.Option(help="Topic of the thermal images.")]


def output_folder(given: Optional[Path]) -> Path:
    """Return the folder that a run is written into: one named by the time unless another is given."""
    return given if given is not None else Path("output") / datetime.now().strftime("%Y%m%d-%H%M%S")
