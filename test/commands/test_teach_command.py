"""`gas-fusion teach`: from labelled readings to a bundle that the node runs, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import lessons
import numpy as np
import pytest
from bundles import edit_manifest, update_digests
from in_process import invoke

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, write_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.dataset import CSV_NAME
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Observation
from gas_fusion_ros.model.bundle import Bundle, file_sha256
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return lessons.write_prototype_bundle(tmp_path_factory.mktemp("teach") / "four")


def teach(four: Bundle, output: Path, *arguments: str | Path) -> tuple[int, str]:
    return invoke("teach", *arguments, "--from", four.path, "--output", output)


def bare() -> ArrayDescription:
    return replace(
        lessons.ARRAY, channels=tuple(replace(one, baseline=None) for one in lessons.ARRAY.channels)
    )


def test_a_taught_gas_is_told_by_the_classifier(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "methane", {"Methane": 90})
    code, said = teach(four, tmp_path / "five", source)
    assert code == 0, said
    assert "Methane" in said
    assert "alarm.critical_classes" in said
    bundle = Bundle.load(tmp_path / "five")
    assert bundle.name == "five"
    assert bundle.classes == (*four.classes, "Methane")
    classifier = Classifier(bundle, create_runtime(bundle, "cpu"), lessons.ARRAY)
    for gas in lessons.LEVELS.keys() - {"Butane"}:
        classifier.forget()
        for place, counts in enumerate(lessons.ARRAY.readings_of(lessons.deviations(gas, 30, seed=4))):
            reading = GasReading((place + 1) * ROW_PERIOD_NS, PAPER_CHANNELS, counts)
            verdict = classifier.classify(Observation(reading, None))
        assert verdict.label == gas
        assert verdict.confidence > 0.5


def test_the_new_bundle_says_what_it_was_taught_from(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "methane", {"Methane": 90})
    code, said = teach(four, tmp_path / "five", source, "--name", "mine")
    assert code == 0, said
    trained = json.loads((tmp_path / "five" / "bundle.json").read_text())["trained_on"]
    (lesson,) = trained["taught"]
    assert trained["readings"] == four.trained_on["readings"]
    assert lesson["from"] == {"name": "four", "sha256": four.sha256}
    assert lesson["readings"] == {"Methane": 90}
    assert lesson["sources"][0]["sha256"] == file_sha256(source / CSV_NAME)
    card = (tmp_path / "five" / "README.md").read_text()
    for told in ("# mine", four.sha256, "Methane 90", "| Methane | 1.000 |", str(source / ARRAY_FILE_NAME)):
        assert told in card


def test_networks_in_eight_bits_stay_behind(four: Bundle, tmp_path: Path) -> None:
    shutil.copytree(four.path, tmp_path / "four")
    shutil.copy(tmp_path / "four" / "model.onnx", tmp_path / "four" / "model.int8.onnx")
    edit_manifest(tmp_path / "four", int8={"admissible": True, "measured": {}})
    update_digests(tmp_path / "four")
    both = Bundle.load(tmp_path / "four")
    source = lessons.write_lesson(tmp_path / "methane", {"Methane": 90})
    code, said = teach(both, tmp_path / "five", source)
    assert code == 0, said
    assert Bundle.load(tmp_path / "five").int8 is None
    assert not (tmp_path / "five" / "model.int8.onnx").exists()


def test_clean_air_among_what_is_taught_tunes_the_alarm(four: Bundle, tmp_path: Path) -> None:
    gases = {"NoGas": 400, "Methane": 200, "Smoke": 30}
    source = lessons.write_lesson(tmp_path / "day", gases)
    code, said = teach(four, tmp_path / "more", source)
    assert code == 0, said
    assert "Smoke: 30 readings, 2 s apart, are too few" in said
    assert "is the old one" not in said
    assert "tuned on what was held out" in said
    bundle = Bundle.load(tmp_path / "more")
    assert bundle.alarm.false_alarms_per_hour == 0
    assert bundle.alarm.on_threshold >= four.alarm.on_threshold
    assert set(bundle.profiles) == set(four.profiles)


def test_without_clean_air_the_alarm_stays_as_it_was(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "methane", {"Methane": 90})
    code, said = teach(four, tmp_path / "five", source)
    assert code == 0, said
    assert "the alarm's advice is the old one" in said
    assert Bundle.load(tmp_path / "five").alarm == four.alarm


def test_a_gas_that_cannot_be_told_apart_is_written_with_a_warning(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "smoke", {"Smoke": 90})
    table = source / CSV_NAME
    table.write_text(table.read_text().replace("Smoke", "Soot"))
    code, said = teach(four, tmp_path / "five", source)
    assert code == 1
    assert "Soot cannot be told from Smoke" in said
    assert (tmp_path / "five" / "model.onnx").exists()


def test_labels_of_a_bag_teach_as_a_folder_does(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "day", {"NoGas": 70, "Methane": 90})
    code, said = invoke("bag", "--data", source, "--output", tmp_path / "bag")
    assert code == 0, said
    code, said = teach(four, tmp_path / "five", tmp_path / "bag")
    assert code == 0, said
    assert "as gas/array_info of" in said
    assert Bundle.load(tmp_path / "five").classes[-1] == "Methane"


@pytest.fixture(scope="module")
def smoky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag whose labels say Smoke."""
    folder = tmp_path_factory.mktemp("smoky")
    source = lessons.write_lesson(folder / "day", {"NoGas": 70, "Smoke": 90})
    code, said = invoke("bag", "--data", source, "--output", folder / "bag")
    assert code == 0, said
    return folder / "bag"


