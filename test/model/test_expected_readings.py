"""Each array that is not as a model expects is told with its remedy, and after the remedy no more."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scaled_arrays import CASES, CHANNELS, Case, simulated_counts

from gas_fusion_ros.array.calibration import calibrate
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.expected import CalibratedArray, LearnedCounts, LearnedRatios
from gas_fusion_ros.array.scale import ScaleComplaint, ScaleWatch
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.expected_readings import expected_readings

Floats = npt.NDArray[np.float64]

DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)
SETTLED = slice(700, 1000)
"""Rows of the data set's clean air in which the array has long warmed up."""


@lru_cache(maxsize=1)
def counts_bundle() -> Bundle:
    return Bundle.load(find_bundle("fusion1"))


@lru_cache(maxsize=1)
def ratio_bundle() -> Bundle:
    """The same as if it had learned from ln(Rs/R0), its statistics those of the simulated gases."""
    array = ArrayDescription(CHANNELS).with_baseline_of(simulated_counts("NoGas", 0))
    seeds = range(100, 120)
    counts = np.concatenate([simulated_counts(gas, seed, 200) for gas in PAPER_CLASSES for seed in seeds])
    deviations = array.deviations(counts)
    mean, std = deviations.mean(axis=0), deviations.std(axis=0)
    return replace(counts_bundle(), name="ratios", array=array, mean=mean, std=std)


@pytest.fixture(scope="module")
def real(gas_fusion_data: Path) -> dict[str, Floats]:
    data = Dataset.load(gas_fusion_data)
    labels = np.array(data.classes)[data.labels]
    return {gas: data.counts[labels == gas].astype(np.float64) for gas in PAPER_CLASSES}


@lru_cache(maxsize=1)
def real_ratio_bundle() -> Bundle:
    """As `ratio_bundle`, from the data set's own readings."""
    data = Dataset.load(os.environ["GAS_FUSION_DATA"])
    labels = np.array(data.classes)[data.labels]
    air = data.counts[labels == "NoGas"][SETTLED]
    array = ArrayDescription(CHANNELS).with_baseline_of(air)
    deviations = array.deviations(data.counts)
    return replace(
        counts_bundle(),
        name="ratios",
        array=array,
        mean=deviations.mean(axis=0),
        std=deviations.std(axis=0),
    )


def complaints(bundle: Bundle, array: ArrayDescription | None, readings: Floats) -> list[ScaleComplaint]:
    """What is told while readings come."""
    watch = ScaleWatch(expected_readings(bundle, array))
    told: list[ScaleComplaint] = []
    for reading in readings:
        watch.add(PAPER_CHANNELS, reading.astype(np.float32))
        if watch.complaint is not None and watch.complaint not in told:
            told.append(watch.complaint)
    return told


def simulated_session() -> Floats:
    return np.concatenate([simulated_counts(gas, 3) for gas in PAPER_CLASSES])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("make", [counts_bundle, ratio_bundle])
def test_a_simulated_array_of_another_kind_is_told(make: object, case: Case) -> None:
    assert callable(make)
    told = complaints(make(), None, case.readings(simulated_session()))
    assert told
    assert any(case.told in cause for cause in told[0].causes), told[0].text
    assert case.remedy in told[0].text


@pytest.mark.parametrize("make", [counts_bundle, ratio_bundle])
def test_the_simulated_array_itself_is_not_told(make: object) -> None:
    assert callable(make)
    assert complaints(make(), None, simulated_session()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("make", [counts_bundle, real_ratio_bundle])
def test_the_data_set_from_another_array_is_told(real: dict[str, Floats], make: object, case: Case) -> None:
    assert callable(make)
    told = complaints(make(), None, case.readings(np.concatenate([real[gas] for gas in PAPER_CLASSES])))
    assert told
    assert any(case.told in cause for cause in told[0].causes), told[0].text
    assert case.remedy in told[0].text


@pytest.mark.parametrize("make", [counts_bundle, real_ratio_bundle])
def test_the_data_set_itself_is_not_told(real: dict[str, Floats], make: object) -> None:
    assert callable(make)
    for readings in real.values():
        assert complaints(make(), None, readings) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_after_the_remedy_nothing_is_told(real: dict[str, Floats], case: Case) -> None:
    air = case.readings(real["NoGas"][SETTLED])
    air[:, np.isfinite(air).mean(axis=0) < 0.9] = np.nan  # left out, as its message asks for
    array = calibrate(case.array, air, DATE)
    for readings in real.values():
        assert complaints(real_ratio_bundle(), array, case.readings(readings)) == []


def test_readings_are_compared_with_what_the_model_is_given() -> None:
    calibrated = ArrayDescription(CHANNELS).with_baseline_of(simulated_counts("NoGas", 0))
    assert isinstance(expected_readings(counts_bundle(), None), LearnedCounts)
    assert isinstance(expected_readings(counts_bundle(), calibrated), LearnedCounts)
    assert isinstance(expected_readings(ratio_bundle(), None), LearnedRatios)
    assert isinstance(expected_readings(ratio_bundle(), calibrated), CalibratedArray)
    with pytest.raises(ValueError, match="channels must be different names"):
        expected_readings(ratio_bundle(), ArrayDescription(CHANNELS))
