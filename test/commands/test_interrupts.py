"""Ctrl-C and `docker stop` end a command at once, in a line and with exit code 130."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from crafted import described, mcap, message, record, zstd_zeros
from made_bags import CLOUD, EPOCH, SECOND, STORE, reading
from measured import command_of, end_of, start

from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.storage.mcap_records import HEAD
from gas_fusion_ros.bags.storage.sqlite_file import _Database

ATTACHMENT = 0x09
GIB = 1 << 30
MAX_SECONDS = 5.0
"""A second or so, on a machine that has other work."""


def slow_to_hash(path: Path, gibibytes: int = 40) -> Path:
    """A bag that is read in no time and takes a minute to hash: it is mostly one attachment of zeros."""
    times = [EPOCH + number * 2 * SECOND for number in range(5)]
    inside = [
        message(at, bytes(STORE.serialize_cdr(reading(at, [400.0] * 7).message, CLOUD))) for at in times
    ]
    whole = mcap(described("/gas/readings", CLOUD), *inside)
    end = len(record(0x0F, bytes(4))) + len(record(0x02, bytes(20))) + 8
    with path.open("wb") as file:
        file.write(whole[:-end] + HEAD.pack(ATTACHMENT, gibibytes * GIB))
        file.seek(gibibytes * GIB, 1)
        file.write(whole[-end:])
    return path


def slow_to_unpack(path: Path) -> Path:
    """A bag that unpacks to 40 GiB."""
    path.write_bytes(zstd_zeros(GIB, mcap()[:8]) * 40)
    return path


def wait_for(happened: Callable[[], bool], max_seconds: float = 40.0) -> None:
    until_s = time.monotonic() + max_seconds
    while not happened():
        assert time.monotonic() < until_s, "it does not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_hash_of_a_long_bag_holds_nothing_up(ending: signal.Signals, jobs: int, tmp_path: Path) -> None:
    if jobs > 1:
        pytest.importorskip("joblib")
    bags = [slow_to_hash(tmp_path / f"{number}.mcap") for number in range(jobs)]
    out = tmp_path / "out"
    with tempfile.TemporaryFile() as output:
        command = ("evaluate", *bags, "--output", out, "--no-html", "--device", "cpu", "--jobs", str(jobs))
        child = start(command_of(*command), output.fileno())
        # Of what follows only the hash is left.
        wait_for(lambda: len(list(out.rglob("predictions.csv"))) == jobs)
        began_s = time.monotonic()
        # A terminal tells all processes, `docker stop` the first one.
        if ending is signal.SIGINT:
            os.killpg(child.pid, ending)
        else:
            child.send_signal(ending)
        code = end_of(child, 30.0)
        took_s = time.monotonic() - began_s
        output.seek(0)
        said = output.read().decode()
    assert code == 130
    assert said == "gas-fusion: interrupted\n"
    assert took_s < MAX_SECONDS


@pytest.mark.parametrize(
    "command",
    [("inspect",), ("label", "--from-truth", "--output", "labels.csv"), ("dataset", "--output", "made")],
    ids=lambda command: command[0],
)
def test_unpacking_holds_nothing_up_and_leaves_nothing(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setenv("TMPDIR", str(unpacked))
    bag = slow_to_unpack(tmp_path / "bag.mcap.zstd")
    verb, *options = command
    with tempfile.TemporaryFile() as output:
        child = start(command_of(verb, bag, *options, "--unpack-disk", "40"), output.fileno())
        wait_for(lambda: any(path.stat().st_size for path in unpacked.glob("gas-fusion-*/*")))
        began_s = time.monotonic()
        child.send_signal(signal.SIGINT)
        code = end_of(child, 30.0)
        took_s = time.monotonic() - began_s
        output.seek(0)
        said = output.read().decode()
    assert code == 130, said
    assert said == "gas-fusion: interrupted\n"
    assert took_s < MAX_SECONDS
    assert list(unpacked.glob("gas-fusion-*")) == []


@pytest.mark.timeout(30)
def test_a_signal_while_sqlite_works_is_not_lost(tmp_path: Path) -> None:
    """SQLite takes an exception in its handler for an order to stop, and says so as of any other."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    database = _Database(f"file:{tmp_path / 'empty'}?mode=rwc", 1 << 60, BagLimits())
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            database.one(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        database.close()
