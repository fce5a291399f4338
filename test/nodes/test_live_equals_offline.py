"""A bag played through the real node over DDS gives what an evaluation of it says: verdict by verdict."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bundles import write_log_ratio_bundle
from diagnostic_msgs.msg import DiagnosticArray

from gas_fusion_ros.alarm.event_log import format_event
from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Mode
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.run import EVENTS, EvaluationSettings, evaluate_bag
from gas_fusion_ros.export.bag_sources import START_NS
from gas_fusion_ros.pipeline.offline import Decision, Pipeline, PipelineSettings
from gas_fusion_ros.pipeline.settings import read_settings, replay_parameters_file
from gas_fusion_ros.ros.messages import encode_classification, key_values, stamp_to_ns
from nodes.bag_player import BagPlayer
from nodes.harness import Graph
from nodes.scripted_bags import (
    GAS_TOPIC,
    IMAGE_TOPIC,
    S,
    eventful_patrol,
    patrol_of_two_calibrations,
    patrol_that_begins_anew,
    poses_on_the_way,
    write_bag,
)

MODELS = ("fusion1", "temporal_fusion")
AFTER_THE_BAG_NS = 2_000_000_000
"""Longer than a reading waits: the node decides as time goes on what an evaluation does at the bag's end."""


@dataclass(frozen=True)
class Said:
    """A verdict as the node publishes it and as an evaluation writes it."""

    stamp_ns: int
    label: str
    mode: str
    invalid_channels: str
    pair_offset_ms: float | None
    numbers: tuple[float, ...]
    """The probability of each class, confidence and novelty; NaN where there is none."""


@dataclass(frozen=True)
class Run:
    """What came out of a bag."""

    said: list[Said]
    events: list[dict[str, Any]]


@pytest.fixture(scope="module", params=[eventful_patrol, patrol_that_begins_anew])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bags") / request.param.__name__, request.param())


@pytest.fixture(scope="module")
def moving_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eventful patrol with the robot's poses, which go on while nothing is sensed."""
    path = tmp_path_factory.mktemp("bags") / "moving"
    return write_bag(path, eventful_patrol(), poses_on_the_way(75.0))


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return LoadedModel.load(replace(read_settings(replay_parameters_file()), model=request.param))


def live(graph: Graph, bag: Path, model: LoadedModel, folder: Path, rounds: int = 1) -> Run:
    log = folder / "live.jsonl"
    with BagPlayer(graph.context, {"model": model.settings.model, "event_log": str(log)}) as player:
        for _ in range(rounds):
            player.play(bag)
        player.pass_time(end_ns(bag) + AFTER_THE_BAG_NS)
        # Read here: the node raises the fault when it is taken down, for nobody watches any more.
        return Run([heard(one, model.bundle.classes) for one in player.classifications], read_events(log))


def offline(bag: Path, model: LoadedModel, folder: Path) -> tuple[Run, Evaluation]:
    evaluation = evaluate_bag(bag, folder, model, EvaluationSettings(with_heat=False))
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        said = [written(row, model.bundle.classes) for row in csv.DictReader(file)]
    return Run(said, read_events(folder / EVENTS)), evaluation


