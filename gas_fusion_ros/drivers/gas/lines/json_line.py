"""JSON lines of whatever shape: flat, nested, quoted, lists with names, a plain list."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.base.mq import Quantity, SensorColumn, quantity_of
from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.drivers.gas.lines.cells import Row, read_cell
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames
from gas_fusion_ros.drivers.gas.lines.labels import Named, with_unit
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark

_BARE_WORD = re.compile(
    r"(?<=[:\[,])(\s*)[+-]?(?:nan|inf|infinity|ovf|null|none|-{2,})(?=\s*[,}\]])", re.IGNORECASE
)
_LAST_COMMA = re.compile(r",(\s*[}\]])")
_NAME_KEYS = ("name", "sensor", "id", "type", "label", "channel", "model", "n")
_UNIT_KEYS = ("unit", "units", "u")
_NOT_RAW = re.compile(
    r"pp[mb]|ratios?|r[0os]|thresholds?|limits?|alarms?|min|max|digital|status|state|base(line)?s?|calib\w*|"
    r"temp\w*|concentrations?",
    re.IGNORECASE,
)


def looks_like_json(text: str) -> bool:
    """Whether a line begins as JSON does, or as JSON in quotes."""
    return text[:1] in ("{", "[") or text[:2] in ('"{', "'{")


def read_json(text: str, names: ColumnNames) -> Named | Row | None:
    """Return what a JSON line holds; None where it names no sensor and is no list of numbers.

    Raises:
        LineRefusedError: it is cut or garbled, or has a key twice.
    """
    document = _parsed(text)
    for _ in range(2):  # quoted once by a program, and once more by a shell
        if isinstance(document, str):
            document = _parsed(document)
    entries = list(_entries(document, _Place("", None, Quantity.UNSAID), names))
    if any(entry.column is not None for entry in entries):
        return Named(
            tuple(entry.path for entry in entries),
            tuple(entry.column for entry in entries),
            tuple(_value(entry.value) for entry in entries),
            tuple(str(entry.value)[:40] for entry in entries),
            "json",
        )
    return _plain_row(document)


@dataclass(frozen=True)
class _Place:
    """Where in a document one is: its path, and what is known of the values below."""

    path: str
    sensor: str | None
    quantity: Quantity

    def below(self, key: object) -> str:
        return f"{self.path}.{key}" if self.path else str(key)


@dataclass(frozen=True)
class _Entry:
    path: str
    column: SensorColumn | None
    value: Any


def _parsed(text: str) -> Any:
    stripped = text.strip()
    if stripped[:1] == stripped[-1:] == "'":
        stripped = stripped[1:-1]
    if stripped[:2] == '"{' and '"{""' in stripped:
        stripped = stripped[1:-1].replace('""', '"')
    repaired = _LAST_COMMA.sub(r"\1", _BARE_WORD.sub(r"\1null", stripped))
    for candidate in (stripped, repaired, repaired.replace("'", '"') if '"' not in repaired else repaired):
        try:
            return json.loads(candidate, object_pairs_hook=_without_doubles)
        except (ValueError, RecursionError) as error:
            if isinstance(error, LineRefusedError):
                raise
    raise LineRefusedError(
        Remark(
            "broken_json",
            f"{quoted(text)} begins as JSON and is not whole",
            "send one object per line, whole, in at most 1024 bytes",
        )
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise LineRefusedError(
            Remark("double_key", f"the key {quoted(double)} stands twice in one object", "send each key once")
        )
    return found


def _entries(node: Any, place: _Place, names: ColumnNames) -> Iterator[_Entry]:
    if isinstance(node, dict):
        yield from _entries_of_object(node, place, names)
    elif isinstance(node, list) and node and (place.sensor is not None or not _is_plain(node)):
        for number, one in enumerate(node, start=1):
            yield from _entries(one, _Place(place.below(number), place.sensor, place.quantity), names)
    elif not isinstance(node, list):
        column = None if place.sensor is None else SensorColumn(place.sensor, place.quantity)
        if column is not None and isinstance(node, str):
            column = with_unit(column, read_cell(node.strip()).quantity)
        yield _Entry(place.path, column, node)


def _entries_of_object(node: dict[str, Any], place: _Place, names: ColumnNames) -> Iterator[_Entry]:
    if (pairs := _paired_lists(node, names)) is not None:
        for name, value in pairs:
            yield _Entry(name, names.read(name), value)
        return
    keys = {key.lower(): key for key in node}
    sensor, quantity = place.sensor, place.quantity
    skipped = set()
    name_key = next(
        (keys[key] for key in _NAME_KEYS if key in keys and _is_sensor(node[keys[key]], names)), None
    )
    if name_key is not None:
        column = names.read(node[name_key])
        assert column is not None
        sensor, quantity = column.name, column.quantity
        skipped.add(name_key)
    unit_key = next(
        (keys[key] for key in _UNIT_KEYS if key in keys and isinstance(node[keys[key]], str)), None
    )
    unit = Quantity.UNSAID
    if unit_key is not None:
        unit = quantity_of(node[unit_key])
        skipped.add(unit_key)
    for key, value in node.items():
        if key in skipped:
            continue
        column = names.read(key)
        if column is not None:
            below = with_unit(with_unit(column, quantity), unit)
            yield from _entries(value, _Place(place.below(key), below.name, below.quantity), names)
            continue
        yield from _entries(
            value, _Place(place.below(key), sensor, _below(key, sensor, quantity, unit)), names
        )


def _below(key: str, sensor: str | None, quantity: Quantity, unit: Quantity) -> Quantity:
    """Return what the values below a key are that names no sensor."""
    said = quantity_of(key)
    if sensor is None:
        # A container: `sensors`, `kitchen`, or `ppm`.
        if _NOT_RAW.fullmatch(key):
            return Quantity.OTHER
        return quantity if said is Quantity.OTHER else with_unit(SensorColumn("", quantity), said).quantity
    return with_unit(with_unit(SensorColumn("", quantity), said), unit).quantity


def _is_sensor(value: Any, names: ColumnNames) -> bool:
    return isinstance(value, str) and names.read(value) is not None


def _paired_lists(node: dict[str, Any], names: ColumnNames) -> list[tuple[str, Any]] | None:
    """Return names and values of an object with a list of either; None of another object."""
    lists = [value for value in node.values() if isinstance(value, list) and value]
    titles = [one for one in lists if all(_is_sensor(entry, names) for entry in one)]
    values = [one for one in lists if _is_plain(one) and len(titles) == 1 and len(one) == len(titles[0])]
    return list(zip(titles[0], values[0], strict=True)) if len(titles) == len(values) == 1 else None


def _is_plain(node: list[Any]) -> bool:
    return all(_value(one) is not None for one in node)


def _plain_row(document: Any) -> Row | None:
    """Return the only list of numbers in a document that names no sensor."""
    found = [document] if isinstance(document, list) else []
    if isinstance(document, dict):
        found = [value for value in document.values() if isinstance(value, list)]
    if len(found) != 1 or not found[0] or not _is_plain(found[0]):
        return None
    values = tuple(_value(one) for one in found[0])
    return Row(tuple(map(str, found[0])), values, (Quantity.UNSAID,) * len(values), 0, "json")


def _value(value: Any) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, str):
        return read_cell(value.strip()).value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
