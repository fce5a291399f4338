"""Reads the parameters of one node from a ROS parameter file, as ROS itself reads them.

A scalar has the type that ROS gives it, which is not always YAML's: `1e-1` is a number and `on` is true.
Sections that fit the node count in the order of the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from gas_fusion_ros.base.documents import DocumentError, read_yaml_nodes
from gas_fusion_ros.base.quoting import listed, shown

_PARAMETERS = "ros__parameters"
_BOOLS = {
    **dict.fromkeys(("Y", "y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("N", "n", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_NO_DECIMAL = re.compile(r"[+-]?(nan|inf|infinity|\.(nan|NaN|NAN|inf|Inf|INF))", re.ASCII | re.IGNORECASE)

_STRING_TAG = "tag:yaml.org,2002:str"

Scalar = bool | int | float | str
Value = Scalar | list[Scalar]


class ParameterFileError(ValueError):
    """A parameter file cannot be used; the message names the file, and the line where there is one."""


class MissingSectionError(ParameterFileError):
    """A parameter file has no section for a node; the message names the file and the nodes it is for."""


def read_node_parameters(path: Path, node: str) -> dict[str, Value]:
    """Return the parameters that a file sets for a node in whatever namespace, by dotted name.

    Args:
        path: the file.
        node: the node's name, without a namespace.

    Raises:
        MissingSectionError: it has no section for the node.
        ParameterFileError: it is no parameter file, or has sections for several nodes of that name.
    """
    root = _composed(path)
    try:
        if not isinstance(root, yaml.MappingNode):
            raise ParameterFileError(
                f"it is no ROS parameter file; expected a section {node}: {_PARAMETERS}:"
            )
        sections = [(name, content) for name, content in _sections(root) if _fits(name, node)]
        if not sections:
            found = listed(_key(key) for key, _ in root.value)
            raise MissingSectionError(f"it has no section for {node}; there is {found}")
        own = list(dict.fromkeys(name for name, _ in sections if _last_part(name) == node))
        if len(own) > 1:
            raise ParameterFileError(f"it has several sections for {node}: {listed(own)}; expected one")
        parameters: dict[str, Value] = {}
        for _, content in sections:
            parameters |= dict(_values(content, ""))
        return parameters
    except ParameterFileError as error:
        raise type(error)(f"{shown(path)}: {error}") from None


def nodes_in(path: Path) -> list[str]:
    """Return which nodes a file has sections for, without their namespaces, in its order; empty without any.

    Raises:
        ParameterFileError: it is no parameter file.
    """
    root = _composed(path)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise ParameterFileError(f"{shown(path)} is no ROS parameter file")
    try:
        return list(dict.fromkeys(_last_part(name) for name, _ in _sections(root)))
    except ParameterFileError as error:
        raise ParameterFileError(f"{shown(path)}: {error}") from None


def _composed(path: Path) -> yaml.Node | None:
    try:
        return read_yaml_nodes(path)
    except OSError as error:
        reason = error.strerror or str(error)
    except DocumentError as error:
        reason = str(error)
    raise ParameterFileError(f"{shown(path)} cannot be read as a parameter file: {reason}")


def _sections(node: yaml.MappingNode, prefix: str = "") -> Iterator[tuple[str, yaml.MappingNode]]:
    """Every node's name in the file, which may be nested below its namespace, with its parameters."""
    for key, content in node.value:
        name = f"{prefix}{_key(key)}"
        if not isinstance(content, yaml.MappingNode):
            raise ParameterFileError(f"{_line(key)}: section {shown(name)} has no {_PARAMETERS}")
        below = {_key(inner): value for inner, value in content.value}
        if _PARAMETERS not in below:
            if not any(isinstance(value, yaml.MappingNode) for value in below.values()):
                raise ParameterFileError(f"{_line(key)}: section {shown(name)} has no {_PARAMETERS}")
            yield from _sections(content, f"{name}/")
        elif isinstance(below[_PARAMETERS], yaml.MappingNode):
            yield name, below[_PARAMETERS]
        else:
            raise ParameterFileError(f"{_line(key)}: {_PARAMETERS} of {shown(name)} holds no parameters")


def _fits(section: str, node: str) -> bool:
    return _last_part(section) in (node, "*", "**")


def _last_part(section: str) -> str:
    return section.rpartition("/")[2]


def _values(node: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, Value]]:
    """Names with dots, as ROS has them, of parameters that may be nested."""
    for key, content in node.value:
        name = f"{prefix}{_key(key)}"
        match content:
            case yaml.MappingNode():
                yield from _values(content, f"{name}.")
            case yaml.SequenceNode():
                yield name, _sequence(content, name)
            case yaml.ScalarNode():
                yield name, _scalar(content, name)


def _sequence(node: yaml.SequenceNode, name: str) -> list[Scalar]:
    values = [_scalar(one, name) for one in node.value]
    if len({type(value) for value in values}) > 1:
        raise ParameterFileError(f"{_line(node)}: {shown(name)} is a list of several types; expected one")
    return values


def _scalar(node: yaml.Node, name: str) -> Scalar:
    if not isinstance(node, yaml.ScalarNode):
        raise ParameterFileError(f"{_line(node)}: {shown(name)} is nested in a list; ROS takes no such value")
    text: str = node.value
    if (node.tag == _STRING_TAG and text) or node.style in ("'", '"'):
        return text
    if not text:
        raise ParameterFileError(f"{_line(node)}: {shown(name)} has no value; write '' for an empty text")
    return _BOOLS[text] if text in _BOOLS else _number(text)


def _number(text: str) -> int | float | str:
    """A text that C takes for a whole number or another; any other as it is."""
    if _INTEGER.fullmatch(text):
        digits = text.lstrip("+-")
        base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
        number = int(digits, base) * (-1 if text.startswith("-") else 1)
        return number if -(2**63) <= number < 2**63 else float(number)
    if _NO_DECIMAL.fullmatch(text):
        return float(text.replace(".", ""))
    if _DECIMAL.fullmatch(text):
        value = float(text)
        vanishes = abs(value) < sys.float_info.min and re.search("[1-9]", re.split("[eE]", text)[0])
        return text if vanishes or abs(value) == float("inf") else value
    return text


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ParameterFileError(f"{_line(node)}: a list or a table is no name")
    return str(node.value)


def _line(at: yaml.Node) -> str:
    assert at.start_mark is not None  # of what is read from a text
    return f"line {at.start_mark.line + 1}"
