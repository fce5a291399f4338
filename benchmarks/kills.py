"""What a robot forgets when its nodes are killed: `python -m benchmarks.kills [--rounds 20] [--seed 0]`.

A simulated array and camera meet leaks, which nobody acknowledges. While an alarm stands each of the three
nodes is killed (SIGKILL) so many times in turn, at random moments, and started again at once, as a launch
would. A table tells what was lost and how long it took until classes came again. Exit code 1 where something
was lost.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rich.console import Console
from rich.table import Table
from std_msgs.msg import Bool

from benchmarks.fuzz import is_json
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, SIMULATED_ARRAY
from gas_fusion_ros.demo.composition import Composition
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED
from gas_fusion_ros.ros import messages
from gas_fusion_ros.simulation.patrol import Patrol

NODES = ("gas_classifier", "gas_sensor", "thermal_camera")

_PATIENCE_S = 90.0
_LONGEST_PAUSE_S = 2.0
_PATROL_S, _LEAKS = 300.0, 2
_LEAD_S = 15.0
"""The first leak begins so long after the nodes were started: they are all active by then."""


@dataclass
class Kills:
    """What became of the alarms.

    Attributes:
        kills: how often each node was killed.
        seconds: by node, from each start of its process to the first class that it is needed for.
        raised: alarms that were raised.
        lost: how many alarms did not stand after a kill though nobody had acknowledged them.
        false_first_words: how often the first word on `gas/alarm` after a kill was false.
        false_words: how often it was false at all while an alarm stood.
        lines: of the event log.
        unreadable_lines: lines of it that are no JSON.
    """

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, 0))
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NODES})
    raised: int = 0
    lost: int = 0
    false_first_words: int = 0
    false_words: int = 0
    lines: int = 0
    unreadable_lines: int = 0


class Witness:
    """Hears what the classifier says; everything since `forget`, which begins with a new process.

    Attributes:
        words: what `gas/alarm` said.
        standing: numbers of the alarms that the first state told, and of those of the latest one.
        classified: stamp and mode of each class.
    """

    def __init__(self, node: Node) -> None:
        self._changed = threading.Condition()
        self.forget()
        node.create_subscription(Bool, "gas/alarm", self._hear_word, HEARTBEAT)
        node.create_subscription(DiagnosticArray, "gas/alarm_state", self._hear_state, LATCHED)
        node.create_subscription(
            DiagnosticArray, "gas/classification", self._hear_class, QoSProfile(depth=100)
        )

    def forget(self) -> None:
        """What was said so far was said by a process that is gone."""
        with self._changed:
            self.words: list[bool] = []
            self.standing: list[frozenset[int]] = []
            self.classified: list[tuple[int, str]] = []

    def take_words(self) -> list[bool]:
        """Return what `gas/alarm` said since the last call."""
        with self._changed:
            words, self.words = self.words, []
            return words

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something was said.

        Raises:
            TimeoutError: it was not.
        """
        with self._changed:
            if not self._changed.wait_for(condition, _PATIENCE_S):
                raise TimeoutError(f"no {what} within {_PATIENCE_S:g} s")

    def _hear_word(self, message: Bool) -> None:
        with self._changed:
            self.words.append(message.data)
            self._changed.notify_all()

    def _hear_state(self, message: DiagnosticArray) -> None:
        numbers = (int(messages.key_values(status)["number"]) for status in message.status[1:])
        with self._changed:
            self.standing.append(frozenset(numbers))
            self._changed.notify_all()

    def _hear_class(self, message: DiagnosticArray) -> None:
        mode = messages.key_values(message.status[0])["mode"]
        with self._changed:
            self.classified.append((messages.stamp_to_ns(message.header.stamp), mode))
            self._changed.notify_all()


