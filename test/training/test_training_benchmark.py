"""The benchmark of training measures steps and waits; its figures are not judged here."""

from __future__ import annotations

import needs_training  # noqa: F401
import typer
from typer.testing import CliRunner

from benchmarks.training import StepTimes, main, table


def cell(column: int, row: int, times: StepTimes, plain: list[float]) -> str:
    return list(table(times, plain).columns[column].cells)[row]  # type: ignore[arg-type]


def test_the_table_gives_medians_and_their_ratios() -> None:
    times = StepTimes()
    times.steps, times.waits = [50.0, 40.0, 900.0], [1.0, 0.5, 0.5]
    plain = [100.0, 100.0, 400.0]
    assert [cell(2, row, times, plain) for row in range(3)] == ["1.00", "0.50", "0.0100 of a step"]


def test_it_runs() -> None:
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(
        app, ["--rounds", "1", "--steps", "1", "--model", "gasnet_field", "--threads", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "step of training.train" in result.output
