"""Nodes as processes of their own, in the graph's domain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType

from nodes.harness import TIMEOUT_S, Graph

QUIET_END_S = 9.0
"""`ros2 launch` waits no longer before it kills."""


class NodeProcess:
    """A node that runs until it is told to stop, and is killed at the end of a `with` in any case.

    Args:
        graph: whose domain it joins.
        name: of its executable.
        parameters: as on the command line, for example `serial.port`.
        environment: goes on top of this process's.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        parameters: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        given = [f"{key}:={_yaml(value)}" for key, value in (parameters or {}).items()]
        arguments = [part for one in given for part in ("-p", one)]
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from gas_fusion_ros.nodes.executables import {name}; {name}()",
                "--ros-args",
                *arguments,
            ],
            env={**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id()), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for its end and keep its `output`; return its exit code."""
        self.output, _ = self._process.communicate(timeout=timeout_s)
        return self._process.returncode

    def stop(self, number: signal.Signals) -> None:
        """Send a signal and check that it ends quietly."""
        self.send(number)
        assert self.wait(QUIET_END_S) == 0, self.output
        assert "Traceback" not in self.output

    def __enter__(self) -> NodeProcess:
        """Return the process."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill it where it still runs, and show what it said where the test failed."""
        if self._process.poll() is None:
            self._process.kill()
            self.wait()
        if exception is not None:
            print(self.output)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
