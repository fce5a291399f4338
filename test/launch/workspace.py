"""What the launch tests share: our launch files, a domain of their own, a graph to look in from."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Mapping

import pytest
import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_path
from domains import next_domain
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.srv import GetState
from nodes.harness import Graph
from rclpy.context import Context

PACKAGE = "gas_fusion_ros"


# What `ros2 launch` does.
LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
source = PythonLaunchDescriptionSource(path)
included = IncludeLaunchDescription(source, launch_arguments=[one.split(":=") for one in arguments])
service = LaunchService()
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""


def is_installed(package: str) -> bool:
    """Whether a sourced workspace holds `package`."""
    try:
        get_package_prefix(package)
    except (PackageNotFoundError, OSError):
        return False
    return True


needs_build = pytest.mark.skipif(
    not is_installed(PACKAGE), reason=f"{PACKAGE} is not installed: colcon build, source install/setup.bash"
)
"""Launch files find their nodes in an installed package."""


def isolate() -> None:
    """Keep what is launched next, and this process, in a domain that nothing outside this machine sees."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(next_domain())


def include(launch_file: str, arguments: Mapping[str, str]) -> IncludeLaunchDescription:
    """One of our launch files, with `arguments`."""
    path = get_package_share_path(PACKAGE) / "launch" / launch_file
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(path)), launch_arguments=list(arguments.items())
    )


def launch_command(launch_file: str, arguments: Mapping[str, str]) -> list[str]:
    """What launches one of our launch files as a process of its own."""
    path = get_package_share_path(PACKAGE) / "launch" / launch_file
    given = [f"{name}:={value}" for name, value in arguments.items()]
    return [sys.executable, "-c", LAUNCH, str(path), *given]


def config(name: str) -> str:
    """The path of one of our parameter files."""
    return str(get_package_share_path(PACKAGE) / "config" / name)


class GraphCase(unittest.TestCase):
    """A test case with a graph in the domain of what was launched."""

    def setUp(self) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
        self.graph = Graph(self._context)

    def tearDown(self) -> None:
        self.graph.close()
        self._context.try_shutdown()

    def state(self, node: str) -> str:
        """The lifecycle state of `node`, a fully qualified name."""
        return str(self.graph.call(GetState, f"{node}/get_state").current_state.label)

    def wait_for_state(self, node: str, state: str) -> None:
        """Wait until `node` is in `state`."""
        self.graph.wait_for(lambda: self.state(node) == state)
