"""Runs the benchmarks that need neither data nor a GPU: `python -m benchmarks.all --output FILE`.

One after the other, each in a process of its own, and writes what they print as one page of Markdown with
machine, versions and date. One that fails is in the page with its end, and makes the exit code 1.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import psutil
import typer

from gas_fusion_ros.base.files import write_whole
from training.results.code_version import code_version

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("benchmarks.inference",),
    ("benchmarks.training",),
    ("benchmarks.pipeline",),
    ("benchmarks.node",),
    ("benchmarks.evaluation",),
    ("benchmarks.patrols", "--no-images"),
    ("benchmarks.leak_places", "--no-images", "--seeds", "3"),
    ("benchmarks.fuzz",),
    ("benchmarks.damaged",),
    ("benchmarks.kills",),
)
_PACKAGES = ("numpy", "onnxruntime", "torch", "opencv-python-headless", "rclpy", "ros-kilted-rclpy")
_LONGEST = 20_000


@dataclass(frozen=True)
class Ran:
    """A benchmark that has ended.

    Attributes:
        command: module and arguments.
        code: its exit code.
        output: what it printed, its end where it was much.
    """

    command: tuple[str, ...]
    code: int
    output: str


def run(command: tuple[str, ...]) -> Ran:
    """Run one benchmark to its end."""
    result = subprocess.run(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Ran(command, result.returncode, result.stdout[-_LONGEST:].strip())


def page(ran: Sequence[Ran]) -> Iterator[str]:
    """Lay what was run out as Markdown."""
    yield "# Benchmarks"
    yield f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, code {code_version()}"
    yield ""
    yield f"{_processor()}, {psutil.cpu_count()} cores, Python {platform.python_version()}, {_versions()}"
    for one in ran:
        yield ""
        yield f"## python -m {' '.join(one.command)}"
        if one.code:
            yield f"**Exit code {one.code}.**"
        yield ""
        yield "```"
        yield one.output
        yield "```"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main(
    output: Annotated[Path, typer.Option(help="The page to write.")],
    only: Annotated[
        list[str] | None, typer.Option(help="A benchmark by its name, such as inference; repeatable.")
    ] = None,
) -> None:
    """Run the benchmarks and write one page."""
    names = [command[0].partition(".")[2] for command in COMMANDS]
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; there are {', '.join(names)}", param_hint="--only")
    chosen = [command for command, name in zip(COMMANDS, names, strict=True) if not only or name in only]
    ran = []
    for command in chosen:
        typer.echo(f"python -m {' '.join(command)}")
        ran.append(run(command))
        # After each: what has been measured is kept, whatever ends the next one.
        write_whole(output, ("\n".join(page(ran)) + "\n").encode())
    typer.echo(str(output))
    raise typer.Exit(int(any(one.code for one in ran)))


if __name__ == "__main__":
    typer.run(main)
