"""The table of the adapter: which topic has which channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.mq import channel_name
from gas_fusion_ros.base.observation import check_channel_names
from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.nodes.parameters import ParameterError

MOST_SOURCES = 64
MOST_CHANNELS = 128
_LONGEST_NAME = 64
_EXAMPLES = "mq2=/adc/mq2, or mq2,mq3,mq135=/board/values for a topic with several"
_TYPE = re.compile(r"([a-z]\w*)/(?:msg/)?([A-Z]\w*)", re.ASCII)
_TOPIC = re.compile(r"(~/?|/)?[A-Za-z_][\w/]*", re.ASCII)


@dataclass(frozen=True)
class SourceRow:
    """One row of the table.

    Attributes:
        channels: whose values the topic has, in their order.
        topic: its name, as written.
        type_name: its type, such as `std_msgs/msg/Float32`; empty for the one it is found to have.
    """

    channels: tuple[str, ...]
    topic: str
    type_name: str = ""


def read_sources(texts: Sequence[str]) -> tuple[SourceRow, ...]:
    """Read rows `CHANNEL[,CHANNEL...]=TOPIC [TYPE]`. Sensors may be called as usual: MQ-2 is mq2.

    Raises:
        ParameterError: there is none, one cannot be read, or two have the same channel or topic.
    """
    if not texts:
        raise ParameterError(f"sources is not set; it must be rows such as {_EXAMPLES}")
    if len(texts) > MOST_SOURCES:
        raise ParameterError(f"sources has {len(texts)} rows; expected {MOST_SOURCES} at most")
    rows = tuple(_row(text) for text in texts)
    topics = [row.topic for row in rows]
    for topic in topics:
        if topics.count(topic) > 1:
            raise ParameterError(
                f"sources has the topic {topic} in several rows; name all its channels in one, in their order"
            )
    try:
        check_channel_names(channels_of(rows))
    except ValueError as error:
        raise ParameterError(f"sources: {error}") from None
    if len(channels_of(rows)) > MOST_CHANNELS:
        raise ParameterError(
            f"sources has {len(channels_of(rows))} channels; expected {MOST_CHANNELS} at most"
        )
    return rows


def channels_of(rows: Sequence[SourceRow]) -> tuple[str, ...]:
    """Return the channels of all rows, in order."""
    return tuple(name for row in rows for name in row.channels)


def _row(text: str) -> SourceRow:
    names, equals, rest = text.partition("=")
    topic, _, type_text = rest.strip().partition(" ")
    channels = tuple(_channel(name, text) for name in names.split(","))
    if not equals or not _TOPIC.fullmatch(topic):
        raise ParameterError(f"sources has the row {quoted(text)}; expected {_EXAMPLES}")
    return SourceRow(channels, topic, _type(type_text.strip(), text))


def _channel(name: str, text: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ParameterError(
            f"sources has the row {quoted(text)} with the channel {quoted(name)}; expected {_EXAMPLES}"
        )
    return channel_name(name) or name


def _type(type_text: str, text: str) -> str:
    if not type_text:
        return ""
    match = _TYPE.fullmatch(type_text)
    if match is None:
        raise ParameterError(
            f"sources has the row {quoted(text)} with the type {quoted(type_text)}; expected one such as "
            "std_msgs/msg/Float32, or none for the one that the topic has"
        )
    return f"{match[1]}/msg/{match[2]}"
