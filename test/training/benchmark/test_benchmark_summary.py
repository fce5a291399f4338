"""Rows, protocols and spreads of the benchmark hold what they say."""

from __future__ import annotations

import needs_training  # noqa: F401
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_benchmark import BACKWARD_SPLIT, FORWARD_SPLIT, STRICT_SPLIT, bare_result, bench_result, blocked

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from training.benchmark.summary import (
    Group,
    grouped,
    loss,
    mean_risks,
    models,
    perturbation_groups,
    points_lost,
    pooled_reliability,
    protocols,
    windows,
    without_window_models,
)
from training.report.protocols import Spread
from training.scoring.reliability import ReliabilityPoint, RiskCoveragePoint

SHARES = st.floats(0, 1)


def test_protocols_come_in_one_order_with_all_their_positions() -> None:
    splits = (BACKWARD_SPLIT, STRICT_SPLIT, FORWARD_SPLIT, blocked(0.4), blocked(0.0), blocked(0.0, 20))
    found = protocols(bench_result(split=split) for split in splits)
    assert [(each.name, each.embargo) for each in found] == [
        *(("blocked", 20), ("blocked", 60), ("strict", 20), ("forward", 60), ("backward", 60))
    ]
    assert found[1].positions == (0.0, 0.4)


def test_the_best_on_blocks_comes_first_and_who_has_none_last() -> None:
    results = [
        bench_result("none", 0.99, split=FORWARD_SPLIT),
        bench_result("worse", 0.7),
        bench_result("better", 0.8),
    ]
    assert [row.title for row in models(results)] == ["Better", "Worse", "None"]


def test_other_inputs_and_other_data_have_their_own_row_which_names_them() -> None:
    pictures = {"modality": "fusion", "thermal": "rendered"}
    results = [bench_result(), bench_result(accuracy=0.8, **pictures)]
    assert [row.title for row in models(results)] == [
        "Temporal fusion (gas)",
        "Temporal fusion (gas, rendered thermal)",
    ]
    (alone,) = models([bench_result(**pictures)])
    assert alone.title == "Temporal fusion (gas, rendered thermal)"
    results = [bench_result(), bench_result(accuracy=0.8, data_sha256="cd" * 32)]
    assert [row.title for row in models(results)] == [
        "Temporal fusion (data ab12ab12)",
        "Temporal fusion (data cdcdcdcd)",
    ]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4]), SHARES), min_size=1))
def test_a_spread_over_blocks_is_of_positions_however_many_seeds_each_has(
    runs: list[tuple[float, float]],
) -> None:
    results = [bench_result(accuracy=0.5, ece=value, split=blocked(place)) for place, value in runs]
    found = Spread.of(results, lambda result: result.ece)
    means = [np.mean([v for p, v in runs if p == place]) for place in {place for place, _ in runs}]
    assert found is not None
    assert (found.places, found.runs) == (len(means), len(runs))
    assert found.mean == pytest.approx(np.mean(means))
    assert (found.low, found.high) == (pytest.approx(min(means)), pytest.approx(max(means)))


def test_runs_without_the_figure_are_passed_over() -> None:
    results = [bench_result(ece=0.2), bench_result(ece=None), bench_result(ece=0.4)]
    found = Spread.of(results, lambda result: result.ece)
    assert found is not None
    assert (found.mean, found.runs) == (pytest.approx(0.3), 2)
    assert Spread.of([bare_result()], lambda result: result.ece) is None


@pytest.mark.parametrize(
    ("name", "kind", "channels", "variant"),
    [
        ("missing:mq2", "missing", 1, "mq2"),
        ("mq8+mq2 dead", "dead", 2, "mq8, mq2"),
        ("mq6 clamped high", "clamped high", 1, "mq6"),
        ("dead_mq135", "dead", 1, "mq135"),
        ("mq3, mq2 stuck", "stuck", 2, "mq3, mq2"),
        ("pace 1.4", "pace", 0, "1.4"),
        ("gain and offset", "gain and offset", 0, ""),
        ("gain mq3 -10%", "gain", 1, "mq3, -10%"),
        ("mq2", "change", 1, "mq2"),
    ],
)
def test_a_perturbation_is_known_by_kind_and_channels(
    name: str, kind: str, channels: int, variant: str
) -> None:
    assert grouped(name, PAPER_CHANNELS) == (Group(kind, channels), variant)


@given(st.lists(st.sampled_from(PAPER_CHANNELS), unique=True), st.sampled_from(":  _"))
def test_every_channel_in_a_name_is_found(channels: list[str], separator: str) -> None:
    group, variant = grouped(f"missing{separator}{'+'.join(channels)}", PAPER_CHANNELS)
    assert group == Group("missing", len(channels))
    assert variant == ", ".join(channels)


def test_what_is_lost_is_measured_against_the_same_runs() -> None:
    results = [
        bench_result(accuracy=0.9, split=blocked(0.0), perturbed={"mq2 dead": 0.8, "mq8 dead": 0.5}),
        bench_result(accuracy=0.8, split=blocked(0.2), perturbed={"mq2 dead": 0.8, "mq8 dead": 0.6}),
        bench_result(accuracy=0.1, split=blocked(0.4), perturbed=None),
    ]
    (group,) = perturbation_groups(results)
    lost = loss(results, group)
    assert lost is not None
    assert (lost.mean, lost.worst) == (pytest.approx((5 + 30) / 2), pytest.approx(30))
    assert (lost.variant, lost.count) == ("mq8", 2)
    assert loss(results, Group("dead", 2)) is None


@given(SHARES)
def test_a_gain_is_a_negative_loss(perturbed: float) -> None:
    lost = points_lost(bench_result(accuracy=0.5, perturbed={"pace 2": perturbed}), "pace 2")
    assert lost == pytest.approx((0.5 - perturbed) * 100)
    assert points_lost(bare_result(), "pace 2") is None


def test_lengths_are_those_of_the_window_models_shortest_first() -> None:
    results = [
        bench_result("temporal_fusion_w40", window=40),
        bench_result("temporal_fusion_w10", window=10),
        bench_result("temporal_fusion_w5", window=20, split=STRICT_SPLIT),
        bench_result("temporal_fusion", window=40),
        bare_result("knn_window"),
    ]
    assert [row.results[0].window for row in windows(results)] == [10, 40]
    # The strict protocol is at one length for all models.
    assert without_window_models(results) == results[2:]
    assert without_window_models(results[:2]) == results[:2]


def test_bins_are_pooled_by_their_rows() -> None:
    points = (ReliabilityPoint(0.9, 1.0, 30, 0.95, 1.0), ReliabilityPoint(0.9, 1.0, 10, 0.99, 0.6))
    (pooled,) = pooled_reliability(bench_result(reliability=(point,)) for point in points)
    assert (pooled.rows, pooled.confidence, pooled.accuracy) == (
        40,
        pytest.approx(0.96),
        pytest.approx(0.9),
    )


def test_risks_are_averaged_at_the_same_coverage() -> None:
    curves = (
        (RiskCoveragePoint(0.5, 0.0), RiskCoveragePoint(1.0, 0.2)),
        (RiskCoveragePoint(1.0, 0.4),),
        (),
    )
    results = [bench_result(risk_coverage=curve) for curve in curves]
    risks = mean_risks(results, np.array([0.5, 0.75, 1.0]))
    assert risks is not None
    np.testing.assert_allclose(risks, [0.2, 0.25, 0.3])
    assert mean_risks(results[2:], np.ones(1)) is None
