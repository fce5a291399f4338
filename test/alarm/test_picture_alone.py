"""A picture alone never overrules calm, valid readings into a critical alarm; it may raise a warning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, AlarmState, LeakAlarm, Severity
from gas_fusion_ros.alarm.settings import AlarmAdvice, AlarmChoice
from gas_fusion_ros.base.observation import PICTURE_ALONE, UNKNOWN, Mode, Verdict

START = 10_000_000_000_000_000
CLASSES = ("NoGas", "Perfume", "Smoke")
STEP = 10
SETTINGS = AlarmSettings(
    severities={"Perfume": Severity.WARNING, "Smoke": Severity.CRITICAL},
    on_threshold=0.7,
    off_threshold=0.4,
    on_delay_ns=30,
    off_delay_ns=50,
    picture_alone_on_delay_ns=80,
    picture_alone_off_delay_ns=70,
)
ACTIVE, LATCHED = AlarmState.ACTIVE, AlarmState.LATCHED


def gas_only(smoke: float, perfume: float = 0.0, novelty: float | None = None) -> Verdict:
    probabilities = np.array([max(0.0, 1.0 - smoke - perfume), perfume, smoke], dtype=np.float32)
    return Verdict(START, "link", Mode.GAS_ONLY, CLASSES, probabilities, "m", novelty=novelty)


def fused(smoke: float, alone: Verdict | None, perfume: float = 0.0) -> Verdict:
    return replace(gas_only(smoke, perfume), mode=Mode.FUSION, readings_alone=alone)


CALM, LOUD = gas_only(0.1), gas_only(0.5)
FACE = fused(0.95, CALM)
"""A picture that looks like smoke beside calm readings."""
LEAK = fused(0.95, LOUD)


class Rig:
    """An alarm that is fed verdicts."""

    def __init__(self, settings: AlarmSettings = SETTINGS) -> None:
        self.now = START
        self.alarm = LeakAlarm(settings, START)
        self.raised_at: dict[str, int] = {}

    def see(self, *verdicts: Verdict) -> Rig:
        for verdict in verdicts:
            self.now += STEP
            evidence = self.alarm.settings.evidence(verdict)
            readings = self.alarm.settings.readings_evidence(verdict)
            for event in self.alarm.update(self.now, evidence, readings):
                if event.raises_alarm:
                    self.raised_at.setdefault(event.gas, self.now - START)
        return self

    @property
    def standing(self) -> list[tuple[str, str, AlarmState]]:
        return [(one.gas, one.severity.value, one.state) for one in self.alarm.status.alarms]


levels = st.sampled_from([0.0, 0.2, 0.39, 0.4, 0.6, 0.69, 0.7, 0.9, 1.0])


@st.composite
def probabilities(draw: st.DrawFn, most: float = 1.0) -> tuple[float, float]:
    """Of Smoke and Perfume, their sum below `most` where that is below 1."""
    smoke = min(draw(levels), most)
    return smoke, min(draw(levels), max(0.0, most - smoke))


@st.composite
def calm_readings(draw: st.DrawFn) -> Verdict:
    return gas_only(*draw(probabilities(most=0.39)), novelty=draw(st.none() | st.floats(0, 1)))


@st.composite
def verdicts_on_calm_readings(draw: st.DrawFn) -> Verdict:
    """Of a picture that says anything beside calm readings, or of such readings alone."""
    calm = draw(calm_readings())
    smoke, perfume = draw(probabilities())
    return draw(st.sampled_from([calm, fused(smoke, calm, perfume)]))


any_readings = st.builds(
    gas_only, levels.map(lambda p: p / 2), levels.map(lambda p: p / 2), st.none() | st.floats(0, 2)
)
any_verdicts = st.builds(
    lambda said, alone, departure: replace(fused(said[0], alone, said[1]), departure=departure),
    probabilities(),
    st.none() | any_readings,
    st.none() | st.floats(0, 2),
)
all_settings = st.sampled_from(
    [
        SETTINGS,
        replace(SETTINGS, on_delay_ns=0, picture_alone_on_delay_ns=0),
        replace(SETTINGS, picture_alone=False),
        replace(SETTINGS, on_threshold=0.4),
        replace(SETTINGS, severities={"Smoke": Severity.CRITICAL, UNKNOWN: Severity.CRITICAL}),
    ]
)


# The rule.


@given(st.lists(verdicts_on_calm_readings(), max_size=60), all_settings)
def test_while_valid_readings_stay_calm_no_critical_alarm_is_ever_active(
    stream: list[Verdict], settings: AlarmSettings
) -> None:
    rig = Rig(settings)
    for verdict in stream:
        rig.see(verdict)
        assert {(gas, severity) for gas, severity, _ in rig.standing} <= {(PICTURE_ALONE, "warning")}


@given(any_verdicts, all_settings)
def test_the_rule_takes_nothing_from_any_class(verdict: Verdict, settings: AlarmSettings) -> None:
    evidence = dict(settings.evidence(verdict))
    evidence.pop(PICTURE_ALONE, None)
    assert evidence == settings.evidence(replace(verdict, readings_alone=None))


@given(st.lists(any_verdicts, max_size=60), all_settings)
def test_without_pictures_nothing_goes_by_the_rule(stream: list[Verdict], settings: AlarmSettings) -> None:
    without = [replace(one, mode=Mode.GAS_ONLY, readings_alone=None) for one in stream]
    other = replace(settings, picture_alone=not settings.picture_alone, picture_alone_on_delay_ns=1)
    one, another = Rig(settings).see(*without), Rig(other).see(*without)
    assert PICTURE_ALONE not in {gas for gas, _, _ in one.standing}
    assert (one.standing, one.raised_at) == (another.standing, another.raised_at)


@given(st.lists(any_verdicts, max_size=60), all_settings)
def test_an_alarm_that_the_readings_raised_is_never_ended_by_the_rule(
    stream: list[Verdict], settings: AlarmSettings
) -> None:
    """As long as the picture holds the leak probability, it holds a leak that stands, as ever."""
    rig = Rig(settings).see(*[LEAK] * 5)
    before = Rig(settings).see(*[LEAK] * 5)
    held = [one for one in stream if one.by_class["Smoke"] >= settings.off_threshold]
    rig.see(*held)
    before.see(*(replace(one, readings_alone=None) for one in held))
    first = rig.standing[0]
    assert first == ("Smoke", "critical", first[2])
    assert first[2] is ACTIVE or before.standing[0][2] is LATCHED


@pytest.mark.parametrize(
    "alone",
    [
        None,
        gas_only(0.4),
        gas_only(0.2, 0.2),
        gas_only(0.0, novelty=1.01),
        replace(gas_only(0.0), departure=1.01),
    ],
    ids=["missing", "suspicious", "two gases in sum", "unlike training", "departing"],
)
def test_readings_that_are_missing_or_not_calm_leave_the_present_rules(alone: Verdict | None) -> None:
    assert Rig().see(*[fused(0.95, alone)] * 4).standing == [("Smoke", "critical", ACTIVE)]


@given(st.integers(0, 12), st.integers(0, 40))
def test_once_the_readings_join_the_critical_alarm_comes_with_the_gases_own_delay(
    alone: int, after: int
) -> None:
    """Those that join within the on-delay come as early as before; later ones take it from then on."""
    rig = Rig().see(*[FACE] * alone, *[LEAK] * after)
    first_ns = STEP if alone * STEP <= SETTINGS.on_delay_ns else (alone + 1) * STEP
    due_ns = first_ns + SETTINGS.on_delay_ns
    is_due = due_ns <= (alone + after) * STEP and after > 0
    assert rig.raised_at.get("Smoke") == (max(due_ns, (alone + 1) * STEP) if is_due else None)


@given(st.lists(st.booleans(), max_size=40))
def test_calm_readings_in_between_begin_the_joining_anew(joins: list[bool]) -> None:
    stream = [FACE] * 5 + [LEAK if one else FACE for one in joins]
    rig = Rig().see(*stream)
    runs = "".join("x" if one else " " for one in joins)
    has_run = "x" * (SETTINGS.on_delay_ns // STEP + 1) in runs
    assert ("Smoke" in rig.raised_at) is has_run


# The warning.


def test_a_picture_alone_raises_a_warning_under_its_own_name_and_delays() -> None:
    rig = Rig().see(*[FACE] * 8)
    status = rig.alarm.status
    assert (status.alarms, status.state, status.gas) == ((), AlarmState.PENDING, PICTURE_ALONE)
    rig.see(FACE)
    assert rig.standing == [(PICTURE_ALONE, "warning", ACTIVE)]
    rig.see(*[fused(0.0, None)] * 7)
    assert rig.standing == [(PICTURE_ALONE, "warning", ACTIVE)]
    rig.see(fused(0.0, None))
    assert rig.standing == [(PICTURE_ALONE, "warning", LATCHED)]


def test_the_warning_can_be_switched_off() -> None:
    rig = Rig(replace(SETTINGS, picture_alone=False)).see(*[FACE] * 40)
    assert rig.standing == []
    assert rig.alarm.status.state is AlarmState.PENDING
    assert rig.see(*[LEAK] * 4).standing == [("Smoke", "critical", ACTIVE)]


def test_one_picture_raises_one_warning_however_it_flickers_below_its_off_delay() -> None:
    rig = Rig().see(*[FACE] * 9)
    for _ in range(5):
        rig.see(fused(0.0, None), fused(0.0, None), *[FACE] * 12)
    assert rig.standing == [(PICTURE_ALONE, "warning", ACTIVE)]


def test_the_critical_alarm_takes_over_from_the_warning() -> None:
    rig = Rig().see(*[FACE] * 20, *[LEAK] * 4)
    assert rig.standing == [(PICTURE_ALONE, "warning", ACTIVE), ("Smoke", "critical", ACTIVE)]
    foremost = rig.alarm.status.foremost
    assert foremost is not None
    assert foremost.gas == "Smoke"
    rig.see(*[LEAK] * 8)
    assert rig.standing == [(PICTURE_ALONE, "warning", LATCHED), ("Smoke", "critical", ACTIVE)]


def test_gases_that_take_turns_once_the_readings_join_keep_no_critical_alarm_back() -> None:
    perfume = fused(0.2, LOUD, perfume=0.75)
    rig = Rig().see(*[FACE] * 20, *[LEAK, perfume] * 6)
    assert ("Smoke", "critical", ACTIVE) in rig.standing


def test_the_gas_is_named_by_evidence_in_which_the_readings_take_part() -> None:
    perfume = fused(0.0, gas_only(0.0, 0.6), perfume=0.9)
    assert Rig().see(*[FACE] * 7, *[perfume] * 4).standing[-1][0] == "Perfume"


def test_a_picture_alone_makes_no_critical_alarm_of_a_warning_that_stands() -> None:
    perfume = fused(0.0, gas_only(0.0, 0.6), perfume=0.9)
    rig = Rig().see(*[perfume] * 4)
    assert rig.see(*[FACE] * 30).standing == [("Perfume", "warning", ACTIVE)]
    assert rig.see(*[LEAK] * 4).standing[-1] == ("Smoke", "critical", ACTIVE)


def test_a_warning_that_stood_before_a_restart_ends_as_it_would_have() -> None:
    before = Rig().see(*[FACE] * 9)
    rig = Rig()
    rig.alarm = LeakAlarm(SETTINGS, START, memory=before.alarm.memory)
    rig.see(*[fused(0.0, None)] * 8)
    assert rig.standing == [(PICTURE_ALONE, "warning", LATCHED)]


# Settings.


def test_it_is_on_by_default_and_its_delays_can_be_chosen() -> None:
    defaults = AlarmSettings({"Smoke": Severity.CRITICAL})
    assert defaults.picture_alone
    chosen = AlarmChoice(picture_alone_on_delay_ns=0).settings(AlarmAdvice())
    assert chosen.on_delay_of(PICTURE_ALONE) == 0
    assert chosen.off_delay_of(PICTURE_ALONE) == defaults.picture_alone_off_delay_ns


def test_it_cannot_be_made_critical() -> None:
    with pytest.raises(ValueError, match=r"must not name PictureAlone.*alarm\.picture_alone"):
        replace(SETTINGS, severities={PICTURE_ALONE: Severity.CRITICAL})


@pytest.mark.parametrize("name", ["picture_alone_on_delay_ns", "picture_alone_off_delay_ns"])
def test_a_bad_delay_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(SETTINGS, **{name: -1})  # type: ignore[arg-type]


@given(levels, levels)
def test_a_picture_without_a_reading_is_weighed_at_even_odds(smoke: float, share: float) -> None:
    perfume = (1.0 - smoke) * share
    seen = replace(gas_only(smoke, perfume), mode=Mode.THERMAL_ONLY)
    evidence = SETTINGS.evidence(seen)
    clean = evidence["NoGas"]
    assert sum(evidence.values()) == pytest.approx(1.0)
    of_gases = smoke + perfume
    assert 1.0 - clean == pytest.approx(of_gases / (of_gases + 2.0 * (1.0 - of_gases)), abs=1e-5)
    assert evidence["Smoke"] * perfume == pytest.approx(evidence["Perfume"] * smoke, abs=1e-5)
    assert SETTINGS.evidence(gas_only(smoke, perfume))["Smoke"] == pytest.approx(smoke)


def test_a_picture_that_tells_nothing_is_half_a_leak_and_none_without_clean_air_among_the_classes() -> None:
    nothing = replace(gas_only(1 / 3, 1 / 3), mode=Mode.THERMAL_ONLY)
    assert SETTINGS.evidence(nothing)["NoGas"] == pytest.approx(0.5)
    gases = replace(nothing, classes=("Methane", "Perfume", "Smoke"))
    assert SETTINGS.evidence(gases) == gases.by_class
