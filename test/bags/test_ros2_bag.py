"""The real `ros2 bag`, where it is installed, on bags that are written here."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from gas_fusion_ros.bags.ros2_bag_play import BagPlayback, play_command
from gas_fusion_ros.bags.writer import BagFormat, Compression, Storage
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.export.bag_making import BagSummary, BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import PatrolSource
from gas_fusion_ros.simulation.patrol import Patrol

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None or importlib.util.find_spec("ros2bag") is None,
    reason="ros2bag is not installed",
)

PERIOD_NS = 10 * NANOSECONDS_PER_SECOND
FORMATS = [BagFormat(storage, compression) for storage in Storage for compression in Compression]


def make(path: Path, bag_format: BagFormat) -> BagSummary:
    source = PatrolSource(Patrol(0, 60.0, leaks=0), PAPER_CHANNELS, PERIOD_NS, PERIOD_NS)
    return make_bag(source, BagTarget(path, "robot1", bag_format), lambda: None)


@pytest.mark.parametrize("bag_format", FORMATS, ids=str)
def test_info_shows_what_was_written(tmp_path: Path, bag_format: BagFormat) -> None:
    bag = tmp_path / "bag"
    summary = make(bag, bag_format)
    done = subprocess.run(
        ["ros2", "bag", "info", str(bag)], capture_output=True, text=True, timeout=60, check=True
    )
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert f"Storage id: {bag_format.storage.value}" in lines
    assert f"Duration: {summary.duration_s:.9f}s" in lines
    for topic, type_name, count in (
        ("gas/readings", "sensor_msgs/msg/PointCloud2", summary.readings),
        ("thermal/image", "sensor_msgs/msg/Image", summary.images),
        ("truth/leaks", "diagnostic_msgs/msg/DiagnosticArray", 1),
    ):
        shown = f"Topic: /robot1/{topic} | Type: {type_name} | Count: {count} | Serialization Format: cdr"
        assert any(shown in line for line in lines), done.stdout


def test_play_takes_every_option_of_the_command_line(tmp_path: Path) -> None:
    make(tmp_path / "bag", BagFormat())
    command = play_command(BagPlayback(tmp_path / "bag", rate=3.0, loops=True, namespace="again")).arguments
    parser = argparse.ArgumentParser()
    importlib.import_module("ros2bag.verb.play").PlayVerb().add_arguments(parser, "ros2 bag play")
    options = parser.parse_args(command[3:])
    assert (options.clock, options.rate, options.loop) == (100.0, 3.0, True)
    assert options.topics == ["/robot1/gas/readings", "/robot1/thermal/image"]
    assert options.remap == [
        "/robot1/gas/readings:=/again/gas/readings",
        "/robot1/thermal/image:=/again/thermal/image_raw",
    ]
