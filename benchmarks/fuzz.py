"""What hostile messages cost: `python -m benchmarks.fuzz [--messages 10000] [--seed 0] [--work FOLDER]`.

A classifier in a process of its own gets so many messages of `benchmarks.hostile`, on every topic that it
hears. After every ten of them, and after each that is megabytes long, a good reading must still be
classified. A table tells memory, time, and what was written and published. Exit code 1 where a limit is not
kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import UInt32

from benchmarks.hostile import HostileMessages
from benchmarks.publisher import wait_until
from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CHANNELS, GasReading, Mode
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.demo.composition import Composition
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE, SENSOR_DATA
from gas_fusion_ros.ros import messages
from gas_fusion_ros.simulation.mq_response import steady_readings

MAX_RESIDENT_MB = 600.0
MAX_ANSWER_S = 5.0
MAX_CPU_S = 1.0
MAX_LINE = 2000
MAX_TEXT = 4096

POSE_TOPIC = "pose"
_BATCH = 10
_START_S = 15.0
_STOP_S = 15.0
_LOG_LINE = re.compile(r"\[(DEBUG|INFO|WARN|ERROR|FATAL)\] \[\d+\.\d+\] \[[\w.]+\]: ")
_TYPES: Mapping[str, tuple[type[Any], QoSProfile]] = {
    "gas/readings": (PointCloud2, RELIABLE),
    "thermal/image_raw": (Image, SENSOR_DATA),
    "gas/array_info": (DiagnosticArray, LATCHED),
    "thermal/camera_status": (DiagnosticArray, LATCHED),
    "gas/acknowledge": (UInt32, RELIABLE),
    "gas/shelve": (UInt32, RELIABLE),
    POSE_TOPIC: (PoseStamped, SENSOR_DATA),
}


@dataclass
class Found:
    """What the run showed.

    Attributes:
        sent: hostile messages by topic.
        seconds: how long it took.
        resident_mb: the classifier's largest resident memory, MB.
        answers_s: for each good reading how long its verdict took; infinite where none came.
        most_cpu_s: the classifier's most CPU time for one message of megabytes and the reading behind it.
        log: everything that the classifier printed.
        longest_text: characters of the longest string that it published.
        bad_events: lines of its event log that are no JSON.
        problems: its problem counts.
        exit_code: with which it ended.
    """

    sent: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    resident_mb: float = 0.0
    answers_s: list[float] = field(default_factory=list)
    most_cpu_s: float = 0.0
    log: str = ""
    longest_text: int = 0
    bad_events: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def lines(self) -> list[str]:
        """What was printed, by line."""
        return self.log.split("\n")[:-1]

    @property
    def forged_lines(self) -> list[str]:
        """Lines that the logger did not begin, or that hold what a terminal obeys."""
        return [line for line in self.lines if not _LOG_LINE.match(line) or not line.isprintable()]


class Listener:
    """Takes down what the classifier publishes."""

    def __init__(self, node: Node) -> None:
        self.longest_text = 0
        self.problems: dict[str, str] = {}
        self._answered = threading.Condition()
        self._stamps: set[int] = set()
        many = QoSProfile(depth=100)
        node.create_subscription(DiagnosticArray, "gas/classification", self._hear_verdict, many)
        node.create_subscription(DiagnosticArray, "gas/alarm_state", self._hear, LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._hear_diagnostics, many)

    def wait_for(self, stamp_ns: int, timeout_s: float) -> bool:
        """Wait for the verdict on the reading of a stamp."""
        with self._answered:
            return self._answered.wait_for(lambda: stamp_ns in self._stamps, timeout_s)

    def _hear_verdict(self, message: DiagnosticArray) -> None:
        self._hear(message)
        if messages.key_values(message.status[0])["mode"] == Mode.THERMAL_ONLY.value:
            return
        with self._answered:
            self._stamps.add(messages.stamp_to_ns(message.header.stamp))
            self._answered.notify_all()

    def _hear_diagnostics(self, message: DiagnosticArray) -> None:
        self._hear(message)
        for status in message.status:
            if status.name == "gas_classifier: classification":
                self.problems = messages.key_values(status)

    def _hear(self, message: DiagnosticArray) -> None:
        texts = [message.header.frame_id]
        for status in message.status:
            texts += _texts(status)
        self.longest_text = max(self.longest_text, *map(len, texts))


def _texts(status: DiagnosticStatus) -> list[str]:
    pairs = [text for pair in status.values for text in (pair.key, pair.value)]
    return [status.name, status.message, status.hardware_id, *pairs]


class Attack:
    """Sends hostile messages to a classifier, and good readings between them."""

    def __init__(self, node: Node, process: psutil.Process, seed: int) -> None:
        self.found = Found()
        self.listener = Listener(node)
        self._process = process
        self._hostile = HostileMessages(seed, time.time_ns, POSE_TOPIC)
        self._publishers: dict[str, Publisher] = {
            topic: node.create_publisher(kind, topic, qos) for topic, (kind, qos) in _TYPES.items()
        }
        counts = steady_readings(CLEAN_AIR, 1, np.random.default_rng(0))[0]
        self._counts = counts.astype(np.float32)

    def begin(self) -> None:
        """Wait until the classifier hears every topic and has answered a first reading."""
        publishers = self._publishers.values()
        wait_until(lambda: all(one.get_subscription_count() for one in publishers), "subscribers", _START_S)
        wait_until(lambda: self._answer(1.0) < 1.0, "verdict on a good reading", _START_S)

    def send(self, count: int) -> None:
        """Send so many hostile messages; stop where a good reading finds no answer."""
        start_s = time.monotonic()
        cpu_s = self._cpu_s()
        for number in range(1, count + 1):
            hostile = self._hostile.draw()
            self._publishers[hostile.topic].publish(hostile.message)
            self.found.sent[hostile.topic] += 1
            if not hostile.is_huge and number % _BATCH and number != count:
                continue
            self.found.answers_s.append(self._answer(MAX_ANSWER_S))
            self.found.resident_mb = max(self.found.resident_mb, self._process.memory_info().rss / 1e6)
            before_s, cpu_s = cpu_s, self._cpu_s()
            if cpu_s - before_s > self.found.most_cpu_s:
                self.found.most_cpu_s = cpu_s - before_s
        self.found.seconds = time.monotonic() - start_s
        self.found.longest_text = self.listener.longest_text
        self.listener.problems = {}
        wait_until(lambda: bool(self.listener.problems), "diagnostics", _START_S)
        self.found.problems = self.listener.problems

    def _answer(self, timeout_s: float) -> float:
        """Send a good reading; return how long its verdict took, infinite where it took too long."""
        stamp_ns, start_s = time.time_ns(), time.monotonic()
        self._publishers["gas/readings"].publish(
            messages.encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, self._counts))
        )
        return time.monotonic() - start_s if self.listener.wait_for(stamp_ns, timeout_s) else float("inf")

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def attack(count: int, seed: int, work: Path) -> Found:
    """Start a classifier, attack it, stop it, and return what was found.

    Args:
        count: hostile messages.
        seed: of their draw.
        work: folder for its log, event log and state file.
    """
    work.mkdir(parents=True, exist_ok=True)
    context = Context()
    rclpy.init(args=[], context=context)
    composition = Composition(context)
    log, events = work / "classifier.log", work / "events.jsonl"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gas_fusion_ros.nodes.gas_classifier", *_arguments(work, events)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "ROS_DOMAIN_ID": str(context.get_domain_id()),
                "RCUTILS_COLORIZED_OUTPUT": "0",
            },
        )
        try:
            node = rclpy.create_node("attacker", context=context)
            run = Attack(node, psutil.Process(process.pid), seed)
            composition.spin(node)
            try:
                run.begin()
            finally:
                composition.check()
            with suppress(psutil.Error):  # it has ended: its exit code tells
                run.send(count)
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                run.found.exit_code = process.wait(_STOP_S)
        finally:
            process.kill()
            process.wait()
            composition.close()
            rclpy.shutdown(context=context)
    run.found.log = log.read_text(encoding="utf-8", errors="surrogateescape")
    run.found.bad_events = sum(not is_json(line) for line in events.read_bytes().splitlines())
    return run.found


def _arguments(work: Path, events: Path) -> list[str]:
    parameters = {
        "autostart": "true",
        "model": DEFAULT_MODEL,
        "device": "cpu",
        "pairing.wait": "0.0",
        "pose_topic": POSE_TOPIC,
        "event_log": str(events),
        "state_file": str(work / "alarms.json"),
    }
    return [
        "--ros-args",
        *(part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")),
    ]


def is_json(line: bytes) -> bool:
    """Whether a line is a JSON document."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def broken_limits(found: Found) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    slowest = max(found.answers_s, default=float("inf"))
    longest = max(map(len, found.lines), default=0)
    checks = [
        (
            found.resident_mb <= MAX_RESIDENT_MB,
            f"resident {found.resident_mb:.0f} MB, at most {MAX_RESIDENT_MB:g}",
        ),
        (
            slowest <= MAX_ANSWER_S,
            f"a good reading was answered after {slowest:.1f} s, at most {MAX_ANSWER_S:g}",
        ),
        (
            found.most_cpu_s <= MAX_CPU_S,
            f"{found.most_cpu_s:.2f} s of CPU for a message, at most {MAX_CPU_S:g}",
        ),
        (not found.forged_lines, f"{len(found.forged_lines)} lines forged: {found.forged_lines[:1]!r}"),
        (longest <= MAX_LINE, f"a log line of {longest} characters, at most {MAX_LINE}"),
        (found.longest_text <= MAX_TEXT, f"published {found.longest_text} characters, at most {MAX_TEXT}"),
        (found.bad_events == 0, f"{found.bad_events} lines of the event log are no JSON"),
        (found.exit_code == 0, f"the classifier's exit code is {found.exit_code}"),
    ]
    return [text for kept, text in checks if not kept]


