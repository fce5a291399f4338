"""Results of the benchmark survive the way through their file; what cannot be is named, file and field."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import needs_training  # noqa: F401
import pytest
from made_benchmark import FORWARD_SPLIT, bare_result, bench_result

from training.results.benchmark_result import BenchmarkResult, read_benchmark
from training.results.result_file import ResultError, write_results


def test_results_come_back_as_they_were_written_in_their_order(tmp_path: Path) -> None:
    results = [bench_result(), bare_result(), bench_result("temporal_fusion_w10", split=FORWARD_SPLIT)]
    path = tmp_path / "results.json"
    write_results(path, results)
    assert read_benchmark(path) == results
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text())["format_version"] == 1


def test_every_field_is_in_the_file_and_its_absence_is_named() -> None:
    for entry in fields(BenchmarkResult):
        values = bench_result().to_json()
        del values[entry.name]
        with pytest.raises(ResultError, match=f"^a file: the field '{entry.name}' is missing"):
            BenchmarkResult.from_json(values, "a file")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ece": "much"}, r"runs\[0\]\.ece is 'much'; expected a finite number"),
        ({"ece": True}, r"ece is True; expected a finite number"),
        ({"ece": float("nan")}, r"ece is nan; expected a finite number"),
        ({"aurc": 1.5}, r"aurc is 1\.5; expected 0\.\.1"),
        ({"seconds": -1}, "seconds is -1; expected a finite number of at least 0"),
        ({"window": 0}, "window is 0; expected a finite number above 0"),
        ({"window": 10.5}, r"window is 10\.5; expected an integer"),
        ({"model": None}, "model is None; expected a text"),
        ({"classes": "NoGas"}, "classes is 'NoGas'; expected a list"),
        ({"channels": ["mq2", 3]}, r"channels\[1\] is 3; expected a text"),
        ({"rows": {"test": 0.5}}, r"rows\['test'\] is 0\.5; expected an integer"),
        ({"rows": []}, r"rows is \[\]; expected an object"),
        ({"confusion": [[1]]}, "confusion must have 4 rows and columns"),
        ({"perturbed": {"pace 1.4": 2}}, r"perturbed\['pace 1\.4'\] is 2; expected 0\.\.1"),
        ({"alarm": {"on_delay_s": -3}}, r"alarm\['on_delay_s'\] is -3"),
        ({"reliability": [{"low": 0}]}, r"reliability\[0\]: the field 'high' is missing"),
        ({"split": {**asdict(FORWARD_SPLIT), "name": "shuffled"}}, r"split: split is 'shuffled'"),
        ({"run": ["x" * 100]}, r"run is \['x{35}\.\.\.; expected a text"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_its_file(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"format_version": 1, "runs": [{**bench_result().to_json(), **changes}]}))
    with pytest.raises(ResultError, match=named) as raised:
        read_benchmark(path)
    assert str(raised.value).startswith(f"{path}: runs[0]")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{", "cannot be read"),
        ("[]", "must hold one JSON object"),
        ('{"runs": []}', "format_version is None; expected 1"),
        ('{"format_version": 1}', "runs is None; expected a list"),
        ('{"format_version": 1, "runs": [3]}', r"runs\[0\] is 3; expected an object"),
    ],
)
def test_a_file_that_holds_no_results_is_named(text: str, detail: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=detail) as raised:
        read_benchmark(path)
    assert str(path) in str(raised.value)


def test_a_result_that_no_file_could_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature is inf"):
        bench_result(temperature=float("inf"))
