"""What the commands that train have in common: their options, and how they refuse bad ones."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from lightning.pytorch.callbacks import Callback, RichProgressBar
from rich.console import Console

from gas_fusion_ros.base.observation import PAPER_CHANNELS, check_channel_names
from gas_fusion_ros.model.bundle import Domain
from training.fitting.catalog import Hyperparameters

EXIT_USAGE = 2

ERRORS = Console(stderr=True)
CONSOLE = Console()

Value = TypeVar("Value")

DataOption = Annotated[
    Path | None,
    typer.Option(envvar="GAS_FUSION_DATA", help="Folder in the data set's layout.", show_envvar=True),
]
CHANNELS_HELP = "Sensor columns of the CSV, with commas between."
ChannelsOption = Annotated[
    str | None, typer.Option(help=CHANNELS_HELP, show_default=",".join(PAPER_CHANNELS))
]
DomainOption = Annotated[
    Domain,
    typer.Option(help="What of a reading is looked at: ln(Rs/R0) of any array, or counts of this one."),
]
ArrayOption = Annotated[
    Path | None,
    typer.Option(help="Array file of the readings.", show_default="array.yaml in the folder, or 10 bits"),
]
ThermalOption = Annotated[
    str,
    typer.Option(
        help="Pictures: `real`, `rendered`, or `auto`: real where nearly every row has its picture, rendered "
        "where nearly none has."
    ),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(help="Folder for prepared pictures.", show_default="~/.cache/gas_fusion_ros"),
]
POSITIONS = "0,0.2,0.4,0.6,0.8"
"""Where `blocked` holds its test block out: each fifth once."""
FractionOption = Annotated[
    float | None,
    typer.Option(help="Share of each class held out for test.", show_default="0.2; 0.5 forward and backward"),
]
EmbargoOption = Annotated[
    int, typer.Option(min=0, help="Rows beside test and validation in no part, except in `random`.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A hyperparameter instead of the model's own, repeatable: "
        + ", ".join(field.name for field in fields(Hyperparameters)),
    ),
]
AcceleratorOption = Annotated[str, typer.Option(help="Lightning's: auto, cpu, gpu ...")]
DevicesOption = Annotated[str, typer.Option(help="Lightning's: how many, or auto.")]
NodesOption = Annotated[int, typer.Option(min=1, help="Lightning's: machines that train together.")]
StrategyOption = Annotated[str, typer.Option(help="Lightning's: auto, ddp ...")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, help="CPU threads of a network with pictures.", show_default="all cores"
    ),
]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes that read pictures ahead.")]


def thread_count(threads: int | None) -> int:
    """Return how many CPU threads to use: as many as there are cores, unless said."""
    return threads or len(os.sched_getaffinity(0))


def progress_bars() -> tuple[Callback, ...]:
    """Return Lightning's progress bar where somebody looks at one, else none."""
    if not ERRORS.is_terminal:
        return ()
    return (RichProgressBar(leave=False, console_kwargs={"stderr": True}),)


def data_folder(data: Path | None) -> Path:
    """Return the data set's folder.

    Raises:
        ValueError: none is given.
    """
    if data is None:
        raise ValueError("no data: name the data set's folder by --data or GAS_FUSION_DATA")
    return data


def channel_list(channels: str | None, default: Sequence[str]) -> tuple[str, ...]:
    """Return the channels that are named, or the default.

    Raises:
        ValueError: the names cannot be an array's; the message names the option.
    """
    names = tuple(default) if channels is None else tuple(listed("--channels", channels, str))
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"--channels is '{channels}'; each channel must stand once")
    try:
        check_channel_names(names)
    except ValueError as error:
        raise ValueError(f"--channels: {error}") from None
    return names


def cache_folder(cache: Path | None) -> Path:
    """Return the folder for prepared pictures."""
    return cache or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gas_fusion_ros"


def listed(name: str, text: str, parse: Callable[[str], Value]) -> list[Value]:
    """Parse a list of values with commas between.

    Raises:
        ValueError: a value is none, or there is none; the message names the option.
    """
    values = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not values:
        raise ValueError(f"{name} is '{text}'; it must be a value or several with commas between")
    try:
        return [parse(value) for value in values]
    except ValueError:
        kind = "whole numbers" if parse is int else "numbers"
        raise ValueError(f"{name} is '{text}'; it must be {kind} with commas between") from None


def seed_list(text: str) -> list[int]:
    """Parse seeds: `0`, `0,3` or `0-4`.

    Raises:
        ValueError: the text is none of these.
    """
    first, dash, last = text.partition("-")
    try:
        seeds = list(range(int(first), int(last) + 1)) if dash else listed("--seeds", text, int)
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise ValueError(f"--seeds is '{text}'; it must be like 0, 0,3 or 0-4")
    return seeds


def hyperparameters(settings: list[str] | None) -> dict[str, Any]:
    """Parse `name=value` settings.

    Raises:
        ValueError: a name is none of the hyperparameters, or its value is not of the right kind.
    """
    known = {field.name: field for field in fields(Hyperparameters)}
    values: dict[str, Any] = {}
    for setting in settings or []:
        name, equals, text = setting.partition("=")
        if not equals or name not in known:
            raise ValueError(f"--set is '{setting}'; it must be NAME=VALUE, NAME one of {', '.join(known)}")
        values[name] = _value(name, text, type(known[name].default))
    return values


def _value(name: str, text: str, kind: type) -> Any:
    if kind is str:
        return text
    # A picture's size has no default: it is a whole number where there are pictures.
    parse, expected = (float, "a number") if kind is float else (int, "a whole number")
    try:
        return parse(text)
    except ValueError:
        raise ValueError(f"{name} is '{text}'; it must be {expected}") from None


@contextmanager
def refusing(programme: str) -> Iterator[None]:
    """Turn bad input into one line and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        fail(programme, str(error))


class StoppedError(BaseException):
    """A signal asked the programme to stop; no `Exception`, so that nothing takes it for a failed run."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stoppable(programme: str, afterwards: str = "the same command goes on where it was") -> Iterator[None]:
    """End on SIGINT and SIGTERM with one line and the shell's exit code for it, 130 or 143.

    Without these handlers Lightning has its own, which end a training as if it had finished.

    Args:
        programme: what the line begins with.
        afterwards: what it says of the work so far.
    """

    def stop(number: int, _: object) -> None:
        raise StoppedError(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except StoppedError as stopped:
        ERRORS.print(f"{programme}: stopped by {stopped}; {afterwards}", soft_wrap=True)
        raise typer.Exit(stopped.exit_code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_notes(notes: Sequence[str], most: int | None = None) -> None:
    """Print what is worth knowing and no error, a line each, at most so many and how many more there are."""
    for note in notes[:most]:
        CONSOLE.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if most is not None and len(notes) > most:
        CONSOLE.print(f"note: and {len(notes) - most} more like these", style="yellow", highlight=False)


def fail(programme: str, message: str) -> NoReturn:
    """Print one line and end with exit code 2."""
    ERRORS.print(f"{programme}: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_USAGE)
