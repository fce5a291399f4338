"""The cells of the benchmark's tables, one by one."""

from __future__ import annotations

import needs_training  # noqa: F401
import pytest
from made_benchmark import BACKWARD_SPLIT, FORWARD_SPLIT, STRICT_SPLIT, bare_result, bench_result, blocked

from training.benchmark.tables import (
    alarm_table,
    calibration_table,
    choice_table,
    model_table,
    reject_table,
    robustness_table,
    window_table,
)
from training.report.tables import Table
from training.results.benchmark_result import BenchmarkResult

BLOCKS = "blocked split"
TABLES = (
    *(model_table, window_table, robustness_table, calibration_table, reject_table, alarm_table),
    choice_table,
)
RESULTS = [
    bench_result(accuracy=0.9, seed=0, split=blocked(0.0)),
    bench_result(accuracy=0.7, seed=1, split=blocked(0.0), clean_called_gas=0.2),
    bench_result(accuracy=1.0, split=blocked(0.2), leak_recall=0.5, clean_called_gas=0.1),
    bench_result(accuracy=0.6, split=FORWARD_SPLIT),
    bench_result(accuracy=0.9, seed=1, split=STRICT_SPLIT),
    bench_result(accuracy=0.8, seed=2, split=STRICT_SPLIT),
    bare_result(accuracy=0.95, split=blocked(0.2)),
    bare_result(accuracy=0.5, split=BACKWARD_SPLIT),
]


def cell(table: Table, row: str, column: str, group: str = "", block: str = "") -> str:
    """The one cell of a row under a shared heading and a column's own."""
    places = [
        index
        for index, headings in enumerate(zip(table.groups, table.columns, strict=True))
        if headings == (group, column)
    ]
    rows = [cells for each in table.blocks if each.heading == block for cells in each.rows if cells[0] == row]
    assert (len(places), len(rows)) == (1, 1)
    assert len(rows[0]) == len(table.columns)
    return rows[0][places[0]]


def test_models_have_the_mean_the_worst_position_and_the_number_of_runs() -> None:
    table = model_table(RESULTS)
    model = "Temporal fusion"
    assert cell(table, model, "accuracy", BLOCKS) == "0.9000\nworst 0.8000"
    assert cell(table, model, "leak recall", BLOCKS) == "0.7400\nworst 0.5000"
    assert cell(table, model, "clean air called gas", BLOCKS) == "0.1016\nworst 0.1031"
    assert cell(table, model, "runs", BLOCKS) == "3\n2 positions"
    strict = "strict split"
    assert cell(table, model, "accuracy", strict) == "0.8500\n0.8000..0.9000"
    assert cell(table, model, "runs", strict) == "2"
    assert cell(table, model, "accuracy", "forward split") == "0.6000"
    backward = "backward split"
    assert (cell(table, model, "accuracy", backward), cell(table, model, "runs", backward)) == ("-", "-")


def test_two_splits_of_one_name_are_named_in_full() -> None:
    results = [bench_result(split=blocked(0.0, embargo)) for embargo in (20, 60)]
    headings = [f"blocked split at 0, 20% held out, embargo {embargo}" for embargo in (20, 60)]
    assert [heading for heading, _ in model_table(results).spans[1:]] == headings
    assert [block.heading for block in calibration_table(results).blocks] == headings


def test_a_model_that_lacks_a_position_says_so_and_the_best_comes_first() -> None:
    table = model_table(RESULTS)
    assert cell(table, "Knn5", "runs", BLOCKS) == "1\n1 of 2 positions"
    assert cell(table, "Knn5", "leak recall", BLOCKS) == "-"
    assert [row[0] for row in table.blocks[0].rows] == ["Knn5", "Temporal fusion"]


