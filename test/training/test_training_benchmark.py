"""The benchmark of training measures steps and waits; its figures are not judged here."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import needs_training  # noqa: F401
import pytest
import typer
from typer.testing import CliRunner

from benchmarks.keras_peer import PeerError, keras_peer
from benchmarks.training import Pair, StepTimes, fresh_network, main, pair_table, table, trainable
from gas_fusion_ros.model.networks.shape import PAPER_SHAPE
from training.fitting.catalog import load_model


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


def test_pairs_are_told_with_the_median_of_their_ratios_and_its_spread() -> None:
    pairs = [Pair(90.0, 100.0), Pair(80.0, 100.0), Pair(260.0, 200.0)]
    assert list(pair_table(pairs).columns[3].cells) == ["0.90", "0.80", "1.30", "0.90 (0.80 to 1.30)"]


def test_the_peer_has_as_many_parameters_by_its_layers() -> None:
    from benchmarks.keras_step import GAS_FILTERS, HIDDEN, PICTURE_FILTERS

    def convolutions(filters: tuple[int, ...], places: int) -> int:
        pairs = pairwise((1, *filters))
        return sum(places * before * after + 2 * after for before, after in pairs)

    branches = convolutions(GAS_FILTERS, 3) + convolutions(PICTURE_FILTERS, 9)
    joined = PICTURE_FILTERS[-1] * 3 * 3 + GAS_FILTERS[-1] * 3
    head = joined * HIDDEN + HIDDEN + HIDDEN * 4 + 4
    assert branches + head == trainable(fresh_network(load_model("fusion1_field")))


@pytest.mark.parametrize("python", [Path("no/python"), Path(sys.executable)])
def test_a_peer_that_is_not_there_is_told_with_the_remedy(python: Path) -> None:
    with pytest.raises(PeerError, match="pip install tensorflow-cpu"), keras_peer(python, PAPER_SHAPE, 32, 1):
        pass


def test_the_peer_wants_fusion_one_and_an_interpreter() -> None:
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, ["--peer", "keras", "--model", "gasnet_field"])
    assert result.exit_code == 2
    assert "Fusion I" in result.output
