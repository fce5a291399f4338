"""How the commands take names of gas channels."""

from __future__ import annotations

from gas_fusion_ros.base.observation import check_channel_names


def parse_channels(text: str) -> tuple[str, ...]:
    """The names in what `--channels` was given, separated by commas.

    Raises:
        ValueError: there is none, or one that a channel cannot have; the message names the option.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    try:
        check_channel_names(names)
    except ValueError as error:
        raise ValueError(f"--channels: {error}") from None
    return names
