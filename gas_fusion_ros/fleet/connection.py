"""One connection to an MQTT 5 broker, from its beginning to its end; the only file that imports the client.

The client's own way to connect again is not used: it would send again by itself what was on its way, a state
that is none any more among it.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, DisconnectFlags, MQTTErrorCode, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.fleet.broker import Broker, BrokerError, Incoming, Outgoing

MOST_IN_FLIGHT = 10
"""Documents that may be on their way at once: any broker takes as many."""

MOST_PACKET = 1 << 20
"""Bytes of a document beyond which the broker keeps it for itself."""

_CONNECT_S = 5.0
_GOODBYE_S = 1.0
_AT_LEAST_ONCE = 1
_BAD_PASSWORD, _NOT_AUTHORIZED = 0x86, 0x87


@dataclass(frozen=True)
class Answer:
    """What the broker says to a document.

    Attributes:
        token: as `send` returned it.
        refusal: why it did not take the document; empty where it did.
    """

    token: int
    refusal: str


class Connection(Closing):
    """A connection that is open from the start, or none.

    Args:
        broker: whom to connect to.
        will: what the broker is to publish should this client vanish; None for one that only listens.
        changed: called, in another thread, when there is an answer or the end.

    Raises:
        BrokerError: it cannot be reached, or refuses.
    """

    def __init__(self, broker: Broker, will: Outgoing | None, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._name = broker.client
        self._answers: deque[Answer] = deque()
        self._begun, self._ended = threading.Event(), threading.Event()
        self._refusal = self._failure = ""
        self._client = self._made(broker, will)
        try:
            self._client.connect(
                broker.host,
                broker.port,
                keepalive=math.ceil(broker.keep_alive_ns / NANOSECONDS_PER_SECOND),
                clean_start=True,
                properties=_limits(),
            )
        except (OSError, ValueError) as error:
            raise BrokerError(f"{broker} cannot be reached: {_reason(error, broker)}") from None
        self._client.loop_start()
        if not self._begun.wait(_CONNECT_S) or self._refusal or not self.is_open:
            why = self._refusal or self._failure or "it does not answer as an MQTT 5 broker does"
            self.close()
            raise BrokerError(f"{broker}: {why}")

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.is_set()

    @property
    def failure(self) -> str:
        """Why it ended; empty while it is open."""
        return self._failure

    def send(self, document: Outgoing) -> int:
        """Give a document to the broker, which answers later, or never where the connection ends before.

        Returns:
            A token that comes with the answer.
        """
        properties = Properties(PacketTypes.PUBLISH)
        if document.expiry_s is not None:
            properties.MessageExpiryInterval = document.expiry_s
        message = self._client.publish(
            document.topic, document.payload, _AT_LEAST_ONCE, document.retain, properties
        )
        if message.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(f"sending failed: {message.rc.name}")
        return int(message.mid)

    def subscribe(self, topics: Sequence[str], hear: Callable[[Incoming], None]) -> None:
        """Have documents told that are on topics, and those that come from now on; to be called once.

        Args:
            topics: their names, or filters with `+` and `#`.
            hear: is told each, in another thread; must raise nothing.
        """

        def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
            hear(Incoming(message.topic, bytes(message.payload), bool(message.retain)))

        self._client.on_message = on_message
        code, _ = self._client.subscribe([(topic, _AT_LEAST_ONCE) for topic in topics])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(f"subscribing failed: {code.name}")

    def take_answers(self) -> list[Answer]:
        """The answers since the last call."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def leave(self) -> None:
        """Take leave and close: the broker does not announce what the will says."""
        if self.is_open:
            self._client.disconnect()
            self._ended.wait(_GOODBYE_S)
        self.close()

    def close(self) -> None:
        """Break off without taking leave: the broker announces what the will says; safe to call twice."""
        self._end("it was given up")
        held = self._client.socket()
        if isinstance(held, socket.socket):
            with suppress(OSError):  # it is closed already
                held.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _made(self, broker: Broker, will: Outgoing | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(MOST_IN_FLIGHT)
        if will is not None:
            client.will_set(will.topic, will.payload, _AT_LEAST_ONCE, will.retain)
        if broker.credentials is not None:
            client.username_pw_set(broker.credentials.username, broker.credentials.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    # Called in the client's own thread.

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:
            who = "; is credentials_file (node) or --credentials-file (watch) the right one?"
            is_who = reason.value in (_BAD_PASSWORD, _NOT_AUTHORIZED)
            self._refusal = f"it refuses the client {self._name}: {reason}{who if is_who else ''}"
        self._begun.set()

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _more: Any) -> None:
        self._answers.append(Answer(mid, str(reason) if reason.is_failure else ""))
        self._changed()

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: Sequence[ReasonCode], _more: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._end(f"it tells the client {self._name} nothing: {refused[0]}")

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _more: Any
    ) -> None:
        is_told = flags.is_disconnect_packet_from_server
        self._end(f"the broker has ended it: {reason}" if is_told else "the connection is lost")

    def _end(self, failure: str) -> None:
        if self.is_open:
            self._failure = failure
            self._ended.set()
        self._begun.set()
        self._changed()


def _limits() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.MaximumPacketSize = MOST_PACKET
    return properties


def _reason(error: Exception, broker: Broker) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; is tls.ca_file its authority's?"
    told = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if isinstance(error, ssl.SSLError):
        told = f"no encrypted connection: {error.reason or error}"
    if broker.tls is not None and isinstance(error, (ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        told += "; does it speak TLS on this port? tls.enabled: false (node), --no-tls (watch)"
    return told
