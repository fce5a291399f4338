"""Writes the SROS2 policies of config/security: `python scripts/write_security_policies.py`.

Each robot of config/robots gets one: its nodes run for a moment with its parameters, and the policy allows
what they then publish, subscribe to and serve, and no more. Every process has an enclave of its own. The
operator's may hear what the nodes say, and command the alarm.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

# This checkout's nodes, whichever the environment was made for.
sys.path.insert(0, str(Path(__file__).parents[1]))

import rclpy
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import Float32

from gas_fusion_ros.nodes import executables
from gas_fusion_ros.nodes.source_table import read_sources
from gas_fusion_ros.settings.parameter_file import nodes_in, read_node_parameters

ROOT = Path(__file__).parents[1]
ROBOTS = ROOT / "config" / "robots"
FOLDER = ROOT / "config" / "security"
ENCLAVES = "/gas_fusion_ros"
OPERATOR = "operator"
NOT_ON_A_ROBOT = {"sim_clock"}
"""Executables that no robot's file configures, on purpose."""

_DOMAIN = 101
"""The ROS domain in which the nodes run for a moment."""
_ONLY_IN_THEIR_PROCESS = ("/rosout", "/parameter_events")
_ALARM = "gas_classifier"
"""The node that an operator commands."""
_COMMANDS = "gas/"
"""What an operator may command begins with this."""
_STAND_INS = {"driver": "simulated", "state_file": "none", "host": "127.0.0.1"}
"""Parameters that stand in for what a robot has and this machine lacks."""
_STATE = "/var/lib/gas_fusion/"
"""Where a robot keeps its files."""
_DISCOVERY_S = 10.0
_LOOK_S = 0.01


class PolicyError(RuntimeError):
    """A policy cannot be made; the message says of which node and what to do."""


@dataclass(frozen=True)
class Use:
    """What a node uses of the graph: names as its policy has them, in order.

    Attributes:
        publishes: topics.
        hears: topics.
        serves: services.
        calls: services of others.
    """

    publishes: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def _stand_ins(node_class: Any, given: Mapping[str, Any], folder: Path) -> list[Parameter]:
    """The robot's parameters with simulated sensors, and its files in a folder: the same topics."""
    known = {spec.name for spec in getattr(node_class, "SPECS", ())}
    values = dict(given) | {name: value for name, value in _STAND_INS.items() if name in known}
    for name, value in values.items():
        if isinstance(value, str) and value.startswith(_STATE):
            values[name] = str(folder / value.removeprefix(_STATE))
    return [Parameter(name, value=value) for name, value in values.items()]


def node_classes() -> dict[str, Callable[..., Node]]:
    """The node's class of each executable, by its name.

    Raises:
        PolicyError: a module of an executable has not exactly one.
    """
    return {name: _node_class(name) for name, _ in inspect.getmembers(executables, _is_executable)}


def _is_executable(member: object) -> bool:
    return (
        inspect.isfunction(member)
        and member.__module__ == executables.__name__
        and not member.__name__.startswith("_")
    )


def _node_class(name: str) -> Callable[..., Node]:
    module = importlib.import_module(f"{executables.__package__}.{name}")
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Node) and member.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise PolicyError(
            f"{module.__name__} has {len(found)} classes of nodes; expected the one of {name}, and others in "
            "modules of their own"
        )
    return found[0]


def uses_of(robot: Path) -> dict[str, Use]:
    """What each node of a robot's parameter file uses, by the node's name.

    Raises:
        PolicyError: a node is none of this package, or cannot be started.
    """
    classes = node_classes()
    uses: dict[str, Use] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in nodes_in(robot):
            if name not in classes:
                raise PolicyError(f"{robot} has a section for {name}, which is no executable of this package")
            given = read_node_parameters(robot, name)
            parameters = _stand_ins(classes[name], given, Path(folder))
            # What is below the namespace follows the robot's; anything else is absolute. Each robot has its
            # own: ROS remembers a node for a while.
            with _running(classes[name], f"/{robot.stem}", parameters) as node:
                uses[name] = use_of(node)
    return uses


@contextmanager
def _running(node_class: Callable[..., Node], namespace: str, parameters: list[Parameter]) -> Iterator[Node]:
    """A node that has been active and has done once what it does by itself."""
    context = Context()
    rclpy.init(context=context)
    node = node_class(context=context, namespace=namespace, parameter_overrides=parameters)
    try:
        if isinstance(node, LifecycleNode):
            for trigger in (node.trigger_configure, node.trigger_activate):
                if trigger() != TransitionCallbackReturn.SUCCESS:
                    raise PolicyError(
                        f"{node.get_name()} cannot be started: {getattr(node, 'failure', '')}; add to "
                        f"_STAND_INS of {Path(__file__).name} what stands in for what it lacks"
                    )
        with _company(context, node, parameters):
            due: list[Any] = [timer.callback for timer in node.timers]
            for callback in due:
                callback()
            yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


