"""How the commands take names of gas channels."""

from __future__ import annotations

from gas_fusion_ros.base.mq import channel_name
from gas_fusion_ros.base.observation import check_channel_names


def parse_channels(text: str) -> tuple[str, ...]:
    """The names in what `--channels` was given, separated by commas; `MQ-2` is mq2.

    Raises:
        ValueError: there is none, or one that a channel cannot have; the message names the option.
    """
    given = (name.strip() for name in text.split(","))
    names = tuple(channel_name(name) or name for name in given if name)
    try:
        check_channel_names(names)
    except ValueError as error:
        raise ValueError(f"--channels: {error}") from None
    return names
