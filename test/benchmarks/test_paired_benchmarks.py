"""Benchmarks in pairs judge by the median of the pairs' ratios; their figures are not judged here."""

from __future__ import annotations

from pathlib import Path

from made_bags import texts, write_bag

from benchmarks import evaluation, node
from benchmarks.library_reading import read


def test_the_median_ratio_of_the_pairs_is_judged_and_no_reading_may_be_lost() -> None:
    pairs = [node.Pair(60.0, 50.0, 0), node.Pair(90.0, 50.0, 0), node.Pair(65.0, 50.0, 0)]
    assert node.broken_limits(pairs) == []
    slow, lossy = node.broken_limits([node.Pair(100.0, 50.0, 3)])
    assert "the median ratio is 2.00, at most 1.35" in slow
    assert "3 readings got no verdict" in lossy
    assert list(node.result_table(pairs).columns[3].cells) == ["1.20", "1.80", "1.30", "1.30"]


def test_an_evaluation_is_judged_with_and_without_its_report() -> None:
    turns = [evaluation.Turn(5.0, 4.0, 1.0), evaluation.Turn(14.0, 10.0, 2.0), evaluation.Turn(6.0, 4.4, 1.0)]
    assert evaluation.median_ratios(turns) == (6.0, 4.4)
    assert evaluation.broken_limits(turns) == []
    whole, bare = evaluation.broken_limits([evaluation.Turn(6.1, 4.6, 1.0)])
    assert "with its report takes 6.10 times" in whole
    assert "without takes 4.60 times" in bare


def test_the_library_reads_every_message(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", texts(3))
    assert read(tmp_path / "bag") == 3
