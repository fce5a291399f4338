"""Whether a parameter file says anything to a node. ROS itself passes over entries that fit none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rclpy
import yaml
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions

from gas_fusion_ros.nodes.parameters import ParameterError

_PARAMETERS = "ros__parameters"
_MAX_BYTES = 256 * 1024
_MAX_NAMES = 8
_MAX_NAME = 100
_SOURCE_PLACE = re.compile(r", at \S+:\d+")
"""Where in the source of rcl an error was found."""


def check_parameter_file(path: Path, node: str) -> None:
    """Check that ROS reads the file, and that it has an entry for the node.

    Args:
        path: the file.
        node: the node's fully qualified name.

    Raises:
        ParameterError: the file is missing or unreadable, or no entry fits; says what would be right.
    """
    text = _text(path)
    _check_syntax(path)
    try:
        entries = list(_entries(yaml.safe_load(text), ""))
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ParameterError(f"params_file {str(path)!r} is no YAML: {reason}") from None
    if not any(_fits(entry, node) for entry in entries):
        raise ParameterError(
            f"params_file {str(path)!r} has no entry that fits {node}, its entries are {_listed(entries)}; "
            f"name one /**/{node.rpartition('/')[2]}, which fits in any namespace"
        )


def without_place(error: RuntimeError) -> str:
    """What rcl says is wrong, in one line and without the place in its source."""
    return " ".join(_SOURCE_PLACE.sub("", str(error)).split())


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ParameterError(f"params_file {str(path)!r} is no file")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ParameterError(f"params_file {str(path)!r} is longer than {_MAX_BYTES} bytes")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise ParameterError(f"params_file {str(path)!r} cannot be read: {reason}") from None


def _check_syntax(path: Path) -> None:
    context = Context()
    try:
        rclpy.init(
            context=context,
            args=["--ros-args", "--params-file", str(path)],
            signal_handler_options=SignalHandlerOptions.NO,
        )
    except RuntimeError as error:
        raise ParameterError(f"params_file: {without_place(error)}") from None
    context.try_shutdown()


def _listed(entries: Sequence[str]) -> str:
    shown = [repr(entry[:_MAX_NAME]) for entry in entries[:_MAX_NAMES]]
    return ", ".join([*shown, *(["..."] if len(entries) > _MAX_NAMES else [])]) or "none"


def _entries(tree: Any, above: str) -> Iterator[str]:
    """The names, as absolute ones, under which the file has parameters."""
    if not isinstance(tree, dict):
        return
    for key, below in tree.items():
        if key == _PARAMETERS:
            yield above
        else:
            yield from _entries(below, f"{above}/{str(key).strip('/')}")


def _fits(entry: str, node: str) -> bool:
    """As rcl: `*` is one part of a name, `**` any number of them."""
    return re.fullmatch(entry.replace("/*", r"(/\w+)"), node) is not None
