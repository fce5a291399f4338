"""`gas-fusion look` on drawn pictures of every kind, and on real ones where they are at hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bundles import SHIPPED_NETWORKS, write_untrained_bundle
from in_process import invoke
from without_ros import gas_fusion

from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode, ThermalFrame
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.commands.look import PAGE
from gas_fusion_ros.inspection.picture import DRAWN_ONLY, class_in
from gas_fusion_ros.model.thermal import raw_counts
from gas_fusion_ros.simulation.renderer import random_scene, render
from gas_fusion_ros.simulation.screenshot import screenshot


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One frame as a screenshot, as temperatures, counts of 0.01 K, of another unit, grey levels."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    celsius = render(random_scene("Smoke", rng), rng)
    grey = np.rint(255 * (celsius - celsius.min()) / np.ptp(celsius)).astype(np.uint8)
    content = {
        "screenshot.png": cv2.cvtColor(screenshot(celsius), cv2.COLOR_RGB2BGR),
        "celsius.tiff": celsius,
        "centikelvin.png": raw_counts(ThermalFrame(0, celsius, "32FC1")).pixels,
        "counts.png": (100 * (celsius + 50)).astype(np.uint16),
        "grey.png": grey,
    }
    for name, pixels in content.items():
        assert cv2.imwrite(str(folder / name), pixels)
    return {name: folder / name for name in content}


def entries(*arguments: str | Path) -> list[dict[str, Any]]:
    done = gas_fusion("look", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_every_kind_of_picture_is_told_with_its_field_and_verdict(pictures: dict[str, Path]) -> None:
    found = {Path(entry["file"]).name: entry for entry in entries(*pictures.values())}
    assert list(found) == list(pictures)
    for entry in found.values():
        assert entry["label"] in PAPER_CLASSES
        assert list(entry["probabilities"]) == list(PAPER_CLASSES)
        assert sum(entry["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        assert "problem" not in entry
    units = {name: entry["field"]["unit"] for name, entry in found.items()}
    assert units == {
        "screenshot.png": "relative",
        "celsius.tiff": "degC",
        "centikelvin.png": "degC",
        "counts.png": "counts",
        "grey.png": "relative",
    }
    # The same temperatures, the same field: whatever they were stored as.
    ranges = [found[name]["field"] for name in ("celsius.tiff", "centikelvin.png")]
    assert ranges[0]["low"] == pytest.approx(ranges[1]["low"], abs=0.01)
    assert ranges[0]["high"] == pytest.approx(ranges[1]["high"], abs=0.01)
    assert (ranges[0]["height"], ranges[0]["width"]) == (156, 206)
    assert found["celsius.tiff"]["probabilities"] == pytest.approx(
        found["counts.png"]["probabilities"], abs=0.02
    )


def test_the_range_is_the_bulk_of_the_temperatures(tmp_path: Path) -> None:
    file = tmp_path / "ramp.tiff"
    cv2.imwrite(str(file), np.linspace(-10, 90, 10_000, dtype=np.float32).reshape(100, 100))
    figures = entries(file)[0]["field"]
    assert (figures["low"], figures["high"]) == (pytest.approx(-9.0, abs=0.1), pytest.approx(89.0, abs=0.1))
    assert figures["is_flat"] is False


def test_a_flat_picture_is_told(tmp_path: Path) -> None:
    file = tmp_path / "flat.tiff"
    cv2.imwrite(str(file), np.random.default_rng(0).normal(20.0, 0.1, (156, 206)).astype(np.float32))
    assert entries(file)[0]["field"]["is_flat"] is True
    assert ", flat" in invoke("look", file)[1]


def test_what_cannot_be_read_has_a_problem_and_the_others_go_on(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    text, small = tmp_path / "notes.png", tmp_path / "small.png"
    text.write_text("no picture")
    cv2.imwrite(str(small), np.zeros((4, 4), dtype=np.uint8))
    done = gas_fusion("look", text, pictures["grey.png"], small, tmp_path / "missing.png", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [entry["label"] is None for entry in found] == [True, False, True, True]
    assert found[0] == {
        "file": str(text),
        "label": None,
        "probabilities": {},
        "problem": "cannot be decoded; expected a whole PNG, JPEG, TIFF, BMP or PGM",
    }
    assert "4 x 4; expected at least 8 x 8" in found[2]["problem"]
    assert str(text) in done.stderr


def test_none_that_can_be_read_is_exit_code_2(tmp_path: Path) -> None:
    code, out = invoke("look", tmp_path / "missing.png")
    assert code == 2
    assert "missing.png: cannot be read (No such file or directory)" in out


def test_a_seeks_shutter_is_told_and_its_option_named(tmp_path: Path) -> None:
    shutter, frame = tmp_path / "shutter.png", tmp_path / "frame.png"
    counts = np.random.default_rng(5).integers(4000, 11_000, (156, 208)).astype(np.uint16)
    for file, kind in ((shutter, 1), (frame, 3)):
        counts[0, 10] = kind
        assert cv2.imwrite(str(file), counts)
    code, out = invoke("look", shutter, "--profile", "seek")
    assert (code, "shutter.png: the camera's closed shutter" in out) == (2, True)
    code, out = invoke("look", frame, "--profile", "seek")
    assert (code, "give that as --shutter" in out) == (2, True)
    code, out = invoke("look", frame, "--profile", "seek", "--shutter", tmp_path / "none.png")
    assert (code, "--shutter" in out, "shutter_file" in out) == (2, True, False)
    code, out = invoke("look", shutter, frame, "--profile", "seek")
    assert (code, "closed shutter" in out) == (0, True)


def test_a_model_without_a_network_for_pictures_is_refused(pictures: dict[str, Path], tmp_path: Path) -> None:
    write_untrained_bundle(tmp_path / "gas", {Mode.GAS_ONLY: SHIPPED_NETWORKS[Mode.GAS_ONLY]}, 0, None)
    code, out = invoke("look", pictures["grey.png"], "--model", tmp_path / "gas")
    assert code == 2
    assert "has no network for pictures alone; its modes are gas_only" in out


def test_eight_bits_give_another_answer_and_nearly_the_same(pictures: dict[str, Path]) -> None:
    picture = next(iter(pictures.values()))
    float32, int8 = (entries(picture, "--precision", name)[0] for name in ("float32", "int8"))
    assert float32["probabilities"] != int8["probabilities"]
    assert float32["probabilities"] == pytest.approx(int8["probabilities"], abs=0.05)


def test_the_table_tells_verdict_field_and_place(pictures: dict[str, Path]) -> None:
    code, out = invoke("look", *pictures.values(), "--model", "fusion1")
    assert code == 0
    for name in (*pictures, *PAPER_CLASSES, "206 x 156", "degC", "screenshot: colours by the bar"):
        assert name in out


def drawn_otherwise(folder: Path, thermal: str | None) -> Path:
    """The default model, as if it had learned from such pictures."""
    shutil.copytree(find_bundle(DEFAULT_MODEL), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    del manifest["trained_on"]["thermal"]
    if thermal is not None:
        manifest["trained_on"]["thermal"] = thermal
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("thermal", "is_told"),
    [("rendered", True), ("rendered by a renderer; none is real", True), ("real", False), (None, False)],
)
def test_a_model_of_drawn_pictures_says_so_wherever_it_gives_a_verdict(
    pictures: dict[str, Path], tmp_path: Path, thermal: str | None, is_told: bool
) -> None:
    model = drawn_otherwise(tmp_path / "model", thermal)
    arguments = ("look", pictures["grey.png"], "--model", model)
    code, out = invoke(*arguments, "--output", tmp_path / "page")
    assert (code, DRAWN_ONLY in out) == (0, is_told)
    assert (DRAWN_ONLY in (tmp_path / "page" / PAGE).read_text(encoding="utf-8")) is is_told
    _, out = invoke(*arguments, "--json")
    assert json.loads(out[out.index("[") :])[0]["caveat"] == (DRAWN_ONLY if is_told else "")


def test_novelty_is_told_where_the_model_tells_it(pictures: dict[str, Path], tmp_path: Path) -> None:
    picture = pictures["grey.png"]
    novelty = f"{entries(picture)[0]['novelty']:.2f}"
    head, row = invoke("look", picture, "--output", tmp_path)[1].splitlines()[:2]
    assert (head.split()[-1], row.split()[-1]) == ("novelty", novelty)
    assert f"; novelty {novelty}" in (tmp_path / PAGE).read_text(encoding="utf-8")
    _, out = invoke("look", picture, "--model", "fusion1", "--output", tmp_path)
    assert "novelty" not in out.splitlines()[0]
    assert "; novelty" not in (tmp_path / PAGE).read_text(encoding="utf-8")


def test_the_page_shows_each_picture_with_field_and_map(pictures: dict[str, Path], tmp_path: Path) -> None:
    code, out = invoke("look", *pictures.values(), "--output", tmp_path / "new" / "folder")
    assert code == 0
    page = tmp_path / "new" / "folder" / PAGE
    assert str(page) in out
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == len(pictures)
    for name in pictures:
        assert name in html


def test_a_class_is_found_in_a_name_that_holds_one() -> None:
    assert class_in("49_Perfume.png", PAPER_CLASSES) == "Perfume"
    assert class_in("07_Perfume_printed_as_NoGas.png", PAPER_CLASSES) == ""
    assert class_in("scene.png", PAPER_CLASSES) == ""


def test_a_picture_whose_name_holds_a_class_is_told_right_or_wrong(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    """Two names for one picture: the one is right, the other is not."""
    said = entries(pictures["grey.png"])[0]
    assert said["named"] == ""
    other = next(one for one in PAPER_CLASSES if one != said["label"])
    files = [tmp_path / f"1_{said['label']}.png", tmp_path / f"2_{other}.png"]
    for file in files:
        shutil.copy(pictures["grey.png"], file)
    assert [entry["named"] for entry in entries(*files)] == [said["label"], other]
    code, out = invoke("look", *files, pictures["grey.png"], "--output", tmp_path / "page")
    assert code == 0
    told = "1 of 2 whose names hold a class are right"
    assert told in out
    assert out.splitlines()[0].split()[:3] == ["picture", "named", "verdict"]
    html = (tmp_path / "page" / PAGE).read_text(encoding="utf-8")
    assert told in html
    assert (html.count(">right</span>"), html.count(f">named {other}</span>")) == (1, 1)
    assert "whose names hold" not in invoke("look", pictures["grey.png"])[1]


def test_a_hostile_name_forges_nothing_in_the_page(pictures: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "<script>alert(1)<.png"
    file.write_bytes(pictures["grey.png"].read_bytes())
    assert invoke("look", file, "--output", tmp_path / "page")[0] == 0
    assert "<script>" not in (tmp_path / "page" / PAGE).read_text(encoding="utf-8")


def test_all_pages_are_looked_at(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    film = [(29_000 + 100 * n + rng.integers(0, 9, (24, 32))).astype(np.uint16) for n in range(3)]
    film[1] = rng.integers(0, 65536, (24, 32)).astype(np.uint16)
    cv2.imwritemulti(str(tmp_path / "film.tiff"), film)
    code, out = invoke("look", tmp_path / "film.tiff", "--json")
    assert code == 1
    found = json.loads(out[out.index("[") :])
    assert [entry["place"] for entry in found] == ["page 0", "page 1", "page 2"]
    assert [entry["label"] is None for entry in found] == [False, True, False]
    assert "are no picture" in found[1]["problem"]


def test_real_screenshots_are_read_by_their_own_bar(gas_fusion_data: Path) -> None:
    files = sorted((gas_fusion_data / "thermal_samples").glob("*.png"))
    if not files:
        pytest.skip("GAS_FUSION_DATA has no folder thermal_samples with screenshots")
    for entry in entries(*files):
        assert entry["label"] is not None
        assert entry["field"]["read_as"].startswith("screenshot")
        assert 0.0 <= entry["field"]["low"] < entry["field"]["high"] <= 1.0
