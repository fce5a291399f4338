"""Drivers are found by what they announce; one that cannot be used costs no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from gas_fusion_ros.drivers import registry
from gas_fusion_ros.drivers.registry import find_drivers


def announce(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = EntryPoints(EntryPoint("x", value, "gas_fusion_ros.gas_drivers") for value in values)
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))


@pytest.mark.parametrize(
    ("kind", "sensors", "others"),
    [
        ("gas", {"serial"}, {"recorded", "simulated"}),
        ("thermal", {"v4l2", "amg8833", "mlx90640"}, {"recorded", "simulated"}),
    ],
)
def test_the_shipped_drivers_announce_themselves(kind: str, sensors: set[str], others: set[str]) -> None:
    found = find_drivers(kind)
    assert {name for name, entry in found.entries.items() if entry.is_sensor} >= sensors
    assert {name for name, entry in found.entries.items() if not entry.is_sensor} >= others
    assert list(found.entries) == sorted(found.entries)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_package.driver:DRIVER", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("json:JSONDecoder", "it is a type; expected a DriverEntry"),
        ("gas_fusion_ros.drivers.thermal.recorded:DRIVER", "there is a driver 'recorded' already"),
    ],
)
def test_what_cannot_be_used_is_named_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    before = set(find_drivers("gas").entries)
    announce(monkeypatch, value, "gas_fusion_ros.drivers.thermal.v4l2:DRIVER")
    found = find_drivers("gas")
    assert found.failures == (f"the driver at '{value}' cannot be used: {reason}",)
    assert set(found.entries) == before | {"v4l2"}
    assert find_drivers("thermal").failures == ()
