"""A command's output folder, and the commands that filled it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

_COMMANDS = "commands.txt"
_FOLDERS = {"--data": "DIR", "--output": "OUT", "--cache": "CACHE"}


def make_output(output: Path) -> None:
    """Make the folder for runs and report.

    Raises:
        ValueError: there is a file in its place.
        OSError: it cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"--output {output}: there is a file in its place; expected a folder") from None


def note_command(output: Path, programme: str) -> None:
    """Note the command as anyone can give it: folders of this machine say nothing to others."""
    words = _without_folders(sys.argv[1:])
    command = shlex.join(["python", "-m", programme, *words])
    known = noted_commands(output)
    if command not in known:
        (output / _COMMANDS).write_text("\n".join([*known, command]) + "\n", encoding="utf-8")


def noted_commands(output: Path) -> list[str]:
    """Return the commands that filled a folder, in their order."""
    path = output / _COMMANDS
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _without_folders(words: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        if shown and shown[-1] in _FOLDERS:
            shown.append(_FOLDERS[shown[-1]])
        elif equals and name in _FOLDERS:
            shown.append(f"{name}={_FOLDERS[name]}")
        else:
            shown.append(word)
    return shown
