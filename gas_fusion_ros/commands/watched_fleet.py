"""`gas-fusion watch --broker`: a fleet at its broker, in a browser."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.terminal import complain, say
from gas_fusion_ros.fleet.broker import Broker, Incoming
from gas_fusion_ros.fleet.client_library import ClientMissingError, require_client
from gas_fusion_ros.fleet.credentials import (
    Credentials,
    CredentialsError,
    is_open_to_others,
    read_credentials,
    tls_context,
)
from gas_fusion_ros.fleet.names import FleetTopics
from gas_fusion_ros.fleet.settings import TlsSettings
from gas_fusion_ros.watch.access import Access

if TYPE_CHECKING:
    from gas_fusion_ros.fleet.receiver import Audience

TLS_PORT, PLAIN_PORT = 8883, 1883
_KEEP_ALIVE_NS = 2 * NANOSECONDS_PER_SECOND


class FleetOptionError(ValueError):
    """The broker cannot be listened to so; the message names the option."""


@dataclass(frozen=True)
class FleetOptions:
    """Where the broker is and what it is given, as the node `alarm_relay` takes it.

    Attributes:
        broker: HOST or HOST:PORT; an address of IPv6 in brackets.
        prefix: what the topics begin with.
        credentials_file: YAML file with user and password; None for none.
        tls: how the connection is encrypted.
    """

    broker: str
    prefix: str
    credentials_file: Optional[Path]
    tls: TlsSettings

    def place(self) -> tuple[str, int]:
        """Host and port.

        Raises:
            FleetOptionError: they are none.
        """
        host, colon, port = self.broker.rpartition(":")
        if not colon or self.broker.endswith("]"):
            host, port = self.broker, str(TLS_PORT if self.tls.enabled else PLAIN_PORT)
        is_plain = port.isascii() and port.isdecimal() and len(port) <= 5
        number = int(port) if is_plain else 0
        is_bracketed = host.startswith("[") and host.endswith("]")
        name = host[1:-1] if is_bracketed else host
        if not name or not 0 < number < 65_536 or (":" in name and not is_bracketed):
            raise FleetOptionError(
                f"--broker is {shown(self.broker)}; expected HOST or HOST:PORT, as broker.example:8883, or "
                "[::1]:8883"
            )
        return name, number


class SaidOnce:
    """Says on stderr too why nothing is heard: each reason once, until another one comes.

    Args:
        audience: is told everything.
    """

    def __init__(self, audience: "Audience") -> None:
        self._audience = audience
        self._said = ""

    def connected(self) -> None:
        """What comes from now on is heard."""
        self._audience.connected()

    def disconnected(self, why: str) -> None:
        """Nothing is heard any more."""
        self._audience.disconnected(why)
        if why and why != self._said:
            complain(why)
            self._said = why

    def hear(self, document: Incoming) -> None:
        """A document came."""
        self._audience.hear(document)


def watch_fleet(options: FleetOptions, access: Access) -> None:
    """Serve the page until the command is ended.

    Raises:
        FleetOptionError: an option is wrong, or the MQTT client is missing.
        AccessError: the address cannot be listened at.
    """
    try:
        require_client()
        topics = FleetTopics(options.prefix)
        broker = Broker(
            *options.place(),
            # Two of one name would throw each other out.
            client=f"gas-fusion-watch-{secrets.token_hex(4)}",
            keep_alive_ns=_KEEP_ALIVE_NS,
            tls=tls_context(options.tls),
            credentials=_credentials(options),
        )
    except (ClientMissingError, CredentialsError, ValueError) as error:
        raise FleetOptionError(str(error)) from None
    from gas_fusion_ros.fleet.receiver import Receiver
    from gas_fusion_ros.watch.fleet import Fleet
    from gas_fusion_ros.watch.server import FleetServer

    fleet = Fleet(topics, str(broker))
    audience = SaidOnce(fleet)
    with FleetServer(fleet, access) as server, Receiver(broker, (topics.state, topics.alarms), audience):
        say(f"open {server.address_with_token} in a browser; Ctrl-C ends this")
        threading.Event().wait()


def _credentials(options: FleetOptions) -> Optional[Credentials]:
    path = options.credentials_file
    if path is None:
        return None
    credentials = read_credentials(path)
    if is_open_to_others(path):
        complain(f"--credentials-file {shown(path)} may be read by other users: chmod 600 {path}")
    if not options.tls.enabled:
        complain("--no-tls: the password goes over the network in the clear")
    return credentials
