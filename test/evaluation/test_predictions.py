"""Every verdict becomes a row, whole or not at all."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gas_fusion_ros.base.observation import Mode, Verdict
from gas_fusion_ros.evaluation import predictions
from gas_fusion_ros.evaluation.predictions import (
    PredictionError,
    PredictionFormat,
    Predictions,
    check_format,
    columns,
)

CLASSES = ("Mixture", "NoGas")
ALONE = Verdict(5, "", Mode.GAS_ONLY, CLASSES, np.array([1e-8, 1.0], dtype=np.float32), "made", novelty=None)
PAIR = Verdict(
    1_700_000_000_123_456_789,
    "",
    Mode.FUSION,
    CLASSES,
    np.array([1 / 3, 2 / 3], dtype=np.float32),
    "made",
    pair_offset_ns=-12_345_678,
    invalid_channels=("mq2", "mq7"),
    novelty=0.25,
    readings_alone=ALONE,
)


def write(folder: Path, chosen: PredictionFormat, rows: int = 1) -> None:
    with Predictions(folder, chosen, CLASSES) as table:
        for _ in range(rows):
            table.add(PAIR, "Mixture", 0)
        table.add(ALONE, None, 3)


def write_half(folder: Path, chosen: PredictionFormat) -> None:
    with Predictions(folder, chosen, CLASSES) as table:
        table.add(PAIR, None, 0)
        raise RuntimeError("halfway")


def test_a_csv_says_everything_of_a_verdict(tmp_path: Path) -> None:
    write(tmp_path, PredictionFormat.CSV)
    with (tmp_path / "predictions.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == columns(CLASSES)
    assert first["stamp_ns"] == "1700000000123456789"
    assert (first["label"], first["truth"], first["mode"], first["run"]) == (
        "NoGas",
        "Mixture",
        "fusion",
        "0",
    )
    for name, value in zip(CLASSES, PAIR.probabilities, strict=True):
        assert np.float32(first[f"p({name})"]) == value  # every digit of it
    assert float(first["pair_offset_ms"]) == pytest.approx(-12.345678)
    assert first["invalid_channels"] == "mq2 mq7"
    assert float(first["novelty"]) == 0.25
    assert np.float32(first["readings_alone.p(Mixture)"]) == ALONE.probabilities[0]
    assert (second["truth"], second["novelty"], second["pair_offset_ms"]) == ("", "", "")
    assert (second["invalid_channels"], second["run"]) == ("", "3")
    assert second["readings_alone.p(Mixture)"] == ""


def test_parquet_says_the_same_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="parquet is written with it")
    monkeypatch.setattr(predictions, "_ROWS_PER_GROUP", 3)
    write(tmp_path, PredictionFormat.PARQUET, rows=7)
    file = parquet.ParquetFile(tmp_path / "predictions.parquet")
    assert file.metadata.num_row_groups == 3
    rows: list[dict[str, Any]] = file.read().to_pylist()
    assert list(rows[0]) == columns(CLASSES)
    assert rows[0]["stamp_ns"] == PAIR.stamp_ns
    assert rows[0]["p(Mixture)"] == PAIR.probabilities[0]
    assert rows[0]["readings_alone.p(Mixture)"] == ALONE.probabilities[0]
    assert rows[-1] == {
        "stamp_ns": 5,
        "label": "NoGas",
        "truth": None,
        "p(Mixture)": np.float32(1e-8),
        "p(NoGas)": 1.0,
        "confidence": 1.0,
        "novelty": None,
        "mode": "gas_only",
        "pair_offset_ms": None,
        "invalid_channels": "",
        "run": 3,
        "readings_alone.p(Mixture)": None,
        "readings_alone.p(NoGas)": None,
    }


def test_none_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, PredictionFormat.NONE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chosen", [PredictionFormat.CSV, PredictionFormat.PARQUET])
def test_a_table_that_fails_leaves_nothing_behind(tmp_path: Path, chosen: PredictionFormat) -> None:
    if chosen is PredictionFormat.PARQUET:
        pytest.importorskip("pyarrow", reason="parquet is written with it")
    with pytest.raises(RuntimeError, match="halfway"):
        write_half(tmp_path, chosen)
    assert not list(tmp_path.iterdir())


def test_parquet_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions.importlib.util, "find_spec", lambda _: None)
    check_format(PredictionFormat.CSV)
    with pytest.raises(PredictionError, match="pip install pyarrow"):
        check_format(PredictionFormat.PARQUET)
