"""Writes docs/parameters.md from the nodes' parameter tables: `python scripts/write_parameter_docs.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

# This checkout's nodes, whichever the environment was made for.
sys.path.insert(0, str(Path(__file__).parents[1]))

from gas_fusion_ros.nodes import (
    alarm_relay,
    gas_adapter,
    gas_classifier,
    gas_sensor,
    leak_mapper,
    operator_view,
    sim_clock,
    thermal_camera,
)
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS, ParameterSpec

PATH = Path(__file__).parents[1] / "docs" / "parameters.md"

_INTRODUCTION = """# Parameters

Every parameter of every node, as `ros2 param describe` tells them. Times are in seconds. Write a number whose
default has a point with one: `1.0`, not `1`.

A value of a wrong type or out of range is refused with the reason. Where it comes from the command line or a
file the node says so when it starts, and cannot be configured until the parameter is set right. Parameters
take effect at configure: while a node is configured, only cleaning it up lets them change. Those marked
*read-only* are taken when the node starts. One that *must be given* has no default: a node without it starts,
says so and cannot be configured.

This page is written by `scripts/write_parameter_docs.py`.
"""


SPECS: dict[str, Sequence[ParameterSpec]] = {
    "gas_sensor": gas_sensor.GasSensorNode.SPECS,
    "gas_adapter": gas_adapter.GasAdapterNode.SPECS,
    "thermal_camera": thermal_camera.ThermalCameraNode.SPECS,
    "gas_classifier": gas_classifier.GasClassifierNode.SPECS,
    "alarm_relay": alarm_relay.AlarmRelayNode.SPECS,
    "leak_mapper": leak_mapper.LeakMapperNode.SPECS,
    "operator_view": operator_view.OperatorViewNode.SPECS,
    "sim_clock": sim_clock.SPECS,
}
"""Each node's own parameters, beside those of every managed node, in the order of the page."""
_NOT_MANAGED = ("sim_clock",)


def render() -> str:
    """The whole page."""
    sections = [
        _section(name, specs if name in _NOT_MANAGED else (*MANAGED_SPECS, *specs))
        for name, specs in SPECS.items()
    ]
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, specs: Iterable[ParameterSpec]) -> str:
    rows = [f"| `{spec.name}` | {_default(spec)} | {_limits(spec)} | {_text(spec)} |" for spec in specs]
    return "\n".join(
        [f"## {name}", "", "| parameter | default | allowed | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _default(spec: ParameterSpec) -> str:
    return "*must be given*" if spec.is_required else f"`{_value(spec)}`"


def _value(spec: ParameterSpec) -> str:
    return str(spec.default).lower() if isinstance(spec.default, bool) else repr(spec.default)


def _limits(spec: ParameterSpec) -> str:
    if spec.choices:
        return ", ".join(f"`{choice}`" for choice in spec.choices)
    if spec.minimum is None and spec.maximum is None:
        return ""
    low = "" if spec.minimum is None else f"{spec.minimum:g}"
    return f"{low} ..." if spec.maximum is None else f"{low} ... {spec.maximum:g}"


def _text(spec: ParameterSpec) -> str:
    return f"{spec.description} (*read-only*)" if spec.read_only else spec.description


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
