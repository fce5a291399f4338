"""Readings of another scale are told with cause and remedy, and a gas never is."""

from __future__ import annotations

import csv
import gzip
import itertools
import os
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scaled_arrays import CASES, CHANNELS, Case, simulated_counts

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.array.expected import (
    STRANGE,
    CalibratedArray,
    Change,
    Expected,
    LearnedCounts,
    LearnedRatios,
)
from gas_fusion_ros.array.scale import EARLY, WINDOW, FullScaleWatch, ScaleWatch, explain, judge
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES

Floats = npt.NDArray[np.float64]

MEAN = np.array([678.0, 462.0, 405.0, 400.0, 566.0, 542.0, 417.0])
STD = np.array([93.0, 70.0, 55.0, 45.0, 83.0, 150.0, 76.0])
TYPICAL = np.array([600.0, 515.0, 400.0, 370.0, 640.0, 520.0, 430.0])
"""A reading of the data set's array in clean air, more or less."""
ARRAY = ArrayDescription(CHANNELS)
CALIBRATED = ARRAY.with_baseline_of(TYPICAL[np.newaxis])
BOARDS = os.environ.get("GAS_FUSION_BOARDS")
DAILY_AIR = os.environ.get("GAS_FUSION_DAILY_AIR")


def counts_model() -> LearnedCounts:
    return LearnedCounts("mine", ARRAY, MEAN, STD)


def ratio_model() -> LearnedRatios:
    deviations = CALIBRATED.deviations(np.array([MEAN - STD, MEAN, MEAN + STD]))
    return LearnedRatios("mine", CALIBRATED, deviations[1], np.abs(deviations[0] - deviations[2]) / 2.0)


def feed(watch: ScaleWatch, readings: Floats) -> None:
    for reading in readings:
        watch.add(PAPER_CHANNELS, reading.astype(np.float32))


def told(expected: Expected, readings: Floats) -> str:
    """The complaint that stands after readings; empty where none does."""
    watch = ScaleWatch(expected)
    feed(watch, readings)
    return "" if watch.complaint is None else watch.complaint.text


