"""The sender against a real broker, over a link that is cut again and again."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Cable, Listener, running_broker
from waiting import wait_until

from benchmarks.mosquitto import HOST, Mosquitto
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.fleet.broker import Broker, Outgoing
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.sender import Sender

SECOND = 1_000_000_000
STATE = "gas_fusion/robot1/state"
EVENTS = "gas_fusion/robot1/events"
WILL = Outgoing(STATE, b'{"safe": false, "online": false}', retain=True)


class Robot(Closing):
    """A sender with its outbox."""

    def __init__(self, folder: Path, port: int, name: str = "robot1") -> None:
        self.problems = Problems()
        self.outbox = Outbox(folder / f"{name}.sqlite3", 1000)
        broker = Broker(HOST, port, name, SECOND)
        self.sender = Sender(broker, WILL, EVENTS, self.outbox, SECOND // 5, self.problems)

    def tell(self, content: str, expiry_s: int = 5) -> None:
        self.sender.tell(Outgoing(STATE, f'{{"safe": true, "said": "{content}"}}'.encode(), True, expiry_s))

    def add(self, count: int = 1) -> None:
        self.outbox.append([{"content": "x" * random.randrange(2000)}] * count, False, "")
        self.sender.wake()

    def close(self) -> None:
        self.sender.close()
        self.outbox.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_broker(tmp_path) as running:
        yield running


def test_nothing_is_lost_and_nothing_comes_twice_over_a_link_that_is_cut_twenty_times(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with Cable(broker.port) as cable, Listener(broker.port) as listener, Robot(tmp_path, cable.port) as robot:
        wait_until(lambda: robot.sender.link.is_up)
        for cut in range(1, 21):
            # While events are on their way, and some while there is no link.
            busy = threading.Thread(target=lambda: [robot.add() for _ in range(20)])
            busy.start()
            wait_until(lambda cut=cut: len(listener.events_once()) > 20 * (cut - 1))  # type: ignore[misc]
            cable.cut()
            wait_until(lambda: not robot.sender.link.is_up)
            busy.join()
            cable.mend()
            wait_until(lambda cut=cut: robot.sender.link.connections > cut)  # type: ignore[misc]
        wait_until(lambda: robot.outbox.state.waiting == 0)
        wait_until(lambda: len(listener.events_once()) == 400)
    numbers = [event["number"] for event in listener.events_once()]
    assert numbers == list(range(1, 401))


def test_a_robot_whose_link_breaks_is_announced_and_comes_back(broker: Mosquitto, tmp_path: Path) -> None:
    with Cable(broker.port) as cable, Listener(broker.port) as listener, Robot(tmp_path, cable.port) as robot:
        robot.tell("before")
        wait_until(lambda: [state.get("said") for state in listener.states()] == ["before"])
        cable.cut()
        wait_until(lambda: listener.states()[-1] == {"safe": False, "online": False})
        with Listener(broker.port) as late:
            wait_until(lambda: late.states() == [{"safe": False, "online": False}])
            assert late.retained == [True]
        robot.tell("never sent")
        robot.tell("after")
        cable.mend()
        wait_until(lambda: listener.states()[-1].get("said") == "after")
    assert "never sent" not in [state.get("said") for state in listener.states()]


def test_a_link_that_stalls_without_a_sign_is_noticed_at_both_ends(broker: Mosquitto, tmp_path: Path) -> None:
    with Cable(broker.port) as cable, Listener(broker.port) as listener, Robot(tmp_path, cable.port) as robot:
        robot.tell("before")
        wait_until(lambda: bool(listener.states()))
        cable.stall()
        wait_until(lambda: not listener.states()[-1]["safe"])
        wait_until(lambda: not robot.sender.link.is_up)
        robot.tell("after")
        cable.mend()
        wait_until(lambda: listener.states()[-1].get("said") == "after")


def test_a_robot_that_takes_leave_is_not_announced_as_dead(broker: Mosquitto, tmp_path: Path) -> None:
    with Listener(broker.port) as listener:
        with Robot(tmp_path, broker.port) as robot:
            robot.tell("well")
            wait_until(lambda: len(listener.states()) == 1)
            robot.tell("stopped")
            robot.add()
        wait_until(lambda: len(listener.events()) == 1)
        # Whatever the broker would announce would have come before what is told now.
        with Robot(tmp_path, broker.port, "robot2") as other:
            other.tell("next")
            wait_until(lambda: len(listener.states()) == 3)
        assert [state["said"] for state in listener.states()] == ["well", "stopped", "next"]


def test_a_state_that_is_not_repeated_is_forgotten(broker: Mosquitto, tmp_path: Path) -> None:
    with Robot(tmp_path, broker.port) as robot:
        robot.tell("once", expiry_s=1)
        wait_until(lambda: robot.sender.link.is_up)

        def is_kept() -> bool:
            with Listener(broker.port) as late:
                robot.add()
                wait_until(lambda: bool(late.events()))
                return bool(late.states())

        wait_until(lambda: not is_kept())


def test_a_state_too_old_to_be_believed_is_not_sent_at_all(broker: Mosquitto, tmp_path: Path) -> None:
    with Cable(broker.port) as cable, Listener(broker.port) as listener:
        cable.cut()
        with Robot(tmp_path, cable.port) as robot:
            robot.tell("old", expiry_s=0)
            robot.add()
            cable.mend()
            wait_until(lambda: bool(listener.events()))
    assert listener.states() == []


def test_a_broker_that_forgot_everything_is_told_again(broker: Mosquitto, tmp_path: Path) -> None:
    with Robot(tmp_path, broker.port) as robot:
        robot.tell("still so")
        wait_until(lambda: robot.sender.link.is_up)
        broker.restart()
        wait_until(lambda: robot.sender.link.connections == 2)
        with Listener(broker.port) as listener:
            wait_until(lambda: [state["said"] for state in listener.states()] == ["still so"])


def test_what_the_broker_refuses_waits_and_is_told_of(tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite gas_fusion/robot1/state\ntopic read gas_fusion/#\n", encoding="utf-8")
    lines = ("allow_anonymous true", f"acl_file {rights}")
    with (
        running_broker(tmp_path, lines) as broker,
        Listener(broker.port) as listener,
        Robot(tmp_path, broker.port) as robot,
    ):
        robot.add(3)
        robot.tell("well")
        wait_until(lambda: "refuses gas_fusion/robot1/events" in robot.sender.link.trouble)
        wait_until(lambda: [state["said"] for state in listener.states()] == ["well"])
        assert robot.sender.link.is_up
        assert robot.outbox.state.waiting == 3


def test_a_broker_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with Cable(1) as cable, Robot(tmp_path, cable.port) as robot:
        cable.close()
        wait_until(lambda: "cannot be reached" in robot.sender.link.trouble)
        robot.add()
        assert robot.outbox.state.waiting == 1
