"""Publishes the readings of an MQ gas sensor array, a recording or a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.registry import find_drivers
from gas_fusion_ros.nodes.driver_node import driver_specs
from gas_fusion_ros.nodes.gas_array_node import GasArrayNode, GasArraySettings
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.settings.fields import setting

_DRIVERS = find_drivers("gas")


@dataclass(frozen=True)
class GasSensorSettings(GasArraySettings):
    """What the node of a gas sensor array takes besides its driver's own."""

    driver: str = setting("", "where the readings come from; must be given", choices=tuple(_DRIVERS.entries))
    period_ns: int = setting(
        NANOSECONDS_PER_SECOND // 2,
        "time between readings of every driver but serial, s",
        minimum=0.001,
        maximum=3600.0,
    )


class GasSensorNode(GasArrayNode[GasSensorSettings]):
    """Publishes what the driver that its parameters name yields."""

    DRIVERS = _DRIVERS
    SETTINGS = GasSensorSettings
    SPECS = driver_specs(GasSensorSettings, _DRIVERS)

    def __init__(self, node_name: str = "gas_sensor", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(GasSensorNode, args)


if __name__ == "__main__":
    main()
