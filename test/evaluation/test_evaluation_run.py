"""One bag, whole or broken, evaluates to figures that can be worked out by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_bags import (
    CLOUD,
    EPOCH,
    IMAGE,
    MCAP,
    POSE,
    SECOND,
    STORE,
    STRING,
    Made,
    image,
    odometry,
    pose,
    reading,
    storage_file,
    text,
    transform,
    write_bag,
)
from rosbags.rosbag2 import Writer
from telling_runtime import HIGH, LOW, PIXELS, SETTINGS, images, in_order, labels, readings, telling_model

from gas_fusion_ros.alarm.event_log import format_event
from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.array.array_file import write_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.loaded_model import LoadedModel, LoadedModelError
from gas_fusion_ros.evaluation.predictions import PredictionFormat
from gas_fusion_ros.evaluation.run import EvaluationError, EvaluationSettings, evaluate_bag
from gas_fusion_ros.evaluation.schema import LabelSource, LeakVerdict
from gas_fusion_ros.pipeline.array_choice import ArrayFigures
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.ros.source_messages import encode_source_status

SMOKE = (range(20, 40),)
SECONDS = range(60)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return telling_model()


@pytest.fixture(scope="module")
def whole_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of readings and images 40 ms later, with smoke for 20 s, and its labels."""
    path = tmp_path_factory.mktemp("bags") / "whole"
    truth = labels({0: "NoGas", 20: "Smoke", 40: "NoGas"})
    return write_bag(path, in_order(truth, readings(SECONDS, SMOKE), images(SECONDS, 40_000_000)))


def evaluate(
    bag: Path, folder: Path, model: LoadedModel, settings: EvaluationSettings | None = None
) -> Evaluation:
    return evaluate_bag(bag, folder, model, settings or EvaluationSettings(with_heat=False))


ARRAY = ArrayDescription(
    tuple(ArrayChannel(name, baseline=0.0) for name in PAPER_CHANNELS),
    Unit.VOLT,
    5.0,
    serial_id="7",
    calibration=ArrayCalibration("2026-01-02T03:04:05+00:00", 300),
)


def array_info(array: ArrayDescription, stamp_ns: int = EPOCH) -> Made:
    source = Source("serial", True, "running")
    message = encode_source_status(source, stamp_ns, "", "gas_sensor", BagMessages(), array)
    return Made("/gas/array_info", message.__msgtype__, stamp_ns, message)


def test_the_report_tells_whose_array_it_was(tmp_path: Path, model: LoadedModel) -> None:
    told = [array_info(replace(ARRAY, serial_id="6")), array_info(ARRAY, EPOCH + 3 * SECOND)]
    bag = write_bag(tmp_path / "bag", in_order(told, readings(range(5))))
    report = evaluate(bag, tmp_path / "told", model).report
    assert report.is_whole or set(report.losses) == {"topic_missing_image"}
    assert report.topics["array"] == "/gas/array_info"
    assert report.array == ArrayFigures("gas/array_info", "7", "2026-01-02T03:04:05+00:00", "volt", 5.0)
    written = json.loads((tmp_path / "told" / "report.json").read_text())
    assert written["array"]["serial_id"] == "7"
    path = tmp_path / "mine.yaml"
    write_array(path, replace(ARRAY, serial_id="mine", calibration=None))
    of_file = telling_model(replace(SETTINGS, array_file=str(path)))
    report = evaluate(bag, tmp_path / "file", of_file).report
    assert report.array == ArrayFigures(f"file {path}", "mine", None, "volt", 5.0)
    assert report.settings["array_file"] == str(path)


def camera_status(driver: str, is_sensor: bool, stamp_ns: int = EPOCH) -> Made:
    source = Source(driver, is_sensor, "running")
    message = encode_source_status(source, stamp_ns, "", "thermal_camera", BagMessages())
    return Made("/thermal/camera_status", message.__msgtype__, stamp_ns, message)


@pytest.mark.parametrize(
    ("driver", "is_sensor", "allowed", "modes"),
    [
        ("v4l2", True, False, {"gas_only": 5}),
        ("v4l2", True, True, {"fusion": 5}),
        ("recorded", False, False, {"fusion": 5}),
    ],
)
def test_a_reproduction_is_not_given_the_pictures_of_a_real_camera(
    tmp_path: Path, driver: str, is_sensor: bool, allowed: bool, modes: dict[str, int]
) -> None:
    model = telling_model(replace(SETTINGS, allow_reproduction=allowed))
    assert model.bundle.reproduction
    told = [camera_status(driver, is_sensor)]
    bag = write_bag(tmp_path / "bag", in_order(told, readings(range(5)), images(range(5), 40_000_000)))
    report = evaluate(bag, tmp_path / "out", model).report
    assert report.modes == modes
    assert report.topics["camera"] == "/thermal/camera_status"
    assert report.settings["allow_reproduction"] is allowed
    refused = "gas_only" in modes
    assert report.is_whole is not refused
    assert ("pictures_refused" in report.losses) is refused
    if refused:
        assert "set allow_reproduction to true" in report.losses["pictures_refused"].detail


