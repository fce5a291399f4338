"""Which results share a table, a row, a column; and what is said of their spread."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import RANDOM_SPLIT, blocked, gas_result, image_result

from training.data.splits import BACKWARD, FORWARD, SPLITS, SplitSettings
from training.fitting.catalog import PaperFigures
from training.report.protocols import Spread, protocols_of
from training.reproduce.summary import comparisons
from training.results.run_result import FineTuningOrigin

PAPER = {
    "lstm": PaperFigures(4, 0.8852, 0.8848),
    "cnn1d": PaperFigures(4, 0.9625, 0.9625),
    "knn1": None,
    "gasnet": PaperFigures(5, 0.9641, 0.9641),
}

accuracies = st.floats(0, 1)
splits = st.one_of(
    st.builds(SplitSettings, st.just("random"), st.sampled_from((0.1, 0.2)), st.none(), st.just(0)),
    st.builds(blocked, st.sampled_from((0.0, 0.2, 0.5)), st.sampled_from((0, 20, 60))),
    st.builds(
        SplitSettings, st.sampled_from((FORWARD, BACKWARD)), st.just(0.5), st.none(), st.sampled_from((0, 60))
    ),
)


@given(st.lists(st.tuples(accuracies, splits), min_size=1, max_size=12))
def test_a_mean_lies_within_its_range(runs: list[tuple[float, SplitSettings]]) -> None:
    results = [gas_result(accuracy=accuracy, split=split) for accuracy, split in runs]
    spread = Spread.of(results, attrgetter("accuracy"))
    assert spread is not None
    measured = [result.accuracy for result in results]
    assert min(measured) - 1e-9 <= spread.low <= spread.mean + 1e-9
    assert spread.mean - 1e-9 <= spread.high <= max(measured) + 1e-9
    assert 1 <= spread.places <= spread.runs == len(results)


@given(st.lists(splits, max_size=12))
def test_every_result_is_in_exactly_one_column(chosen: list[SplitSettings]) -> None:
    results = [gas_result(split=split) for split in chosen]
    columns = protocols_of(results)
    for split in chosen:
        holding = [column for column in columns if column.holds(split)]
        assert len(holding) == 1
        if split.position is not None:
            assert split.position in holding[0].positions
    assert len({column.heading for column in columns}) == len(columns)
    assert [column.name for column in columns] == sorted((c.name for c in columns), key=SPLITS.index)


def test_several_seeds_at_a_position_count_as_one() -> None:
    at_start = [gas_result(accuracy=accuracy, split=blocked(0.0)) for accuracy in (0.6, 0.8)]
    spread = Spread.of([*at_start, gas_result(accuracy=0.9, split=blocked(0.2))], attrgetter("accuracy"))
    assert spread is not None
    assert (spread.mean, spread.low, spread.high) == pytest.approx((0.8, 0.7, 0.9))
    assert (spread.places, spread.runs) == (2, 3)


def test_without_results_there_is_no_spread() -> None:
    assert Spread.of([], attrgetter("accuracy")) is None


@pytest.mark.parametrize(
    "split", [blocked(0.2), SplitSettings(FORWARD, 0.5, None, 20), SplitSettings(BACKWARD, 0.25, None, 60)]
)
def test_a_heading_is_the_protocols_name(split: SplitSettings) -> None:
    (column,) = protocols_of([gas_result(split=split)])
    assert column.heading == split.protocol


def test_a_heading_names_all_positions_and_the_exact_fraction() -> None:
    results = [gas_result(split=blocked(position, fraction=0.125)) for position in (0.4, 0.0)]
    (column,) = protocols_of(results)
    assert column.heading == "blocked split at 0, 0.4, 12.5% held out, embargo 60"


def test_rows_follow_the_given_order_and_the_rest_comes_last() -> None:
    results = [gas_result(model) for model in ("new", "knn1", "cnn1d")]
    (table,) = comparisons(results, PAPER)
    assert [entry.title for entry in table.in_paper] == ["lstm", "CNN1D"]
    assert [entry.title for entry in table.others] == ["KNN1", "NEW"]
    assert [entry.title for entry in table.measured] == ["CNN1D", "KNN1", "NEW"]


def test_a_model_of_the_paper_that_was_not_measured_keeps_its_row() -> None:
    (table,) = comparisons([gas_result("cnn1d")], PAPER)
    lstm = table.in_paper[0]
    assert (lstm.paper, lstm.results) == (PAPER["lstm"], ())


def test_real_and_rendered_pictures_are_compared_apart() -> None:
    results = [image_result(thermal=thermal) for thermal in ("real", "rendered", "real")]
    real, rendered = comparisons(results, PAPER)
    assert (real.thermal, rendered.thermal) == ("real", "rendered")
    assert [len(table.in_paper[0].results) for table in (real, rendered)] == [2, 1]


def test_other_hyperparameters_make_another_row() -> None:
    small = image_result(hyperparameters={"image_size": 96, "batch": 32})
    large = image_result(hyperparameters={"image_size": 224, "batch": 32})
    (table,) = comparisons([small, large, replace(small, seed=1)], PAPER)
    assert [(entry.title, len(entry.results)) for entry in table.in_paper] == [
        ("GASNET (image_size 96)", 2),
        ("GASNET (image_size 224)", 1),
    ]


def test_a_share_of_the_rows_makes_another_row() -> None:
    (table,) = comparisons([gas_result(), gas_result(share=0.1)], PAPER)
    titles = [entry.title for entry in table.in_paper if entry.results]
    assert titles == ["CNN1D (share of the rows 1)", "CNN1D (share of the rows 0.1)"]


def test_other_data_make_another_row() -> None:
    (table,) = comparisons([gas_result(), gas_result(data_sha256="cd34" * 16)], PAPER)
    titles = [entry.title for entry in table.in_paper if entry.results]
    assert titles == ["CNN1D (data ab12ab12)", "CNN1D (data cd34cd34)"]


def test_fine_tuned_runs_make_a_row_of_their_own() -> None:
    """Their weights have seen other data: they are no run of the protocol beside them."""
    tuned = gas_result(fine_tuned_from=FineTuningOrigin("mine", "12ef" * 16, "gas_only", 1.0))
    (table,) = comparisons([gas_result(), tuned, gas_result(channels=("mq3", "mq8"))], PAPER)
    assert [entry.title for entry in table.in_paper if entry.results] == [
        "CNN1D (channels mq2+mq3+mq5+mq6+mq7+mq8+mq135, fine-tuned from nothing)",
        "CNN1D (channels mq2+mq3+mq5+mq6+mq7+mq8+mq135, fine-tuned from mine 12ef12ef)",
        "CNN1D (channels mq3+mq8, fine-tuned from nothing)",
    ]


def test_an_entry_gives_only_the_runs_of_a_protocol() -> None:
    results = [gas_result(split=split) for split in (RANDOM_SPLIT, blocked(0.0), blocked(0.0, embargo=20))]
    (table,) = comparisons(results, PAPER)
    entry = table.measured[0]
    assert [entry.under(column) for column in table.protocols] == [
        (results[0],),
        (results[2],),
        (results[1],),
    ]
