"""docs/add_a_driver.md, followed word by word: its package is installed and its driver publishes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros.messages import decode_reading
from nodes.harness import Graph
from nodes.processes import NodeProcess

PAGE = Path(__file__).parents[2] / "docs" / "add_a_driver.md"
CHANNELS = ("mq2", "mq3", "mq5", "mq6", "mq7", "mq8", "mq135")

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="runs from a checkout only")


def block(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return str(text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's package is installed."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "my_robot_gas").mkdir()
    (folder / "my_robot_gas" / "__init__.py").touch()
    (folder / "my_robot_gas" / "iio.py").write_text(block("python"))
    (folder / "pyproject.toml").write_text(block("toml"))
    site = folder / "site"
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(site), str(folder)], check=True)
    return site


@pytest.fixture
def converter(tmp_path: Path) -> Path:
    folder = tmp_path / "iio:device0"
    folder.mkdir()
    for number in range(len(CHANNELS)):
        (folder / f"in_voltage{number}_raw").write_text(f"{1000 + number}\n")
    return folder


def parameters(converter: Path) -> dict[str, object]:
    given = yaml.safe_load(block("yaml"))["/**/gas_sensor"]["ros__parameters"]
    return {**given, "iio.device": str(converter), "period": 0.1, "autostart": True}


def test_the_pages_driver_publishes(graph: Graph, site: Path, converter: Path) -> None:
    heard = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    with NodeProcess(graph, "gas_sensor", parameters(converter), {"PYTHONPATH": str(site)}):
        graph.wait_for(lambda: len(heard) >= 2)
        readings = [decode_reading(msg, CHANNELS) for msg in heard[:2]]
        assert [reading.counts.tolist() for reading in readings] == [[1000.0 + n for n in range(7)]] * 2
        assert readings[1].stamp_ns - readings[0].stamp_ns == 100_000_000
        (converter / "in_voltage3_raw").unlink()
        graph.wait_for(
            lambda: bool(heard[-1].data) and str(decode_reading(heard[-1], CHANNELS).counts[3]) == "nan"
        )


def test_a_converter_that_is_not_there_yet_is_waited_for(graph: Graph, site: Path, converter: Path) -> None:
    heard = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    away = converter.rename(converter.with_name("unplugged"))
    with NodeProcess(graph, "gas_sensor", parameters(converter), {"PYTHONPATH": str(site)}) as node:
        away.rename(converter)
        graph.wait_for(lambda: bool(heard))
    assert "Traceback" not in node.output
