"""Bags whose images are compressed are inspected, evaluated and made data sets of as those with raw ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from in_process import invoke
from made_bags import EPOCH, SECOND, Made, compressed_image, image, reading, scan, text, write_bag

from gas_fusion_ros.drivers.thermal.image_file import read_image

TOPIC = "/front_lepton/image"
COUNTS = (29_000 + 3 * np.arange(60 * 80).reshape(60, 80) % 700).astype(np.uint16)


def raw(stamp_ns: int) -> Made:
    return image(stamp_ns, COUNTS, "mono16", TOPIC)


def compressed(stamp_ns: int) -> Made:
    content = cv2.imencode(".png", COUNTS)[1].tobytes()
    return compressed_image(stamp_ns, content, "mono16; png compressed ", f"{TOPIC}/compressed")


def depth(stamp_ns: int) -> Made:
    content = cv2.imencode(".png", COUNTS)[1].tobytes()
    return compressed_image(stamp_ns, content, "16UC1; compressedDepth png", "/thermal/image_raw/compressed")


def bag_with(folder: Path, picture: Callable[[int], Made]) -> Path:
    messages = [text("/truth/label", EPOCH, "NoGas")]
    for second in range(12):
        at_ns = EPOCH + second * SECOND
        counts = [555.0 + second, 515, 377, 338, 666, 451, 416]
        messages += [reading(at_ns, counts), picture(at_ns), scan(at_ns, "/lidar/points")]
    messages.append(
        image(EPOCH, np.zeros((48, 64, 3), np.uint8), "bgr8", "/camera/color/image", frame_id="c")
    )
    return write_bag(folder / "bag", sorted(messages, key=lambda made: made.stamp_ns))


@pytest.mark.parametrize("picture", [raw, compressed])
def test_they_are_read_and_the_choice_is_said(tmp_path: Path, picture: Callable[[int], Made]) -> None:
    bag = bag_with(tmp_path, picture)
    topic = picture(EPOCH).topic

    code, out = invoke("inspect", bag)
    assert f"taken for image  {topic} (" in out
    assert "not /camera/color/image (bgr8 64x48)" in out
    code, out = invoke("inspect", bag, "--json")
    (found,) = json.loads(out)
    assert found["images"]["topic"] == topic
    assert found["images"]["sizes"] == {"80x60": 12}
    assert found["images"]["encodings"]["mono16"]["images"] == 12
    (choice,) = [one for one in found["choices"] if one["kind"] == "image"]
    assert choice["others"] == {"/camera/color/image": "bgr8 64x48"}

    code, out = invoke("evaluate", bag, "--output", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["topics"]["image"] == topic
    assert report["pairs"] == 12
    assert report["modes"] == {"fusion": 12}
    assert [one["kind"] for one in report["topic_choices"]] == ["gas", "image"]
    assert "not /camera/color/image" in (tmp_path / "out" / "report.html").read_text()

    code, out = invoke("dataset", bag, "--output", tmp_path / "data")
    assert code == 0, out
    files = sorted((tmp_path / "data").rglob("*.png"))
    assert len(files) == 12
    pixels, encoding = read_image(files[0])
    assert encoding == "mono16"
    np.testing.assert_array_equal(pixels, COUNTS)


def test_a_compressed_map_of_depth_is_refused_with_the_remedy(tmp_path: Path) -> None:
    code, out = invoke("inspect", bag_with(tmp_path, depth))
    assert code == 1
    assert "'16UC1; compressedDepth png' is a depth map" in out
    assert "send or record the topic raw" in out
