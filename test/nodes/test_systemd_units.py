"""The systemd units: systemd reads them, and what they start is a node that systemd may hear."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.nodes import executables
from gas_fusion_ros.nodes.qos import RELIABLE
from nodes.harness import TIMEOUT_S, Graph
from nodes.processes import QUIET_END_S

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
SCRIPT = FOLDER / "run_node.sh"
UNIT = FOLDER / "gas-fusion@.service"
VARIABLE = re.compile(r"GAS_FUSION_[A-Z]+")


def environment(setup: Path, parameters: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "GAS_FUSION_SETUP": str(setup),
        "GAS_FUSION_PARAMETERS": str(parameters),
        "GAS_FUSION_NAMESPACE": "/robot1",
        **more,
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The setup file of a workspace that has `gas_sensor` where colcon puts it."""
    programs = tmp_path / "install" / "lib" / "gas_fusion_ros"
    programs.mkdir(parents=True)
    program = programs / "gas_sensor"
    program.write_text(
        f"#!{sys.executable}\nfrom gas_fusion_ros.nodes.executables import gas_sensor\ngas_sensor()\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    setup = tmp_path / "setup.bash"
    # As those of ROS do, it reads a variable that is not set.
    setup.write_text(
        f'_old=$NEVER_SET\nexport AMENT_PREFIX_PATH="{tmp_path}/empty:{tmp_path}/install"\n', encoding="utf-8"
    )
    return setup


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "gas-fusion.target", tmp_path)
    service = tmp_path / "gas-fusion@gas_classifier.service"
    shutil.copy(UNIT, service)
    command = ["systemd-analyze", "verify", "--man=no", str(service)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_the_unit_takes_the_nodes_own_word_alone() -> None:
    unit = UNIT.read_text(encoding="utf-8").splitlines()
    for line in ("Type=notify", "NotifyAccess=main", "Restart=always", "StartLimitIntervalSec=0"):
        assert line in unit
    assert f"ExecStart=/bin/bash /etc/gas_fusion/{SCRIPT.name} %i" in unit
    (watchdog,) = (line for line in unit if line.startswith("WatchdogSec="))
    assert int(watchdog.partition("=")[2]) >= 10


def test_the_robots_file_sets_what_the_script_reads() -> None:
    given = re.findall(r"^(GAS_FUSION_[A-Z]+)=", (FOLDER / "robot.env").read_text(encoding="utf-8"), re.M)
    assert set(given) == set(VARIABLE.findall(SCRIPT.read_text(encoding="utf-8")))


def test_services_that_pages_and_units_name_are_executables() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*FOLDER.iterdir(), *ROOT.glob("docs/*.md"))]
    named = {name for text in texts for name in re.findall(r"gas-fusion@(\w+)", text)}
    assert named
    assert {name for name in named if not hasattr(executables, name)} == set()


def test_script_runs_a_node_in_its_own_process(graph: Graph, workspace: Path, tmp_path: Path) -> None:
    readings = graph.listen(PointCloud2, "/robot1/gas/readings", RELIABLE)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    manager.settimeout(TIMEOUT_S)
    manager.bind(str(tmp_path / "notify"))
    parameters = tmp_path / "robot.yaml"
    parameters.write_text("/**/gas_sensor:\n  ros__parameters: {driver: simulated}\n", encoding="utf-8")
    given = environment(
        workspace,
        parameters,
        NOTIFY_SOCKET=str(tmp_path / "notify"),
        ROS_DOMAIN_ID=str(graph.context.get_domain_id()),
    )
    with subprocess.Popen(["bash", SCRIPT, "gas_sensor"], env=given) as process:
        try:
            said, credentials, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(12))
            assert "READY=1" in said.decode()
            # NotifyAccess=main: systemd hears only the process that it started.
            assert struct.unpack("3i", credentials[0][2])[0] == process.pid
            graph.wait_for(lambda: bool(readings))
            process.send_signal(signal.SIGTERM)
            assert process.wait(QUIET_END_S) == 0
        finally:
            process.kill()
    manager.close()


def test_script_names_what_it_does_not_find(workspace: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        ["bash", SCRIPT, "gas_pump"],
        env=environment(workspace, tmp_path / "robot.yaml"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "gas_pump is no executable of gas_fusion_ros" in result.stderr