class Ear:
    """Hears what comes out of the pipeline and keeps it as the node publishes it."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.run = Run([], [])
        self._classes = classes

    def on_reading(self, reading: GasReading, recorded_ns: int) -> None:
        """Readings are seen in their verdicts."""

    def on_decision(self, decision: Decision) -> None:
        message = encode_classification(decision.verdict, 0.0, "gas_classifier")
        self.run.said.append(heard(message, self._classes))

    def where(self, moment_ns: int) -> None:
        """There is no pose."""

    def on_alarm(self, event: AlarmEvent) -> None:
        self.run.events.append(json.loads(format_event(event)))


def offline_in_rounds(bag: Path, model: LoadedModel, rounds: int) -> Run:
    """The messages of a bag that loops, through the pipeline of an evaluation."""
    ear = Ear(model.bundle.classes)
    settings = PipelineSettings(model.settings.pairing, model.alarm)
    pipeline = Pipeline(model.bundle, model.runtime, settings, Problems(), ear)
    with BagReader(bag, Problems()) as reader:
        for _ in range(rounds):
            assert reader.start_ns is not None
            pipeline.tick(reader.start_ns)
            for message in reader.messages({GAS_TOPIC, IMAGE_TOPIC}):
                if message.topic == GAS_TOPIC:
                    pipeline.add_reading_message(message.message, message.stamp_ns)
                else:
                    pipeline.add_image_message(message.message, message.stamp_ns)
    pipeline.finish()
    return ear.run


def heard(message: DiagnosticArray, classes: Sequence[str]) -> Said:
    values = key_values(message.status[0])
    return said(values, classes, stamp_to_ns(message.header.stamp), message.status[0].message)


def written(row: Mapping[str, str], classes: Sequence[str]) -> Said:
    return said(row, classes, int(row["stamp_ns"]), row["label"])


def said(values: Mapping[str, str], classes: Sequence[str], stamp_ns: int, label: str) -> Said:
    names = [*(f"p({name})" for name in classes), "confidence", "novelty"]
    offset_ms = number(values["pair_offset_ms"])
    return Said(
        stamp_ns,
        label,
        values["mode"],
        values["invalid_channels"],
        None if math.isnan(offset_ms) else offset_ms,
        tuple(number(values[name]) for name in names),
    )


def number(text: str) -> float:
    return float(text) if text else math.nan


def read_events(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for entry in entries:
        entry.pop("robot", None)  # an evaluation is of no robot
    # A node starts and stops; an evaluation does not.
    return [entry for entry in entries if entry["event"] == "change"]


def end_ns(bag: Path) -> int:
    with BagReader(bag, Problems()) as reader:
        assert reader.end_ns is not None
        return reader.end_ns


def assert_same(live: Run, offline: Run) -> None:
    blank = {"numbers": ()}
    assert [replace(one, **blank) for one in live.said] == [replace(one, **blank) for one in offline.said]
    for ours, theirs in zip(live.said, offline.said, strict=True):
        assert ours.numbers == pytest.approx(theirs.numbers, rel=1e-5, abs=1e-5, nan_ok=True)
    assert live.events == offline.events


def test_live_equals_offline(graph: Graph, bag: Path, model: LoadedModel, tmp_path: Path) -> None:
    expected, _ = offline(bag, model, tmp_path / "offline")
    assert_same(live(graph, bag, model, tmp_path), expected)


@pytest.mark.parametrize("model", ["temporal_fusion"], indirect=True)
def test_events_are_told_where_the_robot_was_live_as_offline(
    graph: Graph, moving_bag: Path, model: LoadedModel, tmp_path: Path
) -> None:
    expected, evaluation = offline(moving_bag, model, tmp_path / "offline")
    assert evaluation.report.topics["pose"] == "/pose"
    assert expected.events[0]["pose"] is None  # the first reading came before the first pose
    places = [event["pose"]["x"] for event in expected.events[1:]]
    assert len(set(places)) > 4
    assert_same(live(graph, moving_bag, model, tmp_path), expected)


@pytest.mark.parametrize("model", ["temporal_fusion"], indirect=True)
def test_a_looping_bag_is_the_same_in_each_round_live_as_offline(
    graph: Graph, model: LoadedModel, tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", eventful_patrol())
    expected = offline_in_rounds(bag, model, rounds=2)
    assert sum(event["fault"] for event in expected.events) >= 4  # two gaps in each round
    assert_same(live(graph, bag, model, tmp_path, rounds=2), expected)


def test_an_array_that_is_told_counts_live_as_offline(graph: Graph, tmp_path: Path) -> None:
    own = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in PAPER_CHANNELS))
    write_log_ratio_bundle(tmp_path / "model", own)
    settings = replace(read_settings(replay_parameters_file()), model=str(tmp_path / "model"))
    model = LoadedModel.load(settings)
    bag = write_bag(tmp_path / "bag", patrol_of_two_calibrations())
    expected, evaluation = offline(bag, model, tmp_path / "offline")
    assert evaluation.report.topics["array"] == "/gas/array_info"
    assert evaluation.report.array.source == "gas/array_info"
    assert not evaluation.report.dropped
    assert {one.invalid_channels for one in expected.said} == {"mq5", "mq5 mq6"}
    assert [one.mode for one in expected.said].count("gas_only") == 1  # let go by the new calibration
    raised = [event for event in expected.events if event["state"] == "active"]
    unknown = [event["stamp_ns"] for event in raised if event["gas"] == "Unknown"]
    assert unknown
    assert min(unknown) >= START_NS + 14 * S
    assert_same(live(graph, bag, model, tmp_path), expected)


def test_the_eventful_patrol_is_eventful(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", eventful_patrol())
    model = LoadedModel.load(read_settings(replay_parameters_file()))
    run, evaluation = offline(bag, model, tmp_path / "offline")
    assert {one.mode for one in run.said} == {mode.value for mode in Mode}
    assert "mq5" in {one.invalid_channels for one in run.said}
    assert Counter(evaluation.report.dropped) == {
        "unusable_observation": 1,
        "reading_zero_stamp": 1,
        "duplicate_readings": 1,
    }
    states = [(event["state"], event["fault"]) for event in run.events]
    assert states == [
        ("clear", False),
        ("fault", True),
        ("clear", False),
        ("pending", False),
        ("active", False),
        ("fault", True),
        ("clear", False),
    ]
