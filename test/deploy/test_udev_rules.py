"""The udev rules name the devices that the robots' parameter files open."""

from __future__ import annotations

import re
from pathlib import Path

from gas_fusion_ros.settings.parameter_file import nodes_in, read_node_parameters

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "udev" / "80-gas-fusion.rules"
TOKEN = re.compile(r'([A-Z]+(?:\{\w+\})?)(==|\+=|=)"([^"]*)"')
MATCHED = {"SUBSYSTEM", "ATTR{index}", "ATTRS{idVendor}", "ATTRS{idProduct}"}
SET = {"SYMLINK", "GROUP", "MODE", "ENV{ID_MM_DEVICE_IGNORE}"}
KERNEL_DEVICE = re.compile(r"/dev/(i2c-\d+|spidev\d+\.\d+|ttyACM\d+|ttyUSB\d+|video\d+)")


def rules() -> list[list[tuple[str, str, str]]]:
    lines = [line for line in RULES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    parsed = [TOKEN.findall(line) for line in lines]
    for line, tokens in zip(lines, parsed, strict=True):
        assert ", ".join(f'{key}{operator}"{value}"' for key, operator, value in tokens) == line
    return parsed


def test_each_rule_matches_before_it_sets() -> None:
    assert rules()
    for tokens in rules():
        matched = [key for key, operator, _ in tokens if operator == "=="]
        assert matched == [key for key, _, _ in tokens][: len(matched)]
        assert set(matched) <= MATCHED
        assert {key for key, operator, _ in tokens if operator != "=="} <= SET


def test_numbers_of_vendors_and_products_are_written_as_the_kernel_does() -> None:
    for tokens in rules():
        for key, _, value in tokens:
            if key.startswith("ATTRS{id"):
                assert re.fullmatch("[0-9a-f]{4}", value), value


def test_the_robots_devices_are_the_rules_or_the_kernels() -> None:
    links = {f"/dev/{value}" for tokens in rules() for key, _, value in tokens if key == "SYMLINK"}
    opened = {
        value
        for path in (ROOT / "config" / "robots").glob("*.yaml")
        for node in nodes_in(path)
        for value in read_node_parameters(path, node).values()
        if isinstance(value, str) and value.startswith("/dev/")
    }
    assert {device for device in opened if not KERNEL_DEVICE.fullmatch(device)} == links
