"""Every command takes the same tables with the same options, and `inspect` says what they are read as."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import invoke
from made_bags import EPOCH, SECOND, reading, write_bag
from recordings import read
from written_tables import LABELS, ROWS, table, timed, written

CHANNELS = ("--channels", "mq2,mq3,mq5")


def inspected(*arguments: str | Path, code: int = 1) -> dict[str, Any]:
    outcome, said = invoke("inspect", *arguments, "--json")
    assert outcome == code, said
    # What is complained of stands in front.
    return dict(json.loads(said[said.index("{") :]))


def test_inspect_says_what_a_table_is_read_as(tmp_path: Path) -> None:
    text = table(
        ";", ("Zeit;MQ-2", "mq3", "MQ5 (raw)", "class"), first=lambda row: f"01.05.2024 12:00:{row:02d}"
    )
    path = written(tmp_path, "# logger\n" + text.replace("611;481", "611;", 1) + "1;2\n")
    found = inspected(path)
    assert found["format"] == "cells parted by semicolon, utf-8, decimal point, header on line 2"
    assert found["channels"] == ["mq2", "mq3", "mq5"]
    assert found["columns"] == {"mq2": "MQ-2", "mq3": "mq3", "mq5": "MQ5 (raw)"}
    assert (found["rows"], found["readings"]) == (len(ROWS) + 1, len(ROWS))
    assert found["refused"] == [
        {
            "reason": "2 fields instead of 5",
            "remedy": "give each row as many cells as the header has names",
            "count": 1,
            "line": len(ROWS) + 3,
        }
    ]
    assert found["first"] == {"mq2": 610.0, "mq3": 480.0, "mq5": 390.0}
    assert (found["time"]["column"], found["time"]["form"], found["rate_hz"]) == ("Zeit", "dates", 1.0)
    assert found["labels"] == {"column": "class", "rows": {"NoGas": 20, "Smoke": 20}, "unlabelled": 0}
    assert found["values"][1]["nan_share"] == pytest.approx(1 / len(ROWS))
    assert {"reason": "classes are those of the column 'class'", "remedy": ""} in found["notes"]
    code, said = invoke("inspect", path)
    assert code == 1
    assert "dates of column Zeit, from 2024-05-01 12:00:00.000+00:00, every 1 s" in said
    assert "warning: 1 row is refused, the first on line 43: 2 fields instead of 5; give each row" in said


def test_inspect_warns_of_a_class_that_the_model_does_not_know(tmp_path: Path) -> None:
    labels = ["rein" if label == "NoGas" else label for label in LABELS]
    path = written(tmp_path, table(labels=labels))
    [told] = [one for one in inspected(path)["warnings"] if "class" in one]
    assert told.startswith(
        "temporal_fusion knows no class rein, it knows Mixture, NoGas, Perfume, Smoke: readings under it are "
        "not judged, and an evaluation counts a leak; gas-fusion teach teaches it, --classes rein=NAME takes"
    )
    assert not [one for one in inspected(path, "--classes", "rein=NoGas")["warnings"] if "no class" in one]


def test_inspect_tells_of_a_column_that_may_be_the_time(tmp_path: Path) -> None:
    def told(first: Callable[[int], str]) -> list[str]:
        notes = inspected(written(tmp_path, timed("t", first)))["notes"]
        return [one["remedy"] for one in notes if "rises from row to row" in one["reason"]]

    assert told(lambda row: f"{row * 0.5}") == ["--time-column t takes it"]
    assert told(lambda row: f"{21.5 + row % 3}") == []
    assert told(lambda row: f"warm {row}") == []


def test_a_table_that_cannot_be_read_is_a_line_and_an_entry(tmp_path: Path) -> None:
    path = written(tmp_path, table().partition("\n")[2])
    found = inspected(path, code=2)
    assert (found["channels"], found["readings"], found["first"]) == ([], 0, None)
    [refused] = found["refused"]
    assert refused["reason"].startswith("readings.csv: line 1 holds values (610, 480, 390, NoGas), not names")
    assert refused["remedy"].startswith("put a line such as MQ2,MQ3,Gas in front")
    code, said = invoke("inspect", path)
    assert (code, said.count("\n")) == (2, 1)


def test_bags_and_tables_go_together_whatever_their_names(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [reading(EPOCH + n * SECOND, [400.0] * 7) for n in range(3)])
    path = written(tmp_path, table(), "readings.txt")
    _, said = invoke("inspect", bag, path, "--json")
    first, second = json.loads(said)
    assert (Path(first["bag"]), Path(second["table"])) == (bag, path)
    # A CSV of labels beside the storage makes no table of a bag.
    (bag / "labels.csv").write_text("start,end,class\n0,1,NoGas\n")
    _, said = invoke("inspect", bag, "--json")
    assert json.loads(said)[0]["storage"] == "mcap"


def test_other_data_than_ten_bits_are_told_with_the_remedy(tmp_path: Path) -> None:
    path = written(tmp_path, table(number=lambda value: str(value * 4)))
    found = inspected(path)
    assert found["scale"].startswith(
        "values from 1560 to 2456 are not those of a 10-bit converter (--full-scale 4095)? Calibrate"
    )
    assert not [text for text in found["warnings"] if "no working sensor" in text]
    volts = written(tmp_path, table(number=lambda value: f"{value * 5 / 1023:.2f}"))
    assert "--unit volt --full-scale 5" in inspected(volts)["scale"]


def stamps_of(bag: Path) -> list[int]:
    return [stamp for stamp, topic, _ in read(bag) if topic == "/gas/readings"]


def test_a_bag_has_the_times_and_the_classes_of_the_table(tmp_path: Path) -> None:
    text = timed("when", lambda row: str(row * 60)).replace("NoGas", "clean").replace(",Gas", ",what")
    path = written(tmp_path, text)
    options = (
        "--label-column",
        "what",
        "--classes",
        "clean=NoGas",
        "--time-column",
        "when",
        "--time-unit",
        "ms",
    )
    code, said = invoke("bag", "--data", path, "--output", tmp_path / "bag", *CHANNELS, *options)
    assert code == 0, said
    assert "classes NoGas, Smoke" in said
    assert "times are ms from a beginning in column 'when', as --time-unit says" in said
    stamps = stamps_of(tmp_path / "bag")
    assert [stamp - stamps[0] for stamp in stamps] == [row * 60_000_000 for row in range(len(ROWS))]


def test_without_options_a_bag_of_milliseconds_is_no_bag_of_microseconds(tmp_path: Path) -> None:
    path = written(tmp_path, timed("Stamp", lambda row: str(1_700_000_000_000 + row * 2000)))
    code, said = invoke("bag", "--data", path, "--output", tmp_path / "bag", *CHANNELS)
    assert code == 0
    assert "78 s" in said


@pytest.mark.parametrize("rows", [20, 13])
def test_rows_whose_times_begin_anew_are_laid_one_after_another(rows: int, tmp_path: Path) -> None:
    path = written(tmp_path, timed("time", lambda row: f"{row % rows * 0.5:.1f}"))
    code, said = invoke("bag", "--data", path, "--output", tmp_path / "bag", *CHANNELS)
    assert code == 0, said
    assert f"time begins anew on line {rows + 2}" in said
    stamps = stamps_of(tmp_path / "bag")
    assert [stamp - stamps[0] for stamp in stamps] == [row * SECOND // 2 for row in range(len(ROWS))]


def test_rows_without_a_class_are_unknown_in_a_bag(tmp_path: Path) -> None:
    labels = ("NoGas",) * 20 + ("",) * 10 + ("Smoke",) * 10
    path = written(tmp_path, table(labels=labels))
    code, said = invoke("bag", "--data", path, "--output", tmp_path / "bag", *CHANNELS)
    assert code == 0
    assert "1 leaks" in said
    assert "10 rows without a class" in said
    heard = [message.data for _, topic, message in read(tmp_path / "bag") if topic == "/truth/label"]
    assert list(dict.fromkeys(heard)) == ["NoGas", "Unknown", "Smoke"]


def test_a_baseline_is_measured_on_the_rows_of_clean_air(tmp_path: Path) -> None:
    head, _, rows = table(";", labels=["AIR"] * 20 + list(LABELS[20:])).partition("\n")
    path = written(tmp_path, f"{head}\n{rows * 3}", "air.txt")
    options = ("--classes", "AIR=NoGas", *CHANNELS)
    code, said = invoke("calibrate", path, "--output", tmp_path / "array.yaml", *options)
    assert code == 0, said
    assert "60 readings (rows of the class NoGas)" in said
    assert "the class 'AIR' is taken as NoGas (60 rows)" in said


def test_teach_tells_of_a_table_without_classes_which_columns_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, table(names=("MQ2", "MQ3", "MQ5", "Air")))
    array = tmp_path / "array.yaml"
    array.write_text(
        "format_version: 1\nchannels: {mq2: {baseline: 0.5}, mq3: {baseline: 0.4}, mq5: {baseline: 0.2}}\n"
    )
    code, said = invoke("teach", path, "--array", array, "--output", tmp_path / "model")
    assert code == 2
    assert "--label-column names another of Air\n" in said


def test_a_wrong_alias_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, table())
    for command in (("bag", "--data"), ("calibrate",), ("teach",)):
        code, said = invoke(*command, path, "--output", tmp_path / "out", "--classes", "NOGAS")
        assert code == 2
        assert said.endswith("--classes has 'NOGAS'; expected a pair such as NOGAS=NoGas\n")


def test_a_class_that_is_not_there_is_refused_by_who_renames_it(tmp_path: Path) -> None:
    path = written(tmp_path, table())
    typo = ("--classes", "smoke=Ammonia")
    for command in (("bag", *CHANNELS, "--data"), ("calibrate", *CHANNELS)):
        code, said = invoke(*command, path, "--output", tmp_path / "out", *typo)
        assert code == 2
        assert "--classes names smoke, which is not there; the classes are NoGas, Smoke" in said
        assert not (tmp_path / "out").exists()
    found = inspected(path, *typo)
    assert [text for text in found["warnings"] if text.startswith("--classes names smoke")]


def without_classes(tmp_path: Path, names: tuple[str, ...]) -> Path:
    """Write readings of all channels that the model needs, no times, no classes."""
    row = ",".join(["700", "500", "400", "400", "600", "600", "450", *["3"] * (len(names) - 7)])
    return written(tmp_path, "\n".join([",".join(names), *[row] * 60]) + "\n")


SENSORS = ("MQ2", "MQ3", "MQ5", "MQ6", "MQ7", "MQ8", "MQ-135")


def test_a_table_without_classes_or_times_is_nothing_to_warn_of(tmp_path: Path) -> None:
    code, said = invoke("inspect", without_classes(tmp_path, SENSORS))
    assert code == 0, said
    assert "\nno column holds the class, so nothing can be taught or trained; add a column 'Gas'\n" in said
    words = " ".join(said.split())
    assert "none: rows are taken as 2 s apart; --period of `gas-fusion bag` says otherwise" in words
    assert "nothing to warn of" in said


def test_no_sensor_is_offered_as_the_column_of_the_class(tmp_path: Path) -> None:
    path = without_classes(tmp_path, (*SENSORS, "MQ9", "room"))
    for found in (inspected(path, code=0), inspected(path, "--channels", "mq2")):
        [note] = [one for one in found["notes"] if one["reason"].startswith("no column holds")]
        assert note["remedy"] == "--label-column names one of room"
