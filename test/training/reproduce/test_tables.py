"""The tables' cells, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from made_results import RANDOM_SPLIT, blocked, gas_result, image_result, yardstick_result

from training.data.splits import BACKWARD, SplitSettings
from training.fitting.catalog import PaperFigures
from training.report.tables import Table, number
from training.reproduce.summary import Comparison, comparisons
from training.reproduce.tables import cost_table, protocol_table, score_table, shared_hyperparameters
from training.results.run_result import RunResult

PAPER = {"lstm": PaperFigures(4, 0.8852, 0.8848), "cnn1d": PaperFigures(4, 0.9625, 0.9624), "knn1": None}
SCORES = ("accuracy", "macro_f1")


def compared(results: Sequence[RunResult]) -> Comparison:
    (table,) = comparisons(results, PAPER)
    return table


def cell(table: Table, row: str, group: str, column: str) -> str:
    """The one cell of a row under a shared heading and a column's own."""
    places = [
        index
        for index, headings in enumerate(zip(table.groups, table.columns, strict=True))
        if headings == (group, column)
    ]
    rows = [cells for block in table.blocks for cells in block.rows if cells[0] == row]
    assert (len(places), len(rows)) == (1, 1)
    return rows[0][places[0]]


def test_a_row_has_the_papers_figures_and_ours() -> None:
    results = [
        gas_result(accuracy=0.96, seed=0),
        gas_result(accuracy=0.98, seed=1),
        gas_result(accuracy=0.7, split=blocked(0.0)),
        gas_result(accuracy=0.9, split=blocked(0.2)),
        gas_result(accuracy=0.55555, split=SplitSettings(BACKWARD, 0.5, None, 60)),
    ]
    table = score_table(compared(results), SCORES)
    at_blocks = "blocked split at 0, 0.2, 20% held out, embargo 60"
    backward = "backward split, 50% held out, embargo 60"
    assert cell(table, "CNN1D", "paper, random split", "accuracy") == "0.9625"
    assert cell(table, "CNN1D", "paper, random split", "macro F1") == "0.9624"
    assert cell(table, "CNN1D", "random split, 20% held out", "accuracy") == "0.9700\n0.9600..0.9800\n2 seeds"
    assert cell(table, "CNN1D", "random split, 20% held out", "macro F1") == "0.9600\n0.9500..0.9700\n2 seeds"
    assert cell(table, "CNN1D", at_blocks, "accuracy") == "0.8000\nworst 0.7000\n2 positions"
    assert cell(table, "CNN1D", at_blocks, "macro F1") == "0.7900\nworst 0.6900\n2 positions"
    assert cell(table, "CNN1D", backward, "accuracy") == "0.5555\n1 seed"
    assert len(table.columns) == 9


def test_what_was_not_measured_is_a_dash() -> None:
    results = [gas_result(), yardstick_result(split=blocked(0.0))]
    table = score_table(compared(results), SCORES)
    rows = {row[0]: row[1:] for block in table.blocks for row in block.rows}
    assert rows["lstm"] == ("0.8852", "0.8848", "-", "-", "-", "-")
    assert rows["CNN1D"][4:] == ("-", "-")
    assert rows["KNN1"][:4] == ("-", "-", "-", "-")


def test_models_that_are_not_in_the_paper_stand_below() -> None:
    table = score_table(compared([yardstick_result(), gas_result()]), SCORES)
    assert [(block.heading, [row[0] for row in block.rows]) for block in table.blocks] == [
        ("", ["lstm", "CNN1D"]),
        ("not in the paper", ["KNN1"]),
    ]


def test_a_model_that_lacks_positions_says_so() -> None:
    results = [gas_result(split=blocked(0.0)), gas_result(split=blocked(0.2)), gas_result("lstm", 0.8)]
    results += [gas_result("lstm", split=blocked(0.2), seed=seed) for seed in range(3)]
    table = score_table(compared(results), SCORES)
    heading = "blocked split at 0, 0.2, 20% held out, embargo 60"
    assert cell(table, "LSTM", heading, "accuracy").splitlines()[2] == "1 of 2 positions, 3 runs"


