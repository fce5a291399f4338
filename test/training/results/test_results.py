"""Results survive the way through their file, and files that are none are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_results import read_results

from training.data.splits import SplitSettings
from training.results.result_file import ResultError, write_results
from training.results.run_result import RESULT, Epoch, FineTuningOrigin, RunResult, read_result, write_result

RUN = RunResult(
    run="cnn1d-blocked0.4-seed1-0123abcd",
    model="cnn1d",
    title="1D CNN",
    architecture="cnn1d",
    modality="gas_only",
    preparation=None,
    image_size=None,
    thermal="none",
    split=SplitSettings("blocked", 0.2, 0.4, 60),
    seed=1,
    classes=("NoGas", "Smoke"),
    channels=("mq2",),
    normalisation={"mean": [500.0], "std": [20.0]},
    rows={"train": 3, "validation": 1, "test": 2},
    accuracy=0.5,
    macro_f1=0.3333,
    macro_precision=0.25,
    macro_recall=0.5,
    confusion=[[1, 0], [1, 0]],
    parameters=10,
    macs=8,
    epochs=1,
    best_epoch=1,
    seconds=0.5,
    hyperparameters={"batch": 32},
    data_file="data.csv",
    data_sha256="00",
    code_version="0123",
    history=(Epoch(1, 0.5, 0.6, 0.7, 0.8),),
)


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_result(tmp_path, RUN)
    assert read_result(tmp_path) == RUN


def test_what_a_run_was_fine_tuned_from_comes_back(tmp_path: Path) -> None:
    origin = FineTuningOrigin("fusion1", "00ff", "gas_only", 0.75, ("Ammonia",), ("mq137", "mq9"))
    write_result(tmp_path, replace(RUN, fine_tuned_from=origin))
    assert read_result(tmp_path).fine_tuned_from == origin


def test_results_from_before_there_were_fine_tuning_and_shares_are_read(tmp_path: Path) -> None:
    values = RUN.to_json()
    del values["fine_tuned_from"], values["share"]
    (tmp_path / RESULT).write_text(json.dumps(values))
    assert read_result(tmp_path) == RUN


def test_all_results_come_back_in_their_order(tmp_path: Path) -> None:
    runs = [RUN, replace(RUN, run="other", seed=2, split=SplitSettings())]
    write_results(tmp_path / "results.json", runs)
    assert read_results(tmp_path / "results.json") == runs
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_run_that_has_not_finished_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=f"{RESULT} is missing: a finished run has it"):
        read_result(tmp_path)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{", "cannot be read"),
        ("[]", "must hold one JSON object"),
        ('{"runs": []}', "format_version is None; expected 1"),
        ('{"format_version": 1}', "runs is None; expected a list"),
        ('{"format_version": 1, "runs": [{}]}', "the field 'run' is missing"),
    ],
)
def test_a_file_that_holds_no_results_is_named(text: str, detail: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=detail) as raised:
        read_results(path)
    assert str(path) in str(raised.value)


def test_a_field_that_cannot_be_is_named(tmp_path: Path) -> None:
    values = RUN.to_json()
    values["split"] = {**values["split"], "name": "shuffled"}
    (tmp_path / RESULT).write_text(json.dumps(values))
    with pytest.raises(ResultError, match="split is 'shuffled'"):
        read_result(tmp_path)
