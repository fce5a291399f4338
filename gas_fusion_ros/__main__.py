"""The command `gas-fusion` from its first moment on: its modules take a second to load."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command; Ctrl-C ends it in a line, also before it has begun."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _end)
    # Imported here: whatever a signal interrupts on the way has reasons of its own to fail.
    from gas_fusion_ros.cli import app

    app()


def _end(_: int, __: FrameType | None) -> NoReturn:
    os.write(2, b"gas-fusion: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
