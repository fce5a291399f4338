"""Whatever the damage to a bag, a command ends with lines and one of the exit codes that are documented."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from in_process import invoke

from benchmarks.damaged import MAX_PEAK_MB, MAX_SECONDS, Outcome, Run, commands_for, run_command
from benchmarks.damaged_bags import KINDS, damaged, write_whole_bag

ROOT = Path(__file__).parents[2]
BAGS = 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_bag_of_each_kind_is_evaluated_whole(kind: str, tmp_path: Path) -> None:
    write_whole_bag(tmp_path / "bag", kind)
    code, said = invoke("evaluate", tmp_path / "bag", "--output", tmp_path / "out", "--no-html")
    assert code == 0
    assert "40 with an image" in said


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bags_end_in_lines(kind: str, tmp_path: Path) -> None:
    content = write_whole_bag(tmp_path / "whole", kind).read_bytes()
    (name,) = (path.name for path in (tmp_path / "whole").iterdir() if path.name != "metadata.yaml")
    for number in range(BAGS):
        bag, out = tmp_path / f"bag{number}", tmp_path / f"out{number}"
        shutil.copytree(tmp_path / "whole", bag)
        (bag / name).write_bytes(damaged(content, random.Random(f"{kind} {number}")))
        code, said = invoke(*commands_for(number, bag, out))
        fault = Run(code, 0.0, 0.0, said).fault
        assert not fault, f"bag {number}: {fault}: {said}"


def test_damage_is_done_by_the_seed_alone() -> None:
    content = bytes(range(256)) * 40
    first, again, other = (damaged(content, random.Random(seed)) for seed in ("a", "a", "b"))
    assert first == again != other


def test_the_benchmark_measures_a_process_of_its_own(tmp_path: Path) -> None:
    # Not forked from this one, whose memory, that of all tests, would count as theirs.
    program = (
        "import sys; from pathlib import Path; from benchmarks.damaged import try_kind;"
        "tried = try_kind('mcap', 2, seed=0, work=Path(sys.argv[1]));"
        "print(tried.is_good, tried.seconds, tried.peak_mb)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    is_good, seconds, peak_mb = done.stdout.split()
    assert is_good == "True"
    assert 0 < float(seconds) < MAX_SECONDS
    assert float(peak_mb) > 10
    assert list(tmp_path.iterdir()) == []


def test_the_benchmark_ends_what_does_not_end(tmp_path: Path) -> None:
    write_whole_bag(tmp_path / "bag", "mcap")
    run = run_command("inspect", str(tmp_path / "bag"), max_seconds=0.001)
    assert run.exit_code is None
    assert "no end" in run.fault


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        (Run(0, 1.0, 100.0, "fine\n"), ""),
        (Run(2, 1.0, 100.0, "gas-fusion: refused\n"), ""),
        (Run(2, 1.0, 100.0, "gas-fusion: one\ngas-fusion: two\n"), "not one line"),
        (Run(2, 1.0, 100.0, ""), "not one line"),
        (Run(1, 1.0, 100.0, "Traceback (most recent call last):\n"), "a traceback"),
        (Run(-9, 1.0, 100.0, ""), "exit code -9"),
        (Run(0, 1.0, 100.0, "a\x1b[2J\n"), "a line that is none"),
    ],
)
def test_the_benchmark_tells_what_is_wrong(run: Run, fault: str) -> None:
    assert run.fault == fault


def test_the_benchmark_holds_the_limits() -> None:
    assert Outcome("mcap", [Run(0, MAX_SECONDS, MAX_PEAK_MB, "")]).is_good
    assert not Outcome("mcap", [Run(0, MAX_SECONDS + 1, 1.0, "")]).is_good
    assert not Outcome("mcap", [Run(0, 1.0, MAX_PEAK_MB + 1, "")]).is_good
    assert not Outcome("mcap", [Run(3, 1.0, 1.0, "")]).is_good