@contextmanager
def _company(context: Context, node: Node, parameters: list[Parameter]) -> Iterator[None]:
    """Another node, which the node knows: some things it hears and says only while others say and hear.

    It publishes the topics in `sources`, and hears all that the node says.
    """
    given = {parameter.name: parameter.value for parameter in parameters}
    topics = [row.topic for row in read_sources(given["sources"])] if "sources" in given else []
    publishers = list(node.publishers)
    company = Node("company", context=context)
    for topic in topics:
        company.create_publisher(Float32, topic, 1)
    for one in publishers:
        company.create_subscription(one.msg_type, one.topic_name, lambda _: None, one.qos_profile)
    _wait(lambda: all(node.get_publishers_info_by_topic(topic) for topic in topics), "is published")
    _wait(lambda: all(one.get_subscription_count() for one in publishers), "is heard")
    yield
    company.destroy_node()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + _DISCOVERY_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise PolicyError(f"ROS does not tell within {_DISCOVERY_S:g} s all that {what}")
        time.sleep(_LOOK_S)


def use_of(node: Node) -> Use:
    """What a node uses now, as ROS's graph has it once it has heard of all that the node made.

    Raises:
        PolicyError: it has not within 10 s.
    """
    own = Use(
        (*(one.topic_name for one in node.publishers), "/rosout"),
        tuple(one.topic_name for one in node.subscriptions),
        tuple(one.service_name for one in node.services),
        tuple(one.service_name for one in node.clients),
    )

    def is_told() -> bool:
        pairs = zip(astuple(own), astuple(_seen(node)), strict=True)
        return all(set(ours) <= set(theirs) for ours, theirs in pairs)

    _wait(is_told, f"{node.get_name()} uses")
    return Use(
        *(
            tuple(sorted(_relative(name, node.get_namespace(), node.get_name()) for name in names))
            for names in astuple(_seen(node))
        )
    )


def _seen(node: Node) -> Use:
    """Full names, as the graph has them."""
    whom = (node.get_name(), node.get_namespace())
    return Use(
        *(
            tuple(name for name, _ in one)
            for one in (
                node.get_publisher_names_and_types_by_node(*whom),
                node.get_subscriber_names_and_types_by_node(*whom),
                node.get_service_names_and_types_by_node(*whom),
                node.get_client_names_and_types_by_node(*whom),
            )
        )
    )


def _relative(name: str, namespace: str, node: str) -> str:
    """A name as a policy has it: `~/` below the node, without a slash below its namespace, else absolute."""
    if name.startswith(f"{namespace}/{node}/"):
        return name.replace(f"{namespace}/{node}", "~", 1)
    return name.removeprefix(f"{namespace}/")


def operator(uses: Mapping[str, Use]) -> Use:
    """What an operator needs: to hear what the nodes say, and to command the alarm."""
    said = {name for use in uses.values() for name in use.publishes}
    served = {name for use in uses.values() for name in use.serves}
    return Use(
        publishes=tuple(
            sorted(
                {
                    *_ONLY_IN_THEIR_PROCESS,
                    *(name for name in {*uses[_ALARM].hears} - said if name.startswith(_COMMANDS)),
                }
            )
        ),
        hears=tuple(sorted(name for name in said if name[0] != "~" and name not in _ONLY_IN_THEIR_PROCESS)),
        calls=tuple(sorted(name for name in served if name.startswith(_COMMANDS))),
    )


def render(robot: Path) -> str:
    """The policy of a robot, as text."""
    uses = uses_of(robot)
    policy = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(policy, "enclaves")
    for name, use in {**uses, OPERATOR: operator(uses)}.items():
        _add_enclave(enclaves, name, use)
    ElementTree.indent(policy)
    comment = (
        f"Written by scripts/{Path(__file__).name} for config/robots/{robot.name}. For a robot with a "
        'namespace replace ns="/" by it: ns="/robot1".'
    )
    text = ElementTree.tostring(policy, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {comment} -->\n{text}\n'


def _add_enclave(enclaves: ElementTree.Element, name: str, use: Use) -> None:
    enclave = ElementTree.SubElement(enclaves, "enclave", path=f"{ENCLAVES}/{name}")
    profiles = ElementTree.SubElement(enclave, "profiles")
    profile = ElementTree.SubElement(profiles, "profile", ns="/", node=name)
    for kind, right, names in (
        ("topic", "publish", use.publishes),
        ("topic", "subscribe", use.hears),
        ("service", "reply", use.serves),
        ("service", "request", use.calls),
    ):
        if names:
            rule = ElementTree.SubElement(profile, f"{kind}s", {right: "ALLOW"})
            for one in names:
                ElementTree.SubElement(rule, kind).text = one


def path_of(robot: Path) -> Path:
    """Where the policy of a robot's parameter file is."""
    return FOLDER / f"{robot.stem}.policy.xml"


def robots() -> list[Path]:
    """The parameter files of robots.

    Raises:
        PolicyError: an executable is in none of them.
    """
    found = sorted(ROBOTS.glob("*.yaml"))
    configured = {name for robot in found for name in nodes_in(robot)}
    if missing := sorted(node_classes().keys() - configured - NOT_ON_A_ROBOT):
        raise PolicyError(
            f"no file of config/robots has a section for {', '.join(missing)}, so no policy lets it run: add "
            f"one to each robot that has it and run this script, or name it in NOT_ON_A_ROBOT of "
            f"{Path(__file__).name}"
        )
    return found


if __name__ == "__main__":
    os.environ |= {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": str(_DOMAIN)}
    FOLDER.mkdir(exist_ok=True)
    for one in robots():
        path_of(one).write_text(render(one), encoding="utf-8")
