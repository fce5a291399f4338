"""What the launch files share: lifecycle nodes that start themselves, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from launch import Action, LaunchContext, SomeSubstitutionsType
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event import Event
from launch.event_handler import EventHandler
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState, StateTransition
from launch_ros.parameter_descriptions import ParameterValue
from lifecycle_msgs.msg import Transition

PACKAGE = "gas_fusion_ros"


def common_arguments(params_file: SomeSubstitutionsType) -> list[Action]:
    """The arguments of every launch file that starts lifecycle nodes.

    Args:
        params_file: the parameter file where none is given.
    """
    return [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of nodes and topics"),
        DeclareLaunchArgument("params_file", default_value=params_file, description="parameter file (YAML)"),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="false",
            choices=["true", "false"],
            description="take time from /clock",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            choices=["true", "false"],
            description="configure and activate the nodes; false leaves that to `ros2 lifecycle set`",
        ),
    ]


def model_arguments() -> list[Action]:
    """The arguments of every launch file that starts the classifier."""
    return [
        DeclareLaunchArgument(
            "model",
            default_value="",
            description="model bundle, by name or folder; empty takes the parameter file's",
        ),
        DeclareLaunchArgument(
            "device",
            default_value="",
            choices=["", "auto", "cpu", "cuda"],
            description="where the network runs; empty takes the parameter file's",
        ),
    ]


def lifecycle_node(name: str, overrides: Sequence[str] = ()) -> list[Action]:
    """A node of this package under the common arguments, brought to active where `autostart` is true.

    Args:
        name: the node's name and its executable's.
        overrides: launch arguments that go before the parameter of the same name where not empty.
    """

    def create(context: LaunchContext) -> list[Action]:
        given = {one: LaunchConfiguration(one).perform(context) for one in overrides}
        return _lifecycle_node(name, {one: value for one, value in given.items() if value})

    return [OpaqueFunction(function=create)]


def on_active(name: str, actions: Sequence[Action]) -> Action:
    """Run `actions` when the node `name` first becomes active."""

    def is_active(event: Event) -> bool:
        return (
            isinstance(event, StateTransition)
            and event.goal_state == "active"
            and event.action.node_name.endswith(f"/{name}")
        )

    return RegisterEventHandler(EventHandler(matcher=is_active, entities=list(actions), handle_once=True))


def _lifecycle_node(name: str, overrides: Mapping[str, str]) -> list[Action]:
    use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    texts = {one: ParameterValue(value, value_type=str) for one, value in overrides.items()}
    node = LifecycleNode(
        package=PACKAGE,
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), {"use_sim_time": use_sim_time, **texts}],
        output="screen",
    )
    # LifecycleNode(autostart=True) would do this, but Jazzy does not have it yet.
    configure = RegisterEventHandler(
        OnProcessStart(target_action=node, on_start=[_transition(node, Transition.TRANSITION_CONFIGURE)]),
        condition=IfCondition(LaunchConfiguration("autostart")),
    )
    # Only when configuring ends, so that a node which someone deactivates stays inactive.
    activate = RegisterEventHandler(
        OnStateTransition(
            target_lifecycle_node=node,
            start_state="configuring",
            goal_state="inactive",
            entities=[_transition(node, Transition.TRANSITION_ACTIVATE)],
        ),
        condition=IfCondition(LaunchConfiguration("autostart")),
    )
    return [configure, activate, node]


def _transition(node: LifecycleNode, transition: int) -> Action:
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition))
