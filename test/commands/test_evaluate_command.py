"""`gas-fusion evaluate` on the command line, without ROS, with the shipped models."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from in_process import invoke
from made_bags import EPOCH, SECOND, image, odometry, pose, reading, text, write_bag
from telling_runtime import images, in_order, labels, readings
from without_ros import gas_fusion

from gas_fusion_ros.array.array_file import write_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.commands import evaluation_jobs
from gas_fusion_ros.evaluation.schema import Place
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import PatrolSource
from gas_fusion_ros.report.texts import place_text
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.ground_truth import START_S, patrol_pose

QUICK = ("--no-html", "--device", "cpu")


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


@pytest.fixture(scope="module")
def patrol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of a patrol with a leak."""
    path = tmp_path_factory.mktemp("bags") / "patrol"
    source = PatrolSource(Patrol(1, 240.0, 1), PAPER_CHANNELS, SECOND, SECOND)
    make_bag(source, BagTarget(path), lambda: None)
    return path


@pytest.fixture(scope="module")
def short_bags(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three short bags with labels; two of them have the same name."""
    folder = tmp_path_factory.mktemp("bags")
    paths = []
    for name, label in (("a/walk", "NoGas"), ("b/walk", "Smoke"), ("run", "NoGas")):
        (folder / name).parent.mkdir(exist_ok=True)
        messages = in_order(labels({0: label}), readings(range(12)), images(range(12)))
        paths.append(write_bag(folder / name, messages))
    return paths


def test_a_patrol_without_ros(patrol: Path, tmp_path: Path) -> None:
    done = gas_fusion("evaluate", patrol, "--output", tmp_path / "out", "--device", "cpu", "--no-html")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = report(tmp_path / "out")
    assert (found["bundle"], found["labels_from"]) == (DEFAULT_MODEL, "topic")
    assert found["readings"] == found["pairs"] == 240
    assert found["settled_accuracy"] > 0.95
    assert [leak["verdict"] for leak in found["leaks"]] == ["found"]
    assert found["false_alarms"] == 0
    assert "class accuracy" in done.stdout
    assert str(tmp_path / "out") in done.stdout


def test_eight_bits_of_a_model_without_them_are_refused_in_one_line(patrol: Path, tmp_path: Path) -> None:
    options = ("--model", "fusion1", "--precision", "int8", "--device", "cpu")
    done = gas_fusion("evaluate", patrol, "--output", tmp_path / "out", *options)
    assert done.returncode == 2
    assert "model 'fusion1'" in done.stderr
    assert "take precision 'auto' or 'float32'" in done.stderr


def test_the_array_is_that_of_the_option_then_of_the_parameter_file_then_of_the_bag(tmp_path: Path) -> None:
    files = {}
    for name in ("option", "parameter", "bag"):
        files[name] = tmp_path / f"{name}.yaml"
        write_array(files[name], ArrayDescription(tuple(map(ArrayChannel, PAPER_CHANNELS)), serial_id=name))
    params = tmp_path / "robot.yaml"
    parameters = {"array_file": str(files["parameter"]), "model": "fusion1"}
    params.write_text(yaml.safe_dump({"gas_classifier": {"ros__parameters": parameters}}))
    bag = tmp_path / "recorded"
    made = ("--patrol", "--duration", "60", "--leaks", "0", "--period", "5", "--array", files["bag"])
    assert invoke("bag", *made, "--output", bag)[0] == 0
    chosen: dict[str, tuple[Any, ...]] = {
        "option": ("--array", files["option"], "--params", params),
        "parameter": ("--params", params),
        "bag": ("--model", "fusion1"),
    }
    for name, options in chosen.items():
        code, text = invoke("evaluate", bag, *options, *QUICK, "--output", tmp_path / name)
        assert code == 0, text
        source = "gas/array_info" if name == "bag" else f"file {files[name]}"
        assert f"{source}: serial id {name}, counts, full scale 1023, calibrated not known when" in text
        assert report(tmp_path / name)["array"] == {
            "source": source,
            "serial_id": name,
            "calibrated": None,
            "unit": "counts",
            "full_scale": 1023.0,
        }


def test_an_array_file_that_is_not_there_ends_the_command(patrol: Path, tmp_path: Path) -> None:
    code, text = invoke("evaluate", patrol, "--array", tmp_path / "none.yaml", "--output", tmp_path / "out")
    assert code == 2
    assert "none.yaml cannot be read" in text


def test_a_patrol_of_ours_tells_where_its_alarms_were(tmp_path: Path) -> None:
    bag, out = tmp_path / "bag", tmp_path / "out"
    options = ("--seed", "1", "--duration", "240", "--leaks", "1", "--period", "1")
    assert invoke("bag", "--patrol", *options, "--output", bag)[0] == 0
    assert invoke("evaluate", bag, "--no-images", "--output", out, "--device", "cpu")[0] == 0
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert events
    assert all(event["pose"]["stamp_ns"] <= event["stamp_ns"] + SECOND for event in events)
    raised = next(event["pose"] for event in events if event["state"] == "active")
    patrol = Patrol(1, 240.0, 1)
    pose = patrol_pose(patrol, raised["stamp_ns"] / SECOND - START_S, raised["stamp_ns"])
    assert raised == pytest.approx(asdict(pose))
    (alarm,) = report(out)["alarms"]
    assert alarm["pose"] == {key: raised[key] for key in ("x", "y", "frame_id", "stamp_ns")}
    assert place_text(Place(**alarm["pose"])) in (out / "report.html").read_text()


def test_a_pose_topic_may_be_chosen(tmp_path: Path) -> None:
    sensed = in_order(readings(range(12)), images(range(12)))
    bag = write_bag(tmp_path / "bag", in_order(sensed, [odometry(EPOCH, 1.0), pose(EPOCH, 2.0)]))
    for number, (options, topic) in enumerate(
        (((), "/pose"), (("--pose-topic", "/odom"), "/odom"), (("--pose-topic", "odom"), "/odom"))
    ):
        out = tmp_path / f"out{number}"
        assert invoke("evaluate", bag, *options, "--output", out, *QUICK)[0] == 0
        assert report(out)["topics"]["pose"] == topic


def test_a_report_to_look_at(patrol: Path, tmp_path: Path) -> None:
    code, said = invoke("evaluate", patrol, "--output", tmp_path / "out", "--no-images")
    assert (code, said.count("gas-fusion:")) == (0, 0)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "Evaluation of patrol" in html
    assert "src=" in html
    assert 'src="http' not in html


def test_a_model_of_windows(patrol: Path, tmp_path: Path) -> None:
    code, _ = invoke("evaluate", patrol, "--model", "temporal_fusion", "--output", tmp_path / "out", *QUICK)
    assert code == 0
    found = report(tmp_path / "out")
    assert found["bundle"] == "temporal_fusion"
    assert found["classified"] == 240
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        assert all(row["novelty"] for row in csv.DictReader(file))


def test_every_reading_enters_the_window(tmp_path: Path) -> None:
    """What comes before a reading decides on it, be it with an image or without."""
    rng = np.random.default_rng(5)
    made = [
        reading(EPOCH + second * SECOND, (400 + 200 * rng.standard_normal(7)).tolist())
        for second in range(50)
    ]
    probabilities = {}
    for name, part in (("all", made), ("last", made[-1:])):
        bag = write_bag(tmp_path / name, part)
        out = tmp_path / f"out_{name}"
        code, _ = invoke(
            "evaluate", bag, "--model", "temporal_fusion", "--no-images", "--output", out, *QUICK
        )
        assert code == 0
        with (out / "predictions.csv").open(newline="") as file:
            probabilities[name] = [row["p(NoGas)"] for row in csv.DictReader(file)][-1]
    assert probabilities["all"] != probabilities["last"]


def test_the_file_of_the_robot_configures_the_evaluation(short_bags: list[Path], tmp_path: Path) -> None:
    parameters = {
        "model": "temporal_fusion",
        "pairing.slop": 0.03,
        "alarm.timeout": 7.0,
        "alarm.critical_classes": ["Smoke"],
        "event_log": "/var/log/alarm.jsonl",
    }
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump({"/**/gas_classifier": {"ros__parameters": parameters}}))
    arguments = ("evaluate", short_bags[0], "--params", path, "--wait", "0.5", *QUICK)
    assert invoke(*arguments, "--output", tmp_path / "one")[0] == 0
    settings = report(tmp_path / "one")["settings"]
    assert (settings["model"], settings["pairing.slop"], settings["pairing.wait"]) == (
        "temporal_fusion",
        0.03,
        0.5,
    )
    assert (settings["alarm.timeout"], settings["alarm.critical_classes"]) == (7.0, ["Smoke"])
    options = ("--model", "fusion1", "--slop", "0.0", "--threads", "2")
    assert invoke(*arguments, *options, "--output", tmp_path / "two")[0] == 0
    settings = report(tmp_path / "two")["settings"]
    assert (settings["model"], settings["pairing.slop"], settings["threads"]) == ("fusion1", 0.0, 2)


def test_losses_are_told_a_line_each_and_by_the_exit_code(tmp_path: Path) -> None:
    zero = [reading(0, [400.0] * 7, recorded_ns=EPOCH + number) for number in range(3)]
    bag = write_bag(tmp_path / "bag", in_order(zero, readings(range(5))))
    done = gas_fusion("evaluate", bag, "--output", tmp_path / "out", *QUICK)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("gas-fusion: bag: topic_missing_image: there are no thermal images")
    assert lines[0].endswith("; --no-images says that it is by gas alone")
    assert lines[1].startswith(
        "gas-fusion: bag: reading_zero_stamp (3 times): header.stamp of a reading is 0"
    )
    assert report(tmp_path / "out")["classified"] == 5


def test_a_parameter_file_without_a_camera_is_by_gas_alone(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", in_order(readings(range(5)), images(range(5))))
    alone = write_bag(tmp_path / "alone", readings(range(5)))
    params = tmp_path / "robot.yaml"
    params.write_text(yaml.safe_dump({"gas_classifier": {"ros__parameters": {"expect_images": False}}}))
    for number, (path, options, pairs) in enumerate(
        ((alone, (), 0), (bag, (), 0), (bag, ("--image-topic", "/thermal/image"), 5))
    ):
        out = tmp_path / f"out{number}"
        code, said = invoke("evaluate", path, "--params", params, *options, "--output", out, *QUICK)
        assert code == 0, said
        assert (report(out)["pairs"], report(out)["gas_only"]) == (pairs, 5 - pairs)


def test_nothing_to_evaluate_is_an_exit_code_of_its_own(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [text("/chatter", EPOCH, "hello")])
    code, said = invoke("evaluate", bag, "--output", tmp_path / "out", *QUICK)
    assert code == 2
    assert said.count("gas-fusion:") == 1
    assert "there are no gas readings" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--model", "nonsense"), "no model bundle 'nonsense'"),
        (("--params", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--gas-topic", "/nowhere"), "there is no topic /nowhere"),
        (("--pose-topic", "/gas/readings"), "/gas/readings is sensor_msgs/msg/PointCloud2; poses of the"),
        (("--labels", "nowhere.csv"), "nowhere.csv"),
        (("--slop", "11"), "--slop"),
    ],
)
def test_what_cannot_be_done_is_said(
    short_bags: list[Path], tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    code, said = invoke("evaluate", short_bags[0], "--output", tmp_path / "out", *arguments, *QUICK)
    assert code == 2
    assert complaint in said


def test_a_folder_that_holds_something_is_left_alone(short_bags: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    code, said = invoke("evaluate", short_bags[0], "--output", tmp_path, *QUICK)
    assert code == 2
    assert "is not empty" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    code, said = invoke("evaluate", short_bags[0], "--output", tmp_path / "mine.txt", *QUICK)
    assert (code, "cannot be made a folder" in said) == (2, True)


def check_three(folder: Path, bags: list[Path]) -> None:
    """The reports of the three short bags, and their summary."""
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["bags"] == {
        name: str(bag) for name, bag in zip(("walk", "walk-2", "run"), bags, strict=True)
    }
    assert (summary["readings"], summary["pairs"], summary["judged"]) == (36, 36, 36)
    reports = [report(folder / name) for name in ("walk", "walk-2", "run")]
    for truth in ("NoGas", "Smoke"):
        total = sum(sum(one["confusion"][truth].values()) for one in reports)
        assert sum(summary["confusion"][truth].values()) == total == (24 if truth == "NoGas" else 12)
    right = sum(round(one["class_accuracy"] * one["judged"]) for one in reports)
    assert summary["class_accuracy"] == pytest.approx(right / 36)
    assert summary["alarms"] == sum(len(one["alarms"]) for one in reports)
    assert sum(summary["leaks"].values()) == 1


def test_several_bags_get_a_folder_each_and_a_summary(short_bags: list[Path], tmp_path: Path) -> None:
    code, said = invoke("evaluate", *short_bags, "--output", tmp_path / "out", "--no-html")
    assert code == 0
    check_three(tmp_path / "out", short_bags)
    assert "walk-2" in said
    assert not list((tmp_path / "out").rglob("*.html"))


def test_a_bag_that_fails_does_not_stop_the_others(short_bags: list[Path], tmp_path: Path) -> None:
    nothing = write_bag(tmp_path / "nothing", [])
    bags = (nothing, short_bags[0], tmp_path / "nowhere", short_bags[2])
    code, said = invoke("evaluate", *bags, "--output", tmp_path / "out")
    assert code == 1
    assert said.count("gas-fusion:") == 2
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [failure["bag"] for failure in summary["failed"]] == [str(nothing), str(tmp_path / "nowhere")]
    assert list(summary["bags"]) == ["walk", "run"]
    html = (tmp_path / "out" / "report.html").read_text()
    assert "could not be evaluated" in html


def test_ctrl_c_ends_it(short_bags: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation_jobs, "evaluate_bag", interrupted)
    assert invoke("evaluate", *short_bags, "--output", tmp_path / "out", *QUICK)[0] == 130


def test_an_error_nobody_foresaw_stops_one_bag_alone(
    short_bags: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluation_jobs.evaluate_bag

    def fails_once(bag: Path, *arguments: Any) -> Any:
        if bag == short_bags[1]:
            raise ZeroDivisionError("by chance")
        return real(bag, *arguments)

    monkeypatch.setattr(evaluation_jobs, "evaluate_bag", fails_once)
    code, said = invoke("evaluate", *short_bags, "--output", tmp_path / "out", *QUICK)
    assert code == 1
    assert f"{short_bags[1]}: ZeroDivisionError: by chance" in said
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["bags"]) == 2


def test_bags_are_evaluated_beside_each_other(short_bags: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("joblib", reason="processes are kept with it")
    options = ("--jobs", "2", "--output", tmp_path / "out", *QUICK)
    code, said = invoke("evaluate", *short_bags, *options)
    assert code == 0, said
    check_three(tmp_path / "out", short_bags)


def test_bags_are_evaluated_on_a_cluster(short_bags: list[Path], tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the cluster is dask's")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        options = ("--scheduler", cluster.scheduler_address, "--output", tmp_path / "out", *QUICK)
        code, said = invoke("evaluate", *short_bags, *options)
    assert code == 0, said
    check_three(tmp_path / "out", short_bags)


def test_a_cluster_that_is_not_there(
    short_bags: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="the cluster is dask's")
    monkeypatch.setattr(evaluation_jobs, "_CONNECT_S", 0.2)
    options = ("--scheduler", "tcp://127.0.0.1:9", "--output", tmp_path / "out", *QUICK)
    code, said = invoke("evaluate", *short_bags, *options)
    assert code == 2
    assert "there is no dask scheduler at tcp://127.0.0.1:9" in said


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--jobs", "2"), "need joblib: pip install joblib"),
        (("--scheduler", "tcp://x:1"), "pip install 'dask[distributed]'"),
        (("--predictions", "parquet"), "pip install pyarrow"),
    ],
)
def test_what_is_not_installed_is_named(
    short_bags: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    advice: str,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    code, said = invoke("evaluate", *short_bags, "--output", tmp_path / "out", *options, *QUICK)
    assert code == 2
    assert advice in said


def test_each_bag_may_have_its_own_labels(short_bags: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "walk.csv").write_text("start,end,class\n0,5,Perfume\n")
    (folder / "run.csv").write_text("start,end,class\n0,2,Mixture\n")
    bags = (short_bags[0], short_bags[2])
    code, _ = invoke("evaluate", *bags, "--labels", folder, "--output", tmp_path / "out", *QUICK)
    assert code == 0
    assert report(tmp_path / "out" / "walk")["per_class"]["Perfume"]["support"] == 6
    assert report(tmp_path / "out" / "run")["per_class"]["Mixture"]["support"] == 3


def test_an_mcap_file_alone_is_a_bag(short_bags: list[Path], tmp_path: Path) -> None:
    (file,) = short_bags[2].glob("*.mcap")
    assert invoke("evaluate", file, "--output", tmp_path / "out", *QUICK)[0] == 0
    assert report(tmp_path / "out")["readings"] == 12


def test_a_picture_of_a_large_camera_is_taken_as_it_is(tmp_path: Path) -> None:
    pixels = np.full((240, 320), 25.0, dtype=np.float32)
    made = in_order(
        readings(range(3)), [image(EPOCH + second * SECOND, pixels, "32FC1") for second in range(3)]
    )
    bag = write_bag(tmp_path / "bag", made)
    assert invoke("evaluate", bag, "--output", tmp_path / "out", *QUICK)[0] == 0
    assert report(tmp_path / "out")["modes"] == {"fusion": 3}
