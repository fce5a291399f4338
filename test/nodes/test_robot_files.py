"""The parameter files of whole robots: real nodes take them, on emulated buses and ports."""

from __future__ import annotations

import os
import re
import tty
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout_scripts import FOLDER, load_script
from emulated_buses import EmulatedAds1115, EmulatedI2c, fast_clock, steady
from rclpy.lifecycle import TransitionCallbackReturn

from gas_fusion_ros.drivers import Driver
from gas_fusion_ros.drivers.gas.ads1115 import Ads1115GasDriver, Ads1115GasSettings
from gas_fusion_ros.drivers.thermal.v4l2 import V4l2ThermalDriver, V4l2ThermalSettings
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.parameter_file_check import check_parameter_file
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.pipeline.settings import read_settings
from gas_fusion_ros.settings.parameter_file import nodes_in, read_node_parameters
from nodes.harness import Graph

ROBOTS = Path(__file__).parents[2] / "config" / "robots"
STATE = "/var/lib/gas_fusion/"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="runs from a checkout only")


class Lepton:
    """A capture that is open and shows one grey scene."""

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, prop: int, value: float, /) -> bool:
        del prop, value
        return True

    def get(self, prop: int, /) -> float:
        del prop
        return 0.0

    def read(self) -> tuple[bool, Any]:
        return True, np.full((120, 160), 29_500, np.uint16)

    def release(self) -> None:
        pass


@pytest.fixture(autouse=True)
def emulated_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = fast_clock(50)
    bus = EmulatedI2c({one: EmulatedAds1115(clock, [steady(2.0)] * 4) for one in (0x48, 0x49)})

    def ads1115(settings: Ads1115GasSettings) -> Driver[Any]:
        return Ads1115GasDriver(settings, bus.open, clock)

    def lepton(settings: V4l2ThermalSettings) -> Driver[Any]:
        return V4l2ThermalDriver(settings, lambda _device, _backend: Lepton())

    for entries, name, make in (
        (GasSensorNode.DRIVERS.entries, "ads1115", ads1115),
        (ThermalCameraNode.DRIVERS.entries, "v4l2", lepton),
    ):
        monkeypatch.setitem(entries, name, replace(entries[name], make=make))


def given(path: Path, node: str, tmp_path: Path) -> dict[str, Any]:
    """What the file says of a node, with its files and its port in places of this test."""
    values = dict(read_node_parameters(path, node))
    for name, value in values.items():
        if isinstance(value, str) and value.startswith(STATE):
            values[name] = str(tmp_path / value.removeprefix(STATE))
    if "serial.port" in values:
        _, port = os.openpty()
        tty.setraw(port)
        values["serial.port"] = os.ttyname(port)
    if "host" in values:
        assert values["host"] == "", "whose broker it is no file can know"
        values["host"] = "127.0.0.1"
    return values


def test_no_file_names_a_machine_that_is_nowhere() -> None:
    folders = [ROBOTS.parents[1] / name for name in ("config", "deploy", "launch")]
    texts = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert len(texts) > 30
    nowhere = re.compile(rb"\w\.(example|invalid)\b|\bexample\.(com|net|org)\b")
    assert [path.name for path, text in texts.items() if nowhere.search(text)] == []


@pytest.mark.parametrize("path", sorted(ROBOTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_node_of_a_robot_takes_its_file(
    graph: Graph, path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names, classes = nodes_in(path), load_script("write_security_policies").node_classes()
    assert "gas_classifier" in names
    for name in names:
        check_parameter_file(path, f"/robot1/{name}")
        parameters = {key.replace(".", "__"): value for key, value in given(path, name, tmp_path).items()}
        node = graph.create(classes[name], namespace="/robot1", **parameters)
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS, node.failure
    told = capfd.readouterr().err
    assert "there is no parameter" not in told
    assert "[robot1.gas_classifier]" in told


@pytest.mark.parametrize("path", sorted(ROBOTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_evaluation_takes_a_robots_file(path: Path) -> None:
    assert read_settings(path).model == "temporal_fusion"
