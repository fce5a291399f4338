"""A picture that shows no leak holds an alarm back for a while; readings that insist are believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, LeakAlarm, Severity
from gas_fusion_ros.base.observation import UNKNOWN, Mode, Verdict

START = 10_000_000_000_000_000
CLASSES = ("NoGas", "Perfume", "Smoke")
STEP = 10
SETTINGS = AlarmSettings(
    severities={"Perfume": Severity.WARNING, "Smoke": Severity.CRITICAL},
    on_threshold=0.7,
    off_threshold=0.4,
    on_delay_ns=30,
    off_delay_ns=50,
    readings_alone_on_delay_ns=100,
)


def said(mode: Mode, smoke: float, perfume: float = 0.0, alone: Verdict | None = None) -> Verdict:
    probabilities = np.array([max(0.0, 1.0 - smoke - perfume), perfume, smoke], dtype=np.float32)
    return Verdict(START, "link", mode, CLASSES, probabilities, "m", readings_alone=alone)


LOUD, CALM = said(Mode.GAS_ONLY, 0.9), said(Mode.GAS_ONLY, 0.1)
DENIED = said(Mode.FUSION, 0.1, alone=LOUD)
"""Readings of smoke beside a picture that shows none."""
AGREED = said(Mode.FUSION, 0.1)
"""Both calm: then nobody asks the readings."""


def raised(stream: list[Verdict], settings: AlarmSettings = SETTINGS) -> list[tuple[str, int]]:
    """Return each alarm's gas and when it was raised, from the stream's first verdict."""
    alarm, found = LeakAlarm(settings, START), []
    for index, verdict in enumerate(stream):
        events = alarm.update(
            START + STEP * index, settings.evidence(verdict), settings.readings_evidence(verdict)
        )
        found += [(event.gas, STEP * index) for event in events if event.raises_alarm]
    return found


def test_readings_that_insist_raise_their_alarm_after_their_own_delay_and_the_gases() -> None:
    assert raised([DENIED] * 40) == [("Smoke", 130)]
    assert raised([DENIED] * 13) == []


def test_without_the_delay_no_picture_holds_an_alarm_back() -> None:
    settings = replace(SETTINGS, readings_alone_on_delay_ns=0)
    assert raised([DENIED] * 40, settings) == raised([LOUD] * 40, settings) == [("Smoke", 30)]


def test_readings_that_were_calm_in_between_begin_anew() -> None:
    assert raised([*[DENIED] * 9, AGREED, *[DENIED] * 40]) == [("Smoke", 100 + 130)]


def test_readings_count_from_when_they_said_it_first_with_a_picture_or_without() -> None:
    """For one reading no picture was near: it counts as the others do."""
    assert raised([LOUD, *[DENIED] * 40]) == [("Smoke", 130)]


def test_an_alarm_stands_as_long_as_readings_insist() -> None:
    alarm = LeakAlarm(SETTINGS, START)
    for index in range(200):
        verdict = LOUD if index < 10 else DENIED
        alarm.update(START + STEP * index, SETTINGS.evidence(verdict), SETTINGS.readings_evidence(verdict))
    assert [one.state.is_sensed for one in alarm.status.alarms] == [True]


def test_a_picture_that_agrees_names_the_gas() -> None:
    """Readings of perfume insist, and picture and readings together say smoke: that is believed."""
    perfume = said(Mode.GAS_ONLY, 0.1, perfume=0.8)
    both = said(Mode.FUSION, 0.8, alone=perfume)
    assert raised([both] * 40) == [("Smoke", 30)]


def test_an_array_that_departs_is_evidence_beside_a_picture_too() -> None:
    settings = replace(
        SETTINGS, severities={**SETTINGS.severities, UNKNOWN: Severity.WARNING}, unidentified_on_delay_ns=30
    )
    departed = replace(said(Mode.FUSION, 0.1, alone=replace(CALM, departure=2.0)), departure=2.0)
    assert raised([departed] * 40, settings) == [(UNKNOWN, 30)]


@pytest.mark.parametrize("forget", [True, False])
def test_a_gap_ends_what_readings_insisted_on(forget: bool) -> None:
    alarm = LeakAlarm(SETTINGS, START)
    for index in range(14):
        if forget and index == 8:
            alarm.forget_delays()
        alarm.update(START + STEP * index, SETTINGS.evidence(DENIED), SETTINGS.readings_evidence(DENIED))
    assert len(alarm.status.alarms) == (0 if forget else 1)


levels = st.sampled_from([0.0, 0.2, 0.39, 0.4, 0.6, 0.69, 0.7, 0.9, 1.0])


@given(st.lists(st.tuples(levels, levels), max_size=80))
def test_whatever_pictures_say_readings_are_heard_no_later_than_their_delay(
    stream: list[tuple[float, float]],
) -> None:
    """Where the readings alone would have raised an alarm at a time, it is raised by then plus the delay."""
    by_readings = [said(Mode.GAS_ONLY, alone) for _, alone in stream] + [LOUD] * 30
    fused = [
        said(Mode.FUSION, min(both, alone), alone=said(Mode.GAS_ONLY, alone)) for both, alone in stream
    ] + [DENIED] * 30
    assert raised(by_readings)
    assert raised(fused)
    last_alone, last_fused = raised(by_readings)[-1][1], raised(fused)[-1][1]
    assert last_fused <= max(last_alone, STEP * len(stream)) + SETTINGS.readings_alone_on_delay_ns + 30


@given(st.lists(st.tuples(levels, levels), max_size=80))
def test_readings_that_are_not_loud_change_nothing(stream: list[tuple[float, float]]) -> None:
    suspicious = [
        said(Mode.FUSION, smoke, alone=said(Mode.GAS_ONLY, min(max(alone, 0.4), 0.69)))
        for smoke, alone in stream
    ]
    assert raised(suspicious) == raised([replace(one, readings_alone=None) for one in suspicious])
