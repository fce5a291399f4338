"""Which broker is told, how it is reached, and what is kept while it is not."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.fields import group, needed_setting, setting

_RESERVED = ("example", "invalid", "example.com", "example.net", "example.org")
"""Names that stand in documents for others and lead nowhere: RFC 2606."""


@dataclass(frozen=True)
class TlsSettings:
    """How the connection is encrypted."""

    enabled: bool = setting(
        True, "whether the connection is encrypted; false sends everything, a password too, in the clear"
    )
    ca_file: str = setting(
        "", "PEM file of the authorities that may vouch for the broker; empty for those of the system"
    )
    certificate_file: str = setting(
        "", "PEM file of the robot's own certificate, for brokers that ask for one; empty for none"
    )
    key_file: str = setting("", "PEM file of that certificate's key; empty where it is in certificate_file")


@dataclass(frozen=True)
class QueueSettings:
    """Where events wait for the broker.

    Attributes:
        most_events: how many may wait; beyond it leak poses give way first, then the oldest.
    """

    file: str = setting(
        "",
        "file that keeps events until the broker has them; empty for relay/<node>.sqlite3 below "
        "$ROS_HOME/gas_fusion_ros",
    )
    most_events: int = setting(
        10_000,
        "events that may wait; beyond it leak poses give way first, then the oldest, and the loss is told of",
        minimum=10,
        maximum=1_000_000,
        name="size",
    )


@dataclass(frozen=True)
class RelaySettings:
    """What the relay takes.

    Attributes:
        patience_ns: how long `gas/alarm`, which is repeated every second, may be silent.

    Raises:
        ValueError: the host is a placeholder.
    """

    host: str = needed_setting("name or address of the MQTT 5 broker: the one place that is sent to")
    port: int = setting(
        8883, "the broker's port; usually 8883, and 1883 without encryption", minimum=1, maximum=65_535
    )
    tls: TlsSettings = group(TlsSettings)
    credentials_file: str = setting("", "YAML file with username and password for the broker; empty for none")
    robot: str = setting(
        "", "the robot's name in topics and documents; empty for its namespace, whose slashes become dots"
    )
    topic_prefix: str = setting("gas_fusion", "what all topics at the broker begin with")
    period_ns: int = setting(
        NANOSECONDS_PER_SECOND, "how often the state is repeated, s", minimum=0.1, maximum=60.0
    )
    patience_ns: int = setting(
        3 * NANOSECONDS_PER_SECOND,
        "without gas/alarm for longer the state at the broker is unknown, s",
        minimum=1.5,
        maximum=60.0,
    )
    keep_alive_ns: int = setting(
        5 * NANOSECONDS_PER_SECOND,
        "the broker announces a robot that has not shown a sign of life for one and a half times this, s",
        minimum=1.0,
        maximum=600.0,
    )
    longest_pause_ns: int = setting(
        10 * NANOSECONDS_PER_SECOND,
        "longest pause before the broker is tried again, s; the first is 0.2 s, the next each twice as long",
        minimum=0.2,
        maximum=600.0,
    )
    queue: QueueSettings = group(QueueSettings)

    def __post_init__(self) -> None:
        name = f".{self.host.strip().lower().rstrip('.')}"
        if any(name.endswith(f".{reserved}") for reserved in _RESERVED):
            raise ValueError(
                f"host is {quoted(self.host)}, a placeholder that leads nowhere; put the name or address of "
                "your MQTT 5 broker in its place"
            )
