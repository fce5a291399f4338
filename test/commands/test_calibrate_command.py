"""`gas-fusion calibrate`: clean air becomes an array file; anything else is refused in a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from in_process import invoke
from made_bags import EPOCH, SECOND, reading, text, write_bag
from without_ros import gas_fusion

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.array.description import Divider, Unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clean air of two channels, then as much of a gas."""
    rng = np.random.default_rng(0)
    rows = [f"{n},{count:.0f},{count * 2:.0f},NoGas" for n, count in enumerate(rng.normal(200, 1, 100))]
    rows += [f"{n},600,900,Smoke" for n in range(100)]
    data = tmp_path / "data"
    data.mkdir()
    lines = ["Serial Number,MQ2,MQ3,Gas", *rows]
    (data / "Gas_Sensors_Measurements.csv").write_text("\n".join(lines) + "\n")
    return data


def test_rows_of_clean_air_become_an_array_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "array.yaml"
    code, text = invoke("calibrate", folder, "--channels", "mq2,mq3", "--output", out)
    assert code == 0
    assert (
        "100 readings (rows of the class NoGas) as counts, full scale 1023, load_low; ln(Rs/RL) mq2 1.41"
        in " ".join(text.split())
    )
    assert "\nunit, full_scale, divider by default\n" in text
    array = load_array(out)
    assert array.names == ("mq2", "mq3")
    assert array.channels[0].baseline == pytest.approx(np.log(1023 / 200 - 1), abs=0.01)
    assert array.calibration is not None
    assert (array.calibration.readings, array.calibration.duration_s) == (100, None)


def test_what_the_user_knows_of_the_array_counts(folder: Path, tmp_path: Path) -> None:
    known, out = tmp_path / "known.yaml", tmp_path / "array.yaml"
    known.write_text("format_version: 1\nserial_id: seven\nchannels: {mq3: {sensor: MQ-3, load_ohm: 4700}}\n")
    board = ("--full-scale", "4095", "--inverted", "--array", known)
    air = ("--last", "80", "--temperature", "21.5", "--humidity", "40")
    assert invoke("calibrate", folder, *board, *air, "--output", out)[0] == 0
    array = load_array(out)
    assert (array.unit, array.full_scale, array.divider) == (Unit.COUNTS, 4095.0, Divider.LOAD_HIGH)
    assert (array.serial_id, array.channels[0].sensor) == ("seven", "MQ-3")
    assert array.channels[0].load_ohm == 4700.0
    assert array.channels[0].baseline == pytest.approx(np.log(400 / (4095 - 400)), abs=0.01)
    assert array.calibration is not None
    assert array.calibration.readings == 80
    assert (array.calibration.temperature_c, array.calibration.humidity_percent) == (21.5, 40.0)