@pytest.mark.parametrize("name", ["12_bit", "14_bit", "16_bit", "ads1115", "volts", "millivolts", "share"])
def test_a_calibrated_array_behind_another_converter_is_told_after_ten_readings(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    text = told(CalibratedArray(CALIBRATED), case.readings(np.tile(TYPICAL, (EARLY, 1))))
    assert case.told in text.split("?")[0].split(" or ")[0]
    assert f"full_scale: {case.array.full_scale:g}" in text
    assert "array file" in text
    assert "calibrate again" in text


def test_a_calibrated_array_with_the_other_divider_is_told() -> None:
    text = told(CalibratedArray(CALIBRATED), 1023.0 - np.tile(TYPICAL, (WINDOW, 1)))
    assert "divider: load_high" in text


def test_the_sentence_says_what_is_seen() -> None:
    complaint = explain(counts_model(), MEAN * 4.003)
    assert complaint.text.startswith(
        "all channels are about 4 times what model 'mine' learned from (mq2 2714 against 678, mq3 1849 "
        "against 462, mq5 1621 against 405): a 12-bit converter (--full-scale 4095) or "
    )
    assert complaint.causes[0] == "a 12-bit converter"
    assert "knows the counts of one array only" in complaint.text
    assert "log_ratio" in complaint.text
    assert "A gas" not in complaint.text, "no gas gives four times the counts of every channel"
    assert len(complaint.text) < 500


def test_what_a_gas_may_do_too_is_said_so() -> None:
    assert (
        "A gas unlike any that the model learned would look so too."
        in explain(counts_model(), MEAN * 1.5).text
    )
    assert "A gas" not in explain(CalibratedArray(CALIBRATED), TYPICAL * 1.5).text


def test_an_array_without_power_is_told() -> None:
    assert "without power" in told(counts_model(), np.zeros((WINDOW, 7)))


def test_resistances_in_kiloohm_are_told() -> None:
    array = replace(ARRAY, unit=Unit.OHM).with_baseline_of(TYPICAL[np.newaxis] * 100.0)
    watch = ScaleWatch(CalibratedArray(array))
    feed(watch, np.tile(TYPICAL * 0.1, (WINDOW, 1)))
    assert watch.complaint is None, "they may as well be of a strong gas"
    assert explain(CalibratedArray(array), TYPICAL * 0.1).causes[0] == "kiloohm"


def test_it_ends_when_readings_fit_again() -> None:
    watch = ScaleWatch(counts_model())
    feed(watch, np.tile(MEAN * 4.0, (WINDOW, 1)))
    assert watch.complaint is not None
    feed(watch, np.tile(MEAN, (WINDOW // 2, 1)))
    assert watch.complaint is not None, "half of the window is of the other scale"
    feed(watch, np.tile(MEAN, (EARLY, 1)))
    assert watch.complaint is None


def test_it_is_told_too_where_it_comes_later() -> None:
    watch = ScaleWatch(counts_model())
    feed(watch, np.tile(MEAN, (WINDOW * 3, 1)))
    assert watch.complaint is None
    feed(watch, np.tile(MEAN * 4.0, (WINDOW, 1)))
    assert watch.complaint is not None


def test_what_is_forgotten_is_no_complaint() -> None:
    watch = ScaleWatch(counts_model())
    feed(watch, np.tile(MEAN * 4.0, (WINDOW, 1)))
    watch.forget()
    assert watch.complaint is None
    feed(watch, np.tile(MEAN, (EARLY, 1)))
    assert watch.complaint is None


@pytest.mark.parametrize("make", [counts_model, ratio_model, lambda: CalibratedArray(CALIBRATED)])
def test_channels_are_taken_by_name_and_a_single_one_is_no_matter_of_scale(make: object) -> None:
    assert callable(make)
    names = (*reversed(PAPER_CHANNELS), "mq9")
    for channel in range(7):
        watch = ScaleWatch(make())
        for _ in range(WINDOW):
            reading = TYPICAL.copy()
            reading[channel] = 5000.0
            watch.add(names, np.array([*reversed(reading), 1e6], dtype=np.float32))
            assert watch.complaint is None


def test_a_change_is_written_as_in_the_file_and_as_options() -> None:
    change = Change(Unit.VOLT, 5.0, Divider.LOAD_HIGH)
    assert change.fields == "unit: volt, full_scale: 5, divider: load_high"
    assert change.options == "--unit volt --full-scale 5 --inverted"
    assert Change().fields == Change().options == ""


# Properties.

shares = st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7).map(np.array)
wild = st.one_of(st.floats(allow_nan=True, allow_infinity=True, width=32), st.floats(-2000, 70000, width=32))


@given(shares, st.sampled_from([counts_model, ratio_model]))
def test_nothing_within_what_the_model_learned_is_told(share: Floats, make: object) -> None:
    assert callable(make)
    expected = make()
    if isinstance(expected, LearnedCounts):
        readings = MEAN + 1.7 * share * STD
    else:
        ratio = ratio_model()
        deviations = CALIBRATED.deviations(np.array([MEAN - STD, MEAN, MEAN + STD]))
        readings = CALIBRATED.readings_of(
            deviations[1] + 1.7 * share * np.abs(deviations[0] - deviations[2]) / 2.0
        ).astype(np.float64)
        expected = ratio
    assert expected.misfit(readings) <= STRANGE


@given(st.lists(st.floats(-8.0, 2.4), min_size=7, max_size=7))
def test_no_gas_is_told_of_a_calibrated_array(deviations: list[float]) -> None:
    expected = CalibratedArray(CALIBRATED)
    readings = CALIBRATED.readings_of(np.array(deviations)).astype(np.float64)
    if expected.misfit(readings) > STRANGE:
        # Only what is exactly clean air, were the output taken over the other resistor.
        turned = np.abs(CALIBRATED.deviations(1023.0 - readings))
        assert np.sort(turned)[-2] < 0.3


@given(st.floats(0.01, 1000.0), shares, st.floats(0.2, 30.0))
def test_the_full_scale_does_not_matter_to_a_calibrated_array(
    scale: float, share: Floats, factor: float
) -> None:
    wide = replace(CALIBRATED, full_scale=1023.0 * scale)
    readings = TYPICAL * (1.0 + 0.3 * share) * factor
    ours, theirs = (
        CalibratedArray(CALIBRATED).misfit(readings),
        CalibratedArray(wide).misfit(readings * scale),
    )
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3)


@settings(max_examples=50)
@given(
    st.lists(st.lists(wild, min_size=7, max_size=7), min_size=EARLY, max_size=3 * WINDOW),
    st.sampled_from([counts_model, ratio_model, lambda: CalibratedArray(CALIBRATED)]),
)
def test_whatever_comes_it_is_judged_in_bounded_memory(readings: list[list[float]], make: object) -> None:
    assert callable(make)
    watch = ScaleWatch(make())
    feed(watch, np.array(readings))
    assert len(watch._latest) <= WINDOW
    if watch.complaint is not None:
        assert watch.complaint.text
        assert 1 <= len(watch.complaint.causes) <= 2


@given(st.integers(0, 200))
def test_readings_without_any_value_count_for_nothing(count: int) -> None:
    watch = ScaleWatch(counts_model())
    feed(watch, np.full((count, 7), np.nan))
    assert watch.complaint is None
    feed(watch, np.tile(MEAN * 4.0, (EARLY, 1)))
    assert watch.complaint is not None


# Real readings.


def medians(readings: Floats, length: int) -> Floats:
    """Medians over every run of so many readings, shape (runs, C)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(sliding_window_view(readings, length, axis=0), axis=-1)


def worst(expected: Expected, readings: Floats) -> float:
    """The largest misfit at any start, a few readings judged as mildly as they are."""
    early = max(map(expected.misfit, medians(readings, EARLY))) / 1.67
    return max(early, *map(expected.misfit, medians(readings, WINDOW)))


@pytest.fixture(scope="module")
def real(gas_fusion_data: Path) -> dict[str, Floats]:
    data = Dataset.load(gas_fusion_data)
    labels = np.array(data.classes)[data.labels]
    return {gas: data.counts[labels == gas].astype(np.float64) for gas in PAPER_CLASSES}


@pytest.mark.parametrize("gas", PAPER_CLASSES)
def test_no_stretch_of_the_data_set_is_told(real: dict[str, Floats], gas: str) -> None:
    everything = np.concatenate(list(real.values()))
    array = ARRAY.with_baseline_of(real["NoGas"][700:1000])
    deviations = array.deviations(everything)
    counts = LearnedCounts("mine", ARRAY, everything.mean(axis=0), everything.std(axis=0))
    ratios = LearnedRatios("mine", array, deviations.mean(axis=0), deviations.std(axis=0))
    for expected in (counts, ratios, CalibratedArray(array)):
        assert worst(expected, real[gas]) < 0.9


def test_no_four_channels_of_the_data_set_are_told_alone(real: dict[str, Floats]) -> None:
    everything = np.concatenate(list(real.values()))
    expected = LearnedCounts("mine", ARRAY, everything.mean(axis=0), everything.std(axis=0))
    for readings in real.values():
        for some in medians(readings, WINDOW)[::40]:
            for chosen in itertools.combinations(range(7), 4):
                alive = np.full(7, np.nan)
                alive[list(chosen)] = some[list(chosen)]
                assert expected.misfit(alive) <= STRANGE


@pytest.mark.parametrize("channel", range(7))
def test_no_gas_of_the_data_set_is_told_of_an_array_of_one_channel(
    real: dict[str, Floats], channel: int
) -> None:
    everything = np.concatenate(list(real.values()))[:, [channel]]
    array = ArrayDescription((CHANNELS[channel],))
    expected = LearnedCounts("mine", array, everything.mean(axis=0), everything.std(axis=0))
    for readings in real.values():
        assert max(map(expected.misfit, medians(readings[:, [channel]], WINDOW)[::10])) <= STRANGE
    assert expected.misfit(everything.mean(axis=0) * 4.0) > STRANGE


@pytest.mark.parametrize("start", range(0, 1301, 260))
def test_no_stretch_is_told_wherever_the_clean_air_of_the_calibration_lay(
    real: dict[str, Floats], start: int
) -> None:
    expected = CalibratedArray(ARRAY.with_baseline_of(real["NoGas"][start : start + 300]))
    for readings in real.values():
        assert max(map(expected.misfit, medians(readings, WINDOW)[::10])) < 0.9


@pytest.mark.skipif(BOARDS is None, reason="GAS_FUSION_BOARDS is not set: it names the six boards' folder")
def test_no_gas_at_six_boards_is_told() -> None:
    assert BOARDS is not None
    with (Path(BOARDS) / "boards.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.startswith("MQ")]
    for board in sorted({row["board"] for row in rows}):
        runs: defaultdict[str, list[list[float]]] = defaultdict(list)
        for row in rows:
            if row["board"] == board:
                runs[row["label"]].append([float(row[name] or "nan") for name in names])
        array = ArrayDescription(tuple(map(ArrayChannel, names)), Unit.VOLT, 5.0)
        expected = CalibratedArray(array.with_baseline_of(np.array(runs["air"])[:100]))
        alive = [names.index(name) for name in expected.names]
        for label, readings in runs.items():
            assert worst(expected, np.array(readings)[:, alive]) < 0.9, f"board {board} in {label}"


@pytest.mark.skipif(
    DAILY_AIR is None, reason="GAS_FUSION_DAILY_AIR is not set: it names the folder daily_air"
)
def test_no_air_of_three_weeks_is_told_whichever_day_the_array_was_calibrated() -> None:
    assert DAILY_AIR is not None
    runs: defaultdict[str, list[list[float]]] = defaultdict(list)
    columns = ("MQ2_raw", "MQ3_raw", "MQ9_raw", "MQ135_raw", "TGS2602_raw")
    with gzip.open(Path(DAILY_AIR) / "recordings.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["file"].endswith("_air"):
                runs[row["file"]].append([float(row[name] or "nan") for name in columns])
    recordings = [np.array(readings) for readings in runs.values()]
    array = ArrayDescription(tuple(map(ArrayChannel, columns)))
    later = np.concatenate([medians(readings, WINDOW)[::300] for readings in recordings])
    for readings in recordings[::4]:
        assert max(map(CalibratedArray(array.with_baseline_of(readings)).misfit, later)) < 0.9


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_array_that_is_described_right_and_calibrated_is_told_of_in_no_gas(case: Case) -> None:
    expected = CalibratedArray(case.array.with_baseline_of(case.readings(simulated_counts("NoGas", 1))))
    for gas in PAPER_CLASSES:
        assert told(expected, case.readings(simulated_counts(gas, 2))) == ""


def test_a_few_readings_are_judged_at_once() -> None:
    expected = LearnedCounts("mine", ARRAY, MEAN, STD)
    usual = np.tile(TYPICAL, (3, 1)).astype(np.float32)
    assert judge(expected, usual) is None
    complaint = judge(expected, usual * 4)
    assert complaint is not None
    assert "--full-scale 4095" in complaint.text
    assert judge(expected, np.full((3, 7), np.nan, np.float32)) is None


def test_readings_beyond_the_array_are_told_when_they_stay() -> None:
    watch = FullScaleWatch(1022.0)
    beyond = (TYPICAL * 4).astype(np.float32)
    assert [bool(watch.add(beyond)) for _ in range(EARLY)] == [False] * (EARLY - 1) + [True]
    assert "a 12-bit converter (--full-scale 4095)" in watch.add(beyond)
    assert watch.add(TYPICAL.astype(np.float32)) == ""
    assert watch.add(beyond) == ""
