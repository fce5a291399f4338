"""The demo end to end: the real nodes over real DDS, to its end and interrupted."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from rich.console import Console
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapWriter
from scripted_runtime import ScriptedRuntime, windowed_bundle

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from rclpy.context import Context
from rclpy.node import Node

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import PAPER_CHANNELS, Observation
from gas_fusion_ros.demo import demo
from gas_fusion_ros.demo.pacing import UnderWay
from gas_fusion_ros.demo.programme import patrol_programme, recorded_programme
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, Sample
from gas_fusion_ros.nodes import gas_classifier

TIMEOUT_S = 90


@pytest.fixture(scope="module")
def bundle(untrained_bundle: Path) -> Path:
    return untrained_bundle


pytestmark = pytest.mark.usefixtures("ros_domain")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder for logs yet."""
    # Set by the demo where it is absent; monkeypatch takes it back after the test.
    monkeypatch.delenv("ROS_LOG_DIR", raising=False)


def start(bundle: Path, output: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gas_fusion_ros.cli", "demo", "--model", str(bundle)]
    return subprocess.Popen(
        [*command, "--output", str(output), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def watched_meanwhile(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the page of a demo is told, once its robot has said what stands."""
    assert process.stdout is not None
    opened = next(line for line in process.stdout if line.startswith("open http"))
    address, _, token = opened.split()[1].partition("#token=")
    assert len(token) == 64
    with urlopen(f"{address}events", timeout=TIMEOUT_S) as events:
        told = (json.loads(line.removeprefix(b"data: ")) for line in events if line.strip())
        news: dict[str, Any] = next(
            one for one in told if one["word"] is not None and one["class"] is not None
        )
    return news


def topic_counts(bag: Path) -> dict[str, int]:
    with Reader(bag) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def write_recording(folder: Path, rows: int) -> None:
    header = f"Serial Number,{','.join(name.upper() for name in PAPER_CHANNELS)},Gas"
    labels = ("NoGas", "Smoke")
    lines = [f"{row},{','.join(['500'] * 7)},{labels[row * 2 // rows]}" for row in range(rows)]
    (folder / "Gas_Sensors_Measurements.csv").write_text("\n".join([header, *lines]) + "\n")


def test_a_patrol_runs_to_its_end(bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = start(
        bundle, output, "--duration", "60", "--leaks", "0", "--speed", "15", "--seed", "3", "--watch"
    )
    news = watched_meanwhile(process)
    text, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, text

    report = json.loads((output / "report.json").read_text())
    assert report["complete"]
    assert news["title"] == "demo, patrol, seed 3, model untrained"
    assert news["may_write"] is False
    assert (report["readings"], report["leaks"], report["missed_leaks"]) == (120, 0, 0)
    assert report["pairs"] + report["gas_only"] == 120
    assert report["pairs"] >= 100, "images may be lost (best effort), but not many"
    assert report["images"] >= 100
    assert report["dropped"] == 0
    assert report["latency_ms"]["p50"] > 0
    assert (report["model"], report["duration_s"], report["speed"]) == ("untrained", 60.0, 15.0)
    assert report["rmw"].startswith("rmw_")

    counts = topic_counts(output / "bag")
    assert counts["/gas/readings"] == counts["/gas/class"] == counts["/gas/classification"] == 120
    assert counts["/thermal/image_raw"] == counts["/thermal/image"] == report["images"]
    assert counts["/truth/markers"] == 1
    assert counts["/truth/leaks"] == 1
    assert {"/clock", "/diagnostics", "/gas/alarm", "/gas/alarm_state", "/pose", "/truth/label"} <= set(
        counts
    )
    with Reader(output / "bag") as reader:
        assert reader.duration < 80 * 10**9, "the bag's time is the simulated one"
    assert (output / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert "120 with an image" in text or "alone" in text
    names = ("report.json", "timeline.png", "events.jsonl", "bag")
    assert text.splitlines()[-1] == "  ".join(f"{output}/{name}" for name in names)
    assert all((output / name).exists() for name in names)


def test_a_recording_without_images_is_classified_by_gas_alone(bundle: Path, tmp_path: Path) -> None:
    write_recording(tmp_path, rows=100)
    output = tmp_path / "out"
    process = start(bundle, output, "--recorded", str(tmp_path), "--speed", "100")
    text, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, text
    report = json.loads((output / "report.json").read_text())
    assert (report["readings"], report["gas_only"], report["pairs"], report["images"]) == (100, 100, 0, 0)
    assert report["leaks"] == 1
    # Every row is the same, so the same class is said of both halves.
    assert report["class_accuracy"] in (0.0, 0.5)


def test_every_image_of_a_recording_finds_its_reading_at_the_default_speed(
    bundle: Path, tmp_path: Path
) -> None:
    write_recording(tmp_path, rows=40)
    rng = np.random.default_rng(0)
    for row in range(40):
        picture = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{row}_{('NoGas', 'Smoke')[row // 20]}.png"), picture)
    (tmp_path / "7_NoGas.png").write_bytes(b"damaged")
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(recorded_programme(tmp_path, None, None), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_DONE, outcome.complaint
    assert (outcome.report.pairs, outcome.report.gas_only) == (39, 1)
    assert outcome.stopped == ""
    assert not any("too late" in warning for warning in outcome.warnings)


def test_a_recording_without_labels_is_played_and_not_scored(bundle: Path, tmp_path: Path) -> None:
    header = ",".join(name.upper() for name in PAPER_CHANNELS)
    (tmp_path / "readings.csv").write_text("\n".join([header, *[",".join(["500"] * 7)] * 20]) + "\n")
    output = tmp_path / "out"
    process = start(bundle, output, "--recorded", str(tmp_path))
    text, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, text
    report = json.loads((output / "report.json").read_text())
    assert report["gas_only"] == 20
    for figure in ("leaks", "missed_leaks", "false_alarms", "class_accuracy", "settled_accuracy"):
        assert report[figure] is None
    assert report["detection_delays_s"] == []
    assert "/truth/label" not in topic_counts(output / "bag")
    assert "class accuracy   -, - in settled air" in text


def test_unknown_verdicts_are_verdicts_and_their_share_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ScriptedRuntime()
    runtime.novelty = 2.0
    windowed = windowed_bundle(40, AlarmAdvice(off_delay_ns=50 * 10**9))
    monkeypatch.setattr(Bundle, "load", lambda _: windowed)
    for module in (demo, gas_classifier):
        monkeypatch.setattr(module, "create_runtime", lambda *_, **__: runtime)
    write_recording(tmp_path, rows=20)
    settings = demo.DemoSettings(tmp_path / "out", "fusion1")
    outcome = demo.run(recorded_programme(tmp_path, None, 100.0), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_DONE, outcome.complaint
    report = outcome.report
    assert (report.complete, report.gas_only, report.dropped) == (True, 20, 0)
    assert (report.unknown_share, report.class_accuracy) == (1.0, 0.0)
    assert (report.alarms, report.missed_leaks) == (0, 0)
    assert report.grace_s == 60.0, "the alarm takes its off-delay from the model"
    assert json.loads((tmp_path / "out" / "report.json").read_text())["unknown_share"] == 1.0


def test_unreadable_rows_are_counted_and_the_first_is_quoted(bundle: Path, tmp_path: Path) -> None:
    write_recording(tmp_path, rows=20)
    path = tmp_path / "Gas_Sensors_Measurements.csv"
    lines = path.read_text().splitlines()
    lines[2:4] = ["damaged", "damaged"]
    path.write_text("\n".join(lines) + "\n")
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(recorded_programme(tmp_path, None, None), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_DONE, outcome.complaint
    assert (outcome.report.readings, outcome.report.unreadable_rows) == (18, 2)
    assert outcome.warnings[0].startswith("2 rows were unreadable, the first: Gas_Sensors_Measurements.csv")
    assert "line 3" in outcome.warnings[0]


def test_images_that_come_too_late_are_named(bundle: Path, tmp_path: Path) -> None:
    write_recording(tmp_path, rows=20)
    for row in range(20):
        picture = np.full((48, 64), row, dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{row}_{('NoGas', 'Smoke')[row // 10]}.png"), picture)
    programme = recorded_programme(tmp_path, None, 20.0)
    impatient = replace(
        programme,
        image_stamps_ns=(),
        classifier={**programme.classifier, "pairing.wait": 0.0},
    )
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(impatient, settings, Console(file=io.StringIO()))
    late = 20 - outcome.report.pairs
    assert late > 0
    assert f"{late} images came too late for their reading; use a lower --speed" in outcome.warnings


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_report_of_the_part_played(
    bundle: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    output = tmp_path / "out"
    process = start(bundle, output, "--speed", "10")
    assert process.stdout is not None
    for line in process.stdout:
        if " readings " in line and " readings 0 " not in line:
            break
    process.send_signal(stop)
    text, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, text
    assert "Traceback" not in text

    report = json.loads((output / "report.json").read_text())
    assert not report["complete"]
    minutes, seconds = divmod(int(report["duration_s"]), 60)
    assert f"stopped after {minutes}:{seconds:02d} of 10:00" in text
    assert 0 < report["readings"] < 1200
    assert 0 < report["duration_s"] < 600
    assert report["pairs"] + report["gas_only"] + report["dropped"] == report["readings"]
    assert topic_counts(output / "bag")["/gas/readings"] == report["readings"]
    assert (output / "timeline.png").exists()


def test_the_title_of_the_picture_says_where_a_run_was_stopped(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(demo, "draw_timeline", lambda timeline, _: titles.append(timeline.title))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_run_clock", interrupt)
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(patrol_programme(0, 200.0, 0, None), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_INTERRUPTED
    assert outcome.stopped == "stopped after 0:00 of 3:20"
    assert titles == ["Patrol, seed 0: 0 leaks, 0 alarms, 0 missed, 0 false (stopped after 0:00 of 3:20)"]


def test_a_node_that_refuses_fails_the_demo_with_its_reason(bundle: Path, tmp_path: Path) -> None:
    programme = patrol_programme(0, 60.0, 0, None)
    broken = replace(programme, classifier={**programme.classifier, "alarm.off_threshold": 0.99})
    outcome = demo.run(broken, demo.DemoSettings(tmp_path / "out", str(bundle)), Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_FAILED
    assert "gas_classifier was asked to configure and could not" in outcome.complaint
    assert "off_threshold" in outcome.complaint
    assert json.loads((tmp_path / "out" / "report.json").read_text())["readings"] == 0


def test_a_full_disk_fails_the_demo_and_the_report_is_still_there(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(McapWriter, "write", fail)
    write_recording(tmp_path, rows=20)
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(recorded_programme(tmp_path, None, 100.0), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_FAILED
    assert "messages are missing in the bag" in outcome.complaint
    assert json.loads((tmp_path / "out" / "report.json").read_text())["gas_only"] == 20


def test_a_lost_reading_fails_the_demo(bundle: Path, tmp_path: Path) -> None:
    write_recording(tmp_path, rows=20)
    programme = recorded_programme(tmp_path, None, 100.0)
    expecting_more = replace(
        programme, reading_stamps_ns=(*programme.reading_stamps_ns, programme.end_ns + 1)
    )
    settings = demo.DemoSettings(tmp_path / "out", str(bundle), patience_s=3.0)
    outcome = demo.run(expecting_more, settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_FAILED
    assert not outcome.report.complete
    assert "21 readings were to be classified, 20 were published, 20 classified" in outcome.complaint


@pytest.fixture
def slow_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that takes 20 ms to take a reading in: 50 a second."""
    prepare = Classifier.prepare

    def slowly(self: Classifier, observation: Observation) -> Sample:
        time.sleep(0.02)
        return prepare(self, observation)

    monkeypatch.setattr(Classifier, "prepare", slowly)


@pytest.mark.usefixtures("slow_classifier")
def test_time_waits_for_a_slow_classifier_and_nothing_is_lost(bundle: Path, tmp_path: Path) -> None:
    write_recording(tmp_path, rows=150)
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(recorded_programme(tmp_path, None, 1000.0), settings, Console(file=io.StringIO()))
    assert outcome.exit_code == demo.EXIT_DONE, outcome.complaint
    assert (outcome.report.gas_only, outcome.report.dropped, outcome.report.dropped_by) == (150, 0, {})


@pytest.mark.usefixtures("slow_classifier")
def test_every_reading_that_a_queue_loses_is_counted(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnderWay, "hold_ns", lambda *_: None)
    write_recording(tmp_path, rows=150)
    programme = replace(recorded_programme(tmp_path, None, 1000.0), lead_s=1e6)
    settings = demo.DemoSettings(tmp_path / "out", str(bundle), patience_s=3.0)
    outcome = demo.run(programme, settings, Console(file=io.StringIO()))
    report = outcome.report
    assert outcome.exit_code == demo.EXIT_FAILED
    assert report.readings == 150
    assert report.dropped_by["lost_before_the_classifier"] > 50
    assert report.readings == report.pairs + report.gas_only + sum(report.dropped_by.values())
    assert report.dropped == sum(report.dropped_by.values())
    lost = report.dropped_by["lost_before_the_classifier"]
    assert (
        f"{lost} readings have no verdict ({lost} lost before the classifier); use a lower --speed"
        in outcome.warnings
    )


def test_readings_that_the_classifier_refuses_are_counted(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, calls = Classifier.decide, iter(range(1000))

    def fail_now_and_then(self: Classifier, sample: Sample) -> object:
        if next(calls) % 10 == 3:
            raise RuntimeError("no power")
        return decide(self, sample)

    monkeypatch.setattr(Classifier, "decide", fail_now_and_then)
    write_recording(tmp_path, rows=40)
    settings = demo.DemoSettings(tmp_path / "out", str(bundle))
    outcome = demo.run(recorded_programme(tmp_path, None, 300.0), settings, Console(file=io.StringIO()))
    assert (outcome.report.gas_only, outcome.report.dropped) == (36, 4)
    assert outcome.report.dropped_by == {"classification_failed": 4}


def test_a_demo_does_not_play_where_nodes_run(bundle: Path, tmp_path: Path, ros_domain: int) -> None:
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    robot = Node("gas_classifier", context=context)
    write_recording(tmp_path, rows=20)
    try:
        settings = demo.DemoSettings(tmp_path / "out", str(bundle))
        with pytest.raises(
            demo.DemoError, match=f"a node gas_classifier runs in ROS domain {ros_domain} already"
        ):
            demo.run(recorded_programme(tmp_path, None, 100.0), settings, Console(file=io.StringIO()))
    finally:
        robot.destroy_node()
        context.try_shutdown()