def test_two_embargos_never_share_a_column() -> None:
    results = [gas_result(accuracy=embargo / 100, split=blocked(0.0, embargo)) for embargo in (20, 60)]
    table = score_table(compared(results), SCORES)
    for embargo in (20, 60):
        heading = f"blocked split at 0, 20% held out, embargo {embargo}"
        assert cell(table, "CNN1D", heading, "accuracy").startswith(f"0.{embargo}00\n")


def test_two_fractions_never_share_a_column() -> None:
    results = [gas_result(split=SplitSettings(fraction=fraction)) for fraction in (0.1, 0.2)]
    table = score_table(compared(results), SCORES)
    headings = [group for group, _ in table.spans]
    assert headings == [
        "",
        "paper, random split",
        "random split, 10% held out",
        "random split, 20% held out",
    ]


def test_precision_and_recall_have_no_paper_column() -> None:
    table = score_table(compared([gas_result(accuracy=0.95)]), ("macro_precision", "macro_recall"))
    assert table.columns == ("model", "macro precision", "macro recall")
    assert cell(table, "CNN1D", "random split, 20% held out", "macro precision") == "0.9300\n1 seed"
    assert cell(table, "CNN1D", "random split, 20% held out", "macro recall") == "0.9200\n1 seed"


def test_spans_cover_all_columns() -> None:
    table = score_table(compared([gas_result(split=split) for split in (RANDOM_SPLIT, blocked(0))]), SCORES)
    assert table.spans == (
        ("", 1),
        ("paper, random split", 2),
        ("random split, 20% held out", 2),
        ("blocked split at 0, 20% held out, embargo 60", 2),
    )


def test_cost_of_networks_and_yardsticks() -> None:
    results = [gas_result(epochs=40, seconds=10.0), gas_result(epochs=45, seconds=20.0), yardstick_result()]
    table = cost_table(compared(results))
    assert table.columns == (
        *("model", "parameters", "MACs", "runs", "epochs, mean", "seconds, mean"),
        *("epochs at most", "batch", "learning rate", "precision"),
    )
    assert [block.rows for block in table.blocks] == [
        (("CNN1D", "54.4 k", "41 k", "2", "42.5", "15.0", "200", "32", "0.001", "32-true"),),
        (("KNN1", "-", "-", "1", "-", "12.5", "-", "-", "-", "-"),),
    ]


def test_cost_names_the_picture_and_hyperparameters_that_differ() -> None:
    first = image_result(hyperparameters={"epochs": 200, "image_size": 224, "dropout": 0.3, "patience": 12})
    second = image_result(
        "vgg16",
        image_size=96,
        macs=1_234_567_890,
        hyperparameters={"epochs": 30, "image_size": 96, "dropout": 0.5, "patience": 12},
    )
    comparison = compared([first, second])
    table = cost_table(comparison)
    assert cell(table, "VGG16", "", "picture") == "cropped, 96 px"
    assert cell(table, "VGG16", "", "MACs") == "1.235 G"
    assert cell(table, "VGG16", "", "epochs at most") == "30"
    assert cell(table, "VGG16", "", "dropout") == "0.5"
    assert shared_hyperparameters(comparison) == {"patience": "12"}


def test_only_yardsticks_share_no_hyperparameters() -> None:
    assert shared_hyperparameters(compared([yardstick_result()])) == {}


def test_protocols_give_their_rows() -> None:
    counts = (
        {"train": 3600, "validation": 900, "test": 1280},
        {"train": 3500, "validation": 900, "test": 1280},
    )
    results = [
        gas_result(split=blocked(position), rows=rows)
        for position, rows in zip((0, 0.2), counts, strict=True)
    ]
    ((row,),) = (block.rows for block in protocol_table(results).blocks)
    assert row[0] == "blocked split at 0, 0.2, 20% held out, embargo 60"
    assert row[2:] == ("3500..3600", "900", "1280")


@given(st.floats(0, 1))
def test_numbers_have_four_digits(value: float) -> None:
    text = number(value)
    assert len(text) == len("0.0000")
    assert abs(float(text) - value) <= 0.00005 + 1e-12