def test_an_array_file_that_no_bag_can_be_evaluated_with_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(LoadedModelError, match=r"array file .*nowhere\.yaml cannot be read"):
        telling_model(replace(SETTINGS, array_file=str(tmp_path / "nowhere.yaml")))
    path = tmp_path / "bare.yaml"
    write_array(path, ArrayDescription((ArrayChannel("mq2"),)))
    model = telling_model()
    resistances = replace(model.bundle, array=ARRAY)
    with pytest.raises(LoadedModelError, match=r"array file .*bare\.yaml: the array has no baseline"):
        LoadedModel(replace(SETTINGS, array_file=str(path)), resistances, model.runtime)


def test_a_whole_bag(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    evaluation = evaluate(whole_bag, tmp_path, model)
    report = evaluation.report
    assert report.is_whole
    assert (report.readings, report.images, report.pairs, report.gas_only) == (60, 60, 60, 0)
    assert (report.classified, report.modes, report.runs) == (60, {"fusion": 60}, 1)
    assert report.topics == {
        "gas": "/gas/readings",
        "image": "/thermal/image",
        "label": "/truth/label",
        "leaks": None,
        "pose": None,
        "array": None,
        "camera": None,
    }
    assert report.array == ArrayFigures("the model's own")
    assert (report.started_ns, report.duration_s) == (EPOCH, 59.04)
    assert report.labels_from is LabelSource.TOPIC
    assert (report.judged, report.class_accuracy, report.macro_f1) == (60, 1.0, 1.0)
    assert report.confusion["Smoke"]["Smoke"] == 20
    assert report.confusion["NoGas"]["NoGas"] == 40
    assert (report.leak_recall, report.clean_called_gas, report.unknown_share) == (1.0, 0.0, 0.0)
    (leak,) = report.leaks or ()
    assert (leak.gas, leak.start_s, leak.end_s) == ("Smoke", 20.0, 40.0)
    # The on-delay is 3 s from the first reading of smoke.
    assert (leak.verdict, leak.detected, leak.delay_s) == (LeakVerdict.FOUND, True, 3.0)
    # The off-delay is 5 s from the first reading of clean air.
    (alarm,) = report.alarms
    assert (alarm.gas, alarm.start_s, alarm.end_s, alarm.false) == ("Smoke", 23.0, 45.0, False)
    assert alarm.pose is None
    assert evaluation.alarms[0].start_ns == EPOCH + 23 * SECOND
    assert (report.false_alarms, report.false_alarms_per_hour, report.faults) == (0, 0.0, 0)
    assert report.clean_air_s == pytest.approx(39.04)
    assert report.pair_offset_ms.p50 == pytest.approx(40, rel=0.02)
    assert report.latency_ms.p50 is not None
    assert report.rates.readings_per_s > 0
    assert report.settings["pairing.slop"] == 0.1
    assert report.settings["alarm.on_delay"] == 3.0
    assert sum(evaluation.offsets.counts) == 60
    assert sum(one.count for one in evaluation.reliability) == 60
    with (tmp_path / "predictions.csv").open(newline="") as file:
        confidence = np.mean([float(row["confidence"]) for row in csv.DictReader(file)])
    assert report.ece == pytest.approx(1 - confidence)
    (picture,) = evaluation.alarm_pictures
    assert (picture.stamp_ns, picture.gas, picture.label) == (EPOCH + 23 * SECOND, "Smoke", "Smoke")
    assert picture.picture.dtype == np.uint8
    assert picture.picture.shape == (model.bundle.image_size,) * 2


def test_its_files_say_the_same(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    report = evaluate(whole_bag, tmp_path, model).report
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["class_accuracy"] == report.class_accuracy
    assert written["leaks"][0]["verdict"] == "found"
    assert written["labels_from"] == "topic"
    assert written["bundle_sha256"] == model.bundle.sha256
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["stamp_ns"]) for row in rows] == [EPOCH + second * SECOND for second in SECONDS]
    assert [row["truth"] for row in rows] == [row["label"] for row in rows]
    assert {row["pair_offset_ms"] for row in rows} == {"40"}
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["state"] for event in events] == ["clear", "pending", "active", "latched"]
    assert events[2]["stamp_ns"] == EPOCH + 23 * SECOND
    assert [event["pose"] for event in events] == [None] * 4
    assert written["alarms"][0]["pose"] is None
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "predictions.csv", "events.jsonl"}


