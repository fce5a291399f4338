"""Array files survive the way to YAML and back; a bad one is refused with file and field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.array_file import (
    ArrayFileError,
    format_array,
    load_array,
    replace_array,
    write_array,
)
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.simulation.patrol import Patrol

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "arrays").glob("*.yaml"))
NUMBERS = st.none() | st.floats(-20, 20)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True).filter(lambda name: name not in "xyz")


@given(
    names=st.lists(NAMES, min_size=1, max_size=5, unique=True),
    unit=st.sampled_from(Unit),
    divider=st.sampled_from(Divider),
    full_scale=st.floats(0.1, 1e6),
    baseline=NUMBERS,
    sensor=st.text(max_size=20).filter(str.isprintable),
    calibration=st.none()
    | st.builds(
        ArrayCalibration,
        st.just("2026-01-02T03:04:05+00:00"),
        st.integers(1, 10**6),
        st.none() | st.floats(0.0, 1e6),
        st.none() | st.floats(-40.0, 60.0),
        st.none() | st.floats(0.0, 100.0),
    ),
    load_ohm=st.none() | st.floats(1.0, 1e6),
)
def test_it_survives_the_way_to_the_file_and_back(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    unit: Unit,
    divider: Divider,
    full_scale: float,
    baseline: float | None,
    sensor: str,
    calibration: ArrayCalibration | None,
    load_ohm: float | None,
) -> None:
    channels = tuple(ArrayChannel(name, sensor, baseline, baseline, load_ohm) for name in names)
    array = ArrayDescription(channels, unit, full_scale, divider, "7", calibration)
    path = tmp_path_factory.mktemp("array") / "array.yaml"
    write_array(path, array)
    assert load_array(path) == array


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_ones_can_be_read(path: Path) -> None:
    array = load_array(path)
    assert len(array.channels) == 7
    assert array.calibration is None


def test_the_simulated_one_has_the_baseline_of_its_clean_air() -> None:
    array = load_array(next(path for path in SHIPPED if path.stem == "simulated"))
    patrol = Patrol(0, 600.0, 0)
    readings = np.stack([patrol.reading(float(second)) for second in range(0, 600, 10)])
    spreads = np.array([channel.spread for channel in array.channels])
    assert (np.abs(array.deviations(readings).mean(axis=0)) < 1.5 * spreads).all()


GOOD = format_array(ArrayDescription((ArrayChannel("mq2", "MQ-2", 1.0, 0.1),)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- 1", "the file must be a table of format_version, "),
        (GOOD.replace("version: 1", "version: 2"), "format_version is 2; this release reads 1"),
        (GOOD.replace("unit: counts", "unit: amps"), "unit is 'amps'; expected one of counts, volt, ohm"),
        (GOOD.replace("load_low", "up"), "divider is 'up'; expected one of load_low, load_high"),
        (GOOD.replace("full_scale: 1023.0", "full_scale: high"), "full_scale is 'high'; expected a number"),
        (GOOD.replace("full_scale: 1023.0", "full_scale: -1"), "full_scale must be a number above 0"),
        (GOOD.replace("full_scale: 1023.0", "full_scale: 0"), "full_scale must be a number above 0"),
        (
            GOOD.replace("baseline: 1.0", "baseline: .nan"),
            r"channels\.mq2\.baseline is nan; expected a number",
        ),
        (
            GOOD.replace("baseline:", "base:"),
            r"channels\.mq2 has no field base; it has sensor, baseline, spread",
        ),
        (GOOD.replace("  mq2:", "  7:"), "channel 7 must be a name"),
        ("format_version: 1\nchannels: {}", "channels must be a table with a line for each sensor"),
        (GOOD + "colour: red", "the file has no field colour"),
        (
            GOOD.replace("spread: 0.1", "load_ohm: 0"),
            r"channels\.mq2\.load_ohm is 0; expected",
        ),
        (GOOD + "calibration: {date: 2026-01-01, readings: 0}", "calibration.readings is 0"),
        (
            GOOD + "calibration: {date: '2026', readings: 1, humidity_percent: 101}",
            "calibration.humidity_percent is 101; expected 0 to 100",
        ),
        (GOOD + f"calibration: {{date: '{'9' * 101}', readings: 1}}", "calibration.date is '999"),
        ("a: &b 1\nc: *b", "it has an alias in line 2"),
        ("[", "it is no YAML"),
    ],
)
def test_a_bad_one_is_refused_by_file_and_field(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "array.yaml"
    path.write_text(text)
    with pytest.raises(ArrayFileError, match=f"array file .*array.yaml.*{reason}"):
        load_array(path)


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArrayFileError, match=r"nowhere\.yaml'? cannot be read"):
        load_array(tmp_path / "nowhere.yaml")


def test_a_time_without_quotation_marks_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    path.write_text(GOOD + "calibration: {date: 2026-01-02 03:04:05, readings: 60}\n")
    calibration = load_array(path).calibration
    assert calibration == replace(ArrayCalibration("", 60), date="2026-01-02T03:04:05")


def test_what_stood_there_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    first = ArrayDescription((ArrayChannel("mq2"),))
    assert replace_array(path, first) is None
    kept = replace_array(path, replace(first, serial_id="7"))
    assert kept == tmp_path / "array.yaml.previous"
    assert (load_array(kept).serial_id, load_array(path).serial_id) == ("", "7")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["array.yaml", "array.yaml.previous"]
