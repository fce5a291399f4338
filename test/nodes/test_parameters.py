"""The parameter table: refuses bad values with the reason, and kills no node."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rcl_interfaces.srv import DescribeParameters
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter

from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError, ParameterTable
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.settings.fields import setting, specs_of
from gas_fusion_ros.settings.parameter_spec import ParameterSpec
from nodes.harness import Graph


@dataclass(frozen=True)
class TableSettings:
    rate_hz: float = setting(2.0, "readings per second", minimum=0.1, maximum=100.0)
    retries: int = setting(3, "attempts", minimum=0)
    driver: str = setting("simulated", "source", choices=("simulated", "serial"))
    frame_id: str = setting("base_link", "frame", read_only=True)
    verbose: bool = setting(False, "say more")
    wait_ns: int = setting(2 * 10**9, "pause, s", minimum=0.0)


class TableNode(Node):
    def __init__(self, **arguments: object) -> None:
        super().__init__("table", **arguments)
        self.table = ParameterTable(self, specs_of(TableSettings))


def test_values_come_in_their_type(graph: Graph) -> None:
    table = graph.create(TableNode, rate=0.5, driver="serial", wait=0.5).table
    table.require_valid()
    settings = table.settings(TableSettings)
    assert settings.rate_hz == 0.5
    assert settings.wait_ns == 500_000_000
    assert settings.retries == 3
    assert settings.driver == "serial"
    assert settings.verbose is False


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("rate", 1000.0, r"rate: .*0\.1.*100\.0"),
        ("rate", "fast", r"rate: .*DOUBLE"),
        ("rate", float("nan"), r"rate: .*0\.1.*100\.0.*nan"),
        ("retries", -1, r"retries: .*-1"),
        ("driver", "bluetooth", r"driver is 'bluetooth'; it must be one of: simulated, serial"),
        ("frame_id", 7, r"frame_id: .*STRING"),
    ],
)
def test_bad_value_at_start_is_refused_by_name(graph: Graph, name: str, value: object, reason: str) -> None:
    table = graph.create(TableNode, **{name: value}).table
    with pytest.raises(ParameterError, match=reason):
        table.require_valid()


def test_setting_it_right_lifts_the_refusal(graph: Graph) -> None:
    node = graph.create(TableNode, rate=1000.0)
    assert node.set_parameters([Parameter("rate", value=10.0)])[0].successful
    node.table.require_valid()
    assert node.table.value("rate") == 10.0


def test_bad_value_later_is_refused_and_the_old_one_stays(graph: Graph) -> None:
    node = graph.create(TableNode)
    result = node.set_parameters([Parameter("driver", value="bluetooth")])[0]
    assert not result.successful
    assert "simulated, serial" in result.reason
    assert node.table.value("driver") == "simulated"
    node.table.require_valid()


def test_a_misspelt_name_is_told_and_the_others_count(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    table = graph.create(TableNode, retires=5, rate=0.5, use_sim_time=False).table
    table.require_valid()
    assert (table.value("retries"), table.value("rate")) == (3, 0.5)
    [line] = [line for line in capfd.readouterr().err.splitlines() if "no parameter" in line]
    assert "[WARN]" in line
    assert "there is no parameter 'retires'; it is ignored; is retries meant?" in line


def test_locked_table_takes_nothing(graph: Graph) -> None:
    node = graph.create(TableNode)
    node.table.locked = True
    [refused] = node.set_parameters([Parameter("verbose", value=True)])
    assert not refused.successful
    assert "takes effect at configure" in refused.reason
    assert node.table.value("verbose") is False


def test_read_only_parameter_cannot_be_set(graph: Graph) -> None:
    result = graph.create(TableNode).set_parameters([Parameter("frame_id", value="other")])[0]
    assert not result.successful
    assert "read-only" in result.reason


@pytest.mark.parametrize("node_class", [GasSensorNode, ThermalCameraNode, GasClassifierNode])
def test_every_parameter_is_described(graph: Graph, node_class: type[ManagedNode]) -> None:
    node = graph.create(node_class)
    for spec in node.SPECS:
        descriptor = node.describe_parameter(spec.name)
        assert descriptor.description == spec.description
        numeric = isinstance(spec.default, int | float) and not isinstance(spec.default, bool)
        assert bool(descriptor.floating_point_range or descriptor.integer_range) == numeric, spec.name


@pytest.mark.parametrize("node_class", [GasSensorNode, ThermalCameraNode])
def test_bad_parameter_fails_configure_but_not_the_node(graph: Graph, node_class: type[ManagedNode]) -> None:
    node = graph.create(node_class, driver="simulated", period=-1.0)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert node.set_parameters([Parameter("period", value=0.1)])[0].successful
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_description_goes_out_over_the_service(graph: Graph) -> None:
    graph.create(TableNode)
    client = graph.probe.create_client(DescribeParameters, "/table/describe_parameters")
    assert client.wait_for_service(10)
    future = client.call_async(DescribeParameters.Request(names=["driver"]))
    graph.wait_for(future.done)
    assert future.result().descriptors[0].additional_constraints == "one of: simulated, serial"


class DemandingNode(Node):
    def __init__(self, **arguments: object) -> None:
        super().__init__("demanding", **arguments)
        self.table = ParameterTable(
            self, [ParameterSpec("source", "", "where from", choices=("serial", "recorded"))]
        )


def test_a_parameter_that_must_be_given_is_demanded_until_it_is(graph: Graph) -> None:
    node = graph.create(DemandingNode)
    demand = r"source is not set; it must be one of: serial, recorded\. .*no entry there fits /demanding"
    with pytest.raises(ParameterError, match=demand):
        node.table.require_valid()
    assert node.set_parameters([Parameter("source", value="serial")])[0].successful
    node.table.require_valid()
    assert node.set_parameters([Parameter("source", value="")])[0].successful
    with pytest.raises(ParameterError, match=demand):
        node.table.require_valid()


def test_a_bad_value_for_one_that_must_be_given_is_said_once(graph: Graph) -> None:
    table = graph.create(DemandingNode, source="radio").table
    [refusal] = table.refusals
    assert "source is 'radio'; it must be one of: serial, recorded" in refusal
