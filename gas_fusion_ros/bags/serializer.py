"""Makes and serializes messages with the library rosbags: bags are written without ROS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_typestore

_NUMPY_TYPES: Mapping[str, str] = {"octet": "uint8", "byte": "uint8", "char": "uint8"}
"""What interface definitions call otherwise than NumPy."""


class BagMessages:
    """A `MessageMaker` whose messages `messages.decode_*` reads as those of rclpy."""

    def __init__(self) -> None:
        """Load the definitions of the standard messages, those of the oldest supported distribution."""
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._plans: dict[str, dict[str, Callable[[Any], Any]]] = {}

    def make(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message; see `MessageMaker`.

        Raises:
            KeyError: the type is no standard message.
            TypeError: it has no such field.
        """
        plan = self._plan(type_name)
        unknown = set(fields) - set(plan)
        if unknown:
            raise TypeError(f"{type_name} has no field {', '.join(sorted(unknown))}")
        return self._store.types[type_name](
            **{name: convert(fields.get(name)) for name, convert in plan.items()}
        )

    def serialize(self, message: Any) -> bytes:
        """The message in CDR with its encapsulation header, as rmw writes it."""
        return bytes(self._store.serialize_cdr(message, message.__msgtype__))

    def _plan(self, type_name: str) -> dict[str, Callable[[Any], Any]]:
        """How each field of a type takes the value that rclpy would take, or None for its default."""
        plan = self._plans.get(type_name)
        if plan is None:
            _, fields = self._store.fielddefs[type_name]
            plan = self._plans[type_name] = {
                name: self._converter(*definition) for name, definition in fields
            }
        return plan

    def _converter(self, node: Nodetype, argument: Any) -> Callable[[Any], Any]:
        if node == Nodetype.NAME:
            return partial(self._nested, argument)
        if node == Nodetype.BASE:
            return _BASE[argument[0] if argument[0] in _BASE else _kind(argument[0])]
        (element, element_argument), length = argument
        if element == Nodetype.BASE and element_argument[0] != "string":
            dtype = np.dtype(_NUMPY_TYPES.get(element_argument[0], element_argument[0]))
            # A sequence may have a bound: its length is what is there, that of an array is fixed.
            return partial(_array, dtype, length if node == Nodetype.ARRAY else 0)
        return _list

    def _nested(self, type_name: str, value: Any) -> Any:
        return self.make(type_name) if value is None else value


def _kind(name: str) -> str:
    return "float" if name.startswith("float") else "int"


def _byte(value: bytes | None) -> int:
    return value[0] if value else 0


def _integer(value: int | None) -> int:
    return 0 if value is None else int(value)


def _real(value: float | None) -> float:
    return 0.0 if value is None else float(value)


def _text(value: str | None) -> str:
    return value or ""


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def _array(dtype: np.dtype[Any], length: int, value: Any) -> npt.NDArray[Any]:
    return np.zeros(length, dtype=dtype) if value is None else np.asarray(value, dtype=dtype)


_BASE: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "bool": bool,
    "byte": _byte,
    "octet": _byte,
    "int": _integer,
    "float": _real,
}
