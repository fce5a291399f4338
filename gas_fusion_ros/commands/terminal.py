"""What the commands say on the terminal."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import one_line, shown

EXIT_LOSSES, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

_LONGEST = 2000
"""Characters of a message: several causes may be in one."""

P = ParamSpec("P")
T = TypeVar("T")


def fail(message: str) -> NoReturn:
    """Say why a command does nothing, and end it with exit code 2."""
    complain(message)
    raise typer.Exit(EXIT_USAGE)


def complain(message: str) -> None:
    """Say on stderr what went wrong; the command goes on."""
    Console(stderr=True).print(
        f"gas-fusion: {one_line(message, _LONGEST)}",
        style="red",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def complain_of(problems: Problems) -> bool:
    """Say on stderr what was lost, a line for each cause; return whether anything was."""
    counts = problems.counts()
    for problem in problems.take_unreported():
        count = counts[problem.cause]
        complain(f"{problem.cause}{f' ({count} times)' if count > 1 else ''}: {problem.detail}")
    return bool(counts)


def end_on_signals() -> None:
    """Let `docker stop` end a command as Ctrl-C does, and Ctrl-C also where a shell script started it.

    A script starts its background jobs deaf to SIGINT.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)


def ends_on_signals(command: Callable[P, T]) -> Callable[P, T]:
    """Let Ctrl-C and `docker stop` end a command at any moment, in a line and with exit code 130."""

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        end_on_signals()
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return run


def about(source: Path, text: str) -> str:
    """Return a message after the name of the file that it is of, unless it names that or an option."""
    name = shown(source.name)
    is_named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
    return text if is_named or text.startswith("--") else f"{name}: {text}"


def without_ros(error: ImportError) -> str:
    """Say that a command needs ROS, and how it is found."""
    return f"ROS 2 cannot be imported ({error}); source its setup file, or see the README"


def say(message: str) -> None:
    """Say on stdout what was done."""
    Console().print(one_line(message, _LONGEST), markup=False, highlight=False, soft_wrap=True)


def say_notes(path: Path, notes: Iterable[str]) -> None:
    """Say on stdout what was taken for what in a table, a line each."""
    for note in notes:
        say(f"{shown(path)}: {note}")
