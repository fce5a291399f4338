"""Which entries of a parameter file fit a node: as ROS itself has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import rclpy
from domains import next_domain
from rclpy.context import Context
from rclpy.node import Node

from gas_fusion_ros.nodes.parameter_file_check import check_parameter_file
from gas_fusion_ros.nodes.parameters import ParameterError

ENTRY = "{}:\n  ros__parameters: {{period: 1.0}}\n"
NESTED = "{}:\n  {}:\n    ros__parameters: {{period: 1.0}}\n"
FILES = [
    *(
        ENTRY.format(f'"{key}"')
        for key in (
            "/**",
            "**",
            "/*",
            "*",
            "gas_sensor",
            "/gas_sensor",
            "/**/gas_sensor",
            "/*/gas_sensor",
            "*/gas_sensor",
            "robot1/gas_sensor",
            "/robot1/gas_sensor",
            "/robot1/*",
            "/robot1/**",
            "/**/robot1/gas_sensor",
            "/**/*",
            "/**/thermal_camera",
            "/gas_sens",
        )
    ),
    NESTED.format("robot1", "gas_sensor"),
    NESTED.format('"/**"', "gas_sensor"),
    NESTED.format("a", '"robot1/gas_sensor"'),
]


@pytest.fixture(scope="module")
def domain() -> int:
    """One for all: nobody talks here, and each test that draws one brings the others' nearer again."""
    return next_domain()


def ros_finds_an_entry(path: Path, namespace: str, domain: int) -> bool:
    context = Context()
    rclpy.init(context=context, args=["--ros-args", "--params-file", str(path)], domain_id=domain)
    node = Node(
        "gas_sensor",
        namespace=namespace,
        context=context,
        automatically_declare_parameters_from_overrides=True,
    )
    found = node.has_parameter("period")
    node.destroy_node()
    context.try_shutdown()
    return found


def we_find_an_entry(path: Path, node: str) -> bool:
    try:
        check_parameter_file(path, node)
    except ParameterError:
        return False
    return True


@pytest.mark.parametrize("text", FILES)
def test_an_entry_fits_where_ros_takes_it(tmp_path: Path, text: str, domain: int) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    for namespace in ("", "/robot1", "/a/robot1"):
        found = ros_finds_an_entry(path, namespace, domain)
        assert we_find_an_entry(path, f"{namespace}/gas_sensor") == found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"/**/gas_sensor: [unclosed", "params_file: "),
        (b"/**/gas_sensor: {period: 1.0}\n", "params_file: "),
        (b"", "its entries are none"),
        (b"#" * 300_000, "longer than"),
        (b"a:\n  " + b"[" * 5000, "params_file: "),
        (b"/gas_s.nsor:\n  ros__parameters: {period: 1.0}\n", "params_file: "),
    ],
)
def test_what_ros_does_not_read_is_one_line_with_the_file(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParameterError, match=reason) as refusal:
        check_parameter_file(path, "/gas_sensor")
    assert "\n" not in str(refusal.value)
    assert "params.yaml" in str(refusal.value)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "params.yaml"
    os.mkfifo(pipe)
    with pytest.raises(ParameterError, match="is no file"):
        check_parameter_file(pipe, "/gas_sensor")


def test_the_entries_and_the_remedy_are_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(ENTRY.format("gas_sensor"), encoding="utf-8")
    with pytest.raises(ParameterError, match=r"entries are '/gas_sensor'; name one /\*\*/gas_sensor"):
        check_parameter_file(path, "/robot1/gas_sensor")
