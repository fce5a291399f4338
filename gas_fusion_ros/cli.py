"""The command `gas-fusion`; what each of its commands needs is imported when it is run."""

# No `from __future__ import annotations` and no `X | None` for options: the typer 0.9 of Ubuntu 24.04
# understands neither.

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

COMMANDS = {
    "demo": "Play a patrol or a recording through the real nodes and report what they found.",
    "bag": "Write a bag from a folder of readings and images, or from the simulator, with its ground truth.",
    "calibrate": "Measure the baseline of an array in clean air and write it into an array file.",
    "dataset": "Make a training folder in the published layout from bags with labels.",
    "evaluate": "Evaluate bags with the code of the live node: classes, leaks and alarms beside the truth.",
    "inspect": "Say what is in a bag or a table, and what an evaluation will trip over.",
    "label": "Mark what was in the air during a bag, for evaluating and for training.",
    "listen": "Show what a serial port or a capture sends, what it is read as, and what to set.",
    "look": "Say what a model makes of thermal pictures alone, and what in them spoke.",
    "site": "Report a site over all its patrols: leaks, coverage, drift of the sensors, false alarms.",
    "teach": "Teach a model classes from labelled recordings and write it as a new bundle.",
    "watch": "Show a robot, a bag being played, or a fleet, in a browser: map, readings, classes, alarms.",
}
"""Every command with what its help begins with. Its function is called as its module in `commands` is."""


class _LoadedWhenRun(TyperGroup):
    """Knows its commands by name until one is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the name of the command that is asked for, itself, and its arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, _command(str(name)), rest


def _command(name: str) -> Any:
    """Import a command as typer makes it."""
    alone = typer.Typer(add_completion=False)
    alone.command(name)(getattr(import_module(f"gas_fusion_ros.commands.{name}"), name))
    command = get_command(alone)
    for option in command.params:
        if getattr(option, "is_flag", False):
            option.metavar = ""  # newer versions of typer would have a switch take `<bool>`
    return command


app = typer.Typer(
    cls=_LoadedWhenRun,
    help="Gas readings and thermal images of a patrolling robot, fused into gas class and leak alarm.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain: what draws frames takes longer to load than all else that is needed here.
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if not asked:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"gas-fusion {version('gas_fusion_ros')}")
    except PackageNotFoundError:
        typer.echo("gas-fusion, not installed: run from a checkout")
    raise typer.Exit


@app.callback()
def gas_fusion(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Gas readings and thermal images of a patrolling robot, fused into gas class and leak alarm."""


def _stands_for_one() -> None:
    """Never run: what the help lists in a command's place."""


for _name, _summary in COMMANDS.items():
    app.command(_name, short_help=_summary)(_stands_for_one)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
