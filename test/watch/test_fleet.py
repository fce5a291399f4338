"""Who of a fleet is alive, silent, died or stopped, and who comes first."""

from __future__ import annotations

import json
from typing import Any

import fleet_documents as made
import pytest
from fleet_documents import on_alarms, on_state
from hypothesis import example, given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity
from gas_fusion_ros.fleet.broker import Incoming
from gas_fusion_ros.fleet.names import FleetTopics
from gas_fusion_ros.fleet.robot_watch import STOPPED
from gas_fusion_ros.watch import fleet as limits
from gas_fusion_ros.watch.fleet import Fleet, FleetCursor, Moment
from gas_fusion_ros.watch.fleet_row import MOST_SHOWN
from gas_fusion_ros.watch.watched import SILENT_AFTER_S

EPOCH_S = 1_700_000_000.0


class Clocks:
    """Both clocks, that stand until they are moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> Moment:
        return Moment(self.now_s, EPOCH_S + self.now_s)


class Shown:
    """A fleet, and a page that merges what it is told."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.fleet = Fleet(FleetTopics("gas_fusion"), "broker:8883", self.clocks)
        self.fleet.connected()
        self.cursor = FleetCursor()
        self._rows: dict[str, dict[str, Any]] = {}

    def pass_time(self, seconds: float) -> None:
        self.clocks.now_s += seconds

    def hear(self, *documents: Incoming) -> None:
        for document in documents:
            self.fleet.hear(document)

    def news(self) -> dict[str, Any]:
        news = self.fleet.news(self.cursor)
        json.dumps(news, allow_nan=False)
        self._rows.update({row["robot"]: row for row in news["rows"]})
        return news

    def rows(self) -> list[dict[str, Any]]:
        return [self._rows[name] for name in self.news()["order"]]

    def row(self) -> dict[str, Any]:
        (row,) = self.rows()
        return row


@pytest.fixture
def shown() -> Shown:
    return Shown()


