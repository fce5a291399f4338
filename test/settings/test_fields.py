"""Settings dataclasses as tables: what they declare, and what is made of values."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.settings.fields import (
    MissingSettingError,
    advised_setting,
    group,
    make_settings,
    needed_setting,
    parameters_of,
    setting,
    specs_of,
)
from gas_fusion_ros.settings.parameter_spec import ADVISED, AdvisedSpec, ParameterSpec

S = 10**9


@dataclass(frozen=True)
class Valve:
    gases: tuple[str, ...] = setting(("A",), "what flows")
    delay_ns: int = setting(S // 2, "pause, s", minimum=0.0, maximum=5.0, name="after")
    limit: float | None = advised_setting("limit", minimum=0.1, maximum=1.0)
    frame_id: str = "nowhere"


@dataclass(frozen=True)
class Pump:
    port: str = needed_setting("the port")
    rate_hz: float = setting(2.0, "strokes per second", minimum=0.5)
    kind: str = setting("", "which", choices=("a", "b"), read_only=True)
    frame_id: str = setting("pump", "frame")
    valve: Valve = group(Valve)
    spare: list[int] = field(default_factory=list)


def test_each_setting_is_a_row_of_the_table() -> None:
    assert specs_of(Pump, "pump.") == (
        ParameterSpec("pump.port", "", "the port"),
        ParameterSpec("pump.rate", 2.0, "strokes per second", minimum=0.5),
        ParameterSpec("pump.kind", "", "which", choices=("a", "b"), read_only=True),
        ParameterSpec("pump.frame_id", "pump", "frame"),
        ParameterSpec("pump.valve.gases", ["A"], "what flows"),
        ParameterSpec("pump.valve.after", 0.5, "pause, s", minimum=0.0, maximum=5.0),
        AdvisedSpec.within("pump.valve.limit", "limit", least=0.1, maximum=1.0),
    )


def test_what_is_not_given_keeps_its_default() -> None:
    assert make_settings(Pump, {"port": "x", "unknown": 1}) == Pump("x", valve=Valve(frame_id="pump"))


def test_values_come_in_the_fields_units() -> None:
    values = {
        "port": "x",
        "rate": 3.0,
        "valve.gases": ["B", "C"],
        "valve.after": 1.25,
        "valve.limit": ADVISED,
    }
    pump = make_settings(Pump, values)
    assert (pump.rate_hz, pump.valve) == (3.0, Valve(("B", "C"), 5 * S // 4, None, "pump"))


def test_fields_that_are_no_parameters_are_given() -> None:
    assert make_settings(Valve, {}, frame_id="here", other=1) == Valve(frame_id="here")
    assert make_settings(Pump, {"port": "x"}, spare=[1]).spare == [1]


@pytest.mark.parametrize("values", [{}, {"pump.port": ""}])
def test_one_that_must_be_given_is_named(values: dict[str, str]) -> None:
    with pytest.raises(MissingSettingError, match=r"pump\.port is not set; it must be the port") as caught:
        make_settings(Pump, values, "pump.")
    assert caught.value.spec.name == "pump.port"


@given(
    gases=st.lists(st.text(min_size=1), min_size=1).map(tuple),
    delay_ns=st.integers(0, 5 * S),
    limit=st.none() | st.floats(0.1, 1.0),
)
def test_settings_survive_the_way_to_parameters_and_back(
    gases: tuple[str, ...], delay_ns: int, limit: float | None
) -> None:
    valve = Valve(gases, delay_ns, limit)
    values = parameters_of(valve, "valve.")
    assert {spec.name for spec in specs_of(Valve, "valve.")} == set(values)
    assert all(spec.refusal(values[spec.name]) is None for spec in specs_of(Valve, "valve."))
    assert make_settings(Valve, values, "valve.") == valve
