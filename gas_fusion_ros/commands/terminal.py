"""What the commands say on the terminal."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

EXIT_LOSSES, EXIT_USAGE = 1, 2


def fail(message: str) -> NoReturn:
    """Say why a command does nothing, and end it with exit code 2."""
    complain(message)
    raise typer.Exit(EXIT_USAGE)


def complain(message: str) -> None:
    """Say on stderr what went wrong; the command goes on."""
    Console(stderr=True).print(
        f"gas-fusion: {message}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def say(message: str) -> None:
    """Say on stdout what was done."""
    Console().print(message, markup=False, highlight=False, soft_wrap=True)
