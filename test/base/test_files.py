"""Files from outside are opened only if they are regular, never waited for, and read within a limit."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gas_fusion_ros.base.files import open_regular, open_regular_within, read_regular


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def listener(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return path


def device(_: Path) -> Path:
    return Path("/dev/zero")


def link_to_fifo(path: Path) -> Path:
    path.symlink_to(fifo(path.with_name("pipe")))
    return path


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, "a pipe"),
        (link_to_fifo, "a pipe"),
        (folder, "a directory"),
        (listener, "a socket"),
        (device, "a device"),
    ],
)
@pytest.mark.parametrize(
    "read",
    [open_regular, lambda path: read_regular(path, 10), lambda path: open_regular_within(path, 10)],
)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    make: Callable[[Path], Path], said: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=f"it is {said}; expected a regular file"):
        read(make(tmp_path / "file"))


@pytest.mark.timeout(10)
def test_a_file_that_becomes_a_pipe_after_the_look_at_it_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.touch()
    looked_at = os.stat(path)
    path.unlink()
    fifo(path)
    monkeypatch.setattr(os, "stat", lambda _: looked_at)
    assert stat.S_ISREG(os.stat(path).st_mode)
    with pytest.raises(OSError, match="it is a pipe"):
        open_regular(path)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ten bytes!")
    assert read_regular(path, 10) == b"ten bytes!"
    with pytest.raises(OSError, match="it has 10 bytes; expected 9 at most"):
        read_regular(path, 9)
    with pytest.raises(OSError, match="it has 10 bytes; expected 9 at most"):
        open_regular_within(path, 9)


def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit_all_the_same() -> None:
    path = Path("/proc/self/environ")
    if not path.exists() or path.stat().st_size:
        pytest.skip("needs /proc")
    with pytest.raises(OSError, match="expected 1 at most"):
        read_regular(path, 1)


def test_a_missing_file_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 10)
