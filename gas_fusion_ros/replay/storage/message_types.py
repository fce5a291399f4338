"""Deserializes messages by the definitions that a bag carries, else by those of the standard types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from gas_fusion_ros.replay.storage.raw import StoredTopic

_SEPARATOR = "=" * 80 + "\n"


class UnknownTypeError(ValueError):
    """A type is neither standard nor defined in the bag; the message says so."""


class MessageTypes:
    """The types of a bag.

    Bags carry definitions since Iron, and MCAP files always; standard types of other bags are those of Jazzy,
    which are the same in all supported distributions.
    """

    def __init__(self) -> None:
        self._own = get_typestore(Stores.EMPTY)
        self._standard = get_typestore(Stores.ROS2_JAZZY)

    def add(self, topic: StoredTopic) -> None:
        """Learn the type of a topic.

        Raises:
            UnknownTypeError: it is not standard, and has no definition or one that cannot be understood.
        """
        if topic.serialization != "cdr":
            raise UnknownTypeError(f"{topic.name} is encoded as {topic.serialization!r}; cdr can be read")
        if topic.definition:
            try:
                defined = _parsed(topic)
                self._check(defined)
                self._own.register(defined)
                return
            except Exception as error:  # the parser has errors of its own, and trips over some texts
                reason = f"the bag's definition of it cannot be understood: {' '.join(str(error).split())}"
        else:
            reason = "the bag does not define it"
        if topic.type_name not in self._standard.fielddefs:
            raise UnknownTypeError(
                f"the type {topic.type_name} of {topic.name} is not standard, and {reason}"
            )

    def _check(self, defined: Mapping[str, Any]) -> None:
        """Refuse damaged definitions of standard types: distributions add fields, they drop none."""
        for name in defined.keys() & self._standard.fielddefs.keys():
            fields = {field for field, _ in defined[name][1]}
            missing = [field for field, _ in self._standard.fielddefs[name][1] if field not in fields]
            if missing:
                raise ValueError(f"{name} lacks {', '.join(missing)}")

    def decode(self, data: bytes, type_name: str) -> Any:
        """Deserialize a message of a type that was added.

        Raises:
            ValueError: the data are no such message.
        """
        store = self._own if type_name in self._own.fielddefs else self._standard
        try:
            return store.deserialize_cdr(data, type_name)
        except Exception as error:  # cut data raise whatever the generated code trips over
            raise ValueError(f"{len(data)} bytes are no {type_name} ({type(error).__name__})") from error


def _parsed(topic: StoredTopic) -> dict[str, Any]:
    """The fields of a topic's type and of those within it."""
    if topic.definition_format != "ros2idl":
        return dict(get_types_from_msg(topic.definition, topic.type_name))
    types: dict[str, Any] = {}
    for part in filter(str.strip, topic.definition.split(_SEPARATOR)):
        head, _, body = part.partition("\n")
        kind, _, name = head.partition(": ")
        types.update(get_types_from_msg(body, name) if kind == "MSG" else get_types_from_idl(body))
    return types
