"""report.json has the agreed keys and is valid JSON; the picture is drawn from any run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.demo.report import DemoReport
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.report.figure_style import class_colours
from gas_fusion_ros.report.timeline_picture import draw_timeline
from gas_fusion_ros.truth.scoring import Interval

S = 1_000_000_000
NO_LATENCY = {"p50": None, "p95": None, "p99": None}
AGREED_KEYS = (
    "leaks",
    "alarms",
    "missed_leaks",
    "false_alarms",
    "readings",
    "images",
    "pairs",
    "gas_only",
    "dropped",
    "class_accuracy",
    "latency_ms",
    "model",
    "rmw",
    "duration_s",
    "speed",
)


def report(**changes: object) -> DemoReport:
    values: dict[str, object] = {
        "leaks": 3,
        "alarms": 3,
        "missed_leaks": 0,
        "false_alarms": 0,
        "readings": 600,
        "images": 1200,
        "pairs": 598,
        "gas_only": 2,
        "dropped": 0,
        "class_accuracy": 0.97,
        "latency_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "model": "fusion1",
        "rmw": "rmw_fastrtps_cpp",
        "duration_s": 600.0,
        "speed": 10.0,
        "complete": True,
    }
    return DemoReport(**{**values, **changes})  # type: ignore[arg-type]


def timeline(readings: int, **changes: object) -> Timeline:
    rng = np.random.default_rng(0)
    values: dict[str, object] = {
        "title": "a run",
        "start_ns": S,
        "end_ns": 121 * S,
        "channels": PAPER_CHANNELS,
        "reading_stamps_ns": np.arange(readings, dtype=np.int64) * S + S,
        "counts": rng.normal(500, 20, (readings, len(PAPER_CHANNELS))).astype(np.float32),
        "classes": PAPER_CLASSES,
        "verdict_stamps_ns": np.arange(readings, dtype=np.int64) * S + S,
        "probabilities": rng.dirichlet(np.ones(len(PAPER_CLASSES)), readings).astype(np.float32),
        "truth": (Interval("NoGas", S, 50 * S), Interval("Smoke", 50 * S, 90 * S)),
        "alarms": (Interval("Smoke", 60 * S, 95 * S),),
    }
    return Timeline(**{**values, **changes})  # type: ignore[arg-type]


def test_the_agreed_keys_come_first_and_in_order(tmp_path: Path) -> None:
    report().write(tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert tuple(read)[: len(AGREED_KEYS)] == AGREED_KEYS
    assert read["latency_ms"] == {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_run_without_verdicts_reports_null() -> None:
    read = json.loads(report(class_accuracy=None, latency_ms=NO_LATENCY).to_json())
    assert read["class_accuracy"] is None
    assert read["latency_ms"] == NO_LATENCY


@pytest.mark.parametrize("readings", [0, 1, 120, 9000])
def test_the_picture_is_drawn_whatever_the_number_of_readings(tmp_path: Path, readings: int) -> None:
    draw_timeline(timeline(readings), tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_copes_with_invalid_channels_and_unknown_gases(tmp_path: Path) -> None:
    counts = np.full((30, len(PAPER_CHANNELS)), np.nan, dtype=np.float32)
    draw_timeline(
        timeline(30, counts=counts, alarms=(Interval("Ammonia", 0, 500 * S),)), tmp_path / "timeline.png"
    )
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_a_run_of_hours_is_drawn(tmp_path: Path) -> None:
    draw_timeline(timeline(100, end_ns=14_000 * S), tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_every_class_has_its_own_colour() -> None:
    colours = class_colours((*PAPER_CLASSES, "Ammonia", "Methane"))
    assert len(set(colours.values())) == len(PAPER_CLASSES) + 2


def test_a_run_without_a_truth_has_no_truth_in_its_picture(tmp_path: Path) -> None:
    draw_timeline(timeline(20, truth=()), tmp_path / "clean.png")
    draw_timeline(timeline(20, truth=None), tmp_path / "unknown.png")
    assert (tmp_path / "clean.png").read_bytes() != (tmp_path / "unknown.png").read_bytes()


def test_unknown_verdicts_are_hatched_in_the_picture(tmp_path: Path) -> None:
    draw_timeline(timeline(20), tmp_path / "known.png")
    draw_timeline(
        timeline(
            20, unknown=(Interval("Unknown", 5 * S, 15 * S),), alarms=(Interval("Unknown", 6 * S, 60 * S),)
        ),
        tmp_path / "unknown.png",
    )
    assert (tmp_path / "known.png").read_bytes() != (tmp_path / "unknown.png").read_bytes()


def test_the_share_of_unknown_is_reported() -> None:
    assert json.loads(report(unknown_share=0.25).to_json())["unknown_share"] == 0.25
    assert json.loads(report().to_json())["unknown_share"] is None
