"""A broker that encrypts and asks for a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import running_broker
from waiting import wait_until

from benchmarks.mosquitto import Mosquitto, NoMosquittoError, find_program, with_libraries
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.fleet.broker import Broker, BrokerError, Incoming, Outgoing
from gas_fusion_ros.fleet.connection import Connection
from gas_fusion_ros.fleet.credentials import Credentials, tls_context
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.receiver import Receiver
from gas_fusion_ros.fleet.sender import Link, Sender
from gas_fusion_ros.fleet.settings import TlsSettings

SECOND = 1_000_000_000
GOOD = Credentials("robot1", "a-secret")


@dataclass(frozen=True)
class Secured:
    """A broker and what it is known by."""

    broker: Mosquitto
    certificate: Path
    folder: Path

    def link(self, host: str, tls: bool, credentials: Credentials | None) -> Link:
        """What becomes of a robot that connects so."""
        settings = TlsSettings(enabled=tls, ca_file=str(self.certificate))
        broker = Broker(host, self.broker.port, "robot1", SECOND, tls_context(settings), credentials)
        with Outbox(self.folder / "queue.sqlite3", 10) as outbox:
            outbox.append([{"event": "raised"}], False, "")
            will = Outgoing("gas_fusion/robot1/state", b"{}")
            with Sender(broker, will, "gas_fusion/robot1/events", outbox, SECOND, Problems()) as sender:
                wait_until(lambda: sender.link.events == 1 or _is_refused(sender.link))
                return sender.link


def _is_refused(link: Link) -> bool:
    return not link.is_up and link.trouble != ""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no executable openssl, which makes the broker's certificate")
    folder = tmp_path_factory.mktemp("secured")
    certificate, key, passwords = folder / "broker.pem", folder / "broker.key", folder / "passwords"
    try:
        program = find_program("mosquitto_passwd")
    except NoMosquittoError as error:
        pytest.skip(str(error))
    made = f"{program} -c -b {passwords} {GOOD.username} {GOOD.password}"
    signed = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    )
    for command in (made, signed):
        subprocess.run(command.split(), check=True, capture_output=True, env=with_libraries())
    lines = [f"certfile {certificate}", f"keyfile {key}", f"password_file {passwords}"]
    with running_broker(folder, lines) as broker:
        yield Secured(broker, certificate, folder)


def test_a_robot_with_certificate_and_password_is_let_in(secured: Secured) -> None:
    assert secured.link("localhost", True, GOOD).events == 1


class Heard:
    """An audience that keeps what it hears."""

    def __init__(self) -> None:
        self.connections = 0
        self.topics: list[str] = []
        self.trouble = ""

    def connected(self) -> None:
        self.connections += 1

    def disconnected(self, why: str) -> None:
        self.trouble = why

    def hear(self, document: Incoming) -> None:
        self.topics.append(document.topic)


def test_whoever_watches_is_let_in_with_the_same_files(secured: Secured) -> None:
    heard = Heard()
    settings = TlsSettings(ca_file=str(secured.certificate))
    place = Broker("localhost", secured.broker.port, "watch", SECOND, tls_context(settings), GOOD)
    with Receiver(place, ("gas_fusion/+/events",), heard):
        wait_until(lambda: heard.connections == 1)
        wait_until(lambda: secured.link("localhost", True, GOOD).events == 1 and bool(heard.topics))
    assert set(heard.topics) == {"gas_fusion/robot1/events"}


def test_whoever_watches_without_a_password_is_told_why_nothing_is_heard(secured: Secured) -> None:
    heard = Heard()
    settings = TlsSettings(ca_file=str(secured.certificate))
    with Receiver(
        Broker("localhost", secured.broker.port, "watch", SECOND, tls_context(settings)), ("#",), heard
    ):
        wait_until(lambda: "refuses the client watch: Not authorized" in heard.trouble)
    assert heard.connections == 0


def test_a_wrong_password_is_told_of(secured: Secured) -> None:
    trouble = secured.link("localhost", True, Credentials("robot1", "another")).trouble
    assert "refuses the client robot1: Not authorized; is credentials_file" in trouble
    assert "--credentials-file" in trouble


def test_a_broker_that_has_another_name_than_its_certificate_is_not_trusted(secured: Secured) -> None:
    trouble = secured.link("127.0.0.1", True, GOOD).trouble
    assert "its certificate is not trusted" in trouble
    assert "IP address mismatch" in trouble


def test_a_broker_that_does_not_encrypt_is_told_of_with_the_remedy(tmp_path: Path) -> None:
    with running_broker(tmp_path) as plain:
        broker = Broker("localhost", plain.port, "robot1", SECOND, tls_context(TlsSettings()))
        with pytest.raises(BrokerError, match=r"does it speak TLS on this port\?.*enabled: false.*--no-tls"):
            Connection(broker, None, lambda: None)


def test_a_broker_that_is_not_there_is_not_said_to_be_without_tls() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        broker = Broker("127.0.0.1", port, "robot1", SECOND, tls_context(TlsSettings()))
        with pytest.raises(BrokerError, match=r"cannot be reached: Connection refused$"):
            Connection(broker, None, lambda: None)


def test_a_broker_that_encrypts_is_not_spoken_to_in_the_clear(secured: Secured) -> None:
    assert not secured.link("localhost", False, GOOD).is_up
