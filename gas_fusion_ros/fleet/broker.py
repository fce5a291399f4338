"""Where a broker is, and what it is given."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from gas_fusion_ros.fleet.credentials import Credentials


class BrokerError(RuntimeError):
    """The broker cannot be reached, or refuses; the message says why and what would be right."""


@dataclass(frozen=True)
class Broker:
    """Where a broker is and how it is spoken to.

    Attributes:
        host: its name or address.
        port: its port.
        client: the name by which it knows this client.
        keep_alive_ns: after one and a half times this without a sign it takes the client for gone.
        tls: what encrypts the connection; None for none.
        credentials: user and password; None for none.
    """

    host: str
    port: int
    client: str
    keep_alive_ns: int
    tls: ssl.SSLContext | None = None
    credentials: Credentials | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Outgoing:
    """A document on its way to a topic.

    Attributes:
        topic: where it goes.
        payload: its content.
        retain: whether the broker keeps it for those who subscribe later.
        expiry_s: for how long; None for ever.
    """

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True)
class Incoming:
    """A document that the broker has for whoever subscribed.

    Attributes:
        topic: where it came on.
        payload: its content.
        is_kept: whether the broker kept it from before the subscription, and it is no sign of life.
    """

    topic: str
    payload: bytes
    is_kept: bool
