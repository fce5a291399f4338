"""What a fleet costs that tells one broker: `python -m benchmarks.fleet [--robots 100] [--seconds 120]`.

The relays of so many robots run in two processes beside a mosquitto of their own, all on two cores. Each
tells its state every second and raises an alarm a minute, which is cleared later. Times are taken from the
moment at which a robot has something to tell until it was heard. A bare client sends messages of its own
through the same broker meanwhile. Exit code 1 where anything is lost or late.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from rich.console import Console
from rich.table import Table

from benchmarks.mosquitto import HOST, Mosquitto
from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.fleet.broker import Broker
from gas_fusion_ros.fleet.names import robot_topics
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.relay import Relay
from gas_fusion_ros.fleet.settings import RelaySettings

MOST_P99_MS = 300.0
MOST_GROWTH_MB = 10.0
"""How much a process may grow after a quarter of the time."""

_PROCESSES = 2
_CORES = 2
_PROBE_PERIOD_S = 0.05
_ALARMS_PER_S = 1.0 / 60.0
_STANDS_S = 5.0
_SETTLE_S = 10.0


@dataclass(frozen=True)
class Share:
    """What one process has to do."""

    port: int
    robots: tuple[str, ...]
    seconds: float
    folder: Path
    seed: int


@dataclass(frozen=True)
class Told:
    """What the relays of one process have told.

    Attributes:
        last_events: by robot, the name of its queue and the number of its last event.
        states: how many states.
        raised: how many alarms.
        waiting: events that the broker had not taken at the end.
        problems: what went wrong, by cause.
        memory_mb: of the process, after a quarter of the time and at the end.
        cpu_s: what it computed.
    """

    last_events: dict[str, tuple[str, int]]
    states: int
    raised: int
    waiting: int
    problems: dict[str, int]
    memory_mb: tuple[float, float]
    cpu_s: float


class SimulatedRobot:
    """A relay that hears an alarm of which nothing is real but its documents."""

    def __init__(self, name: str, share: Share, rng: random.Random) -> None:
        self.outbox = Outbox(share.folder / f"{name}.sqlite3", 1000)
        self.problems = Problems()
        settings = RelaySettings(host=HOST, port=share.port)
        broker = Broker(HOST, share.port, name, settings.keep_alive_ns)
        topics = robot_topics(settings.topic_prefix, name, "")
        self.relay = Relay(settings, topics, broker, self.outbox, self.problems, time.time_ns())
        self.states = self.raised = 0
        self._rng = rng
        self._alarms: tuple[StandingAlarm, ...] = ()
        self._next_alarm_s = rng.expovariate(_ALARMS_PER_S)
        self.due_s = rng.random()

    def step(self, now_s: float) -> None:
        """Let the alarm say what stands, and relay it."""
        if now_s >= self._next_alarm_s:
            if self._alarms:
                self._alarms = ()
                self._next_alarm_s = now_s + self._rng.expovariate(_ALARMS_PER_S)
            else:
                self.raised += 1
                alarm = StandingAlarm(
                    self.raised, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, time.time_ns(), 0.9
                )
                self._alarms = (alarm,)
                self._next_alarm_s = now_s + _STANDS_S
        watch_ns = time.monotonic_ns()
        status = AlarmStatus(AlarmState.CLEAR, 0, self._alarms, raised=self.raised)
        self.relay.hear_status(status)
        self.relay.hear_word(not status.is_safe, watch_ns)
        self.relay.say(time.time_ns(), watch_ns)
        self.states += 1
        self.due_s += 1.0


def play(share: Share, result: Connection) -> None:
    """Relay the robots of one process, and send what was told."""
    rng = random.Random(share.seed)
    robots = [SimulatedRobot(name, share, rng) for name in share.robots]
    process = psutil.Process()
    began_s, early_mb = time.monotonic(), 0.0
    while (now_s := time.monotonic() - began_s) < share.seconds:
        for robot in robots:
            if now_s >= robot.due_s:
                robot.step(now_s)
        if not early_mb and now_s > share.seconds / 4:
            early_mb = process.memory_info().rss / 1e6
        time.sleep(max(0.0, min(robot.due_s for robot in robots) - (time.monotonic() - began_s)))
    until_s = time.monotonic() + _SETTLE_S
    while any(robot.outbox.state.waiting for robot in robots) and time.monotonic() < until_s:
        time.sleep(0.05)
    times, late_mb = process.cpu_times(), process.memory_info().rss / 1e6
    queues = [robot.outbox.state for robot in robots]
    problems: dict[str, int] = {}
    for robot in robots:
        for cause, count in robot.problems.counts().items():
            problems[cause] = problems.get(cause, 0) + count
    result.send(
        Told(
            {name: (queue.name, queue.last_event) for name, queue in zip(share.robots, queues, strict=True)},
            sum(robot.states for robot in robots),
            sum(robot.raised for robot in robots),
            sum(queue.waiting for queue in queues),
            problems,
            (early_mb, late_mb),
            times.user + times.system,
        )
    )
    for robot in robots:
        robot.relay.end(time.time_ns())
        robot.outbox.close()


@dataclass
class Heard:
    """What came from the broker.

    Attributes:
        states_ms: how long after it was said each state came.
        events_ms: the same of each event, but for those that came again.
        numbers: of the events, by queue, each once.
        again: how many events came again.
    """

    states_ms: list[float] = field(default_factory=list)
    events_ms: list[float] = field(default_factory=list)
    numbers: dict[str, set[int]] = field(default_factory=dict)
    again: int = 0

    def hear(self, topic: str, payload: bytes, now_ns: int) -> None:
        """A document has come."""
        document = json.loads(payload)
        age_ms = (now_ns - document["stamp_ns"]) / 1e6
        kind = topic.rpartition("/")[2]
        if kind == "state" and document["online"]:
            self.states_ms.append(age_ms)
        elif kind == "events":
            numbers = self.numbers.setdefault(document["queue"], set())
            if document["number"] in numbers:
                self.again += 1
                return
            numbers.add(document["number"])
            self.events_ms.append(age_ms)

    def lost(self, told: Sequence[Told]) -> int:
        """How many of the events that were told have not come."""
        return sum(
            len(set(range(1, last + 1)) - self.numbers.get(queue, set()))
            for one in told
            for queue, last in one.last_events.values()
        )


@dataclass(frozen=True)
class Run:
    """A run that is over.

    Attributes:
        told: by each process of relays.
        heard: by whoever listens.
        bare_ms: how long each message of the bare client was under way.
        broker_mb: the broker's memory, after a quarter of the time and at the end.
        seconds: how long the robots told.
    """

    told: tuple[Told, ...]
    heard: Heard
    bare_ms: tuple[float, ...]
    broker_mb: tuple[float, float]
    seconds: float


class _Ear:
    """A client in a thread of its own that hands on what comes to one topic filter."""

    def __init__(self, port: int, topic: str) -> None:
        self.arrived: list[tuple[str, bytes, int]] = []
        subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = self._hear
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect(HOST, port)
        self.client.loop_start()
        self.client.subscribe(topic, 1)
        if not subscribed.wait(_SETTLE_S):
            raise TimeoutError(f"the broker has not answered for {_SETTLE_S:g} s")

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.arrived.append((message.topic, bytes(message.payload), time.time_ns()))


def measure(robots: int, seconds: float, seed: int, folder: Path) -> Run:
    """Let the robots tell for so long, and return what came of it."""
    names = [f"robot{number}" for number in range(1, robots + 1)]
    spawn = multiprocessing.get_context("spawn")
    with Mosquitto(folder) as broker:
        ear, bare = _Ear(broker.port, "gas_fusion/#"), _Ear(broker.port, "bare")
        pipes, workers = [], []
        for index in range(_PROCESSES):
            share = Share(broker.port, tuple(names[index::_PROCESSES]), seconds, folder, seed + index)
            receiver, sender = spawn.Pipe(duplex=False)
            workers.append(spawn.Process(target=play, args=(share, sender)))
            workers[-1].start()
            sender.close()
            pipes.append(receiver)
        process, early_mb, began_s = psutil.Process(broker.process.pid), 0.0, time.monotonic()
        while any(worker.is_alive() and not pipe.poll() for worker, pipe in zip(workers, pipes, strict=True)):
            bare.client.publish("bare", str(time.time_ns()), 1)
            if not early_mb and time.monotonic() - began_s > seconds / 4:
                early_mb = process.memory_info().rss / 1e6
            time.sleep(_PROBE_PERIOD_S)
        told = tuple(pipe.recv() for pipe in pipes)
        for worker in workers:
            worker.join()
        late_mb = process.memory_info().rss / 1e6
        # What a robot says last comes through the same connection after all of its events.
        ear.close()
        bare.close()
    heard = Heard()
    for topic, payload, now_ns in ear.arrived:
        heard.hear(topic, payload, now_ns)
    bare_ms = tuple((now_ns - int(payload)) / 1e6 for _, payload, now_ns in bare.arrived)
    return Run(told, heard, bare_ms, (early_mb, late_mb), seconds)


def broken_limits(run: Run) -> list[str]:
    """What was lost, or late, or grew."""
    broken: list[str] = []
    lost, waiting = run.heard.lost(run.told), sum(one.waiting for one in run.told)
    if lost or waiting:
        broken.append(f"{lost} events lost, {waiting} not taken")
    for what, times in (("states", run.heard.states_ms), ("events", run.heard.events_ms)):
        if not times:
            broken.append(f"no {what} came")
        elif (p99 := float(np.percentile(times, 99))) > MOST_P99_MS:
            broken.append(f"p99 of {what} is {p99:.0f} ms; at most {MOST_P99_MS:g} are allowed")
    for early_mb, late_mb in (*(one.memory_mb for one in run.told), run.broker_mb):
        if late_mb - early_mb > MOST_GROWTH_MB:
            broken.append(f"a process grew from {early_mb:.1f} to {late_mb:.1f} MB")
    return broken


def result_table(run: Run) -> Table:
    """Everything that was measured."""
    table = Table("measured", "value")
    table.add_row("robots, seconds", f"{sum(len(one.last_events) for one in run.told)}  {run.seconds:g}")
    table.add_row("alarms raised", str(sum(one.raised for one in run.told)))
    told = sum(last for one in run.told for _, last in one.last_events.values())
    table.add_row("events told, lost, came again", f"{told}  {run.heard.lost(run.told)}  {run.heard.again}")
    table.add_row("states told, heard", f"{sum(one.states for one in run.told)}  {len(run.heard.states_ms)}")
    for what, times in (
        ("state, said to heard", run.heard.states_ms),
        ("event, said to heard", run.heard.events_ms),
        ("bare message through the broker", run.bare_ms),
    ):
        if times:
            table.add_row(f"{what}, median, p99, worst, ms", _times(times))
    for number, one in enumerate(run.told, 1):
        table.add_row(
            f"relays {number}: memory at a quarter and at the end, MB; % of a core",
            f"{one.memory_mb[0]:.1f}  {one.memory_mb[1]:.1f}  {100 * one.cpu_s / run.seconds:.0f}",
        )
        for cause, count in one.problems.items():
            table.add_row(f"  problem {cause}", str(count))
    table.add_row("broker: memory, MB", f"{run.broker_mb[0]:.1f}  {run.broker_mb[1]:.1f}")
    return table


def _times(times: Sequence[float]) -> str:
    median, p99 = np.percentile(times, [50, 99])
    return f"{median:.1f}  {p99:.1f}  {max(times):.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 0 where nothing was lost or late."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--robots", type=int, default=100, help="how many")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long they tell")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of alarms")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
    with tempfile.TemporaryDirectory() as folder:
        run = measure(options.robots, options.seconds, options.seed, Path(folder))
    console = Console()
    console.print(result_table(run))
    broken = broken_limits(run)
    for text in broken:
        console.print(text)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