def test_a_bag_of_clean_air_is_read_without_ros(folder: Path, tmp_path: Path) -> None:
    bag, out = tmp_path / "bag", tmp_path / "array.yaml"
    assert invoke("bag", "--data", folder, "--channels", "mq2,mq3", "--rows", "100", "--output", bag)[0] == 0
    done = gas_fusion("calibrate", bag, "--output", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 readings (those of the class NoGas on /truth/label)" in done.stdout
    assert "; dated now: the readings have no date\n" in done.stdout
    calibration = load_array(out).calibration
    assert calibration is not None
    assert calibration.duration_s == 198.0
    assert calibration.date > "2026", "the bag's time is simulated"


BOARD = (
    "format_version: 1\nserial_id: seven\nunit: volt\nfull_scale: 1100.0\ndivider: load_high\n"
    "channels: {mq2: {sensor: MQ-2, baseline: 9.0}, mq3: {sensor: MQ-3}}\n"
)


@pytest.fixture
def told_bag(folder: Path, tmp_path: Path) -> Path:
    """A bag of clean air that tells of its array."""
    bag, board = tmp_path / "bag", tmp_path / "board.yaml"
    board.write_text(BOARD)
    made = invoke("bag", "--data", folder, "--array", board, "--rows", "100", "--output", bag)
    assert made[0] == 0, made[1]
    return bag


def test_a_bag_tells_what_its_array_is(told_bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "array.yaml"
    done = gas_fusion("calibrate", told_bag, "--output", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nunit, full_scale, divider, sensors, serial_id from /gas/array_info\n" in done.stdout
    array = load_array(out)
    assert (array.unit, array.full_scale, array.divider) == (Unit.VOLT, 1100.0, Divider.LOAD_HIGH)
    assert (array.serial_id, [one.sensor for one in array.channels]) == ("seven", ["MQ-2", "MQ-3"])
    assert array.channels[0].baseline == pytest.approx(np.log(200 / (1100 - 200)), abs=0.01)


@pytest.mark.parametrize(
    ("options", "full_scale", "serial_id", "said"),
    [
        (
            ("--full-scale", "1200"),
            1200.0,
            "seven",
            "full_scale by option; unit, divider, sensors, serial_id from /gas/array_info",
        ),
        (
            ("--unit", "counts", "--full-scale", "4095", "--inverted"),
            4095.0,
            "seven",
            "unit, full_scale, divider by option; sensors, serial_id from /gas/array_info",
        ),
        (("--array",), 2000.0, "mine", "unit, full_scale, divider, sensors, serial_id from file "),
    ],
)
def test_a_file_and_options_go_before_what_the_bag_tells(
    told_bag: Path, tmp_path: Path, options: tuple[str, ...], full_scale: float, serial_id: str, said: str
) -> None:
    mine, out = tmp_path / "mine.yaml", tmp_path / "array.yaml"
    mine.write_text(BOARD.replace("seven", "mine").replace("1100", "2000"))
    file = (mine,) if options == ("--array",) else ()
    code, text = invoke("calibrate", told_bag, *options, *file, "--output", out)
    assert code == 0, text
    assert said in " ".join(text.split())
    array = load_array(out)
    assert (array.full_scale, array.serial_id) == (full_scale, serial_id)


def test_another_unit_than_the_bag_tells_needs_its_full_scale(told_bag: Path, tmp_path: Path) -> None:
    code, text = invoke("calibrate", told_bag, "--unit", "counts", "--output", tmp_path / "array.yaml")
    assert code == 2
    assert "--unit counts needs --full-scale: the count at the supply" in " ".join(text.split())


def test_a_file_that_exists_is_kept_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "array.yaml"
    out.write_text("mine")
    code, text = invoke("calibrate", folder, "--channels", "mq2,mq3", "--output", out)
    assert code == 2
    assert "exists; --overwrite replaces it" in " ".join(text.split())
    assert out.read_text() == "mine"
    assert invoke("calibrate", folder, "--channels", "mq2,mq3", "--output", out, "--overwrite")[0] == 0
    assert load_array(out).names == ("mq2", "mq3")


def test_sensors_of_a_table_are_offered_as_channels_and_the_file_is_named_once(tmp_path: Path) -> None:
    table, out = tmp_path / "two.csv", tmp_path / "array.yaml"
    table.write_text("MQ2,MQ-135 (raw),Gas\n" + "500,300,NoGas\n" * 70)
    code, text = invoke("calibrate", table, "--output", out)
    assert code == 2
    assert "no column for mq3, mq5, mq6, mq7, mq8; the columns are MQ2, 'MQ-135 (raw)', Gas" in text
    assert text.rstrip().endswith("; name the channels with --channels mq2,mq135")
    assert text.count("two.csv") == 1
    assert invoke("calibrate", table, "--output", out, "--channels", "mq2,mq135")[0] == 0
    table.write_text("co2,voc,Gas\n" + "500,300,NoGas\n" * 70)
    code, text = invoke("calibrate", table, "--output", tmp_path / "other.yaml")
    assert code == 2
    assert text.rstrip().endswith("the columns are co2, voc, Gas; name the channels with --channels")


@pytest.mark.parametrize(
    ("option", "names"),
    [(("--channels", "mq2,mq2"), 0), (("--channels", "mq2", "--last", "10"), 1), (("--array", "no.yaml"), 1)],
)
def test_a_refusal_names_its_file_or_its_option(
    option: tuple[str, ...], names: int, folder: Path, tmp_path: Path
) -> None:
    code, text = invoke("calibrate", folder, *option, "--output", tmp_path / "array.yaml")
    assert code == 2
    assert len(re.findall(r"\bdata: ", text)) == names
    assert ("--channels" in text) is (names == 0)


def test_a_channel_that_a_bag_lacks_is_named(folder: Path, tmp_path: Path) -> None:
    bag, out = tmp_path / "bag", tmp_path / "array.yaml"
    assert invoke("bag", "--data", folder, "--channels", "mq2,mq3", "--rows", "70", "--output", bag)[0] == 0
    code, text = invoke("calibrate", bag, "--channels", "mq2,mq4", "--output", out)
    assert code == 2
    assert "no reading on /gas/readings can be used:" in " ".join(text.split())
    assert "mq4" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--unit", "volt"), "--unit volt needs --full-scale: the supply voltage, such as 5.0"),
        (("--full-scale", "300"), "saturated, at an end of 0 ... 300 counts: mq3 (median 400)"),
        (("--last", "10"), "10 readings are too few"),
        (("--channels", "mq9"), "mq9"),
        (("--array", "nowhere.yaml"), "array file nowhere.yaml cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    folder: Path, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    channels = () if "--channels" in options else ("--channels", "mq2,mq3")
    code, text = invoke("calibrate", folder, *channels, *options, "--output", tmp_path / "array.yaml")
    assert code == 2
    assert reason in " ".join(text.split())
    assert not (tmp_path / "array.yaml").exists()


def air_and_gas(path: Path, words: Sequence[tuple[int, str]]) -> Path:
    """Write a bag of 100 readings of clean air, 40 of a gas, and a label from each of these readings on."""
    counts = [[200.0 + n % 3, 400.0 + n % 5] for n in range(100)] + [[600.0, 900.0]] * 40
    said = [text("/truth/label", EPOCH + 2 * n * SECOND, label) for n, label in words]
    heard = [reading(EPOCH + 2 * n * SECOND, row, channels=("mq2", "mq3")) for n, row in enumerate(counts)]
    return write_bag(path, [*said, *heard])


def test_air_with_a_gas_in_it_is_refused(tmp_path: Path) -> None:
    bag = air_and_gas(tmp_path / "bag", ())
    code, said = invoke("calibrate", bag, "--output", tmp_path / "array.yaml")
    assert code == 2
    assert "the array drifts" in said
    assert not (tmp_path / "array.yaml").exists()


def test_of_a_bag_with_labels_clean_air_alone_counts(tmp_path: Path) -> None:
    bag, out = air_and_gas(tmp_path / "bag", ((0, "NoGas"), (100, "Smoke"))), tmp_path / "array.yaml"
    code, said = invoke("calibrate", bag, "--output", out)
    assert code == 0, said
    assert "100 readings (those of the class NoGas on /truth/label)" in said
    assert "dated now" not in said
    array = load_array(out)
    assert array.channels[0].baseline == pytest.approx(np.log(1023 / 201 - 1), abs=0.01)
    assert array.calibration is not None
    assert array.calibration.date.startswith("2023-11-14T")


def test_a_bag_without_labels_counts_whole_on_your_word(tmp_path: Path) -> None:
    bag = air_and_gas(tmp_path / "bag", ((0, "Unknown"),))
    code, said = invoke("calibrate", bag, "--last", "40", "--output", tmp_path / "array.yaml")
    assert code == 2
    assert "40 readings are too few" in said
    options = ("--most-drift", "3", "--output", tmp_path / "array.yaml")
    code, said = invoke("calibrate", bag, *options)
    assert code == 0, said
    assert "140 readings (all readings, on your word: none is labelled)" in said


def test_a_bag_may_call_clean_air_otherwise(tmp_path: Path) -> None:
    bag, out = air_and_gas(tmp_path / "bag", ((0, "clean"), (100, "Smoke"))), tmp_path / "array.yaml"
    code, said = invoke("calibrate", bag, "--output", out)
    assert code == 2
    assert (
        "nothing is labelled NoGas, clean air: the classes are clean, Smoke; record some, or say by "
        "--classes NAME=NoGas which of them it is"
    ) in said
    code, said = invoke("calibrate", bag, "--output", out, "--classes", "Clean=NoGas")
    assert code == 2
    assert "--classes names Clean, which is not there; the classes are clean, Smoke" in said
    assert not out.exists()
    code, said = invoke("calibrate", bag, "--output", out, "--classes", "clean=NoGas")
    assert code == 0, said
    assert "100 readings (those of the class NoGas on /truth/label)" in said


@pytest.mark.parametrize(
    "option",
    [
        ("--label-column", "what"),
        ("--time-column", "when"),
        ("--time-unit", "ms"),
        ("--date-order", "day-first"),
    ],
)
def test_what_is_said_of_tables_is_refused_for_others(tmp_path: Path, option: tuple[str, str]) -> None:
    bag, out = air_and_gas(tmp_path / "bag", ()), tmp_path / "array.yaml"
    for source, what in ((bag, "bag is a bag"), (Path("/gas/readings"), "/gas/readings is a topic")):
        code, said = invoke("calibrate", source, "--output", out, *option)
        assert code == 2
        assert f"{option[0]} is for tables; {what}" in said


def test_a_full_scale_that_is_far_too_large_is_doubted(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "array.yaml"
    board = ("--channels", "mq2,mq3", "--output", out, "--overwrite", "--full-scale")
    code, said = invoke("calibrate", folder, *board, "26667")
    assert code == 0, said
    assert (
        "all readings lie below 2 % of the full scale 26667: is it right? --full-scale gives another" in said
    )
    assert "is it right" not in invoke("calibrate", folder, *board, "4095")[1]


@pytest.mark.parametrize("option", [("--classes", "clean=NoGas"), ("--label-topic", "/truth/label")])
def test_a_live_topic_has_no_labels(tmp_path: Path, option: tuple[str, str]) -> None:
    code, said = invoke("calibrate", "/gas/readings", "--output", tmp_path / "array.yaml", *option)
    assert code == 2
    assert "--label-topic and --classes are of a recording; of a live topic all counts" in said
