"""Runs the real nodes through a simulated day, for what grows: `python -m benchmarks.soak [--hours 24]`.

Gas sensor, camera and classifier run in this process over real DDS, on a simulated clock that goes as fast as
nothing is lost; patrols of an hour follow one another and an operator acknowledges each alarm. It samples the
process's resident memory, and counts what became of every reading. Exit code 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.table import Table
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, SIMULATED_ARRAY, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.composition import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    Composition,
    LifecycleClient,
)
from gas_fusion_ros.demo.pacing import Pace, PaceSettings, UnderWay
from gas_fusion_ros.demo.stage import arrived_readings, refused_readings
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.messages import ns_to_stamp
from gas_fusion_ros.truth.ground_truth import START_S

MAX_GROWTH_MB = 5.0
"""How much the process may grow after the first simulated hour."""

HOUR_NS = 3600 * NANOSECONDS_PER_SECOND

_START_NS = round(START_S * NANOSECONDS_PER_SECOND)
_READING_PERIOD_NS = NANOSECONDS_PER_SECOND // 2
_PATROL_S, _PATROL_LEAKS = 3600.0, 12
_WAIT_NS = 2 * NANOSECONDS_PER_SECOND
_LEAD_NS = 20 * NANOSECONDS_PER_SECOND
_ACKNOWLEDGE_AFTER_NS = 5 * NANOSECONDS_PER_SECOND
_TICK_S = 0.005
_SAMPLES_AN_HOUR = 30
_PATIENCE_S = 10.0
_LATCHED = QoSProfile(
    depth=1000, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


@dataclass(frozen=True)
class SoakSettings:
    """What is run.

    Attributes:
        hours: simulated hours.
        speed: simulated seconds per second of wall time, at most.
        image_period_s: simulated time between two images; 0 for no camera.
        model: model bundle.
    """

    hours: float
    speed: float
    image_period_s: float
    model: Path

    @property
    def end_ns(self) -> int:
        """The last simulated time, just before a stamp."""
        return _START_NS + round(self.hours * HOUR_NS) - 1


@dataclass(frozen=True)
class MemorySample:
    """How much memory the process held at a time.

    Attributes:
        elapsed_ns: simulated time since the start.
        resident_mb: resident memory, MB.
    """

    elapsed_ns: int
    resident_mb: float


@dataclass(frozen=True)
class Soaked:
    """What came out.

    Attributes:
        hours: simulated hours that were run.
        wall_s: how long that took, seconds.
        due: readings that the simulated time called for.
        published: readings published.
        images: images published.
        classified: verdicts on them, and on images alone.
        dropped_by: readings without a verdict, by cause.
        problems: what else went wrong, by cause.
        alarms: leak alarms that came.
        faults: faults that came.
        stalls: how often the clock went on without what it had waited for.
        memory: samples of the process's memory, in order.
    """

    hours: float
    wall_s: float
    due: int
    published: int
    images: int
    classified: int
    dropped_by: Mapping[str, int]
    problems: Mapping[str, int]
    alarms: int
    faults: int
    stalls: int
    memory: Sequence[MemorySample]

    @property
    def unaccounted(self) -> int:
        """Readings that were due and are neither classified nor counted as dropped."""
        return self.due - self.classified - sum(self.dropped_by.values())


def growth_mb(memory: Sequence[MemorySample]) -> float | None:
    """Return how far the median of the last half hour lies above that around the end of the first hour.

    None where the samples do not reach that far apart.
    """
    first = [s.resident_mb for s in memory if abs(s.elapsed_ns - HOUR_NS) <= HOUR_NS // 4]
    last_ns = memory[-1].elapsed_ns if memory else 0
    last = [s.resident_mb for s in memory if s.elapsed_ns >= last_ns - HOUR_NS // 2]
    if not first or last_ns < 1.75 * HOUR_NS:
        return None
    return float(np.median(last) - np.median(first))


class Operator:
    """Counts alarms and faults, and acknowledges each alarm a few seconds after it came.

    Args:
        node: listens and calls.
    """

    def __init__(self, node: Node) -> None:
        self.alarms = 0
        self.faults = 0
        self._last: AlarmStatus | None = None
        self._acknowledged_ns = 0
        self._client: Client = node.create_client(Trigger, "gas/acknowledge_alarm")
        node.create_subscription(DiagnosticArray, "gas/alarm_state", self._hear, _LATCHED)
        self._has_left = False

    def leave(self) -> None:
        """Count no more."""
        self._has_left = True

    def look(self, now_ns: int) -> None:
        """Acknowledge what stands."""
        alarm = self._last
        if alarm is None or alarm.state not in (AlarmState.ACTIVE, AlarmState.LATCHED):
            return
        if alarm.since_ns > self._acknowledged_ns and now_ns - alarm.since_ns >= _ACKNOWLEDGE_AFTER_NS:
            self._acknowledged_ns = alarm.since_ns
            self._client.call_async(Trigger.Request())

    def _hear(self, msg: DiagnosticArray) -> None:
        if self._has_left:
            return
        before, now = self._last, decode_alarm_status(msg)
        self._last = now
        if before is not None:
            self.alarms += now.state is AlarmState.ACTIVE and before.state is not AlarmState.ACTIVE
            if now.fault and not before.fault:
                self.faults += 1
                print(f"fault at {(now.since_ns - _START_NS) / HOUR_NS:.3f} h", file=sys.stderr, flush=True)


class Soak:
    """The graph of a soak, its clock and its counts.

    Args:
        context: the ROS context.
        settings: what is run.
        event_log: file that gets a line for each alarm event.
    """

    def __init__(self, context: Context, settings: SoakSettings, event_log: Path) -> None:
        self._settings = settings
        self._process = psutil.Process()
        self._memory: list[MemorySample] = []
        self._composition = Composition(context)
        self._control = Node("soak", context=context)
        self._clock = self._control.create_publisher(Clock, "/clock", RELIABLE)
        self._operator = Operator(self._control)
        simulation: dict[str, Any] = {
            "driver": "simulated",
            "start_time": START_S,
            "poll_period": _TICK_S,
            "simulated.duration": _PATROL_S,
            "simulated.leaks": _PATROL_LEAKS,
        }
        array = {
            "period": _READING_PERIOD_NS / NANOSECONDS_PER_SECOND,
            "array_file": SIMULATED_ARRAY,
        }
        self._gas = GasSensorNode(**_on(context, {**simulation, **array}))
        self._camera = (
            ThermalCameraNode(**_on(context, {**simulation, "period": settings.image_period_s}))
            if settings.image_period_s
            else None
        )
        self._classifier = GasClassifierNode(**_on(context, self._classifier_parameters(event_log)))
        ends = (_START_NS, settings.end_ns)
        self._readings = UnderWay(range(*ends, _READING_PERIOD_NS), RELIABLE.depth)
        image_period_ns = round(settings.image_period_s * NANOSECONDS_PER_SECOND)
        images = range(*ends, image_period_ns) if image_period_ns else ()
        self._images = UnderWay(images, SENSOR_DATA.depth, _WAIT_NS)
        for node in (*self._managed, self._control):
            self._composition.spin(node)

    def run(self) -> Soaked:
        """Bring the nodes up, let the time pass and count.

        Raises:
            CompositionError: a node refused or failed.
        """
        lifecycles = [LifecycleClient(self._control, node.get_name()) for node in self._managed]
        for transition in (CONFIGURE, ACTIVATE):
            for lifecycle in lifecycles:
                lifecycle.request(transition)
        self._start_clocks()
        began_s = time.monotonic()
        pace = self._pass_time()
        wall_s = time.monotonic() - began_s
        due = (pace.now_ns - _START_NS) // _READING_PERIOD_NS + 1
        self._wait_until(lambda: self._gas.published >= due)
        classifier, *sensors = lifecycles
        for lifecycle in sensors:
            lifecycle.request(DEACTIVATE)
        self._wait_until(lambda: arrived_readings(self._classifier) >= self._gas.published)
        # Deactivating leaves a fault behind, rightly, but it is no part of what was run.
        self._operator.leave()
        classifier.request(DEACTIVATE)
        soaked = self._count(due, pace, wall_s)
        for lifecycle in lifecycles:
            lifecycle.request(CLEANUP)
        return soaked

    def close(self) -> None:
        """Stop every thread and destroy the nodes."""
        self._composition.close()

    @property
    def _managed(self) -> list[ManagedNode]:
        return [self._classifier, self._gas, *([self._camera] if self._camera else [])]

    def _classifier_parameters(self, event_log: Path) -> dict[str, Any]:
        # The waits cover wall time, so they stretch with the speed.
        lead_s = _LEAD_NS / NANOSECONDS_PER_SECOND
        return {
            "model": str(self._settings.model),
            "device": "cpu",
            "event_log": str(event_log),
            "inbox": 1000,
            "pairing.wait": _WAIT_NS / NANOSECONDS_PER_SECOND,
            "pairing.min_image_interval": min(10.0, self._settings.image_period_s),
            "pairing.future_tolerance": 2 * lead_s,
            "pairing.silence": 3 * lead_s,
            "alarm.timeout": 3 * lead_s,
        }

    def _start_clocks(self) -> None:
        """Say the time before the start until every node knows it."""
        before_ns = _START_NS - NANOSECONDS_PER_SECOND

        def all_know() -> bool:
            self._clock.publish(Clock(clock=ns_to_stamp(before_ns)))
            return all(node.get_clock().now().nanoseconds >= before_ns for node in self._managed)

        self._wait_until(all_know)

    def _pass_time(self) -> Pace:
        """Run the clock to the end, or until Ctrl-C."""
        pace = Pace(
            PaceSettings(_START_NS, self._settings.end_ns, self._settings.speed, _LEAD_NS),
            time.monotonic_ns(),
        )
        try:
            while not pace.finished:
                self._composition.check()
                stalls = pace.stalls
                now_ns = pace.advance(time.monotonic_ns(), self._decided_ns(), self._hold_ns())
                if pace.stalls > stalls:
                    self._readings.give_up(arrived_readings(self._classifier), now_ns)
                    self._images.give_up(self._classifier.pairing_counters.images, now_ns)
                self._clock.publish(Clock(clock=ns_to_stamp(now_ns)))
                self._operator.look(now_ns)
                self._sample(now_ns)
                time.sleep(_TICK_S)
        except KeyboardInterrupt:
            pass
        return pace

    def _decided_ns(self) -> int:
        """The stamp up to which every reading has its verdict, or none for a known reason."""
        decided = self._classifier.classified + sum(refused_readings(self._classifier).values())
        return _START_NS + decided * _READING_PERIOD_NS

    def _hold_ns(self) -> int | None:
        holds = (
            self._readings.hold_ns(arrived_readings(self._classifier)),
            self._images.hold_ns(self._classifier.pairing_counters.images),
        )
        return min((hold for hold in holds if hold is not None), default=None)

    def _sample(self, now_ns: int) -> None:
        elapsed_ns = now_ns - _START_NS
        if elapsed_ns * _SAMPLES_AN_HOUR // HOUR_NS >= len(self._memory):
            resident_mb = self._process.memory_info().rss / 1e6
            self._memory.append(MemorySample(elapsed_ns, resident_mb))
            if len(self._memory) % _SAMPLES_AN_HOUR == 1:
                print(f"{elapsed_ns / HOUR_NS:5.1f} h  {resident_mb:7.1f} MB", file=sys.stderr, flush=True)

    def _count(self, due: int, pace: Pace, wall_s: float) -> Soaked:
        published = self._gas.published
        dropped_by = {
            **refused_readings(self._classifier),
            "never_published": due - published,
            "lost_before_the_classifier": published - arrived_readings(self._classifier),
        }
        problems: Counter[str] = Counter()
        for node in self._managed:
            problems.update(node.problem_counts())
        return Soaked(
            hours=(pace.now_ns - _START_NS) / HOUR_NS,
            wall_s=wall_s,
            due=due,
            published=published,
            images=self._camera.published if self._camera else 0,
            classified=self._classifier.classified,
            dropped_by={cause: count for cause, count in dropped_by.items() if count},
            problems=problems,
            alarms=self._operator.alarms,
            faults=self._operator.faults,
            stalls=pace.stalls,
            memory=self._memory,
        )

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not condition() and time.monotonic() < deadline_s:
            self._composition.check()
            time.sleep(_TICK_S)


def _on(context: Context, parameters: Mapping[str, Any]) -> dict[str, Any]:
    values = {"use_sim_time": True, **parameters}
    return {
        "context": context,
        "parameter_overrides": [Parameter(name, value=value) for name, value in values.items()],
    }


def soak(settings: SoakSettings) -> Soaked:
    """Run the nodes through the simulated time in a domain of their own."""
    context = Context()
    rclpy.init(
        args=["--ros-args", "--disable-stdout-logs"],
        context=context,
        signal_handler_options=SignalHandlerOptions.NO,
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            soaking = Soak(context, settings, Path(folder) / "events.jsonl")
            try:
                return soaking.run()
            finally:
                soaking.close()
    finally:
        rclpy.shutdown(context=context)


def broken_limits(soaked: Soaked) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    growth = growth_mb(soaked.memory)
    broken = []
    if growth is not None and growth > MAX_GROWTH_MB:
        broken.append(f"grown by {growth:.1f} MB after the first hour, at most {MAX_GROWTH_MB:g}")
    if soaked.unaccounted:
        broken.append(f"{soaked.unaccounted} readings counted nowhere, none may be")
    return broken


def result_table(soaked: Soaked) -> Table:
    """Everything that was measured, with the limits."""

    def causes(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{cause} {count}" for cause, count in sorted(counts.items())) or "none"

    growth = growth_mb(soaked.memory)
    resident = [sample.resident_mb for sample in soaked.memory] or [0.0]
    table = Table("measured", "value", "limit")
    table.add_row(
        "simulated hours, in minutes of wall time", f"{soaked.hours:.2f}, {soaked.wall_s / 60:.1f}", ""
    )
    table.add_row("readings due, published; images", f"{soaked.due}, {soaked.published}; {soaked.images}", "")
    table.add_row("readings classified", str(soaked.classified), "")
    table.add_row("readings dropped, by cause", causes(soaked.dropped_by), "")
    table.add_row("readings counted nowhere", str(soaked.unaccounted), "0")
    table.add_row("other problems", causes(soaked.problems), "")
    table.add_row("clock went on without what it waited for", str(soaked.stalls), "")
    table.add_row("leak alarms, faults", f"{soaked.alarms}, {soaked.faults}", "")
    table.add_row("resident at the start, largest, MB", f"{resident[0]:.1f}, {max(resident):.1f}", "")
    table.add_row(
        "growth after the first simulated hour, MB",
        "too short" if growth is None else f"{growth:+.2f}",
        f"{MAX_GROWTH_MB:g}",
    )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak and print its table; 0 where every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="simulated hours")
    parser.add_argument("--speed", type=float, default=1000.0, help="simulated seconds per second, at most")
    parser.add_argument(
        "--image-period", type=float, default=10.0, help="simulated seconds between images; 0 for none"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model bundle: a name or a folder")
    options = parser.parse_args(arguments)
    if not 0 < options.hours <= 1000 or not 0 < options.speed <= 1e6:
        parser.error("--hours must be within 0 ... 1000 and --speed within 0 ... 1e6, both above 0")
    if options.image_period and not 0.5 <= options.image_period <= 3600:
        parser.error("--image-period must be 0 or within 0.5 ... 3600")
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    soaked = soak(
        SoakSettings(options.hours, options.speed, options.image_period, find_bundle(options.model))
    )
    console = Console()
    console.print(result_table(soaked))
    broken = broken_limits(soaked)
    for text in broken:
        console.print(f"limit not kept: {text}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
