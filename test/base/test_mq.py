"""MQ arithmetic against the data sheets' formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.mq import (
    Circuit,
    Quantity,
    SensorColumn,
    channel_name,
    counts_of_resistance,
    resistance_ratio,
    sensing_resistance,
    sensor_column,
    sensors_in,
)


def test_rs_follows_the_data_sheet() -> None:
    circuit = Circuit(load_ohm=5000.0, full_scale=1000)
    np.testing.assert_allclose(sensing_resistance([500, 200, 1000], circuit), [5000, 20000, 0])


def test_a_converter_with_a_lower_reference_than_the_loop_voltage() -> None:
    circuit = Circuit(load_ohm=1000.0, supply_v=5.0, reference_v=2.5, full_scale=1000)
    np.testing.assert_allclose(sensing_resistance([1000, 500], circuit), [1000, 3000])
    np.testing.assert_allclose(counts_of_resistance([0.0, 1000.0, 3000.0], circuit), [1000, 1000, 500])


def test_counts_that_no_resistance_gives_are_nan() -> None:
    circuit = Circuit(supply_v=3.0, reference_v=5.0)
    assert np.isnan(sensing_resistance([0, -3, 700, math.nan, math.inf], circuit)).all()


@given(st.lists(st.integers(1, 1023), min_size=1))
def test_counts_survive_the_way_to_rs_and_back(counts: list[int]) -> None:
    back = counts_of_resistance(sensing_resistance(counts, Circuit()), Circuit())
    np.testing.assert_allclose(back, counts, rtol=1e-5)


@given(st.lists(st.floats(width=32), min_size=1), st.floats(0.5, 12.0), st.floats(0.5, 12.0))
def test_rs_is_never_negative_nor_infinite_nor_a_warning(counts: list[float], vc: float, vref: float) -> None:
    with np.errstate(all="raise", under="ignore"):
        rs = sensing_resistance(counts, Circuit(supply_v=vc, reference_v=vref))
    assert rs.dtype == np.float32
    assert (((rs >= 0) & np.isfinite(rs)) | np.isnan(rs)).all()


def test_more_counts_mean_less_resistance() -> None:
    assert (np.diff(sensing_resistance(np.arange(1, 1024), Circuit())) < 0).all()


def test_the_ratio_is_nan_without_a_reference() -> None:
    ratio = resistance_ratio([5000.0, 5000.0, math.nan, 1.0, 1.0], [10000.0, 0.0, 1.0, math.nan, -1.0])
    np.testing.assert_allclose(ratio, [0.5, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("name", ["load_ohm", "supply_v", "reference_v", "full_scale"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_bad_circuit_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Circuit(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MQ-135", "mq135"),
        ("MQ_2", "mq2"),
        ("mq 2", "mq2"),
        ('"MQ7"', "mq7"),
        ("MQ\u20118", "mq8"),
        ("mq303A", "mq303a"),
        ("TGS 2602", "tgs2602"),
        ("MiCS-5524", "mics5524"),
    ],
)
def test_the_usual_names_of_a_sensor_are_one_channel(text: str, name: str) -> None:
    assert channel_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "MQ", "MQ-", "MQ0", "MQ2_ppm", "gas", "135", "MQ2,MQ3", "mq2\n3", "xmq2"]
)
def test_what_is_no_name_of_a_sensor_is_none(text: str) -> None:
    assert channel_name(text) is None


@pytest.mark.parametrize(
    ("text", "name", "quantity"),
    [
        ("MQ-2", "mq2", Quantity.UNSAID),
        ("MQ2 (raw)", "mq2", Quantity.RAW),
        ("mq2_adc", "mq2", Quantity.RAW),
        ("mq2Raw", "mq2", Quantity.RAW),
        ("A0 MQ 135", "mq135", Quantity.UNSAID),
        ("MQ7_CO", "mq7", Quantity.UNSAID),
        ("MQ135 CO2 sensor", "mq135", Quantity.UNSAID),
        ("MQ2 [V]", "mq2", Quantity.VOLT),
        ("mq8_mV", "mq8", Quantity.MILLIVOLT),
        ("MQ3 %", "mq3", Quantity.PERCENT),
        ("MQ3 Rs (Ohm)", "mq3", Quantity.OHM),
        ("MQ3 Rs", "mq3", Quantity.OTHER),
        ("MQ2_ppm", "mq2", Quantity.OTHER),
        ("MQ2 D0", "mq2", Quantity.OTHER),
        ("mq2_threshold", "mq2", Quantity.OTHER),
        ("MQ2_raw_V", "mq2", Quantity.OTHER),
        ("MQ2.1", "mq2", Quantity.UNSAID),
        ("MQ-7B", "mq7b", Quantity.UNSAID),
        ("MQ5adc", "mq5", Quantity.RAW),
    ],
)
def test_a_column_says_which_sensor_and_what_of_it(text: str, name: str, quantity: Quantity) -> None:
    assert sensor_column(text) == SensorColumn(name, quantity)


@pytest.mark.parametrize("text", ["MQ", "MQ2 and MQ3", "temp_c", "humidity_%", "xmq2", "MQ12345"])
def test_a_column_of_no_sensor_or_of_several_is_none(text: str) -> None:
    assert sensor_column(text) is None


def test_all_sensors_of_a_text_are_found_in_its_order() -> None:
    assert sensors_in("Found MQ-135, mq_2 and MQ7, no XMQ3") == ["mq135", "mq2", "mq7"]
