"""One command chooses, tests and reports; it goes on where it was, and refuses bad input in one line."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Iterator
from pathlib import Path

import pytest
import small_benchmark as small
import typer
from typer.testing import CliRunner, Result

from training.benchmark import __main__ as benchmark
from training.benchmark import contenders, tasks
from training.command_line import parallel
from training.results.benchmark_result import BenchmarkResult, read_benchmark
from training.variations.perturbations import perturbations

OPTIONS = ("--models", "small", "--positions", "0.2,0.6", "--embargo", str(small.EMBARGO), "--seeds", "0,1")


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(benchmark.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module", autouse=True)
def patched() -> Iterator[None]:
    with small.short_onsets() as patch:
        for module in (tasks, contenders):
            patch.setattr(module, "CONTENDERS", {small.CONTENDER.name: small.CONTENDER})
        patch.setattr(tasks, "STRICT_EMBARGO", small.EMBARGO)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_folder(tmp_path_factory.mktemp("benchmark_data"), small.made_recording())


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("benchmark_output") / "out"
    result = run(*OPTIONS, "--split", "blocked,strict", "--data", folder, "--output", output)
    assert result.exit_code == 0, result.output
    assert "3 of 3 tasks to go" in result.output
    return output


def test_a_cluster_that_is_not_there_is_a_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="the cluster is dask's")
    monkeypatch.setattr(parallel, "_CONNECT_S", 0.2)
    nowhere = ("--scheduler", "tcp://127.0.0.1:9")
    result = run(*OPTIONS, "--data", folder, "--output", tmp_path / "out", *nowhere)
    assert result.exit_code == 2
    assert "training.benchmark: there is no dask scheduler at tcp://127.0.0.1:9" in result.output


@pytest.fixture
def results(finished: Path) -> list[BenchmarkResult]:
    return read_benchmark(finished / "results.json")


def test_there_is_an_entry_per_position_and_seed(results: list[BenchmarkResult]) -> None:
    expected = [("blocked", 0.2), ("blocked", 0.6), ("strict", None)]
    assert [(entry.split.name, entry.split.position, entry.seed) for entry in results] == [
        (*split, seed) for split in expected for seed in (0, 1)
    ]
    assert len({entry.run for entry in results}) == 6


def test_entries_are_of_one_kind(results: list[BenchmarkResult]) -> None:
    for entry in results:
        assert sum(map(sum, entry.confusion)) == entry.rows["test"]
        right = sum(row[at] for at, row in enumerate(entry.confusion))
        assert entry.accuracy == pytest.approx(right / entry.rows["test"], abs=1e-4)
        assert set(entry.candidates) == {"eight", "five"}
        assert entry.inner_accuracy == max(entry.candidates.values())
        assert entry.thermal == "none"
        assert entry.rejected is not None
        paces = {"pace 0.7", "pace 0.85", "pace 1.2", "pace 1.4"}
        assert set(entry.perturbed or ()) == paces | {kind.name for kind in perturbations(entry.channels)}
    blocked = [entry for entry in results if entry.split.name == "blocked"]
    assert all(entry.alarm is not None and entry.missed_leaks is not None for entry in blocked)
    assert [entry.seed for entry in results if entry.reject_auroc] == [0, 0]
    assert {entry.window for entry in results if entry.split.name == "strict"} == {20}


def test_the_same_command_runs_nothing_again(
    finished: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished / "results.json").read_text()
    monkeypatch.setattr(tasks, "run_contender", None)
    result = run(*OPTIONS, "--split", "blocked,strict", "--data", folder, "--output", finished)
    assert result.exit_code == 0, result.output
    assert "0 of 3 tasks to go" in result.output
    assert (finished / "results.json").read_text() == before


def test_the_report_names_protocol_and_command_but_no_folder(finished: Path, folder: Path) -> None:
    text = (finished / "report.md").read_text()
    assert "a small one" in text
    assert "blocked" in text
    for place in (folder, finished):
        assert str(place) not in text


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (("--models", "large"), "no model is called 'large'; there are all, small"),
        (("--models", ","), "--models is ','"),
        (("--split", "shuffled"), "split is 'shuffled'"),
        (("--positions", "0.9"), "position is 0.9"),
        (("--positions", "a"), "--positions is 'a'; it must be numbers"),
        (("--seeds", "4-0"), "--seeds is '4-0'"),
        (("--fraction", "0.8"), "fraction is 0.8"),
        (("--embargo", "200"), "a class has 130 rows"),
        (("--data", "missing"), "missing does not exist"),
    ],
)
def test_benchmark_refuses_bad_options_in_one_line(
    arguments: tuple[str, ...], detail: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    result = run(*OPTIONS, "--data", folder, "--output", output, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert detail in line
    assert not output.exists()


def test_too_few_rows_for_folds_are_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run(
        *OPTIONS, "--positions", "0.4", "--embargo", "25", "--data", folder, "--output", output
    )  # fmt: skip
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert "too few rows outside the test for folds with an embargo of 25 rows" in line
    assert not output.exists()
