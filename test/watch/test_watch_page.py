"""The page in a real browser: it draws, updates, acknowledges, and tells two kinds of silence apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import Browser, browser, needs_chromium
from heard_robots import CLEAR, LEAK, SilentOperator, TalkingRobot, walk

from gas_fusion_ros.site.verdicts import Said, VerdictBook
from gas_fusion_ros.watch.access import Access
from gas_fusion_ros.watch.judge import Judge
from gas_fusion_ros.watch.operator import Operator
from gas_fusion_ros.watch.pages import ROBOT_PAGE
from gas_fusion_ros.watch.server import PUSH_PERIOD_S, WatchServer
from gas_fusion_ros.watch.watched import SILENT_AFTER_S, Watched

pytestmark = needs_chromium

TOKEN = "0123456789abcdef"
WORD, WHY = "document.getElementById('word').textContent", "document.getElementById('why').textContent"
RECENT = "document.getElementById('recent').innerText"
INK = """(() => {
  const canvas = document.getElementById('%s');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((value, index) => index %% 4 === 3 && value).length;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


class OperatorOf(SilentOperator):
    """Has a robot hear what it is told: what is acknowledged is over."""

    def __init__(self, robot: TalkingRobot) -> None:
        super().__init__()
        self._robot = robot

    def acknowledge(self, number: int) -> str:
        self._robot.standing = CLEAR
        return super().acknowledge(number)


@pytest.fixture
def watched() -> Watched:
    return Watched("a <b>robot</b>")


@pytest.fixture
def robot(watched: Watched) -> Iterator[TalkingRobot]:
    """A robot that has walked into gas, and says that an alarm stands."""
    walk(watched)
    robot = TalkingRobot(watched, LEAK)
    yield robot
    robot.silence()


def served(watched: Watched, operator: Operator, port: int = 0) -> WatchServer:
    return WatchServer(watched, Access(port=port, token=TOKEN), operator)


def begins(text: str) -> str:
    return f"{WORD}.startsWith({text!r})"


def test_what_is_silent_is_noticed_within_three_seconds() -> None:
    page = ROBOT_PAGE.decode()
    constants = {name: float(value) for name, value in re.findall(r"([A-Z_]+) = ([\d.e-]+)[,;]", page)}
    assert constants["SILENT_S"] == SILENT_AFTER_S
    assert SILENT_AFTER_S + PUSH_PERIOD_S + constants["TICK_MS"] / 1000 <= 2.7


def test_it_is_unknown_before_the_first_word(page: Browser, watched: Watched) -> None:
    walk(watched)
    with served(watched, SilentOperator()) as server:
        page.open(server.address_with_token)
        page.wait_until(f"{begins('UNKNOWN')} && {WHY}.includes('has not spoken yet')")
        assert "token" not in page.evaluate("location.href")


def test_it_draws_and_an_alarm_is_acknowledged(page: Browser, watched: Watched, robot: TalkingRobot) -> None:
    operator = OperatorOf(robot)
    with served(watched, operator) as server:
        page.open(server.address_with_token)
        page.wait_until(begins("ALARM: Smoke active"))
        page.wait_until("!document.getElementById('thermal').hidden")
        assert page.evaluate(INK % "map") > 500
        assert page.evaluate(INK % "readings") > 500
        assert page.evaluate("document.querySelectorAll('.class').length") == 2
        assert page.evaluate("document.title").startswith("ALARM")
        assert page.evaluate("document.getElementById('title').textContent") == "a <b>robot</b>"
        page.evaluate("document.querySelector('#alarms button').click()")
        page.wait_until(begins("no leak alarm"))
        page.wait_until("document.querySelectorAll('#alarms button').length === 0")
        assert operator.told == [("acknowledge", 7)]
        assert page.errors == []


def test_a_robot_and_a_server_that_fall_silent_are_told_apart(
    page: Browser, watched: Watched, robot: TalkingRobot
) -> None:
    with served(watched, OperatorOf(robot)) as server:
        page.open(server.address_with_token)
        page.wait_until(begins("ALARM"))
        robot.silence()
        page.wait_until(f"{begins('UNKNOWN')} && {WHY}.includes('robot has been silent')")
        assert "server is well (1 stood when last heard)" in page.evaluate(WHY)
        assert page.evaluate("document.querySelector('#alarms button').disabled")
        again = TalkingRobot(watched, LEAK)
        page.wait_until(begins("ALARM"))
        port = urlsplit(server.address).port or 0
    page.wait_until(f"{begins('UNKNOWN')} && {WHY}.includes('server has been silent')")
    again.standing = CLEAR
    with served(watched, OperatorOf(again), port):
        page.wait_until(begins("no leak alarm"))
        watched.end("the recording has ended")
        page.wait_until(f"{begins('UNKNOWN')} && {WHY}.includes('recording has ended')")
    again.silence()


def test_without_a_token_it_is_for_reading(page: Browser, watched: Watched, robot: TalkingRobot) -> None:
    with WatchServer(watched, Access(port=0), OperatorOf(robot)) as server:
        page.evaluate("sessionStorage.clear()")
        page.open(server.address)
        page.wait_until("document.querySelector('#alarms li.active')")
        assert page.evaluate("document.querySelectorAll('#alarms button').length") == 0
        assert "token" in page.evaluate("document.getElementById('rights').textContent")


def test_an_alarm_is_judged_also_when_it_is_over(page: Browser, tmp_path: Path) -> None:
    watched = Watched("a robot", judge=Judge(tmp_path / "site.db", ""))
    walk(watched)
    robot = TalkingRobot(watched, LEAK)
    with served(watched, OperatorOf(robot)) as server:
        page.open(server.address_with_token)
        page.wait_until("document.querySelectorAll('#recent button').length === 3")
        page.evaluate("document.getElementById('operator').value = ''")
        page.evaluate("document.querySelectorAll('#recent button')[1].click()")
        page.wait_until("document.getElementById('message').textContent.includes('name of who')")
        robot.standing = CLEAR
        page.wait_until(begins("no leak alarm"))
        page.evaluate("document.getElementById('operator').value = '<b>Ada</b>'")
        page.evaluate("document.querySelectorAll('#recent button')[1].click()")
        page.wait_until(
            "document.getElementById('recent').innerText.includes('false alarm, says <b>Ada</b>')"
        )
        page.wait_until("document.querySelectorAll('#recent button')[1].ariaPressed === 'true'")
        (judgement,) = VerdictBook(tmp_path / "site.db").judgements()
        assert (judgement.said, judgement.judged_by) == (Said.FALSE_ALARM, "<b>Ada</b>")
        assert page.errors == []
    robot.silence()


def test_without_a_file_nothing_is_asked(page: Browser, watched: Watched, robot: TalkingRobot) -> None:
    with served(watched, OperatorOf(robot)) as server:
        page.open(server.address_with_token)
        page.wait_until("document.querySelector('#alarms button')")
        assert page.evaluate("document.getElementById('judging').hidden")
