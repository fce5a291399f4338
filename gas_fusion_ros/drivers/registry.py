"""Finds the drivers that announce themselves: files of this package, and entry points of others.

docs/add_a_driver.md goes through it step by step.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from gas_fusion_ros.base.quoting import one_line, quoted
from gas_fusion_ros.drivers import Driver
from gas_fusion_ros.settings.fields import Settings


@dataclass(frozen=True)
class DriverEntry:
    """What a driver's file says of itself, as its constant `DRIVER`.

    Attributes:
        name: value of the parameter `driver` that chooses it, and the prefix of its own parameters.
        settings: dataclass of its settings. Its fields `channels`, `frame_id`, `period_ns` and `start_ns`,
            where it has them, are the node's; the others are parameters of its own, see `settings.fields`.
        make: makes the driver of its settings; opens nothing.
        is_sensor: whether real air or a real scene is behind it, not a recording or a simulation.
    """

    name: str
    settings: type[Settings]
    make: Callable[[Any], Driver[Any]]
    is_sensor: bool = True


@dataclass(frozen=True)
class FoundDrivers:
    """The drivers of one kind.

    Attributes:
        entries: by name.
        failures: what announces itself and cannot be used, a sentence each.
    """

    entries: Mapping[str, DriverEntry]
    failures: tuple[str, ...] = ()


def find_drivers(kind: str) -> FoundDrivers:
    """Return the drivers of a kind: those in the folder of that name, and entry points of other packages.

    An entry point in the group `gas_fusion_ros.<kind>_drivers` names a DriverEntry. One that cannot be loaded
    or is called as another already is costs no other.

    Args:
        kind: `gas` or `thermal`.
    """
    entries = {entry.name: entry for entry in _shipped(f"{__package__}.{kind}")}
    failures = []
    for point in entry_points(group=f"gas_fusion_ros.{kind}_drivers"):
        try:
            entry = point.load()
        except Exception as error:  # whatever another package does when it is imported
            failures.append(_failure(point.value, f"{type(error).__name__}: {error}"))
            continue
        if not isinstance(entry, DriverEntry):
            failures.append(_failure(point.value, f"it is a {type(entry).__name__}; expected a DriverEntry"))
        elif entry.name in entries:
            failures.append(_failure(point.value, f"there is a driver {quoted(entry.name)} already"))
        else:
            entries[entry.name] = entry
    return FoundDrivers(dict(sorted(entries.items())), tuple(failures))


def _shipped(package: str) -> Iterator[DriverEntry]:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        entry = getattr(importlib.import_module(f"{package}.{module.name}"), "DRIVER", None)
        if isinstance(entry, DriverEntry):
            yield entry


def _failure(place: str, reason: str) -> str:
    return f"the driver at {quoted(place)} cannot be used: {one_line(reason)}"