def test_lengths_of_the_window_stand_in_their_order() -> None:
    results = [bench_result(f"temporal_fusion_w{length}", window=length) for length in (40, 10)]
    table = window_table([*results, bench_result()])
    assert [row[1:4] for row in table.blocks[0].rows] == [
        ("10", "18", "0.9000\nworst 0.9000"),
        ("40", "78", "0.9000\nworst 0.9000"),
    ]


def test_losses_are_in_points_and_name_the_worst() -> None:
    results = [bench_result(accuracy=0.9), bench_result(accuracy=0.2, perturbed=None)]
    table = robustness_table(results)
    block = "blocked split"
    name = "Temporal fusion"
    assert cell(table, name, "accuracy", block=block) == "0.9000\nworst 0.9000"
    assert cell(table, name, "dead, one channel", block=block) == "3.0\nworst 5.0 (mq8)"
    assert cell(table, name, "dead, two channels", block=block) == "10.0"
    assert cell(table, name, "pace", block=block) == "2.0"
    assert cell(table, name, "runs", block=block) == "1\n1 position"


def test_runs_without_a_figure_are_counted() -> None:
    results = [bench_result(ece=0.1), bench_result(ece=None)]
    block = "blocked split"
    assert cell(calibration_table(results), "Temporal fusion", "ECE", block=block) == (
        "0.1000\nworst 0.1000\n1 of 2 runs"
    )


def test_rejection_has_a_column_for_each_held_out_class() -> None:
    table = reject_table([bench_result(split=FORWARD_SPLIT), bare_result(split=FORWARD_SPLIT)])
    assert table.columns == ("model", "Perfume", "Smoke", "runs")
    (block,) = table.blocks
    assert block.rows == (("Temporal fusion", "0.7000", "0.9900", "1"),)


def test_alarms_have_their_advice_and_the_clean_air_they_were_counted_in() -> None:
    later = {"on_threshold": 0.8, "off_threshold": 0.4, "on_delay_s": None}
    results = [bench_result(split=STRICT_SPLIT), bench_result(split=STRICT_SPLIT, alarm=later)]
    table = alarm_table(results)
    block = "strict split"
    name = "Temporal fusion"
    assert cell(table, name, "false readings per hour", block=block) == "11.2"
    assert cell(table, name, "missed leaks", block=block) == "0.2500"
    assert cell(table, name, "thresholds, on / off", block=block) == "0.7..0.8 / 0.4"
    assert cell(table, name, "delays on / off, s", block=block) == "3 / 10"
    assert cell(table, name, "clean air, h", block=block) == "0.4"


def test_without_clean_air_there_is_none_to_count_in() -> None:
    result = bench_result(classes=("CO", "CH4"), confusion=((1, 0), (0, 1)), alarm=None, split=FORWARD_SPLIT)
    ((*_, thresholds, delays, hours, _),) = alarm_table([result]).blocks[0].rows
    assert (thresholds, delays, hours) == ("- / -", "- / -", "0.0")


def test_the_choice_says_what_was_chosen_how_often() -> None:
    results = [
        bench_result(split=FORWARD_SPLIT, candidate="tcn-32"),
        bench_result(split=FORWARD_SPLIT, candidate="gru-32"),
        bench_result(split=FORWARD_SPLIT, candidate="tcn-32", seconds=15.5),
    ]
    (row,) = choice_table(results).blocks[0].rows
    assert row[1:3] == ("2", "tcn-32: 2\ngru-32: 1")
    assert row[-3:] == ("54404", "13.5", "3")


@pytest.mark.parametrize("results", [[], [bare_result()], RESULTS], ids=["none", "bare", "all"])
def test_every_row_has_a_cell_for_each_column(results: list[BenchmarkResult]) -> None:
    for make in TABLES:
        table = make(results)
        assert len(table.groups) == len(table.columns)
        assert {len(row) for block in table.blocks for row in block.rows} <= {len(table.columns)}


def test_a_table_of_what_was_not_measured_has_no_rows() -> None:
    for make in TABLES[1:]:
        assert make([bare_result()]).blocks == ()