def test_an_event_is_written_as_the_node_writes_it(
    whole_bag: Path, tmp_path: Path, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def spy(event: AlarmEvent) -> str:
        lines.append(format_event(event))
        return lines[-1]

    monkeypatch.setattr("gas_fusion_ros.alarm.event_log.format_event", spy)
    evaluate(whole_bag, tmp_path, model)
    assert (tmp_path / "events.jsonl").read_text().splitlines() == lines
    assert len(lines) == 4


def test_an_earlier_evaluation_leaves_nothing(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    for _ in range(2):
        evaluate(whole_bag, tmp_path, model)
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 4


def test_a_csv_goes_before_the_bags_own_labels(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("start,end,class\n0,20,NoGas\n20,30,Perfume\n")
    settings = EvaluationSettings(labels=path, with_heat=False)
    report = evaluate(whole_bag, tmp_path / "out", model, settings).report
    assert report.labels_from is LabelSource.CSV
    assert report.judged == 31
    assert report.confusion["Perfume"]["Smoke"] == 11
    assert report.topics["label"] is None
    assert [leak.gas for leak in report.leaks or ()] == ["Perfume"]


def test_times_of_a_csv_may_be_absolute(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"start,end,class\n{EPOCH // SECOND + 20},{EPOCH // SECOND + 39.5},Smoke\n")
    report = evaluate(
        whole_bag, tmp_path / "out", model, EvaluationSettings(labels=path, with_heat=False)
    ).report
    assert (report.judged, report.class_accuracy) == (20, 1.0)


@pytest.mark.parametrize(
    ("rows", "outside", "judged"),
    [
        ("0,20,NoGas\n5000,6000,Perfume\n", 1, 21),
        ("-100,-50,Perfume\n0,20,NoGas\n2024-05-01T12:00:00Z,2024-05-01T12:01:00Z,Smoke\n", 2, 21),
        ("5000,6000,NoGas\n", 1, 0),
    ],
)
def test_labels_outside_the_recording_are_told_and_left_out(
    whole_bag: Path, tmp_path: Path, model: LoadedModel, rows: str, outside: int, judged: int
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"start,end,class\n{rows}")
    settings = EvaluationSettings(labels=path, with_heat=False)
    report = evaluate(whole_bag, tmp_path / "out", model, settings).report
    assert {cause: loss.count for cause, loss in report.losses.items()} == {
        "label_outside_recording": outside
    }
    detail = report.losses["label_outside_recording"].detail
    assert "labels.csv" in detail
    assert "lies outside the recording, which lasts" in detail
    assert report.judged == judged
    assert report.labels_from is (LabelSource.CSV if judged else LabelSource.NONE)
    assert not report.leaks
    # Of clean air nobody told of there is none.
    assert report.clean_air_s == (pytest.approx(20) if judged else None)
    assert report.false_alarms == (0 if judged else None)


def test_without_labels_there_are_no_figures_of_truth(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", in_order(readings(SECONDS, SMOKE), images(SECONDS)))
    report = evaluate(bag, tmp_path / "out", model).report
    assert report.is_whole
    assert report.labels_from is LabelSource.NONE
    assert report.judged == 0
    for figure in ("class_accuracy", "settled_accuracy", "macro_f1", "leak_recall", "ece", "leaks"):
        assert getattr(report, figure) is None
    assert report.false_alarms is None
    assert [alarm.false for alarm in report.alarms] == [None]


def test_without_predictions_none_are_written(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    settings = EvaluationSettings(predictions=PredictionFormat.NONE, with_heat=False)
    evaluate(whole_bag, tmp_path, model, settings)
    assert not (tmp_path / "predictions.csv").exists()


def test_images_may_be_left_out(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    report = evaluate(
        whole_bag, tmp_path, model, EvaluationSettings(with_images=False, with_heat=False)
    ).report
    assert report.is_whole
    assert (report.pairs, report.gas_only, report.images) == (0, 60, 0)
    assert report.topics["image"] is None


def test_each_leak_has_its_own_alarm_with_and_without_an_operator(tmp_path: Path, model: LoadedModel) -> None:
    smoke = (range(10, 20), range(40, 50))
    bag = write_bag(tmp_path / "bag", in_order(readings(SECONDS, smoke), images(SECONDS)))
    numbers = {}
    for acknowledges in (False, True):
        folder = tmp_path / str(acknowledges)
        report = evaluate(
            bag, folder, model, EvaluationSettings(acknowledges=acknowledges, with_heat=False)
        ).report
        assert report.acknowledged is acknowledges
        assert [alarm.start_s for alarm in report.alarms] == [13.0, 43.0]
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        numbers[acknowledges] = [(event["alarm"], event["state"]) for event in events if event["alarm"]]
    first, second = ((number, "active") for number in (1, 2))
    assert numbers[False] == [first, (1, "latched"), second, (2, "latched")]
    assert numbers[True] == [first, (1, "latched"), (1, "clear"), second, (2, "latched"), (2, "clear")]


def test_an_alarm_that_stands_takes_no_further_leak(tmp_path: Path, model: LoadedModel) -> None:
    truth = labels({0: "NoGas", 10: "Smoke", 30: "Perfume", 50: "NoGas"})
    bag = write_bag(tmp_path / "bag", in_order(truth, readings(SECONDS, (range(10, 50),))))
    report = evaluate(bag, tmp_path / "out", model).report
    assert [leak.verdict for leak in report.leaks or ()] == [LeakVerdict.FOUND, LeakVerdict.ALARM_STOOD]


def test_silence_raises_the_fault_at_its_deadline(tmp_path: Path, model: LoadedModel) -> None:
    rest = [*range(20), *range(45, 60)]
    bag = write_bag(tmp_path / "bag", in_order(readings(rest), images(SECONDS)))
    report = evaluate(bag, tmp_path / "out", model).report
    assert report.faults == 1
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    fault = next(event for event in events if event["fault"])
    assert fault["stamp_ns"] == EPOCH + 29 * SECOND
    assert report.thermal_only > 0
    assert report.classified == report.pairs + report.gas_only + report.thermal_only


def test_readings_that_stop_before_the_recording_raise_it_too(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", in_order(readings(range(5)), [text("/log", EPOCH + 30 * SECOND, "x")]))
    report = evaluate(bag, tmp_path / "out", model).report
    assert report.faults == 1
    assert report.duration_s == 30.0


def test_progress_goes_from_nothing_to_all(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    shares: list[float] = []
    evaluate_bag(whole_bag, tmp_path, model, EvaluationSettings(with_heat=False), shares.append)
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert len(shares) > 2


# Where the robot was.

HALF = SECOND // 2


def poses(seconds: Iterable[int], offset_ns: int = HALF, topic: str = "/pose") -> list[Made]:
    """The robot goes 1 m in a second; each pose is told so long after its second."""
    return [pose(EPOCH + second * SECOND + offset_ns, second, -2.5, topic=topic) for second in seconds]


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def places(folder: Path) -> list[tuple[str, float | None]]:
    """The state of each event after the first verdict, and the x at which it happened."""
    first, *others = events_of(folder)
    assert (first["previous"], first["state"]) == ("fault", "clear")
    return [(one["state"], one["pose"] and one["pose"]["x"]) for one in others]


def test_an_event_has_the_last_pose_heard_before_it(tmp_path: Path, model: LoadedModel) -> None:
    sensed = in_order(readings(SECONDS, SMOKE), images(SECONDS, 40_000_000))
    bag = write_bag(tmp_path / "bag", in_order(sensed, poses(SECONDS)))
    evaluation = evaluate(bag, tmp_path / "out", model)
    report = evaluation.report
    assert losses(evaluation) == {}
    assert report.topics["pose"] == "/pose"
    assert places(tmp_path / "out") == [("pending", 19.0), ("active", 22.0), ("latched", 44.0)]
    assert events_of(tmp_path / "out")[2]["pose"] == {
        "x": 22.0,
        "y": -2.5,
        "z": 0.0,
        "yaw": 0.0,
        "frame_id": "map",
        "stamp_ns": EPOCH + 22 * SECOND + HALF,
    }
    (alarm,) = json.loads((tmp_path / "out" / "report.json").read_text())["alarms"]
    assert alarm["pose"] == {
        "x": 22.0,
        "y": -2.5,
        "frame_id": "map",
        "stamp_ns": EPOCH + 22 * SECOND + HALF,
    }


def test_poses_change_nothing_else(tmp_path: Path, model: LoadedModel) -> None:
    """Gaps, silence and readings without an image: all that depends on how time passes."""
    seconds = [*range(25), *range(40, 60)]
    sensed = in_order(readings(seconds, SMOKE), images([*range(10), *range(30, 60)], 40_000_000))
    told = {}
    for name, moved in (("still", []), ("moved", poses(range(-5, 90), 1)), ("often", frequent_poses())):
        bag = write_bag(tmp_path / name, in_order(sensed, [text("/log", EPOCH + 95 * SECOND, "x")], moved))
        report = evaluate(bag, tmp_path / f"{name}_out", model).report
        events = events_of(tmp_path / f"{name}_out")
        predictions = (tmp_path / f"{name}_out" / "predictions.csv").read_text()
        figures = {
            figure: value
            for figure, value in vars(report).items()
            if figure not in {"bag", "bag_sha256", "topics", "alarms", "latency_ms", "rates", "wall_s"}
        }
        alarms = [replace(alarm, pose=None, leak_pose=None) for alarm in report.alarms]
        # The first fault stands since the recording began, and that is with the first pose.
        events[0]["duration_s"] = None
        told[name] = (figures, [{**event, "pose": None} for event in events], predictions, alarms)
        assert [event["pose"] for event in events].count(None) == (len(events) if name == "still" else 0)
    assert told["still"] == told["moved"] == told["often"]
    assert told["still"][0]["faults"] == 2


def frequent_poses() -> list[Made]:
    return [pose(EPOCH - HALF + number * SECOND // 10, number / 10) for number in range(900)]


def test_silence_is_noticed_where_the_robot_was_when_it_was_too_long(
    tmp_path: Path, model: LoadedModel
) -> None:
    """Nothing but poses comes meanwhile; the live node's clock notices the fault on the way."""
    rest = [*range(20), *range(45, 60)]
    bag = write_bag(tmp_path / "bag", in_order(readings(rest), poses(range(60))))
    evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    # The last reading before the gap was heard at 19 s, and 10 s of silence follow on that.
    assert places(tmp_path / "out") == [("fault", 28.0), ("clear", 45.0)]


def test_a_reading_that_waits_is_decided_where_the_robot_was_when_the_wait_was_over(
    tmp_path: Path, model: LoadedModel
) -> None:
    made = in_order(readings([0, 1, 2, 40], (range(2, 3),)), poses(range(40)))
    bag = write_bag(tmp_path / "bag", made)
    evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    assert places(tmp_path / "out")[0] == ("pending", 2.0)


def test_each_alarm_has_the_pose_of_its_raising(tmp_path: Path, model: LoadedModel) -> None:
    smoke = (range(10, 20), range(40, 50))
    made = in_order(readings(SECONDS, smoke), images(SECONDS), poses(range(20, 60)))
    bag = write_bag(tmp_path / "bag", made)
    report = evaluate(bag, tmp_path / "out", model).report
    assert [alarm.pose and alarm.pose.x for alarm in report.alarms] == [None, 42.0]


def test_each_alarm_tells_where_its_leak_is(tmp_path: Path, model: LoadedModel) -> None:
    """Once there are poses: the robot walks at 1 m/s, the gas is sensed from 20 to 34 m."""
    made = in_order(readings(SECONDS, SMOKE), images(SECONDS), poses(SECONDS))
    evaluate(write_bag(tmp_path / "bag", made), tmp_path / "out", model)
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["leak_mapper"]["pipe.side"] == "unknown"
    (alarm,) = told["alarms"]
    (xx, xy), (yx, yy) = alarm["leak_pose"]["covariance"]
    assert abs(alarm["leak_pose"]["x"] - 24.0) < 2.0 * xx**0.5 < 20.0
    assert (alarm["leak_pose"]["y"], alarm["leak_pose"]["frame_id"]) == (-2.5, "map")
    assert (xy, yx) == (0.0, 0.0)
    assert yy > 4.0
    assert alarm["leak_pose_distance_m"] is None
    without = in_order(readings(SECONDS, SMOKE), images(SECONDS))
    evaluate(write_bag(tmp_path / "placeless", without), tmp_path / "nowhere", model)
    (alarm,) = json.loads((tmp_path / "nowhere" / "report.json").read_text())["alarms"]
    assert alarm["leak_pose"] is None


def test_transforms_tell_the_same_as_a_pose_topic(tmp_path: Path, model: LoadedModel) -> None:
    """The map is 100 m beside the odometry's frame, as told before anything else."""
    sensed = in_order(readings(SECONDS, SMOKE), images(SECONDS))
    moved = [
        transform(EPOCH + second * SECOND + HALF, "odom", "base_link", second - 100.0, -2.5)
        for second in SECONDS
    ]
    placed = [transform(EPOCH - HALF, "map", "odom", 100.0, topic="/tf_static")]
    # A pose topic beside them is not heard.
    bag = write_bag(tmp_path / "bag", in_order(sensed, moved, placed, [pose(EPOCH, 7.0)]))
    settings = EvaluationSettings(mapping=LeakMapperSettings(robot_frame="base_link"), with_heat=False)
    by_transforms = evaluate(bag, tmp_path / "out", model, settings).report.alarms
    by_poses = evaluate(
        write_bag(tmp_path / "poses", in_order(sensed, poses(SECONDS))), tmp_path / "expected", model
    ).report.alarms
    assert by_transforms[0].leak_pose is not None
    assert [(one.pose, one.leak_pose) for one in by_transforms] == [
        (one.pose, one.leak_pose) for one in by_poses
    ]


def test_transform_that_cannot_be_used_is_counted(tmp_path: Path, model: LoadedModel) -> None:
    sensed = in_order(readings(SECONDS, SMOKE), images(SECONDS))
    bag = write_bag(tmp_path / "bag", in_order(sensed, [transform(EPOCH, "map", "base_link", float("nan"))]))
    settings = EvaluationSettings(mapping=LeakMapperSettings(robot_frame="base_link"), with_heat=False)
    report = evaluate(bag, tmp_path / "out", model, settings).report
    assert report.losses["transform_unusable"].count == 1
    assert [alarm.pose for alarm in report.alarms] == [None]


def test_odometry_may_be_asked_for(tmp_path: Path, model: LoadedModel) -> None:
    moved = [odometry(EPOCH + second * SECOND + HALF, second / 2) for second in SECONDS]
    bag = write_bag(tmp_path / "bag", in_order(readings(SECONDS, SMOKE), images(SECONDS), moved))
    evaluate(bag, tmp_path / "unasked", model)
    assert places(tmp_path / "unasked") == [("pending", None), ("active", None), ("latched", None)]
    settings = EvaluationSettings(topics=BagTopics(pose="/odom"), with_heat=False)
    report = evaluate(bag, tmp_path / "out", model, settings).report
    assert report.topics["pose"] == "/odom"
    assert places(tmp_path / "out") == [("pending", 9.5), ("active", 11.0), ("latched", 22.0)]
    (alarm,) = report.alarms
    assert alarm.pose is not None
    assert (alarm.pose.x, alarm.pose.frame_id) == (11.0, "odom")


def test_a_pose_that_cannot_be_decoded_is_counted_and_the_one_before_holds(
    tmp_path: Path, model: LoadedModel
) -> None:
    sensed = in_order(readings(SECONDS, SMOKE), images(SECONDS))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_bag(whole, in_order(sensed, poses(SECONDS)))
    with Writer(broken, version=9, storage_plugin=MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, type_name, typestore=STORE)
            for topic, type_name in (("/gas/readings", CLOUD), ("/thermal/image", IMAGE), ("/pose", POSE))
        }
        for made in in_order(sensed, poses(SECONDS)):
            data = bytes(STORE.serialize_cdr(made.message, made.type_name))
            is_broken = made.topic == "/pose" and made.stamp_ns == EPOCH + 22 * SECOND + HALF
            writer.write(connections[made.topic], made.stamp_ns, data[:20] if is_broken else data)
    expected = evaluate(whole, tmp_path / "expected", model).report
    evaluation = evaluate(broken, tmp_path / "out", model)
    assert losses(evaluation) == {"message_undecodable": 1}
    assert "/pose" in evaluation.report.losses["message_undecodable"].detail
    assert places(tmp_path / "out") == [("pending", 19.0), ("active", 21.0), ("latched", 44.0)]
    assert (evaluation.report.readings, evaluation.report.pairs) == (expected.readings, expected.pairs)
    assert evaluation.report.class_accuracy == expected.class_accuracy


def test_a_pose_of_no_numbers_is_counted_and_is_no_place(tmp_path: Path, model: LoadedModel) -> None:
    """The live node writes what it hears, with nulls: so do the events."""
    lost = [pose(EPOCH + second * SECOND + HALF, np.nan, 3.0) for second in range(21, 25)]
    made = in_order(readings(SECONDS, SMOKE), images(SECONDS), poses(range(21)), lost)
    evaluation = evaluate(write_bag(tmp_path / "bag", made), tmp_path / "out", model)
    assert losses(evaluation) == {"pose_unusable": 4}
    assert "/pose" in evaluation.report.losses["pose_unusable"].detail
    assert places(tmp_path / "out") == [("pending", 19.0), ("active", None), ("latched", None)]
    assert events_of(tmp_path / "out")[2]["pose"]["y"] == 3.0
    assert [alarm.pose for alarm in evaluation.report.alarms] == [None]


# What comes irregular.


def losses(evaluation: Evaluation) -> dict[str, int]:
    for cause, loss in evaluation.report.losses.items():
        assert loss.detail, cause
    return {cause: loss.count for cause, loss in evaluation.report.losses.items()}


def test_a_bag_that_was_cut_off(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    file = storage_file(whole_bag)
    cut = tmp_path / file.name
    cut.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    evaluation = evaluate(cut, tmp_path / "out", model)
    assert "bag_truncated" in losses(evaluation)
    assert 10 < evaluation.report.pairs < 60
    assert evaluation.report.class_accuracy == 1.0


def test_a_bag_without_images(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", readings(SECONDS))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"topic_missing_image": 1}
    assert evaluation.report.gas_only == 60


def test_a_bag_without_readings(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", images(range(20)))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"topic_missing_gas": 1}
    report = evaluation.report
    assert report.thermal_only == report.classified > 0
    assert report.readings == 0
    assert report.faults == 1


def test_a_bag_with_two_gas_topics(tmp_path: Path, model: LoadedModel) -> None:
    other = [reading(EPOCH + second * SECOND, HIGH, topic="/other/cloud") for second in range(90)]
    truth = labels({0: "NoGas"})
    bag = write_bag(tmp_path / "bag", in_order(truth, readings(SECONDS), other, images(SECONDS)))
    report = evaluate(bag, tmp_path / "out", model).report
    assert (report.topics["gas"], report.class_accuracy, report.is_whole) == ("/gas/readings", 1.0, True)
    settings = EvaluationSettings(topics=BagTopics(gas="/other/cloud"), with_heat=False)
    assert evaluate(bag, tmp_path / "chosen", model, settings).report.class_accuracy == 0.0


def test_two_topics_of_which_neither_is_named_as_ours(tmp_path: Path, model: LoadedModel) -> None:
    both = [
        reading(EPOCH + second * SECOND, LOW, topic=topic)
        for second in range(10)
        for topic in ("/left/cloud", "/right/cloud")
    ]
    bag = write_bag(tmp_path / "bag", in_order(both, images(range(10))))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"topic_ambiguous": 1}
    assert "--gas-topic" in evaluation.report.losses["topic_ambiguous"].detail
    assert evaluation.report.pairs == 10


def test_a_topic_of_a_wrong_type(tmp_path: Path, model: LoadedModel) -> None:
    wrong = [text("/thermal/image", EPOCH, "no picture"), text("/gas/readings", EPOCH, "no reading")]
    cloud = [reading(EPOCH + second * SECOND, LOW, topic="/cloud") for second in range(10)]
    bag = write_bag(tmp_path / "bag", in_order(wrong, cloud))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"topic_wrong_type": 2, "topic_missing_image": 1}
    assert evaluation.report.gas_only == 10


def test_messages_without_a_stamp(tmp_path: Path, model: LoadedModel) -> None:
    blank = [
        reading(0, LOW, recorded_ns=EPOCH + SECOND // 2),
        image(0, PIXELS, "mono8", recorded_ns=EPOCH + SECOND // 2),
    ]
    bag = write_bag(tmp_path / "bag", in_order(blank, readings(range(10)), images(range(10))))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"reading_zero_stamp": 1, "image_zero_stamp": 1}
    assert evaluation.report.dropped == {"reading_zero_stamp": 1, "image_zero_stamp": 1}
    assert (evaluation.report.readings, evaluation.report.pairs) == (11, 10)


def test_readings_that_cannot_be_used(tmp_path: Path, model: LoadedModel) -> None:
    few = [reading(EPOCH + SECOND // 2, LOW[:3], channels=PAPER_CHANNELS[:3])]
    nothing = [reading(EPOCH + SECOND // 3, [np.nan] * 7)]
    bag = write_bag(tmp_path / "bag", in_order(few, nothing, readings(range(10))))
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    assert losses(evaluation) == {"reading_missing_channel": 1, "unusable_observation": 1}
    report = evaluation.report
    assert (report.readings, report.gas_only, report.classified) == (12, 11, 10)
    assert report.dropped == {"reading_missing_channel": 1, "unusable_observation": 1}


def test_pictures_that_cannot_be_used(tmp_path: Path, model: LoadedModel) -> None:
    tiny = image(EPOCH + 3 * SECOND, PIXELS[:2, :2].copy(), "mono8")
    coloured = image(EPOCH + 5 * SECOND, np.zeros((8, 8, 3), np.uint8), "rgb16")
    bag = write_bag(tmp_path / "bag", in_order(readings(range(10)), [tiny, coloured], images([7])))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"unreadable_frame": 1, "image_encoding": 1}
    assert evaluation.report.modes == {"fusion": 1, "gas_only": 9}
    assert (evaluation.report.pairs, evaluation.report.images) == (2, 3)


def test_stamps_out_of_order(tmp_path: Path, model: LoadedModel) -> None:
    late = reading(EPOCH + 5 * SECOND - 1, LOW, recorded_ns=EPOCH + 8 * SECOND + 1)
    again = reading(EPOCH + 12 * SECOND, LOW, recorded_ns=EPOCH + 12 * SECOND + 2)
    bag = write_bag(tmp_path / "bag", in_order(readings(range(20)), images(range(20)), [late, again]))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"late_readings": 1, "duplicate_readings": 1}
    assert (evaluation.report.readings, evaluation.report.classified) == (22, 21)
    assert evaluation.report.dropped == {"duplicate_readings": 1}


def looped(seconds: int, truth: bool) -> list[Made]:
    """The same stamps twice, the second time recorded a minute later."""
    made = []
    for second in range(seconds):
        counts = HIGH if second >= seconds // 2 else LOW
        for later in (0, 60):
            recorded = EPOCH + (second + later) * SECOND
            made.append(reading(EPOCH + second * SECOND, counts, recorded_ns=recorded))
            if truth:
                label = "Smoke" if second >= seconds // 2 else "NoGas"
                made.append(text("/truth/label", recorded - 1, label))
    return in_order(made)


def test_stamps_that_jump_back(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", looped(20, truth=True))
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    report = evaluation.report
    assert losses(evaluation)["resets"] == 1
    assert report.runs == 2
    assert report.classified == 40
    # The labels go by the time of recording, so the second loop is judged as the first.
    assert (report.judged, report.class_accuracy) == (40, 1.0)
    assert len(report.leaks or ()) == 2
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        runs = [row["run"] for row in csv.DictReader(file)]
    assert sorted(set(runs)) == ["0", "1"]


def test_stamps_from_the_future(tmp_path: Path, model: LoadedModel) -> None:
    ahead = [
        reading(EPOCH + 500 * SECOND, LOW, recorded_ns=EPOCH + 5 * SECOND + 1),
        image(EPOCH + 500 * SECOND, PIXELS, "mono8", recorded_ns=EPOCH + 5 * SECOND + 1),
    ]
    bag = write_bag(tmp_path / "bag", in_order(readings(range(10)), images(range(10)), ahead))
    evaluation = evaluate(bag, tmp_path / "out", model)
    assert losses(evaluation) == {"future_readings": 1, "future_images": 1}
    assert evaluation.report.classified == 11
    assert evaluation.report.duration_s == 9.0


def test_a_recording_of_a_simulation_in_wall_time(tmp_path: Path, model: LoadedModel) -> None:
    made = [text("/truth/label", EPOCH + 10 * SECOND, "Smoke"), text("/truth/label", EPOCH - 1, "NoGas")]
    for second in range(30):
        counts = HIGH if second >= 10 else LOW
        made.append(reading((1000 + second) * SECOND, counts, recorded_ns=EPOCH + second * SECOND))
    bag = write_bag(tmp_path / "bag", in_order(made))
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    report = evaluation.report
    assert report.is_whole
    assert (report.judged, report.class_accuracy) == (30, 1.0)
    (leak,) = report.leaks or ()
    assert leak.delay_s == 3.0


def test_a_bag_in_several_files(tmp_path: Path, model: LoadedModel) -> None:
    """Two halves of a recording in one directory without metadata: both are read, in order."""
    parts = tmp_path / "parts"
    parts.mkdir()
    truth = labels({0: "NoGas"})
    for number, seconds in enumerate((range(30), range(30, 60))):
        half = write_bag(
            tmp_path / f"half{number}", in_order(truth[:1] if not number else [], readings(seconds))
        )
        storage_file(half).rename(parts / f"parts_{number}.mcap")
    evaluation = evaluate(parts, tmp_path / "out", model, EvaluationSettings(with_images=False))
    assert losses(evaluation) == {"bag_without_metadata": 1}
    assert (evaluation.report.readings, evaluation.report.class_accuracy) == (60, 1.0)


def test_labels_that_cannot_be_used(tmp_path: Path, model: LoadedModel) -> None:
    truth = labels({0: "NoGas", 5: "", 10: "Tea", 11: "Tea", 15: "NoGas"})
    bag = write_bag(tmp_path / "bag", in_order(truth, readings(range(20))))
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    assert losses(evaluation) == {"label_unusable": 1, "label_unknown_class": 1}
    assert evaluation.report.judged == 15
    assert [leak.gas for leak in evaluation.report.leaks or ()] == ["Tea"]


@pytest.mark.parametrize(("label", "hint"), [("nogas", " (is NoGas meant?)"), ("Tea", "")])
def test_a_class_that_is_spelt_nearly_right_is_asked_about(
    tmp_path: Path, model: LoadedModel, label: str, hint: str
) -> None:
    bag = write_bag(tmp_path / "bag", in_order(labels({0: label}), readings(range(5))))
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    detail = evaluation.report.losses["label_unknown_class"].detail
    assert f"knows no class {label}{hint}, it knows Mixture, NoGas, Perfume, Smoke: readings" in detail


# What cannot be evaluated at all.


def test_a_bag_without_anything(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", [])
    with pytest.raises(EvaluationError, match="holds no messages"):
        evaluate(bag, tmp_path / "out", model)


def test_a_bag_of_other_things(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", [text("/chatter", EPOCH, "hello")])
    with pytest.raises(EvaluationError, match=r"no gas readings.*/chatter.*no thermal images"):
        evaluate(bag, tmp_path / "out", model)


def test_topics_without_messages(tmp_path: Path, model: LoadedModel) -> None:
    topics = [("/gas/readings", CLOUD), ("/thermal/image", IMAGE), ("/log", STRING)]
    bag = write_bag(tmp_path / "bag", [text("/log", EPOCH, "x")], topics=topics)
    with pytest.raises(EvaluationError, match="nothing could be classified"):
        evaluate(bag, tmp_path / "out", model)
    assert not list((tmp_path / "out").iterdir())


def test_nothing_but_messages_that_cannot_be_used(tmp_path: Path, model: LoadedModel) -> None:
    bag = write_bag(tmp_path / "bag", [reading(0, LOW, recorded_ns=EPOCH)])
    with pytest.raises(EvaluationError, match=r"nothing could be classified; .*header\.stamp"):
        evaluate(bag, tmp_path / "out", model)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"topics": BagTopics(gas="/nowhere")}, "there is no topic /nowhere"),
        ({"topics": BagTopics(pose="/amcl_pose")}, "there is no topic /amcl_pose"),
        ({"topics": BagTopics(gas="/thermal/image")}, "/thermal/image is sensor_msgs/msg/Image"),
        ({"labels": Path("nowhere.csv")}, r"nowhere\.csv cannot be read"),
    ],
)
def test_what_was_asked_for_must_be_there(
    whole_bag: Path, tmp_path: Path, model: LoadedModel, change: dict[str, object], complaint: str
) -> None:
    settings = replace(EvaluationSettings(with_heat=False), **change)  # type: ignore[arg-type]
    with pytest.raises(EvaluationError, match=complaint):
        evaluate(whole_bag, tmp_path, model, settings)
    assert not list(tmp_path.iterdir())


def test_no_bag_at_all(tmp_path: Path, model: LoadedModel) -> None:
    with pytest.raises(EvaluationError, match="nowhere"):
        evaluate(tmp_path / "nowhere", tmp_path / "out", model)


def test_a_folder_that_cannot_be_made(whole_bag: Path, tmp_path: Path, model: LoadedModel) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="file"):
        evaluate(whole_bag, tmp_path / "file" / "out", model)


def test_a_model_needs_the_channels_of_the_array() -> None:
    with pytest.raises(LoadedModelError, match="mq135 missing"):
        telling_model(replace(SETTINGS, channels=PAPER_CHANNELS[:-1]))


def test_readings_of_another_scale_are_a_loss_with_cause_and_remedy(
    tmp_path: Path, model: LoadedModel
) -> None:
    made = [reading(EPOCH + second * SECOND, [4.003 * count for count in LOW]) for second in range(30)]
    bag = write_bag(tmp_path / "bag", made)
    evaluation = evaluate(bag, tmp_path / "out", model, EvaluationSettings(with_images=False))
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert losses(evaluation) == {"scale": 1}
    assert "a 12-bit converter (--full-scale 4095)" in written["losses"]["scale"]["detail"]
    assert not evaluation.report.is_whole
    assert evaluation.report.faults == 1
    assert evaluation.report.classified == 30
