"""`gas-fusion watch` refuses what it cannot do in one line, and serves a bag until it is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from in_process import invoke
from made_bags import text, write_bag
from telling_runtime import readings

from gas_fusion_ros.commands.watch import ImageTransport, PoseType
from gas_fusion_ros.pipeline.settings import IMAGE_TOPICS, POSE_TYPES

TOKEN = "0123456789abcdef"


def test_its_choices_are_those_of_the_nodes() -> None:
    assert [one.value for one in PoseType] == list(POSE_TYPES)
    assert [one.value for one in ImageTransport] == list(IMAGE_TOPICS)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "name a bag to play, --live for a robot, or --broker"),
        (("bag", "--live"), "name a bag to play, --live for a robot, or --broker"),
        (("bag", "--broker", "localhost"), "name a bag to play, --live for a robot, or --broker"),
        (("--broker", "a:b:c"), "expected HOST or HOST:PORT"),
        (("--broker", "localhost:0"), "expected HOST or HOST:PORT"),
        (("--broker", "localhost", "--topic-prefix", "a//b"), "topic_prefix is 'a//b'"),
        (("--broker", "localhost", "--credentials-file", "/nowhere"), "credentials_file /nowhere cannot"),
        (("--broker", "localhost", "--ca-file", "/nowhere"), "tls.ca_file /nowhere"),
        (("bag", "--host", "0.0.0.0"), "give a --token or GAS_FUSION_TOKEN as well"),
        (("bag", "--token", "short"), "--token or GAS_FUSION_TOKEN must have 16"),
        (("no_such_bag", "--port", "0"), "no_such_bag cannot be read"),
        (("no_such_bag", "--model", "no_such_model"), "no_such_model"),
        (("--live", "--host", "192.0.2.1", "--token", TOKEN), "cannot be listened at"),
    ],
)
@pytest.mark.usefixtures("ros_domain")
def test_it_says_what_is_wrong(arguments: tuple[str, ...], why: str) -> None:
    code, said = invoke("watch", *arguments)
    assert code == 2
    assert why in said
    assert len(said.strip().splitlines()) == 1


def test_a_bag_of_other_things_is_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [text("/chatter", 10**18, "hello")])
    code, said = invoke("watch", bag)
    assert code == 2
    assert "neither gas readings nor thermal images" in said


@pytest.mark.parametrize(("token", "is_told"), [("", True), (TOKEN, False)])
def test_it_serves_a_bag_until_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, is_told: bool
) -> None:
    monkeypatch.setenv("GAS_FUSION_TOKEN", token)
    bag = write_bag(tmp_path / "bag", readings(range(3)))
    command = [sys.executable, "-m", "gas_fusion_ros", "watch", str(bag), "--port", "0", "--speed", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert ("to read only" in said) is is_told
        address = said.split()[1].partition("#")[0]
        assert "has ended" in process.stdout.readline()
        with urlopen(f"{address}events", timeout=20.0) as events:
            news = json.loads(events.readline().removeprefix(b"data: "))
        assert news["ended"] == "the recording has ended"
        assert len(news["readings"]["items"]) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == 0
