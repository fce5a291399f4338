"""A system clock for one process that a test can set, while this machine's goes on."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shifted_clock.c")


class ShiftedClock:
    """The clock of the processes that are started in its environment.

    Skips the test where there is no C compiler.

    Args:
        folder: for the compiled shim and the file of the shift.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("cc is not installed: it builds what shifts the clock of a process")
        library = folder / "shifted_clock.so"
        options = ("-O1", "-Wall", "-Werror", "-shared", "-fPIC")
        subprocess.run([compiler, *options, "-o", library, SOURCE, "-ldl"], check=True)
        path = folder / "shift"
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._shift = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(path)}
        self.shift_s = 0.0

    def step(self, seconds: float) -> None:
        """Set the clock by so much, on top of what it is set by."""
        self.shift_s += seconds
        self._shift[:] = struct.pack("=q", round(self.shift_s * 1e9))
