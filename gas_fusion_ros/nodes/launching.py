"""What the launch files share: lifecycle nodes that start themselves, and what waits for them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from launch import Action, LaunchContext, SomeSubstitutionsType
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction, TimerAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.ros_adapters import get_ros_node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.task import Future

from gas_fusion_ros.nodes.parameter_file_check import check_parameter_file

PACKAGE = "gas_fusion_ros"

_RESPAWN_DELAY_S = 2.0
_LOOK_PERIOD_S = 0.2


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
            description="let the nodes configure and activate themselves, again and again while a device is "
            "missing; false leaves that to `ros2 lifecycle set`",
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="true",
            choices=["true", "false"],
            description=f"start a node that ends again, after {_RESPAWN_DELAY_S:g} s",
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


def alarm_relay() -> list[Action]:
    """The relay to the fleet's broker, which is started where the argument `relay` is true."""
    return [
        DeclareLaunchArgument(
            "relay",
            default_value="false",
            choices=["true", "false"],
            description="start alarm_relay too, which tells the MQTT broker that the parameter file names",
        ),
        GroupAction(
            lifecycle_node("alarm_relay"), condition=IfCondition(LaunchConfiguration("relay")), scoped=False
        ),
    ]


def lifecycle_node(name: str, overrides: Sequence[str] = ()) -> list[Action]:
    """A node of this package under the common arguments, which starts itself where `autostart` is true.

    The launch fails where the parameter file is missing or has no entry that fits the node.

    Args:
        name: the node's name and its executable's.
        overrides: launch arguments that go before the parameter of the same name where not empty.
    """

    def create(context: LaunchContext) -> list[Action]:
        check_entry(context, name)
        given = {one: LaunchConfiguration(one).perform(context) for one in overrides}
        return [_lifecycle_node(context, name, {one: value for one, value in given.items() if value})]

    return [OpaqueFunction(function=create)]


def check_entry(context: LaunchContext, name: str, namespace: str | None = None) -> None:
    """Check that the argument `params_file` names a file with an entry that fits a node.

    Args:
        context: where the arguments have their values.
        name: the node's name.
        namespace: the node's; that of the argument where none is given.

    Raises:
        ParameterError: it does not.
    """
    path = LaunchConfiguration("params_file").perform(context)
    check_parameter_file(Path(path), full_name(context, name, namespace))


def full_name(context: LaunchContext, name: str, namespace: str | None = None) -> str:
    """The fully qualified name of a node in the namespace of the launch arguments, or in another one."""
    if namespace is None:
        namespace = LaunchConfiguration("namespace").perform(context)
    pushed = context.launch_configurations.get("ros_namespace")
    absolute = make_namespace_absolute(prefix_namespace(pushed, namespace) or "")
    return f"{absolute.rstrip('/')}/{name}"


def on_active(names: Sequence[str], actions: Sequence[Action]) -> Action:
    """Run `actions` when all the nodes of these names have been active."""
    return OpaqueFunction(function=_Watch(names, actions))


class _Watch:
    """Looks at one node's state after the other's until it is active.

    It asks anew each time: what is asked of a process that has just been killed is never answered, and a
    transition that is published while the subscription is still being found is not heard.
    """

    def __init__(self, names: Sequence[str], actions: Sequence[Action]) -> None:
        self._names = list(names)
        self._actions = list(actions)
        self._client: Client | None = None
        self._answer: Future | None = None

    def __call__(self, context: LaunchContext) -> list[Action]:
        if self._is_active():
            self._client = self._answer = None
            del self._names[0]
        if not self._names:
            return self._actions
        if self._client is None:
            service = f"{full_name(context, self._names[0])}/get_state"
            self._client = get_ros_node(context).create_client(GetState, service)
        self._answer = self._client.call_async(GetState.Request())
        return [TimerAction(period=_LOOK_PERIOD_S, actions=[OpaqueFunction(function=self)])]

    def _is_active(self) -> bool:
        if self._client is None or self._answer is None:
            return False
        self._client.remove_pending_request(self._answer)
        response = self._answer.result()
        return response is not None and response.current_state.id == State.PRIMARY_STATE_ACTIVE


_WRAPPERS = (
    # `ros2 launch` ends at once on SIGTERM or SIGKILL and leaves its nodes behind: they hear of it this way.
    ("setpriv", "--pdeathsig=TERM"),
    # Ctrl-C while the interpreter starts would end in a traceback: signals wait until the program hears.
    ("env", "--block-signal=INT,TERM"),
)


@cache
def _wrapping() -> str:
    """What a node is started through, so that it hears every signal; as far as this machine has it."""
    return " ".join(part for wrapper in _WRAPPERS if _works(wrapper) for part in wrapper)


def _works(wrapper: Sequence[str]) -> bool:
    try:
        return subprocess.run([*wrapper, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def _lifecycle_node(context: LaunchContext, name: str, overrides: Mapping[str, str]) -> Action:
    flags = {
        one: ParameterValue(LaunchConfiguration(one), value_type=bool)
        for one in ("use_sim_time", "autostart")
    }
    texts = {one: ParameterValue(value, value_type=str) for one, value in overrides.items()}
    return LifecycleNode(
        package=PACKAGE,
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), {**flags, **texts}],
        exec_name=name,
        prefix=_wrapping(),
        ros_arguments=["--enclave", f"/{PACKAGE}/{name}"],
        respawn=LaunchConfiguration("respawn").perform(context) == "true",
        respawn_delay=_RESPAWN_DELAY_S,
        output="screen",
    )
