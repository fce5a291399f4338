"""The inference benchmark shows eight bits beside float32 where a bundle has both."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks import inference


def test_the_ratio_is_the_median_of_the_pairs_with_its_spread() -> None:
    out = io.StringIO()
    table = inference.precision_table("made", [(1.0, 0.5), (2.0, 1.4), (1.0, 0.6)])
    Console(file=out, width=120).print(table)
    assert "0.60 (0.50 to 0.70)" in out.getvalue()


def test_pairs_are_measured_where_there_are_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_RUNS", 2)
    monkeypatch.setattr(inference, "_PAIRS", 3)
    assert inference.measure_precisions("fusion1") == []
    pairs = inference.measure_precisions("temporal_fusion")
    assert len(pairs) == 3
    assert all(time > 0 for pair in pairs for time in pair)
