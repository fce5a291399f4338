"""Deserializes messages by the definitions that a bag carries, else by those of the standard types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from gas_fusion_ros.bags.storage.raw import StoredTopic
from gas_fusion_ros.base.quoting import listed, one_line, quoted, shown

_SEPARATOR = "=" * 80 + "\n"
_LONGEST_DEFINITION = 1 << 18
_MOST_FIELDS = 10_000
"""Of a type with all that is in it, where an array counts as often as it is long."""


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
            raise UnknownTypeError(
                f"{shown(topic.name)} is encoded as {quoted(topic.serialization)}; cdr can be read"
            )
        if len(topic.definition) > _LONGEST_DEFINITION:
            reason = f"the bag's definition of it has {len(topic.definition)} characters"
        elif topic.definition:
            try:
                defined = _parsed(topic)
                self._check(defined)
                _Sizes({**self._standard.fielddefs, **self._own.fielddefs, **defined}).check(defined)
                self._own.register(defined)
                return
            except Exception as error:  # the parser has errors of its own, and trips over some texts
                reason = f"the bag's definition of it cannot be understood: {one_line(str(error), 200)}"
        else:
            reason = "the bag does not define it"
        if topic.type_name not in self._standard.fielddefs:
            raise UnknownTypeError(
                f"the type {shown(topic.type_name)} of {shown(topic.name)} is not standard, and {reason}"
            )

    def _check(self, defined: Mapping[str, Any]) -> None:
        """Refuse damaged definitions of standard types: distributions add fields, they drop none."""
        for name in defined.keys() & self._standard.fielddefs.keys():
            fields = {field for field, _ in defined[name][1]}
            missing = [field for field, _ in self._standard.fielddefs[name][1] if field not in fields]
            if missing:
                raise ValueError(f"{name} lacks {listed(missing)}")

    def decode(self, data: bytes, type_name: str) -> Any:
        """Deserialize a message of a type that was added.

        Raises:
            ValueError: the data are no such message.
        """
        store = self._own if type_name in self._own.fielddefs else self._standard
        try:
            return store.deserialize_cdr(data, type_name)
        except Exception as error:  # cut data raise whatever the generated code trips over
            raise ValueError(
                f"{len(data)} bytes are no {shown(type_name)} ({type(error).__name__})"
            ) from error


class _Sizes:
    """How many fields types have with all that is in them: code is made, and run, for each.

    Args:
        defined: fields of all types by name.
    """

    def __init__(self, defined: Mapping[str, Any]) -> None:
        self._defined = defined
        self._known: dict[str, int] = {}

    def check(self, names: Iterable[str]) -> None:
        """Refuse types that have too many, or elements of an array that take no room at all.

        Raises:
            ValueError: one of `names` does, or contains itself.
        """
        for name in names:
            self._of(name, frozenset())

    def _of(self, name: str, within: frozenset[str]) -> int:
        if name in within:
            raise ValueError(f"{shown(name)} contains itself")
        if name not in self._known:
            fields = self._defined[name][1]
            size = sum(self._of_field(field, within | {name}) for _, field in fields)
            if size > _MOST_FIELDS:
                raise ValueError(f"{shown(name)} has more than {_MOST_FIELDS} fields")
            self._known[name] = size
        return self._known[name]

    def _of_field(self, field: Any, within: frozenset[str]) -> int:
        node, argument = field
        if node == Nodetype.NAME:
            return max(self._of(argument, within), 1)
        if node == Nodetype.BASE:
            return 1
        element, length = argument
        if node == Nodetype.SEQUENCE:
            return self._of_field(element, within)
        if length < 1:
            raise ValueError("an array has no elements")
        is_plain = element[0] == Nodetype.BASE and element[1][0] != "string"
        return 1 if is_plain else length * self._of_field(element, within)


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
