"""Runs `gas-fusion` where no ROS is installed: every import of its packages fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys

class NoRos:
    packages = ("rclpy", "rosidl_runtime_py", "rosidl_parser", "ament_index_python", "message_filters")

    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package in self.packages or package.endswith(("_msgs", "_srvs", "_interfaces")):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)

sys.meta_path.insert(0, NoRos())
from gas_fusion_ros.cli import main
main()
"""


def gas_fusion(*arguments: str | Path, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run `gas-fusion` with `arguments` in a process of its own, without ROS."""
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
