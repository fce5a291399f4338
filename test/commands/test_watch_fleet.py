"""`gas-fusion watch --broker` shows a fleet until it is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from brokers import running_broker

from benchmarks.mosquitto import HOST
from gas_fusion_ros.commands.watched_fleet import FleetOptions, SaidOnce
from gas_fusion_ros.fleet.names import FleetTopics
from gas_fusion_ros.fleet.settings import TlsSettings
from gas_fusion_ros.watch.fleet import Fleet, FleetCursor


@pytest.mark.parametrize(
    ("given", "encrypted", "place"),
    [
        ("broker.example", True, ("broker.example", 8883)),
        ("broker.example", False, ("broker.example", 1883)),
        ("broker.example:18", True, ("broker.example", 18)),
        ("[::1]", True, ("::1", 8883)),
        ("[::1]:99", True, ("::1", 99)),
    ],
)
def test_host_and_port_are_told_apart(given: str, encrypted: bool, place: tuple[str, int]) -> None:
    assert FleetOptions(given, "gas_fusion", None, TlsSettings(encrypted)).place() == place


def test_it_serves_a_fleet_until_it_is_ended(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        command = [sys.executable, "-m", "gas_fusion_ros", "watch", "--broker", f"{HOST}:{broker.port}"]
        with subprocess.Popen(
            [*command, "--no-tls", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1]
            with urlopen(f"{address}events", timeout=20.0) as events:
                while True:
                    news = json.loads(events.readline().removeprefix(b"data: "))
                    events.readline()
                    if news["broker"]["is_up"]:
                        break
            assert news["broker"]["name"] == f"{HOST}:{broker.port}"
            assert (news["order"], news["may_write"]) == ([], False)
            process.send_signal(signal.SIGINT)
            assert process.wait(20.0) == 0


def test_why_nothing_is_heard_stands_in_the_terminal_once(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(FleetTopics("gas_fusion"), "broker.example:8883")
    audience = SaidOnce(fleet)
    for why in ("it refuses", "it refuses", "", "it is gone"):
        audience.disconnected(why)
    assert capsys.readouterr().err.splitlines() == ["gas-fusion: it refuses", "gas-fusion: it is gone"]
    assert fleet.news(FleetCursor())["broker"]["trouble"] == "it is gone"


def test_a_broker_that_does_not_encrypt_is_told_of_in_the_terminal(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        command = [sys.executable, "-m", "gas_fusion_ros", "watch", "--broker", f"{HOST}:{broker.port}"]
        with subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert "does it speak TLS on this port?" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20.0) == 0
