"""All benchmarks are run, and one that fails is told and costs no other."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import all as all_benchmarks

ROOT = Path(__file__).resolve().parents[2]


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(all_benchmarks.main)
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, result.output


def test_every_benchmark_that_is_run_is_there_and_explained() -> None:
    explained = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for module, *_ in all_benchmarks.COMMANDS:
        assert importlib.util.find_spec(module) is not None
        assert f"`python -m {module}`" in explained


def test_one_that_fails_is_in_the_page_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = (("benchmarks.nowhere",), ("platform",))
    monkeypatch.setattr(all_benchmarks, "COMMANDS", commands)
    code, _ = invoke("--output", str(tmp_path / "page.md"))
    text = (tmp_path / "page.md").read_text()
    assert code == 1
    assert "## python -m benchmarks.nowhere\n**Exit code 1.**" in text
    assert "No module named benchmarks.nowhere" in text
    assert "## python -m platform\n\n```\nLinux" in text


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    code, text = invoke("--output", str(tmp_path / "page.md"), "--only", "nothing")
    assert code == 2
    assert "nothing; there are inference" in text
