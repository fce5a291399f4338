"""Events tell each change of what stands once, and every document keeps to the schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jsonschema", reason="jsonschema is not installed")

from jsonschema import Draft202012Validator, ValidationError

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.shipped_files import shipped_folder
from gas_fusion_ros.fleet import documents
from gas_fusion_ros.fleet.changes import Change, alarm_changes
from gas_fusion_ros.fleet.journal import Journal
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.robot_watch import CONNECTION_LOST, NOT_HEARD, RobotState

STAMP_NS = 1_700_000_000_123_456_789
SCHEMA = json.loads((shipped_folder() / "config" / "fleet.schema.json").read_text(encoding="utf-8"))
WHOLE = Draft202012Validator(SCHEMA)
KINDS = ("state", "alarms", "alarm_event", "state_event", "leak_event")
PARTS = {kind: Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{kind}"}]}) for kind in KINDS}

TEXTS = st.text(max_size=3) | st.just("x" * 400)
NUMBERS = st.floats(-1e6, 1e6)
POSES = st.none() | st.builds(RobotPose, NUMBERS, NUMBERS, frame_id=TEXTS)
VARIANCES = st.floats(0.0, 1e6)
LEAKS = st.builds(
    LeakPlace, NUMBERS, NUMBERS, VARIANCES, st.just(0.0), VARIANCES, TEXTS, stamp_ns=st.just(STAMP_NS)
)
REASONS = st.lists(st.builds(Reason, st.sampled_from(["silence", "scale"]), TEXTS), max_size=3).map(
    lambda some: tuple(some) * 6
)
LEAK_STATES = [state for state in AlarmState if state.is_leak]
STANDING = st.lists(
    st.builds(
        StandingAlarm,
        st.just(1),
        TEXTS,
        st.sampled_from(Severity),
        st.sampled_from(LEAK_STATES),
        st.just(STAMP_NS),
        st.floats(0, 1),
        POSES,
        st.booleans(),
    ),
    max_size=3,
).map(lambda alarms: tuple(replace(alarm, number=number) for number, alarm in enumerate(alarms, 1)))
FEW = st.dictionaries(st.integers(1, 3), st.tuples(st.sampled_from(LEAK_STATES), st.booleans())).map(
    lambda found: tuple(
        StandingAlarm(number, "x" * 100, Severity.CRITICAL, state, STAMP_NS, 0.5, shelved=shelved)
        for number, (state, shelved) in sorted(found.items())
    )
)
STATUSES = st.builds(
    AlarmStatus,
    st.sampled_from([AlarmState.CLEAR, AlarmState.PENDING]),
    st.just(STAMP_NS),
    alarms=STANDING,
    omitted=st.integers(0, 2),
    faults=REASONS,
    inhibits=REASONS,
    warnings=REASONS,
    suspected=TEXTS,
)
STATES = st.builds(
    lambda status, doubts: RobotState(status, doubts, safe=status.is_safe and not doubts),
    STATUSES,
    st.sampled_from([(), (NOT_HEARD,)]),
)


def validate(document: Any, kind: str) -> None:
    """Check a document against its part of the schema, which names all its fields."""
    PARTS[kind].validate(document)
    WHOLE.validate(document)
    assert set(document) == set(SCHEMA["$defs"][kind]["properties"])


@given(FEW, FEW, st.integers(0, 1))
def test_changes_lead_from_what_stood_to_what_stands(
    before: tuple[StandingAlarm, ...], after: tuple[StandingAlarm, ...], omitted: int
) -> None:
    standing = {alarm.number: alarm for alarm in before}
    for one in alarm_changes(before, after, omitted):
        if one.change in (Change.CLEARED, Change.UNLISTED):
            assert (one.change is Change.UNLISTED) == bool(omitted)
            del standing[one.alarm.number]
        else:
            assert (one.change is Change.CHANGED) == (one.alarm.number in standing)
            standing[one.alarm.number] = one.alarm
    told = [(one.number, one.state, one.shelved) for one in after]
    assert sorted((number, one.state, one.shelved) for number, one in standing.items()) == told
    assert alarm_changes(after, after, omitted) == []


@dataclass(frozen=True)
class Step:
    """What is heard at once, and whether the relay starts anew after it."""

    alarms: tuple[StandingAlarm, ...]
    is_heard: bool
    is_fault: bool
    leaks: list[int]
    restarts: bool

    @property
    def state(self) -> RobotState:
        faults = (Reason("silence", "no reading"),) if self.is_fault else ()
        watch = AlarmState.FAULT if self.is_fault else AlarmState.CLEAR
        status = AlarmStatus(watch, STAMP_NS, self.alarms, faults=faults)
        return RobotState(status, () if self.is_heard else (NOT_HEARD,), status.is_safe and self.is_heard)

    @property
    def places(self) -> list[LeakPlace]:
        """Estimates, each of the one or the other of two leaks."""
        return [LeakPlace(100.0 * (n % 2), 0.0, 1.0 + n, 0.0, 1.0, "map", STAMP_NS) for n in self.leaks]


STEPS = st.builds(
    Step, FEW, st.booleans(), st.booleans(), st.lists(st.integers(0, 3), max_size=3), st.booleans()
)


@settings(max_examples=30)
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_whoever_follows_the_events_knows_what_stands(steps: list[Step]) -> None:
    """Also over restarts of the relay, and each event keeps to the schema."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "queue.sqlite3"
        outbox = Outbox(path, 1000)
        journal = Journal("robot1", outbox)
        for step in steps:
            journal.add(step.state, step.places, STAMP_NS)
            before = outbox.state.last_event
            if step.restarts:
                outbox.close()
                outbox = Outbox(path, 1000)
                journal = Journal("robot1", outbox)
            assert not journal.add(step.state, step.places[-1:], STAMP_NS)
            assert outbox.state.last_event == before
        standing: dict[int, Any] = {}
        state_name, places = "unknown", []
        for event in outbox.after(0, 1000):
            document = json.loads(event.document)
            match document["event"]:
                case "state":
                    validate(document, "state_event")
                    assert document["previous"] == state_name
                    state_name = document["state"]
                case "leak_pose":
                    validate(document, "leak_event")
                    places.append(document["leak_pose"])
                case what:
                    validate(document, "alarm_event")
                    standing.pop(document["alarm"]["number"], None)
                    if what in ("raised", "changed"):
                        standing[document["alarm"]["number"]] = document["alarm"]
        outbox.close()
    assert state_name == steps[-1].state.name
    told = [(number, alarm["state"], alarm["shelved"]) for number, alarm in sorted(standing.items())]
    assert told == [(alarm.number, alarm.state.value, alarm.shelved) for alarm in steps[-1].alarms]
    latest: dict[float, LeakPlace] = {}
    told_places = [documents.leak_from_json(place) for place in places]
    for place in (place for step in steps for place in step.places):
        if latest.get(place.x) != place:
            assert told_places.pop(0) == place
            latest[place.x] = place
    assert told_places == []