def test_the_labels_of_a_bag_are_renamed(four: Bundle, smoky: Path, tmp_path: Path) -> None:
    _, said = teach(four, tmp_path / "five", smoky, "--classes", "Smoke=Ammonia", "--forget", "Smoke")
    assert Bundle.load(tmp_path / "five").classes[-1] == "Ammonia", said
    labels = tmp_path / "labels.csv"
    labels.write_text("start,end,class\n0,130,NoGas\n140,318,smoke\n")
    options = ("--labels", labels, "--classes", "smoke=Butane", "--forget", "Smoke")
    _, said = teach(four, tmp_path / "six", smoky, *options)
    assert Bundle.load(tmp_path / "six").classes[-1] == "Butane", said


def test_a_class_of_any_recording_may_be_renamed(four: Bundle, smoky: Path, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "methane", {"Methane": 90})
    both = (source, smoky, "--forget", "Smoke", "--classes")
    _, said = teach(four, tmp_path / "six", *both, "Smoke=Ammonia,Methane=Butane")
    assert Bundle.load(tmp_path / "six").classes[-2:] == ("Ammonia", "Butane"), said
    code, said = teach(four, tmp_path / "out", *both, "smoke=Ammonia")
    assert code == 2
    assert "--classes names smoke, which is not there; the classes are Methane, NoGas, Smoke" in said


@pytest.mark.parametrize(
    "option",
    [
        ("--label-column", "what"),
        ("--time-column", "when"),
        ("--time-unit", "ms"),
        ("--date-order", "day-first"),
    ],
)
def test_what_is_said_of_tables_is_refused_for_bags_alone(
    four: Bundle, smoky: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    code, said = teach(four, tmp_path / "out", smoky, *option)
    assert code == 2
    assert f"{option[0]} is for tables; {smoky} is a bag" in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("gases", "options", "told"),
    [
        (
            {"Methane": 59},
            (),
            "Methane: 59 readings, 2 s apart, are too few; at least 60 are needed, 2 minutes",
        ),
        ({"Unknown": 90}, (), "must not be named Unknown"),
        ({"Methane": 90}, ("--forget", "NoGas"), "must know NoGas"),
        ({"Methane": 90}, ("--forget", "Butane"), "Butane is no class of model 'four'"),
        ({"Methane": 90}, ("--labels", "labels.csv"), "--labels is given 1 times for 0 bags"),
        ({"Methane": 90}, ("--array", "nowhere.yaml"), "array file nowhere.yaml cannot be read"),
        ({"Methane": 90}, ("--from", "fusion1"), "cannot be taught; that takes"),
    ],
)
def test_what_cannot_be_taught_is_refused_in_a_line(
    gases: Mapping[str, int], options: tuple[str, ...], told: str, four: Bundle, tmp_path: Path
) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", gases)
    start = () if "--from" in options else ("--from", four.path)
    code, said = invoke("teach", source, *start, "--output", tmp_path / "out", *options)
    assert code == 2
    assert told in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_uncalibrated_array_is_refused(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", {"Methane": 90}, bare())
    code, said = teach(four, tmp_path / "out", source)
    assert code == 2
    assert "has no baseline of mq2" in said
    assert "gas-fusion calibrate" in said


def test_saturated_readings_are_refused(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", {"Methane": 90})
    array = replace(lessons.ARRAY, full_scale=800.0)
    table = source / CSV_NAME
    lines = table.read_text().splitlines()
    cells = [line.split(",") for line in lines[1:]]
    for row in cells:
        row[1] = "800"
    table.write_text("\n".join([lines[0], *(",".join(row) for row in cells)]) + "\n")
    write_array(source / ARRAY_FILE_NAME, array)
    code, said = teach(four, tmp_path / "out", source)
    assert code == 2
    assert "saturated in Methane" in said
    assert "mq2 (100%)" in said


def test_readings_without_labels_are_refused(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", {"Methane": 90})
    table = source / CSV_NAME
    table.write_text("\n".join(line.rpartition(",")[0] for line in table.read_text().splitlines()))
    code, said = teach(four, tmp_path / "out", source)
    assert code == 2
    assert "has no labels: it needs a column 'Gas'" in said


def test_an_output_that_holds_something_is_left_alone(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", {"Methane": 90})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    code, said = teach(four, tmp_path / "out", source)
    assert code == 2
    assert "needs a new or empty folder" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_teaching_imports_no_torch() -> None:
    program = (
        "import sys; import gas_fusion_ros.commands.teaching_run; "
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_starting_a_command_waits_for_no_onnx() -> None:
    program = "import sys; import gas_fusion_ros.commands.teach; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_novelty_of_known_gases_is_never_stricter(four: Bundle, tmp_path: Path) -> None:
    source = lessons.write_lesson(tmp_path / "lesson", {"Methane": 90})
    assert teach(four, tmp_path / "five", source)[0] == 0
    known = lessons.known_branch()
    from gas_fusion_ros.teaching.taught_network import read_network

    taught = read_network(Bundle.load(tmp_path / "five")).branch
    assert taught.limit >= known.limit
    windows = lessons.recording("Smoke").windows(
        np.arange(lessons.ROWS), np.zeros(0, dtype=np.int64), lessons.WINDOW
    )
    inputs = lessons.NORMAL.inputs(windows)
    before, after = (one.answer(*inputs).distances / one.limit for one in (known, taught))
    assert (after <= before + 1e-5).all()
