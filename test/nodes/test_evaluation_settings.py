"""What an evaluation takes from a parameter file is what the node takes, and it refuses the same."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.node import Node
from rclpy.parameter import Parameter

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.nodes import pose_source
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.parameters import ParameterTable
from gas_fusion_ros.pipeline.settings import (
    KNOWN_PARAMETERS,
    POSE_TYPES,
    ClassifierSettings,
    SettingsError,
    read_settings,
)
from gas_fusion_ros.settings.parameter_file import ParameterFileError, read_node_parameters
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS, AdvisedSpec, ParameterSpec
from nodes.harness import Graph

OF_EVERY_NODE = {"use_sim_time", "start_type_description_service"}

EXAMPLES = [
    ("pairing.slop", "60.0"),
    ("pairing.slop", "1"),
    ("pairing.slop", "1e-1"),
    ("pairing.slop", "yes"),
    ("threads", "500"),
    ("threads", "0x10"),
    ("threads", "2.0"),
    ("alarm.timeout", "0.001"),
    ("alarm.timeout", ".nan"),
    ("alarm.on_delay", "5000.0"),
    ("alarm.on_delay", "-0.5"),
    ("alarm.on_delay", "-1.0"),
    ("device", "tpu"),
    ("device", "cpu"),
    ("precision", "int4"),
    ("precision", "int8"),
    ("model", "off"),
    ("alarm.critical_classes", "[]"),
    ("alarm.critical_classes", "['']"),
    ("alarm.critical_classes", "Smoke"),
    ("inbox", "100001"),
    ("pose_type", "Twist"),
    ("autostart", "1"),
    ("autostart", "off"),
]

SCALARS = ["1", "1.0", "1e3", "010", "08", "0x1F", "1_000", "1:30", "2001-01-01", "null", "~", "nan", ".NaN"]
SCALARS += ["-.inf", "Infinity", "on", "y", "tRUE", "'1'", '"on"', "!!str 1", "!!float 1", "!foo 5", "+1"]
SCALARS += [
    "1.",
    str(10**20),
    "1e400",
    "1e-400",
    "0o17",
    "1f",
    "0x",
    "[a, b]",
    "['1', a]",
    "[1, 2]",
    "[null]",
]
FAILING = ["", "[1, 2.0]", "[a, on]", "- 1", "[", "*x"]


def test_every_parameter_of_the_node_is_known_and_no_other() -> None:
    rows = (*GasClassifierNode.SPECS, *MANAGED_SPECS)
    assert set(KNOWN_PARAMETERS) == {spec.name for spec in rows} | OF_EVERY_NODE


def test_the_defaults_are_the_nodes() -> None:
    defaults = {spec.name: spec.default for spec in GasClassifierNode.SPECS}
    settings = ClassifierSettings()
    assert defaults["model"] == settings.model
    assert defaults["device"] == settings.device
    assert defaults["threads"] == settings.threads
    assert defaults["alarm.timeout"] == settings.alarm.timeout_ns / NANOSECONDS_PER_SECOND
    assert defaults["pairing.slop"] == settings.pairing.slop_ns / NANOSECONDS_PER_SECOND
    assert defaults["pairing.image_history"] == settings.pairing.image_history


def test_the_types_of_a_pose_are_those_that_the_node_reads() -> None:
    assert tuple(pose_source.POSE_TYPES) == POSE_TYPES


def file_with(folder: Path, name: str, text: str) -> Path:
    path = folder / "parameters.yaml"
    path.write_text(f"/**/gas_classifier:\n  ros__parameters:\n    {name}: {text}\n")
    return path


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_a_file_is_taken_offline_just_where_it_is_live(
    graph: Graph, tmp_path: Path, name: str, text: str
) -> None:
    path = file_with(tmp_path, name, text)
    arguments = ["--ros-args", "--params-file", str(path)]
    node = graph.add(GasClassifierNode(context=graph.context, cli_args=arguments))
    refused_offline = ""
    try:
        read_settings(path)
    except SettingsError as error:
        refused_offline = str(error)
    assert bool(refused_offline) == bool(node.parameters.refusals), (
        refused_offline,
        node.parameters.refusals,
    )


@pytest.mark.parametrize("text", [*SCALARS, *FAILING])
def test_a_text_in_a_file_has_the_type_that_ros_gives_it(graph: Graph, tmp_path: Path, text: str) -> None:
    path = file_with(tmp_path, "it", text)
    try:
        node = Node(
            "gas_classifier",
            context=graph.context,
            cli_args=["--ros-args", "--params-file", str(path)],
            automatically_declare_parameters_from_overrides=True,
        )
    except Exception:
        with pytest.raises(ParameterFileError):
            read_node_parameters(path, "gas_classifier")
        return
    graph.add(node)
    live, offline = node.get_parameter("it").value, read_node_parameters(path, "gas_classifier")["it"]
    live = list(live) if not isinstance(live, bool | int | float | str) else live
    assert type(live) is type(offline)
    assert live == offline or (math.isnan(live) and math.isnan(offline))


def numbers(spec: ParameterSpec) -> list[float]:
    """The ends of a row's range, and what is next to them."""
    ends = [*(spec.bounds or ()), *([spec.least] if isinstance(spec, AdvisedSpec) else [])]
    near = [math.nextafter(float(end), towards) for end in ends for towards in (-math.inf, math.inf)]
    return [*map(float, ends), *near, *(end * factor for end in ends for factor in (1 - 1e-7, 1 + 1e-7))]


def values_for(spec: ParameterSpec) -> st.SearchStrategy[object]:
    edges = numbers(spec)
    texts = st.sampled_from([*spec.choices, "", "tpu"]) | st.text(max_size=5)
    return st.one_of(
        st.sampled_from([*edges, *(int(edge) for edge in edges), 0, 1, -1.0, 5000.0]),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 100),
        st.floats() | st.floats(-2.0, 20.0),
        texts,
        st.lists(texts, max_size=3),
        st.lists(st.integers(0, 5), min_size=1, max_size=2),
    )


class RowNode(Node):
    """A node with one row, given a value at start."""

    def __init__(self, spec: ParameterSpec, value: object, **arguments: object) -> None:
        overrides = [Parameter(spec.name, value=value)]
        super().__init__("row", parameter_overrides=overrides, enable_rosout=False, **arguments)
        self.table = ParameterTable(self, [spec])


@pytest.mark.parametrize("spec", [*GasClassifierNode.SPECS, *MANAGED_SPECS], ids=lambda spec: spec.name)
def test_the_verdict_on_any_value_is_the_live_nodes(graph: Graph, spec: ParameterSpec) -> None:
    node = graph.create(GasClassifierNode)

    @settings(max_examples=60, deadline=None)
    @given(values_for(spec))
    def check(value: object) -> None:
        refusal = spec.refusal(value)
        if not spec.read_only:
            [result] = node.set_parameters([Parameter(spec.name, value=value)])
            assert result.successful == (refusal is None), f"{refusal} / {result.reason}"
        assert refusal is None or refusal.startswith(f"{spec.name} is ")

    check()


def test_the_verdict_at_start_is_the_live_nodes(graph: Graph) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        spec = data.draw(st.sampled_from(GasClassifierNode.SPECS))
        value = data.draw(values_for(spec))
        node = RowNode(spec, value, context=graph.context)
        try:
            assert bool(node.table.refusals) == (spec.refusal(value) is not None)
        finally:
            node.destroy_node()

    check()