class Robot:
    """The three nodes as processes.

    Args:
        domain: the ROS domain that they live in.
        work: folder for what they print and keep.
        seed: of the patrol that is simulated.
    """

    def __init__(self, domain: int, work: Path, seed: int) -> None:
        self.events = work / "events.jsonl"
        self._work = work
        self._environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_HOME": str(work / "ros_home")}
        first_leak_s = Patrol(seed, _PATROL_S, _LEAKS).encounters[0].start_s
        patrol = {
            "driver": "simulated",
            "simulated.seed": seed,
            "simulated.duration": _PATROL_S,
            "simulated.leaks": _LEAKS,
            "start_time": f"{time.time() + _LEAD_S - first_leak_s:.1f}",
        }
        self._parameters: Mapping[str, Mapping[str, object]] = {
            "gas_classifier": {"model": DEFAULT_MODEL, "device": "cpu", "event_log": self.events},
            "gas_sensor": {**patrol, "health.warm_up": 0.0, "array_file": SIMULATED_ARRAY},
            "thermal_camera": patrol,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a node."""
        parameters = {"autostart": "true", **self._parameters[name]}
        overrides = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
        with (self._work / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"gas_fusion_ros.nodes.{name}", "--ros-args", *overrides],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, name: str) -> None:
        """Kill a node and wait for its end."""
        self._processes[name].kill()
        self._processes[name].wait()

    def close(self) -> None:
        """Kill all that runs."""
        for name in self._processes:
            self.kill(name)


def kill_all(rounds: int, seed: int, work: Path) -> Kills:
    """Start a robot, wait for its first alarm, kill each node `rounds` times, and return what was lost.

    Raises:
        TimeoutError: no alarm came, or no class after a restart.
    """
    work.mkdir(parents=True, exist_ok=True)
    context = Context()
    rclpy.init(args=[], context=context)
    composition = Composition(context)
    robot = Robot(context.get_domain_id(), work, seed)
    try:
        node = rclpy.create_node("witness", context=context)
        witness = Witness(node)
        composition.spin(node)
        for name in NODES:
            robot.start(name)
        witness.wait_for(lambda: bool(witness.standing and witness.standing[-1]), "alarm")
        witness.take_words()
        kills = Kills()
        rng = random.Random(seed)
        for _ in range(rounds):
            for name in NODES:
                time.sleep(rng.uniform(0.0, _LONGEST_PAUSE_S))
                _kill(name, robot, witness, kills)
        kills.false_words += witness.take_words().count(False)
        kills.raised = max(witness.standing[-1])
        return _with_lines(kills, robot.events)
    finally:
        robot.close()
        composition.close()
        rclpy.shutdown(context=context)


def _kill(name: str, robot: Robot, witness: Witness, kills: Kills) -> None:
    robot.kill(name)
    kills.kills[name] += 1
    before = witness.standing[-1]
    is_classifier = name == "gas_classifier"
    kills.false_words += witness.take_words().count(False)
    if is_classifier:
        witness.forget()
    start_s, start_ns = time.monotonic(), time.time_ns()
    robot.start(name)
    mode = Mode.FUSION.value if name == "thermal_camera" else ""

    def is_classified() -> bool:
        return any(stamp_ns > start_ns and mode in (said, "") for stamp_ns, said in witness.classified)

    witness.wait_for(is_classified, f"class after the restart of {name}")
    kills.seconds[name].append(time.monotonic() - start_s)
    if is_classifier:
        witness.wait_for(lambda: bool(witness.words and witness.standing), "word of the restarted classifier")
        kills.false_first_words += not witness.words[0]
        kills.lost += len(before - witness.standing[0])
    kills.lost += len(before - witness.standing[-1])


def _with_lines(kills: Kills, events: Path) -> Kills:
    lines = events.read_bytes().splitlines()
    kills.lines, kills.unreadable_lines = len(lines), sum(not is_json(line) for line in lines)
    return kills


def broken_limits(kills: Kills) -> list[str]:
    """What was lost."""
    checks = [
        (kills.lost, "alarms lost"),
        (kills.false_first_words, "first words were false"),
        (kills.false_words, "words were false while an alarm stood"),
        (kills.unreadable_lines, "lines of the event log cannot be read"),
    ]
    return [f"{count} {what}" for count, what in checks if count]


def result_table(kills: Kills) -> Table:
    """Everything that was counted."""
    table = Table("measured", "value")
    for name, seconds in kills.seconds.items():
        table.add_row(f"{name} killed", str(kills.kills[name]))
        table.add_row(
            "  from its start to the first class, median and longest, s",
            f"{np.median(seconds):.2f}  {max(seconds):.2f}",
        )
    table.add_row("alarms raised and lost", f"{kills.raised}  {kills.lost}")
    table.add_row("first words that were false", str(kills.false_first_words))
    table.add_row("words that were false at all", str(kills.false_words))
    table.add_row("lines of the event log, and unreadable ones", f"{kills.lines}  {kills.unreadable_lines}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="how often each node is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the patrol and of the moments")
    parser.add_argument("--work", type=Path, help="folder for what the nodes print; temporary if not given")
    options = parser.parse_args(arguments)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    with tempfile.TemporaryDirectory() as folder:
        kills = kill_all(options.rounds, options.seed, options.work or Path(folder))
    console = Console()
    console.print(result_table(kills))
    for text in broken_limits(kills):
        console.print(text)
    return 1 if broken_limits(kills) else 0


if __name__ == "__main__":
    sys.exit(main())