def test_a_robot_that_is_heard_is_alive_since_then(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r")))
    shown.pass_time(1.0)
    shown.hear(on_state("r", made.state("r")))
    row = shown.row()
    assert (row["condition"], row["since_s"], row["is_earlier"]) == ("alive", EPOCH_S + 100.0, False)
    assert (row["word"], row["urgency"]) == ("no leak alarm", "none")


def test_what_the_broker_kept_is_no_sign_of_life(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r"), is_kept=True))
    assert shown.row()["condition"] == "not heard yet"
    assert "NOTHING IS KNOWN" in shown.row()["word"]
    shown.pass_time(SILENT_AFTER_S + 0.1)
    row = shown.row()
    assert (row["condition"], row["since_s"], row["is_earlier"]) == ("silent", EPOCH_S + 100.0, True)


def test_a_robot_that_says_nothing_is_silent_since_it_was_last_heard(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r", made.standing(made.alarm()))))
    shown.hear(on_alarms("r", made.alarms("r", made.alarm())))
    shown.pass_time(SILENT_AFTER_S + 0.1)
    row = shown.row()
    assert (row["condition"], row["since_s"]) == ("silent", EPOCH_S + 100.0)
    assert "NOTHING IS KNOWN" in row["word"]
    assert [one["number"] for one in row["alarms"]] == [1]
    shown.hear(on_state("r", made.state("r")))
    assert (shown.row()["condition"], shown.row()["since_s"]) == ("alive", EPOCH_S + shown.clocks.now_s)


def test_a_robot_that_speaks_seldom_is_given_as_much_longer(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r", valid_s=30)))
    shown.pass_time(12.0)
    assert shown.row()["condition"] == "alive"
    shown.pass_time(2.0)
    assert shown.row()["condition"] == "silent"


def test_the_last_will_is_told_at_once(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r")))
    shown.pass_time(0.1)
    shown.hear(on_state("r", made.gone("r")))
    row = shown.row()
    assert (row["condition"], row["since_s"], row["is_earlier"]) == ("died", EPOCH_S + 100.1, False)
    assert "connection_lost" in row["reasons"]
    # The broker says it again after each new connection: it is none the later for that.
    shown.pass_time(50.0)
    shown.fleet.disconnected("cut")
    shown.fleet.connected()
    shown.hear(on_state("r", made.gone("r"), is_kept=True))
    assert shown.row()["since_s"] == EPOCH_S + 100.1


def test_of_a_death_before_the_watch_only_the_latest_time_is_known(shown: Shown) -> None:
    shown.hear(on_state("r", made.gone("r"), is_kept=True))
    assert (shown.row()["condition"], shown.row()["is_earlier"]) == ("died", True)


def test_who_takes_leave_in_order_has_not_died(shown: Shown) -> None:
    shown.hear(on_state("r", made.gone("r", STOPPED)))
    assert shown.row()["condition"] == "stopped"


def test_while_the_broker_is_away_nothing_is_known_of_anybody(shown: Shown) -> None:
    shown.hear(on_state("r", made.state("r")))
    shown.fleet.disconnected("no route")
    news = shown.news()
    assert (news["broker"]["is_up"], news["broker"]["trouble"]) == (False, "no route")
    assert shown.row()["condition"] == "not heard yet"
    shown.pass_time(60.0)
    shown.fleet.connected()
    # It is given its time anew, and is alive only once it is heard.
    shown.hear(on_state("r", made.state("r"), is_kept=True))
    assert shown.row()["condition"] == "not heard yet"
    shown.hear(on_state("r", made.state("r")))
    assert (shown.row()["condition"], shown.row()["since_s"]) == ("alive", EPOCH_S + 160.0)


def test_who_needs_a_person_comes_first(shown: Shown) -> None:
    acknowledged = made.alarm(state=AlarmState.ACKNOWLEDGED)
    warning = made.alarm(severity=Severity.WARNING)
    inhibited = AlarmStatus(AlarmState.INHIBITED, 0, inhibits=(Reason("warm_up", "it warms up"),))
    pending = AlarmStatus(AlarmState.PENDING, 0, suspected="Smoke")
    shown.hear(
        on_state("clear", made.state("clear")),
        on_state("stopped", made.gone("stopped", STOPPED)),
        on_state("pending", made.state("pending", pending)),
        on_state("seen", made.state("seen", made.standing(acknowledged))),
        on_alarms("seen", made.alarms("seen", acknowledged)),
        on_state("inhibited", made.state("inhibited", inhibited)),
        on_state("died", made.gone("died")),
        on_state("fault", made.state("fault", made.FAULT)),
        on_state("warning", made.state("warning", made.standing(warning))),
        on_alarms("warning", made.alarms("warning", warning)),
        on_state("critical", made.state("critical", made.standing(made.alarm()))),
        on_alarms("critical", made.alarms("critical", made.alarm())),
        on_state("lost", made.gone("lost")),
        on_alarms("lost", made.alarms("lost", made.alarm()), is_kept=True),
    )
    first = ["critical", "lost", "warning", "died", "fault"]
    order = [*first, "inhibited", "seen", "pending", "stopped", "clear"]
    rows = shown.rows()
    assert [row["robot"] for row in rows] == order
    colours = ["alarm"] * 3 + ["unknown"] * 3 + ["alarm", "suspected", "unknown", "none"]
    assert [row["urgency"] for row in rows] == colours


def test_no_leak_alarm_is_said_only_of_who_is_heard_and_says_safe(shown: Shown) -> None:
    raised = json.loads(made.state("r"))
    shown.hear(on_state("r", json.dumps({**raised, "safe": False}).encode()))
    assert "does not say why" in shown.row()["word"]
    assert shown.row()["urgency"] == "unknown"


def test_alarms_stand_though_their_list_cannot_be_read(shown: Shown) -> None:
    shown.hear(
        on_state("r", made.state("r", made.standing(made.alarm(1), made.alarm(2)))),
        on_alarms("r", b"{"),
    )
    row = shown.row()
    assert (row["alarms"], row["more_alarms"], row["urgency"]) == ([], 2, "alarm")
    assert "alarms: it is no JSON" in row["broken"]
    shown.hear(on_alarms("r", made.alarms("r", made.alarm(1), made.alarm(2))))
    assert (len(shown.row()["alarms"]), shown.row()["more_alarms"], shown.row()["broken"]) == (2, 0, "")


def test_a_broken_document_is_told_and_loses_nothing_else(shown: Shown) -> None:
    shown.hear(on_state("a", made.state("a")), on_state("b", made.state("b")))
    shown.hear(on_state("a", b"\xff"))
    first, second = shown.rows()
    assert (first["robot"], first["condition"]) == ("a", "alive")
    assert "state: it is no text" in first["broken"]
    assert (second["word"], second["broken"]) == ("no leak alarm", "")
    assert shown.news()["problems"] == {"state_unusable": 1}
    # It is no sign of life.
    shown.pass_time(2.0)
    shown.hear(on_state("a", b"\xff"), on_state("b", made.state("b")))
    shown.pass_time(0.5)
    assert [row["condition"] for row in shown.rows()] == ["silent", "alive"]


def test_leaks_are_told_with_their_ellipse(shown: Shown) -> None:
    shown.hear(on_alarms("r", made.alarms("r", leaks=(made.LEAK,))))
    (leak,) = shown.row()["leaks"]
    assert (leak["x"], leak["y"], leak["frame_id"]) == (9.0, 1.0, "map")
    assert leak["long_m"] > leak["short_m"] > 0.0


def test_a_topic_that_somebody_clears_is_forgotten(shown: Shown) -> None:
    shown.hear(on_state("r", made.gone("r"), True), on_alarms("r", made.alarms("r", made.alarm()), True))
    shown.hear(on_alarms("r", b""))
    assert shown.row()["alarms"] == []
    shown.hear(on_state("r", b""))
    assert shown.rows() == []


def test_names_robots_and_lists_are_bounded(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ROBOTS", 2)
    for name in ("a", "b", "c", "d", "e"):
        shown.hear(on_state(name, made.state(name)))
    shown.hear(on_state("x" * 65, made.state("x" * 65)), on_state("ümlaut", made.state("ümlaut")))
    many = [made.alarm(number) for number in range(1, MOST_SHOWN + 5)]
    shown.hear(on_alarms("a", made.alarms("a", *many, leaks=(made.LEAK,) * (MOST_SHOWN + 3), omitted=7)))
    news, (row, _) = shown.news(), shown.rows()
    assert news["more"] == 2
    assert news["problems"] == {"too_many_robots": 3, "robot_name_unusable": 2}
    assert (len(row["alarms"]), row["more_alarms"]) == (MOST_SHOWN, 11)
    assert (len(row["leaks"]), row["more_leaks"]) == (MOST_SHOWN, 3)


def test_a_page_is_told_rows_only_where_they_changed(shown: Shown) -> None:
    shown.hear(on_state("a", made.state("a")), on_state("b", made.state("b")))
    assert len(shown.news()["rows"]) == 2
    shown.pass_time(1.0)
    shown.hear(on_state("a", made.state("a")), on_state("b", made.state("b", made.FAULT)))
    news = shown.news()
    assert [row["robot"] for row in news["rows"]] == ["b"]
    assert dict(zip(news["order"], news["ages_s"], strict=True)) == {"a": 0.0, "b": 0.0}


DOCUMENTS = st.sampled_from(
    [
        on_state("r", made.state("r")),
        on_state("r", made.state("r"), True),
        on_state("r", made.state("r", made.FAULT)),
        on_state("r", made.state("r", made.standing(made.alarm()))),
        on_state("r", made.gone("r")),
        on_state("r", made.gone("r"), True),
        on_state("r", made.gone("r", STOPPED)),
        on_state("r", b"?"),
        on_state("r", b""),
        on_alarms("r", made.alarms("r", made.alarm())),
        on_alarms("r", b"?"),
    ]
)
STEPS = st.lists(DOCUMENTS | st.floats(0.0, 5.0) | st.sampled_from(["cut", "joined"]), max_size=30)


@given(STEPS)
@example([on_state("r", made.state("r")), "cut", "joined"])
def test_no_order_of_events_makes_a_robot_safe_that_has_not_just_said_so(steps: list[Any]) -> None:
    shown = Shown()
    safe_until_s = 0.0
    for step in steps:
        if isinstance(step, float):
            shown.pass_time(step)
        elif step == "cut":
            shown.fleet.disconnected("cut")
            safe_until_s = 0.0
        elif step == "joined":
            shown.fleet.connected()
        else:
            shown.hear(step)
            is_safe = step.payload == made.state("r")
            if step.topic.endswith("state") and step.payload != b"?" and not (step.is_kept and is_safe):
                safe_until_s = shown.clocks.now_s + SILENT_AFTER_S if is_safe else 0.0
        for row in shown.rows():
            if row["urgency"] == "none" or row["word"] == "no leak alarm":
                assert shown.clocks.now_s <= safe_until_s
