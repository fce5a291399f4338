"""Clean air from a live topic; only this needs ROS."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.terminal import end_on_signals, say, without_ros
from gas_fusion_ros.inspection.clean_air import CleanAir
from gas_fusion_ros.pipeline.array_choice import KnownArray

DEFAULT_DURATION_S = 600.0
PATIENCE_S = 15.0
"""For how long nothing may be heard: on a slow network it takes seconds until each side knows the other."""

_TOPIC = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)


class LiveAirError(ValueError):
    """A topic gave no readings; the message says why."""


def is_topic(source: Path) -> bool:
    """Whether a source is a topic: nothing has this path, and it is a topic's name with a slash in it."""
    name = str(source)
    return not source.exists() and "/" in name and _TOPIC.fullmatch(name) is not None


def read_topic(topic: str, channels: Sequence[str] | None, duration_s: float, problems: Problems) -> CleanAir:
    """Listen to a topic and to `array_info` beside it; Ctrl-C ends that with what has come by then.

    Args:
        topic: its name.
        channels: channels to take; None for those of the first reading.
        duration_s: for how long, seconds.
        problems: where unreadable messages are counted.

    Raises:
        LiveAirError: nothing can be heard, or ROS cannot be imported.
        KeyboardInterrupt: it was ended before the first reading.
    """
    try:
        from gas_fusion_ros.nodes.reading_listener import ListenError, listen
    except ImportError as error:
        raise LiveAirError(without_ros(error)) from error
    ended = threading.Event()
    say(f"listening to {shown(topic)} for {duration_s:g} s; Ctrl-C ends that with what has come")
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    try:
        with counted(f"{shown(topic)}, s", round(duration_s)) as tick:
            heard = listen(topic, channels, duration_s, problems, tick, ended.is_set, PATIENCE_S)
    except ListenError as error:
        if ended.is_set():
            raise KeyboardInterrupt from None
        raise LiveAirError(f"{error}; and there is no file or folder {shown(topic)}") from None
    finally:
        end_on_signals()
    told = f"{heard.seconds:.0f} s{', then ended,' if ended.is_set() else ''} on your word"
    array = None if heard.array is None else KnownArray(shown(heard.array_topic), heard.array)
    return CleanAir(heard.channels, heard.readings, heard.stamps_ns, told, array)
