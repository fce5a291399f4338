"""Deserializes messages by the standard types and by the definitions that a bag carries."""

from __future__ import annotations

from typing import Any

from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from gas_fusion_ros.replay.storage.raw import StoredTopic


class UnknownTypeError(ValueError):
    """A type is neither standard nor defined in the bag; the message says so."""


class MessageTypes:
    """The types of a bag; standard ones are those of Jazzy, the same in all supported distributions."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)

    def add(self, topic: StoredTopic) -> None:
        """Learn the type of a topic from its definition, unless it is known.

        Raises:
            UnknownTypeError: it has none, or one that cannot be understood.
        """
        if topic.serialization != "cdr":
            raise UnknownTypeError(f"{topic.name} is encoded as {topic.serialization!r}; cdr can be read")
        if topic.type_name in self._store.fielddefs:
            return
        if not topic.definition:
            raise UnknownTypeError(
                f"the type {topic.type_name} of {topic.name} is not standard, and the bag does not define it"
            )
        try:
            if topic.definition_format == "ros2idl":
                defined = get_types_from_idl(topic.definition)
            else:
                defined = get_types_from_msg(topic.definition, topic.type_name)
            self._store.register(
                {name: fields for name, fields in defined.items() if name not in self._store.fielddefs}
            )
        except Exception as error:  # the parser has errors of its own, and trips over some texts
            raise UnknownTypeError(
                f"the bag's definition of {topic.type_name} ({topic.name}) cannot be understood: {error}"
            ) from error

    def decode(self, data: bytes, type_name: str) -> Any:
        """Deserialize a message of a type that was added.

        Raises:
            ValueError: the data are no such message.
        """
        try:
            return self._store.deserialize_cdr(data, type_name)
        except Exception as error:  # cut data raise whatever the generated code trips over
            raise ValueError(f"{len(data)} bytes are no {type_name} ({type(error).__name__})") from error
