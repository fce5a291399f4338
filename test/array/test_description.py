"""ln(Rs/RL) against the data sheets' divider, whatever unit and converter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Divider, Unit

CHANNELS = (ArrayChannel("mq2", "MQ-2", baseline=1.0), ArrayChannel("mq3"))
RATIOS = st.lists(st.floats(0.05, 50.0), min_size=2, max_size=2)


def test_half_the_supply_is_a_sensor_like_its_load() -> None:
    array = ArrayDescription(CHANNELS, full_scale=1000.0)
    np.testing.assert_allclose(array.log_resistances([500.0, 200.0]), [0.0, np.log(4.0)], atol=1e-6)


@given(
    ratios=RATIOS,
    supply_v=st.sampled_from([3.3, 5.0]),
    load_ohm=st.floats(1e3, 1e5),
    bits=st.sampled_from([10, 12, 16]),
)
def test_supply_load_and_converter_cancel(
    ratios: list[float], supply_v: float, load_ohm: float, bits: int
) -> None:
    rs = np.array(ratios) * load_ohm
    over_load = supply_v * load_ohm / (rs + load_ohm)
    expected = np.log(ratios)
    full_scale = float(2**bits - 1)
    counts = over_load / supply_v * full_scale
    described = {
        (Unit.VOLT, Divider.LOAD_LOW, supply_v): over_load,
        (Unit.VOLT, Divider.LOAD_HIGH, supply_v): supply_v - over_load,
        (Unit.COUNTS, Divider.LOAD_LOW, full_scale): counts,
        (Unit.COUNTS, Divider.LOAD_HIGH, full_scale): full_scale - counts,
    }
    for (unit, divider, scale), readings in described.items():
        array = ArrayDescription(CHANNELS, unit, scale, divider)
        np.testing.assert_allclose(array.log_resistances(readings), expected, atol=1e-3)
    ohm = ArrayDescription(CHANNELS, Unit.OHM).log_resistances(rs)
    np.testing.assert_allclose(ohm - np.log(load_ohm), expected, atol=1e-3)


@pytest.mark.parametrize("reading", [0.0, -5.0, 1023.0, 2000.0, np.nan, np.inf])
@pytest.mark.parametrize("divider", Divider)
def test_what_no_resistance_gives_is_nan(reading: float, divider: Divider) -> None:
    array = ArrayDescription(CHANNELS, divider=divider)
    assert np.isnan(array.log_resistances([reading, 500.0])[0])
    assert np.isfinite(array.log_resistances([reading, 500.0])[1])


def test_deviations_are_from_the_own_clean_air_and_nan_without_one() -> None:
    array = ArrayDescription(CHANNELS, full_scale=1000.0)
    deviations = array.deviations([[500.0, 500.0], [200.0, 500.0]])
    np.testing.assert_allclose(deviations[:, 0], [-1.0, np.log(4.0) - 1.0], atol=1e-6)
    assert np.isnan(deviations[:, 1]).all()


@pytest.mark.parametrize("full_scale", [0.0, -1.0, np.nan, np.inf])
def test_a_full_scale_that_is_none_is_refused(full_scale: float) -> None:
    with pytest.raises(ValueError, match="full_scale must be a number above 0"):
        ArrayDescription(CHANNELS, full_scale=full_scale)


def test_channels_are_taken_by_name() -> None:
    array = ArrayDescription(CHANNELS)
    assert array.of_channels(["mq3", "mq2"]).names == ("mq3", "mq2")
    with pytest.raises(ValueError, match="it has no channel mq9; it has mq2, mq3"):
        array.of_channels(["mq2", "mq9"])


@given(
    deviations=st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2),
    unit=st.sampled_from(list(Unit)),
    divider=st.sampled_from(list(Divider)),
)
def test_readings_are_the_inverse_of_deviations(
    deviations: list[float], unit: Unit, divider: Divider
) -> None:
    channels = (ArrayChannel("mq2", baseline=0.7), ArrayChannel("mq3", baseline=-0.4))
    array = ArrayDescription(channels, unit, 1023.0, divider)
    np.testing.assert_allclose(array.deviations(array.readings_of(deviations)), deviations, atol=1e-3)


def test_a_baseline_is_that_of_the_readings_and_a_dead_channel_keeps_its_own() -> None:
    array = ArrayDescription(CHANNELS, full_scale=1000.0)
    found = array.with_baseline_of([[np.nan, 500.0], [np.nan, 200.0]])
    assert [one.baseline for one in found.channels] == [1.0, pytest.approx(np.log(4.0) / 2, abs=1e-5)]


def test_deviations_go_by_name_and_lack_what_the_array_or_the_reading_lacks() -> None:
    array = ArrayDescription((ArrayChannel("mq2", baseline=0.0), ArrayChannel("mq9", baseline=0.0)))
    found = array.deviations_by_name(("mq3", "mq2"), np.array([500.0, 511.5], dtype=np.float32))
    assert set(found) == {"mq2", "mq9"}
    assert found["mq2"] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(found["mq9"])


@pytest.mark.parametrize(
    ("unit", "full_scale", "expected"),
    [
        (Unit.COUNTS, 1023.0, (1.0, 1022.0)),
        (Unit.COUNTS, 4095.0, (1.0, 4094.0)),
        (Unit.COUNTS, 102.3, (0.1, 102.2)),
        (Unit.VOLT, 5.0, (0.0001, 5.0 - 5.0 / 1023.0)),
        (Unit.OHM, 1023.0, (1.0, 2.0**24)),
    ],
)
def test_a_working_sensor_reads_neither_end_of_its_converter(
    unit: Unit, full_scale: float, expected: tuple[float, float]
) -> None:
    assert ArrayDescription(CHANNELS, unit, full_scale).plausible == pytest.approx(expected)


@given(st.floats(0.01, 1e6), st.sampled_from([Unit.COUNTS, Unit.VOLT]), st.sampled_from(Divider))
def test_what_is_plausible_is_a_resistance(full_scale: float, unit: Unit, divider: Divider) -> None:
    array = ArrayDescription(CHANNELS, unit, full_scale, divider)
    assert np.isfinite(array.log_resistances(np.array(array.plausible))).all()
