"""Who makes the messages that `messages` lays out: ROS, or a library that needs no ROS."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Protocol


class MessageMaker(Protocol):
    """Makes messages by the names of their types."""

    def make(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message; fields that are not given have their type's default.

        Args:
            type_name: interface name, such as `sensor_msgs/msg/PointCloud2`.
            **fields: values as rclpy takes them, numbers in arrays as `array.array` or a list.
        """
        ...


class RosMessages:
    """Makes the messages of the ROS installation, for rclpy."""

    def make(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message.

        Raises:
            ImportError: the package of its type is not installed.
        """
        return message_class(type_name)(**fields)


@cache
def message_class(type_name: str) -> type:
    """Return the class of a message's type in the ROS installation.

    Args:
        type_name: interface name, such as `sensor_msgs/msg/PointCloud2`.

    Raises:
        ImportError: its package is not installed.
        AttributeError: the package has no such type.
    """
    package, folder, name = type_name.split("/")
    found: type = getattr(import_module(f"{package}.{folder}"), name)
    return found


ROS_MESSAGES = RosMessages()
