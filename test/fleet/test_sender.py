"""The sender against a real broker, over a link that is cut again and again."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import HOST, Cable, Listener, RunningBroker
from waiting import wait_until

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
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with RunningBroker(tmp_path) as running:
        yield running


def test_nothing_is_lost_and_nothing_comes_twice_over_a_link_that_is_cut_twenty_times(
    broker: RunningBroker, tmp_path: Path
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
