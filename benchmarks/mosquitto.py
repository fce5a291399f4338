"""A real MQTT broker for benchmarks and tests, that listens on this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gas_fusion_ros.base.closing import Closing, closed_on_failure

HOST = "127.0.0.1"

_UNPACKED = Path(sys.prefix) / "mosquitto"
"""Where scripts/setup_venv.sh puts it."""
_FOLDERS = (*os.get_exec_path(), "/usr/sbin", str(_UNPACKED / "usr/sbin"), str(_UNPACKED / "usr/bin"))
_PATIENCE_S = 10.0


class NoMosquittoError(RuntimeError):
    """There is no mosquitto here; the message says how to get it."""


def find_program(name: str) -> str:
    """The path of `mosquitto`, or of a program that comes with it.

    Raises:
        NoMosquittoError: there is none.
    """
    found = shutil.which(name, path=os.pathsep.join(_FOLDERS))
    if found is None:
        raise NoMosquittoError(
            f"there is no {name}: apt install mosquitto, or bash scripts/setup_venv.sh test"
        )
    return found


def with_libraries() -> dict[str, str]:
    """The environment that an unpacked mosquitto finds its libraries in."""
    libraries = map(str, (_UNPACKED / "usr" / "lib").glob("*-linux-gnu"))
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}


class Mosquitto(Closing):
    """A broker of its own, which keeps nothing over its end.

    Args:
        folder: for its configuration.
        lines: of its configuration, beside the listener.

    Attributes:
        port: where it listens.
        process: the broker.

    Raises:
        NoMosquittoError: there is none.
    """

    def __init__(self, folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> None:
        self._program = find_program("mosquitto")
        self.port = _free_port()
        self._configuration = folder / f"mosquitto{self.port}.conf"
        own = (f"listener {self.port} {HOST}", "user root", "connection_messages false")
        self._configuration.write_text("\n".join([*own, *lines, ""]), encoding="utf-8")
        self.process = self._started()

    def restart(self) -> None:
        """Kill it and start it anew: it has forgotten everything."""
        self.close()
        self.process = self._started()

    def close(self) -> None:
        """Kill it; safe to call twice."""
        self.process.kill()
        self.process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(
            [self._program, "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=with_libraries(),
        )
        with closed_on_failure(self):
            self._wait_until_it_listens()
        return self.process

    def _wait_until_it_listens(self) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError(f"mosquitto does not start with {self._configuration.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
