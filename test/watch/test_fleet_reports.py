"""A document of a robot is read whole or refused, whatever it holds; no contradiction says safe."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import fleet_documents as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.documents import DocumentError
from gas_fusion_ros.fleet.reports import MOST_ALARMS, MOST_DOCUMENT, read_standing, read_state
from gas_fusion_ros.fleet.robot_watch import STOPPED

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_what_a_relay_says_is_read() -> None:
    report = read_state("r", made.state("r", made.standing(made.alarm())))
    assert (report.online, report.state, report.safe, report.gas) == (True, "active", False, "Smoke")
    assert (report.standing, report.valid_s, report.has_left) == (1, 5, False)
    assert read_state("r", made.state("r")).safe
    fault = read_state("r", made.state("r", made.FAULT))
    assert [reason.code for reason in fault.faults] == ["silence"]
    assert not read_state("r", made.gone("r")).has_left
    assert read_state("r", made.gone("r", STOPPED)).has_left


def test_what_stands_is_read() -> None:
    report = read_standing("r", made.alarms("r", made.alarm(3), leaks=(made.LEAK,), omitted=2))
    assert report.alarms == (made.alarm(3),)
    assert report.leaks == (made.LEAK,)
    assert report.omitted == 2


def test_more_alarms_than_may_be_are_counted() -> None:
    alarms = [made.alarm(number) for number in range(1, MOST_ALARMS + 4)]
    report = read_standing("r", made.alarms("r", *alarms))
    assert (len(report.alarms), report.omitted) == (MOST_ALARMS, 3)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"format_version": 2}, "update whichever"),
        ({"robot": "other"}, "its robot is 'other'"),
        ({"state": "fine"}, "expected one of"),
        ({"online": 1}, "online"),
        ({"standing": 1}, "says safe"),
        ({"standing": None}, "says safe"),
        ({"online": False}, "says safe"),
        ({"state": "unknown"}, "says safe"),
        ({"fault": True}, "says safe"),
        ({"inhibits": [{"code": "warm_up", "text": "it warms up"}]}, "says safe"),
        ({"faults": "none"}, "its reasons are no list"),
        ({"valid_s": -1}, "valid_s"),
        ({"stamp_ns": 1 << 70}, "stamp_ns"),
    ],
)
def test_what_is_wrong_or_contradicts_itself_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_state("r", made.state("r", **fields))


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"", b"[]", b"{", b"1", b"[" * 100_000, b" " * (MOST_DOCUMENT + 1), b'{"format_version": 1}'],
)
def test_what_is_no_document_is_refused(payload: bytes) -> None:
    for read in (read_state, read_standing):
        with pytest.raises(DocumentError):
            read("r", payload)


@given(st.sampled_from(sorted(json.loads(made.state("r")))), VALUES)
def test_a_state_with_any_value_anywhere_is_read_or_refused(name: str, value: Any) -> None:
    payload = json.dumps({**json.loads(made.state("r")), name: value}).encode()
    try:
        report = read_state("r", payload)
    except DocumentError:
        return
    assert not report.safe or (report.online and report.standing == 0 and not report.faults)


@given(st.sampled_from(["alarms", "leak_poses", "omitted", "alarm", "leak"]), st.text(max_size=5), VALUES)
def test_standing_alarms_with_any_value_anywhere_are_read_or_refused(
    place: str, key: str, value: Any
) -> None:
    document = json.loads(made.alarms("r", made.alarm(), leaks=(made.LEAK,)))
    parent = {"alarm": document["alarms"][0], "leak": document["leak_poses"][0]}.get(place, document)
    parent[place if parent is document else key or next(iter(parent))] = value
    with suppress(DocumentError):
        report = read_standing("r", json.dumps(document).encode())
        assert report.omitted >= 0


@given(st.sampled_from(["number", "gas", "severity", "state", "since_ns", "peak", "shelved", "pose"]), VALUES)
def test_an_alarm_with_any_value_is_read_or_refused(name: str, value: Any) -> None:
    document = json.loads(made.alarms("r", made.alarm()))
    document["alarms"][0][name] = value
    try:
        report = read_standing("r", json.dumps(document).encode())
    except DocumentError:
        return
    assert 0 < report.alarms[0].number < 1 << 63
