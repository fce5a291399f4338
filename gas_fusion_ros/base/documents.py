"""Reads YAML and JSON that come from outside, within limits of size, depth and count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gas_fusion_ros.base.files import read_regular

T = TypeVar("T")

MOST_BYTES = 4 << 20
MOST_DEPTH = 64
MOST_VALUES = 100_000

# libyaml's, where it is there: several times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DocumentError(ValueError):
    """A document cannot be read; the message says why, in one line."""


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: it cannot be opened, is no regular file or longer than `MOST_BYTES`.
        DocumentError: it is no JSON, nested deeper than `MOST_DEPTH` or of more than `MOST_VALUES` values.
    """
    return parse_json(read_regular(path, MOST_BYTES))


def parse_json(content: bytes) -> Any:
    """Read JSON of bounded length.

    Raises:
        DocumentError: it is no JSON, nested deeper than `MOST_DEPTH` or of more than `MOST_VALUES` values.
    """
    text = _decoded(content)
    try:
        document = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise DocumentError(f"it is no JSON: {error}") from error
    _check(document)
    return document


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file of one document, without aliases, as ROS reads parameter files.

    Raises:
        OSError: it cannot be opened, is no regular file or longer than `MOST_BYTES`.
        DocumentError: it is no YAML, has an alias, is nested deeper than `MOST_DEPTH` or of more than
            `MOST_VALUES` values.
    """
    return _read_yaml(path, lambda text: yaml.load(text, Loader=_LOADER))


def read_yaml_nodes(path: str | Path) -> yaml.Node | None:
    """Read a YAML file as nodes whose scalars are texts, tagged where the file says a type.

    Raises:
        OSError: as for `read_yaml`.
        DocumentError: as for `read_yaml`.
    """
    return _read_yaml(path, lambda text: yaml.compose(text, Loader=_UntypedLoader))


class _UntypedLoader(_LOADER):
    """Leaves a scalar without a type unless the file says one."""

    def resolve(self, *_: object) -> str:
        """Return no tag at all."""
        return ""


def _read_yaml(path: str | Path, load: Callable[[str], T]) -> T:
    text = _decoded(read_regular(path, MOST_BYTES))
    try:
        # By events first, which cost no more than the text is long, whatever it stands for.
        _check_events(yaml.parse(text, Loader=_LOADER))
        return load(text)
    except DocumentError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise DocumentError(f"it is no YAML: {' '.join(str(error).split())}") from error


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"it is no text in UTF-8: {error}") from error


def _check(document: Any) -> None:
    level, count = [document], 0
    for _ in range(MOST_DEPTH):
        count += len(level)
        if count > MOST_VALUES:
            raise _too_many()
        level = [value for parent in level for value in _values_in(parent)]
        if not level:
            return
    raise _too_deep()


def _values_in(parent: Any) -> Iterable[Any]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def _check_events(events: Iterable[Any]) -> None:
    depth = count = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise DocumentError(f"it has an alias in line {_line(event)}; expected every value written out")
        count += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise _too_deep()
        if count > MOST_VALUES:
            raise _too_many()


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _too_deep() -> DocumentError:
    return DocumentError(f"it is nested deeper than {MOST_DEPTH} levels")


def _too_many() -> DocumentError:
    return DocumentError(f"it holds more than {MOST_VALUES} values")