@settings(max_examples=30)
@given(STATES, REASONS)
def test_every_state_keeps_to_the_schema(state: RobotState, troubles: tuple[Reason, ...]) -> None:
    queue = documents.QueueState("0123456789abcdef", 7, 2, 0)
    document = documents.state_document("robot1", state, queue, troubles, STAMP_NS, 5)
    validate(json.loads(documents.encode(document)), "state")
    assert document["safe"] == state.safe


def test_the_last_will_keeps_to_the_schema_and_is_no_all_clear() -> None:
    will = documents.gone_document("robot1", CONNECTION_LOST, "0123456789abcdef", STAMP_NS)
    validate(will, "state")
    assert (will["safe"], will["state"], will["online"]) == (False, "unknown", False)


@settings(max_examples=30)
@given(STANDING, st.lists(LEAKS, max_size=3))
def test_every_list_of_alarms_keeps_to_the_schema(
    alarms: tuple[StandingAlarm, ...], leaks: list[LeakPlace]
) -> None:
    document = json.loads(documents.encode(documents.alarms_document("robot1", alarms, 0, leaks, STAMP_NS)))
    validate(document, "alarms")
    for alarm, told in zip(alarms, document["alarms"], strict=True):
        assert documents.alarm_to_json(documents.alarm_from_json(told)) == told
        assert documents.alarm_from_json(told).number == alarm.number


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_state_that_claims_too_much_breaks_the_schema() -> None:
    queue = documents.QueueState("0123456789abcdef", 7, 2, 0)
    state = RobotState(
        AlarmStatus(AlarmState.FAULT, STAMP_NS, faults=(Reason("silence", ""),)), (), safe=True
    )
    document = documents.state_document("robot1", state, queue, (), STAMP_NS, 5)
    with pytest.raises(ValidationError):
        WHOLE.validate(document)
