"""What a demo reports of its run is what an evaluation says of the bag that it leaves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from domains import next_domain
from rich.console import Console

from gas_fusion_ros.base.observation import PAPER_CHANNELS, ThermalFrame
from gas_fusion_ros.demo import demo
from gas_fusion_ros.demo.programme import Programme, recorded_programme
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.run import EvaluationSettings, evaluate_bag
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.model.thermal import raw_counts
from gas_fusion_ros.pipeline.settings import read_settings
from gas_fusion_ros.simulation.mq_response import steady_readings
from gas_fusion_ros.simulation.renderer import random_scene, render

STRETCHES = (("NoGas", 15), ("Smoke", 25), ("NoGas", 25), ("Perfume", 15))
WITHOUT_IMAGES = range(20, 30)


@pytest.fixture(autouse=True)
def own_environment(ros_domain: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A domain and a folder for logs of the test's own; the demo sets what is not set, and leaves it so."""
    del ros_domain
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))


def write_recording(folder: Path, stretches: Sequence[tuple[str, int]]) -> None:
    """A data set's folder: as many rows of each class as asked for, most of them with an image."""
    rng = np.random.default_rng(5)
    lines = [f"Serial Number,{','.join(PAPER_CHANNELS)},Gas"]
    for gas, rows in stretches:
        for counts in steady_readings(gas, rows, rng):
            number = len(lines) - 1
            lines.append(f"{number},{','.join(f'{count:.0f}' for count in counts)},{gas}")
            if number not in WITHOUT_IMAGES:
                frame = ThermalFrame(1, render(random_scene(gas, rng), rng), "32FC1")
                cv2.imwrite(str(folder / f"{number}_{gas}.png"), raw_counts(frame).pixels)
    (folder / "Gas_Sensors_Measurements.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def evaluate(bag: Path, programme: Programme, folder: Path) -> EvaluationReport:
    """The bag with the parameters of the demo's classifier and with its operator."""
    parameters = folder / "parameters.yaml"
    parameters.write_text(yaml.safe_dump({"gas_classifier": {"ros__parameters": dict(programme.classifier)}}))
    settings = EvaluationSettings(acknowledges=True, with_heat=False)
    model = LoadedModel.load(read_settings(parameters))
    return evaluate_bag(bag, folder / "evaluation", model, settings).report


def test_a_demo_reports_what_an_evaluation_of_its_bag_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_recording(data, STRETCHES)
    programme = recorded_programme(data, None, None)
    # Images travel best effort: where a busy machine lost one on its way, the demo is played once more.
    for attempt in range(3):
        # The nodes of a demo before are seen in their domain until they are collected.
        monkeypatch.setenv("ROS_DOMAIN_ID", str(next_domain()))
        settings = demo.DemoSettings(tmp_path / f"out{attempt}", device="cpu", patience_s=60.0)
        outcome = demo.run(replace(programme, speed=100.0), settings, Console(file=io.StringIO()))
        assert outcome.exit_code == demo.EXIT_DONE, outcome.complaint
        said = outcome.report
        report = evaluate(settings.output / "bag", programme, tmp_path)
        if report.pairs == said.pairs == 70:
            break
    assert (report.readings, report.images) == (said.readings, said.images)
    assert (report.pairs, report.gas_only) == (said.pairs, said.gas_only) == (70, 10)
    assert report.labels_from == "topic"
    assert report.class_accuracy == pytest.approx(said.class_accuracy, abs=1e-4)
    assert report.settled_accuracy == pytest.approx(said.settled_accuracy, abs=1e-4)
    assert len(report.leaks) == said.leaks == 2
    assert (len(report.alarms), report.false_alarms) == (said.alarms, said.false_alarms)
    delays = [leak.delay_s for leak in report.leaks if leak.delay_s is not None]
    assert delays == pytest.approx(said.detection_delays_s, abs=1e-3)
    assert delays
