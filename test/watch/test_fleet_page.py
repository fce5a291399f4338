"""A fleet in a real browser, by a real broker: who is alive, silent, died, and what stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fleet_documents as made
import pytest
from brokers import Cable, running_broker
from browser import Browser, browser, needs_chromium
from relayed_robots import RelayedRobot
from waiting import wait_until

from benchmarks.mosquitto import HOST, Mosquitto
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.fleet.broker import Broker, Outgoing
from gas_fusion_ros.fleet.connection import Answer, Connection
from gas_fusion_ros.fleet.names import FleetTopics
from gas_fusion_ros.fleet.receiver import Receiver
from gas_fusion_ros.watch.access import Access
from gas_fusion_ros.watch.fleet import Fleet
from gas_fusion_ros.watch.pages import FLEET_PAGE
from gas_fusion_ros.watch.server import PUSH_PERIOD_S, FleetServer
from gas_fusion_ros.watch.watched import SILENT_AFTER_S

SECOND = 1_000_000_000
WORD, WHY = "document.getElementById('word').textContent", "document.getElementById('why').textContent"
ORDER = "[...document.querySelectorAll('#robots tr')].map((row) => row.dataset.robot).join()"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_broker(tmp_path) as running:
        yield running


class Watch(Closing):
    """A fleet that is heard over a link which can be cut, and served."""

    def __init__(self, port: int) -> None:
        topics = FleetTopics("gas_fusion")
        self._held = ExitStack()
        self.cable = self._held.enter_context(Cable(port))
        self.fleet = Fleet(topics, "the broker")
        place = Broker(HOST, self.cable.port, "watch", SECOND)
        self._held.enter_context(Receiver(place, (topics.state, topics.alarms), self.fleet))
        self.server = self._held.enter_context(FleetServer(self.fleet, Access(port=0)))

    def close(self) -> None:
        self._held.close()


@pytest.fixture
def watch(broker: Mosquitto) -> Iterator[Watch]:
    with Watch(broker.port) as watch:
        yield watch


def is_so(robot: str, condition: str) -> str:
    return f"document.querySelector('tr[data-robot=\"{robot}\"]')?.dataset.condition === '{condition}'"


def text_of(robot: str) -> str:
    return f"document.querySelector('tr[data-robot=\"{robot}\"]').innerText"


def test_what_dies_or_falls_silent_is_noticed_within_three_seconds() -> None:
    constants = {
        name: float(value) for name, value in re.findall(r"([A-Z_]+) = ([\d.e-]+)[,;]", FLEET_PAGE.decode())
    }
    assert constants["SILENT_S"] == SILENT_AFTER_S
    assert SILENT_AFTER_S + PUSH_PERIOD_S + constants["TICK_MS"] / 1000 <= 2.7


@needs_chromium
def test_a_fleet_is_shown_with_what_needs_a_person_first(
    page: Browser, broker: Mosquitto, watch: Watch, tmp_path: Path
) -> None:
    with (
        Cable(broker.port) as cable,
        RelayedRobot(tmp_path, HOST, broker.port, "well", made.CLEAR),
        RelayedRobot(tmp_path, HOST, cable.port, "dying", made.CLEAR),
        RelayedRobot(tmp_path, HOST, broker.port, "leaky", made.CLEAR) as leaky,
    ):
        page.open(watch.server.address)
        page.wait_until(" && ".join(is_so(robot, "alive") for robot in ("well", "dying", "leaky")))
        page.wait_until(f"{WORD} === '3 heard, no leak alarm'")
        assert page.evaluate(ORDER) == "dying,leaky,well"

        leaky.status = made.standing(made.alarm(7))
        leaky.find(made.LEAK)
        page.wait_until(f"{WORD} === '1 with an alarm' && {WHY} === 'leaky'")
        page.wait_until(f"{text_of('leaky')}.includes('7 Smoke active, critical at x 4.0, y -2.0 in map')")
        page.wait_until("document.getElementById('leaks').innerText.includes('leaky')")
        assert page.evaluate(ORDER) == "leaky,dying,well"

        cable.cut()  # the broker says the last will
        page.wait_until(is_so("dying", "died"))
        assert "connection_lost" in page.evaluate(text_of("dying"))
        page.wait_until(f"{WORD} === '1 with an alarm, 1 of which nothing is known'")

        leaky.hang()  # the connection stays, so the broker says nothing
        page.wait_until(is_so("leaky", "silent"))
        assert "7 Smoke active" in page.evaluate(text_of("leaky"))
        assert page.evaluate(ORDER) == "leaky,dying,well"
        cable.mend()
        page.wait_until(is_so("dying", "alive"))
        assert page.evaluate("document.querySelectorAll('button, input, a').length") == 0
        assert page.errors == []
    page.wait_until(is_so("well", "stopped"))


@needs_chromium
def test_a_broker_that_is_lost_is_no_silence_of_robots(
    page: Browser, broker: Mosquitto, watch: Watch, tmp_path: Path
) -> None:
    with RelayedRobot(tmp_path, HOST, broker.port, "well", made.CLEAR):
        page.open(watch.server.address)
        page.wait_until(is_so("well", "alive"))
        watch.cable.cut()
        page.wait_until(f"{WORD} === 'UNKNOWN' && {WHY}.includes('the broker is not heard')")
        page.wait_until(is_so("well", "not heard yet"))
        watch.cable.mend()
        page.wait_until(f"{is_so('well', 'alive')} && {WORD} === '1 heard, no leak alarm'")
        watch.server.close()
        page.wait_until(f"{WORD} === 'UNKNOWN' && {WHY}.includes('server has been silent')")


@needs_chromium
def test_a_broken_document_is_told_and_loses_nothing_else(
    page: Browser, broker: Mosquitto, watch: Watch, tmp_path: Path
) -> None:
    with RelayedRobot(tmp_path, HOST, broker.port, "well", made.CLEAR):
        with Connection(Broker(HOST, broker.port, "other", SECOND), None, lambda: None) as other:
            other.send(Outgoing("gas_fusion/broken/state", b"{'safe': true}", retain=True))
            other.send(Outgoing("gas_fusion/large/state", b" " * 200_000, retain=True))
            other.send(Outgoing("gas_fusion/<i>/state", made.state("<i>")))
            taken: list[Answer] = []
            wait_until(lambda: len(taken.__iadd__(other.take_answers())) == 3)
        page.open(watch.server.address)
        page.wait_until(f"{is_so('broken', 'silent')} && {is_so('well', 'alive')}")
        assert "could not be read: state: it is no JSON" in page.evaluate(text_of("broken"))
        assert "expected 131072 at most" in page.evaluate(text_of("large"))
        assert "robot_name_unusable 1" in page.evaluate("document.getElementById('problems').textContent")
        assert page.errors == []
