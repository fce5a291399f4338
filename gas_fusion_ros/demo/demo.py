"""Plays a patrol or a recording through the real nodes, in one process over real DDS."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_rmw_implementation_identifier
from rich.console import Console

from gas_fusion_ros.bags.writer import BagError, BagWriter
from gas_fusion_ros.base.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.audience import audience
from gas_fusion_ros.demo.composition import CompositionError
from gas_fusion_ros.demo.heard import Heard
from gas_fusion_ros.demo.live_view import View, clock_text, create_view
from gas_fusion_ros.demo.pacing import Pace, PaceSettings
from gas_fusion_ros.demo.programme import CLOCK_PERIOD_S, Programme
from gas_fusion_ros.demo.report import DemoReport
from gas_fusion_ros.demo.stage import LATCHED_TOPICS, NodeCounts, Stage, StageSettings
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.precision import AUTO
from gas_fusion_ros.model.runtimes import DeviceError, create_runtime
from gas_fusion_ros.report.timeline_picture import draw_timeline
from gas_fusion_ros.truth.scoring import ScoreSettings
from gas_fusion_ros.watch.access import Access

_OUR_NODES = {"gas_classifier", "gas_sensor", "thermal_camera"}
_DISCOVERY_STEPS, _DISCOVERY_STEP_S = 10, 0.1
EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_VIEW_PERIOD_S = 0.12


class DemoError(ValueError):
    """The demo cannot begin; the message names the option and says what would be right."""


@dataclass(frozen=True)
class DemoSettings:
    """How a programme is played.

    Attributes:
        output: folder for report, picture and bag; new or empty.
        model: model bundle, a name or a folder.
        device: where the network runs: auto, cpu or cuda.
        patience_s: wall time to wait for what is under way before it counts as lost.
        watch: where the demo is shown in a browser, and to whom; None for nowhere.
    """

    output: Path
    model: str = DEFAULT_MODEL
    device: str = "auto"
    patience_s: float = 10.0
    watch: Access | None = None


@dataclass(frozen=True)
class DemoOutcome:
    """How a demo ended.

    Attributes:
        report: what report.json holds.
        exit_code: 0 only if the graph ran to its end.
        complaint: why it did not; empty if it did or was interrupted.
        warnings: what the nodes logged as warnings or worse.
        stopped: how far a run came that did not come to its end; else empty.
    """

    report: DemoReport
    exit_code: int
    complaint: str
    warnings: tuple[str, ...]
    stopped: str


@dataclass
class _Progress:
    """How far a run has come."""

    started_ns: int = 0
    stopped_ns: int = 0
    now_ns: int = 0
    stalls: int = 0
    counts: NodeCounts | None = None
    exit_code: int = EXIT_DONE
    complaint: str = ""
    rmw: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def wall_s(self) -> float:
        return (self.stopped_ns - self.started_ns) / NANOSECONDS_PER_SECOND


def run(programme: Programme, settings: DemoSettings, console: Console) -> DemoOutcome:
    """Play the programme, then write report, picture and bag.

    Ctrl-C ends it early: what was played is still reported, whatever is pressed meanwhile. To be called
    from the main thread, which is the one that hears Ctrl-C.

    Args:
        programme: what is played.
        settings: output, model and device.
        console: where the view goes.

    Raises:
        DemoError: the model, the device, a label or the output cannot be used.
    """
    bundle = _check_model(settings.model, settings.device)
    _check_labels(programme, bundle)
    _prepare_output(settings.output)
    # The nodes' alarm takes its off-delay from the bundle's advice.
    scoring = ScoreSettings.for_alarm(bundle.alarm.off_delay_ns)
    heard = Heard(bundle.classes, PAPER_CHANNELS, programme.truth, programme.start_ns, scoring)
    played = _Progress()
    hear_interrupts = signal.getsignal(signal.SIGINT)
    try:
        _stage(programme, settings, f"{programme.source}, model {bundle.name}", heard, played, console)
        return _conclude(programme, settings.output, bundle, heard, played)
    finally:
        signal.signal(signal.SIGINT, hear_interrupts)


def _stage(
    programme: Programme,
    settings: DemoSettings,
    title: str,
    heard: Heard,
    played: _Progress,
    console: Console,
) -> None:
    stage_settings = StageSettings(
        settings.model, settings.device, settings.output / "events.jsonl", settings.patience_s
    )
    try:
        with _ros(settings.output) as context, BagWriter(settings.output / "bag", LATCHED_TOPICS) as bag:
            played.rmw = get_rmw_implementation_identifier()
            stage = Stage(context, programme, stage_settings, bag, heard)
            shown = (
                nullcontext()
                if settings.watch is None
                else audience(settings.watch, context, stage, title, console)
            )
            try:
                with (
                    shown,
                    create_view(console, f"{title}, ROS_DOMAIN_ID {context.get_domain_id()}") as view,
                ):
                    _play(programme, stage, heard, view, played)
            finally:
                stage.close()
                played.warnings = stage.warnings
    except BagError as error:
        played.exit_code, played.complaint = EXIT_FAILED, str(error)


def _prepare_output(path: Path) -> None:
    if path.is_file():
        raise DemoError(f"--output {path} is a file; name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise DemoError(f"--output {path} is not empty; name a new or an empty folder")
        probe = path / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DemoError(f"--output {path} cannot be written ({error.strerror})") from None


def _check_model(model: str, device: str) -> Bundle:
    try:
        bundle = Bundle.load(find_bundle(model))
        bundle.check_channels(PAPER_CHANNELS)
        create_runtime(bundle, device, precision=AUTO)
    except (FileNotFoundError, BundleError) as error:
        raise DemoError(f"--model: {error}") from None
    except DeviceError as error:
        raise DemoError(f"--device: {error}") from None
    return bundle


def _check_labels(programme: Programme, bundle: Bundle) -> None:
    for label, line in programme.labels.items():
        if label not in bundle.classes:
            raise DemoError(
                f"label '{label}' (CSV line {line}) is not a class of {bundle.name}: "
                f"{', '.join(bundle.classes)}"
            )


@contextmanager
def _ros(output: Path) -> Iterator[Context]:
    """A ROS context on this machine alone, in a domain of its own unless the user chose one."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    os.environ.setdefault("ROS_LOG_DIR", str((output / "log").absolute()))
    context = Context()
    # Lines on the terminal would tear the live view; they are in the log, in /rosout and in the summary.
    arguments = ["--ros-args", "--disable-stdout-logs"]
    rclpy.init(args=arguments, context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        _check_domain(context)
        yield context
    finally:
        context.try_shutdown()


def _check_domain(context: Context) -> None:
    """Refuse to play where nodes of ours run already: the demo would drive them, and they would hear it.

    Raises:
        DemoError: there is one; names it and the remedy.
    """
    probe = Node("demo_probe", context=context)
    try:
        for _ in range(_DISCOVERY_STEPS):
            taken = sorted(set(probe.get_node_names()) & _OUR_NODES)
            if taken:
                raise DemoError(
                    f"a node {taken[0]} runs in ROS domain {context.get_domain_id()} already; "
                    "set ROS_DOMAIN_ID to another for the demo"
                )
            time.sleep(_DISCOVERY_STEP_S)
    finally:
        probe.destroy_node()


def _play(programme: Programme, stage: Stage, heard: Heard, view: View, played: _Progress) -> None:
    try:
        try:
            stage.start()
            _run_clock(programme, stage, heard, view, played)
            played.counts = stage.finish()
        except KeyboardInterrupt:
            # A second Ctrl-C must not spoil the bag and the report.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            played.exit_code = EXIT_INTERRUPTED
            if stage.is_active:
                played.counts = stage.abort()
    except CompositionError as error:
        played.exit_code = played.exit_code or EXIT_FAILED
        played.complaint = str(error)
    finally:
        played.now_ns = stage.now_ns
        played.stopped_ns = time.monotonic_ns() if played.started_ns else 0
        view.show(heard.snapshot(played.now_ns, programme.end_ns, _speed(programme, played)))


def _run_clock(programme: Programme, stage: Stage, heard: Heard, view: View, played: _Progress) -> None:
    pace_settings = PaceSettings(
        start_ns=stage.now_ns,
        end_ns=programme.end_ns,
        speed=programme.speed,
        lead_ns=round(programme.lead_s * NANOSECONDS_PER_SECOND),
    )
    played.started_ns = time.monotonic_ns()
    pace = Pace(pace_settings, played.started_ns)
    next_view_s = 0.0
    sleeper = Event()
    while not pace.finished:
        wall_ns = time.monotonic_ns()
        stalls = pace.stalls
        stage.set_time(pace.advance(wall_ns, heard.newest_classified_ns, stage.hold_ns))
        if pace.stalls > stalls:
            stage.give_up_waiting()
        played.now_ns, played.stopped_ns, played.stalls = pace.now_ns, wall_ns, pace.stalls
        if wall_ns / NANOSECONDS_PER_SECOND >= next_view_s:
            next_view_s = wall_ns / NANOSECONDS_PER_SECOND + _VIEW_PERIOD_S
            view.show(heard.snapshot(pace.now_ns, programme.end_ns, _speed(programme, played)))
        sleeper.wait(CLOCK_PERIOD_S)


def _speed(programme: Programme, played: _Progress) -> float:
    elapsed_s = max(0, played.now_ns - programme.start_ns) / NANOSECONDS_PER_SECOND
    return elapsed_s / played.wall_s if played.wall_s > 0 else 0.0


def _conclude(
    programme: Programme, output: Path, bundle: Bundle, heard: Heard, played: _Progress
) -> DemoOutcome:
    end_ns = min(max(played.now_ns, programme.start_ns + 1), programme.end_ns)
    heard.tally.pass_time(end_ns)
    report = _report(programme, bundle, heard, played)
    stopped = _stopped(programme, played)
    report.write(output / "report.json")
    draw_timeline(heard.timeline(_headline(programme, report, stopped)), output / "timeline.png")
    exit_code, complaint = played.exit_code, played.complaint
    if exit_code == EXIT_DONE and "bag" in report.problems:
        exit_code = EXIT_FAILED
        complaint = f"{report.problems['bag']} messages are missing in the bag"
    elif exit_code == EXIT_DONE and not report.complete:
        exit_code = EXIT_FAILED
        complaint = (
            f"{programme.readings} readings were to be classified, {report.readings} were published, "
            f"{report.pairs + report.gas_only} classified"
        )
    return DemoOutcome(
        report,
        exit_code,
        complaint,
        (*_unreadable_rows(programme), *played.warnings, *_losses(played), *_late_images(played)),
        stopped,
    )


def _stopped(programme: Programme, played: _Progress) -> str:
    if played.now_ns >= programme.end_ns:
        return ""
    elapsed_s = max(0, played.now_ns - programme.start_ns) / NANOSECONDS_PER_SECOND
    return f"stopped after {clock_text(elapsed_s)} of {clock_text(programme.duration_s)}"


def _unreadable_rows(programme: Programme) -> tuple[str, ...]:
    if not programme.unreadable_rows:
        return ()
    return (f"{programme.unreadable_rows} rows were unreadable, the first: {programme.first_unreadable}",)


def _losses(played: _Progress) -> tuple[str, ...]:
    lost = played.counts.lost if played.counts is not None else {}
    if not lost:
        return ()
    causes = ", ".join(f"{count} {cause.replace('_', ' ')}" for cause, count in lost.items())
    return (f"{sum(lost.values())} readings have no verdict ({causes}); use a lower --speed",)


def _late_images(played: _Progress) -> tuple[str, ...]:
    late = played.counts.late_images if played.counts is not None else 0
    return (f"{late} images came too late for their reading; use a lower --speed",) if late else ()


def _report(programme: Programme, bundle: Bundle, heard: Heard, played: _Progress) -> DemoReport:
    counts = played.counts or _counts_of_the_heard(heard)
    complete = (
        played.exit_code == EXIT_DONE
        and played.counts is not None
        and counts.published == heard.readings == programme.readings
        and not counts.lost
    )
    tally, score = heard.tally, heard.tally.score(heard.track)
    latency = tally.latency_ms()
    return DemoReport(
        leaks=score.leaks if score else None,
        alarms=len(tally.alarms()),
        missed_leaks=score.missed_leaks if score else None,
        false_alarms=score.false_alarms if score else None,
        readings=counts.published,
        images=heard.images,
        pairs=tally.modes[Mode.FUSION],
        gas_only=tally.modes[Mode.GAS_ONLY],
        dropped=max(0, counts.published - tally.classified_readings),
        class_accuracy=_rounded(tally.class_accuracy()),
        latency_ms={"p50": latency.p50, "p95": latency.p95, "p99": latency.p99},
        model=bundle.name,
        rmw=played.rmw,
        duration_s=round((tally.end_ns - tally.start_ns) / NANOSECONDS_PER_SECOND, 3),
        speed=programme.speed,
        complete=complete,
        accuracy_by_mode={mode: round(share, 4) for mode, share in tally.accuracy_by_mode().items()},
        settled_accuracy=_rounded(tally.settled_accuracy()),
        detection_delays_s=tuple(map(_rounded, score.detection_delays_s)) if score else (),
        leaks_under_standing_alarm=score.leaks_under_standing_alarm if score else (),
        leaks_too_short=score.leaks_too_short if score else (),
        grace_s=heard.scoring.grace_ns / NANOSECONDS_PER_SECOND,
        wall_s=round(played.wall_s, 2),
        source=programme.source,
        dropped_by=counts.dropped_by,
        problems=dict(counts.problems),
        unreadable_rows=programme.unreadable_rows,
        unknown_share=_rounded(tally.unknown_share()),
        misnamed_alarms=score.misnamed_alarms if score else None,
    )


def _counts_of_the_heard(heard: Heard) -> NodeCounts:
    """What is known of the readings where the nodes could not be asked."""
    unclassified = heard.readings - heard.classified_readings
    lost = {"under_way_when_the_run_failed": unclassified} if unclassified > 0 else {}
    return NodeCounts(heard.readings, {}, lost, {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _headline(programme: Programme, report: DemoReport, stopped: str) -> str:
    def counted(number: int, noun: str) -> str:
        return f"{number} {noun}{'' if number == 1 else 's'}"

    source = programme.source[0].upper() + programme.source[1:]
    alarms = counted(report.alarms, "alarm")
    figures = [alarms]
    if report.leaks is not None:
        missed, false = f"{report.missed_leaks} missed", f"{report.false_alarms} false"
        figures = [counted(report.leaks, "leak"), alarms, missed, false]
        if report.misnamed_alarms:
            figures.append(f"{report.misnamed_alarms} under another gas")
    return f"{source}: {', '.join(figures)}" + (f" ({stopped})" if stopped else "")
