"""The benchmark measures what it says and keeps its own limits; its figures are not judged here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pipeline import Arrival, Listener, Load, broken_limits, main, run_pipeline
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode, Verdict
from gas_fusion_ros.ros import messages

GOOD = Load(readings=2, images=6, cpu_percent=20.0, resident_mb=150.0, skipped=0)
ARRIVALS = [Arrival(1, 3.0, 5.0, "fusion"), Arrival(2, 4.0, 6.0, "fusion")]


def test_a_good_run_breaks_no_limit() -> None:
    assert broken_limits(GOOD, ARRIVALS) == []


@pytest.mark.parametrize(
    ("load", "arrivals", "said"),
    [
        (Load(3, 6, 20.0, 150.0, 1), ARRIVALS, "1 readings lost, none may be; 1 of them skipped"),
        (Load(3, 6, 20.0, 150.0, 0), ARRIVALS, "1 readings lost"),
        (GOOD, [ARRIVALS[0], ARRIVALS[0]], "1 readings lost"),
        (GOOD, [ARRIVALS[0], Arrival(2, 11.0, 13.0, "fusion")], "latency p99 10.9"),
        (Load(2, 6, 60.5, 150.0, 0), ARRIVALS, "CPU 60.5 %"),
        (Load(2, 6, 20.0, 201.0, 0), ARRIVALS, "resident 201 MB"),
    ],
)
def test_a_broken_limit_is_named_with_its_measure(load: Load, arrivals: list[Arrival], said: str) -> None:
    [text] = broken_limits(load, arrivals)
    assert said in text


def test_nothing_classified_breaks_the_limits() -> None:
    assert len(broken_limits(GOOD, [])) == 2


def test_images_that_went_on_alone_are_not_counted_as_readings() -> None:
    listener = Listener()
    probabilities = np.full(4, 0.25, dtype=np.float32)
    for stamp_ns, mode in enumerate(Mode, start=1):
        verdict = Verdict(stamp_ns, "link", mode, PAPER_CLASSES, probabilities, "m", 5_000_000)
        listener.hear(messages.encode_classification(verdict, 2.5, "gas_classifier"))
    assert [(arrival.mode, arrival.latency_ms) for arrival in listener.arrivals] == [
        ("fusion", 2.5),
        ("gas_only", 2.5),
    ]


@pytest.mark.usefixtures("ros_domain")
def test_a_short_run_loses_no_reading(untrained_bundle: Path) -> None:
    load, arrivals = run_pipeline(untrained_bundle, 2.0)
    assert load.readings == 20
    assert load.images in range(66, 70)
    assert len(arrivals) == len({arrival.stamp_ns for arrival in arrivals}) == 20 - load.skipped
    # A busy machine may skip a few readings, and lose a few images, which travel best effort.
    modes = [arrival.mode for arrival in arrivals]
    assert modes.count("fusion") >= 15 - load.skipped
    assert modes.count("fusion") + modes.count("gas_only") == 20 - load.skipped
    assert load.cpu_percent > 0
    assert load.resident_mb > 20


def test_an_unknown_model_is_refused_before_anything_starts() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_model"):
        main(["--model", "no_such_model"])