def result_table(found: Found) -> Table:
    """Everything that was found, with the limits."""
    table = Table("measured", "value", "limit")
    table.add_row("hostile messages", str(found.sent.total()), "")
    table.add_row("seconds", f"{found.seconds:.0f}", "")
    table.add_row("classifier resident at most, MB", f"{found.resident_mb:.0f}", f"{MAX_RESIDENT_MB:g}")
    answers = found.answers_s or [float("inf")]
    table.add_row("good readings classified", str(sum(map(np.isfinite, answers))), str(len(answers)))
    table.add_row("slowest of them, s", f"{max(answers):.2f}", f"{MAX_ANSWER_S:g}")
    table.add_row("most CPU for a message, s", f"{found.most_cpu_s:.2f}", f"{MAX_CPU_S:g}")
    table.add_row("log, bytes", str(len(found.log)), "")
    table.add_row("longest log line, characters", str(max(map(len, found.lines), default=0)), f"{MAX_LINE}")
    table.add_row("forged log lines", str(len(found.forged_lines)), "0")
    table.add_row("longest text published, characters", str(found.longest_text), f"{MAX_TEXT}")
    table.add_row("event log lines that are no JSON", str(found.bad_events), "0")
    table.add_row("exit code", str(found.exit_code), "0")
    for cause, count in found.problems.items():
        if count.isdecimal():
            table.add_row(f"  {cause}", count, "")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 0 where every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000, help="how many hostile messages")
    parser.add_argument("--seed", type=int, default=0, help="of their draw")
    parser.add_argument(
        "--work", type=Path, help="folder for the classifier's log; a temporary one if not given"
    )
    options = parser.parse_args(arguments)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    with tempfile.TemporaryDirectory() as folder:
        found = attack(options.messages, options.seed, options.work or Path(folder))
    console = Console()
    console.print(result_table(found))
    for text in broken_limits(found):
        console.print(f"limit not kept: {text}", markup=False)
    return 1 if broken_limits(found) else 0


if __name__ == "__main__":
    sys.exit(main())
