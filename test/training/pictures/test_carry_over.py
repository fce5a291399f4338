"""The experiment learns what can be learned, leaves a camera out, and is silent where it does not know."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.simulation.renderer import random_scene, render
from training import carry_over
from training.pictures.carry_over import Carried, carry, judge
from training.pictures.drawn_set import CELL, SIDE, DrawnSet, draw_set
from training.pictures.pretraining import DrawnSettings
from training.pictures.samples import Sample
from training.scoring.calibration import speaking_threshold

CAMERAS = ("one", "other")
COUNT = 192
FEW = 120
"""Pictures with which the command has a step or two to do."""
EASY = DrawnSettings(epochs=10, batch=16, nonsense=0.2, precision=0.9)


def rings(kind: int, seed: int) -> npt.NDArray[np.uint8]:
    """Rings about a place, the finer the higher the class; they look the same when they are turned."""
    rng = np.random.default_rng((kind, seed))
    y, x = np.mgrid[:SIDE, :SIDE] - rng.uniform(0.3, 0.7, (2, 1, 1)) * SIDE
    wave = np.cos(np.hypot(x, y) * 2 * np.pi / (40, 20, 10, 6)[kind])
    return np.asarray(np.clip(127 + 100 * wave + rng.normal(0, 5, wave.shape), 0, 255), dtype=np.uint8)


def made_set(count: int, cameras: tuple[str, ...]) -> DrawnSet:
    """Rings, each class but clean air a plume all over the picture."""
    labels = np.arange(count) % 4
    is_seen = labels != PAPER_CLASSES.index("NoGas")
    places = np.broadcast_to(255 * is_seen[:, None, None, None], (count, 2, SIDE // CELL, SIDE // CELL))
    pixels = np.stack([rings(index % 4, index) for index in range(count)])
    names = np.array([cameras[index // 4 % len(cameras)] for index in range(count)])
    return DrawnSet(PAPER_CLASSES, pixels, places.astype(np.uint8), labels, is_seen, names)


@pytest.fixture(scope="module")
def carried() -> Carried:
    return carry(made_set(COUNT, CAMERAS), EASY, 0, lambda _: None)


def sample(name: str, pixels: npt.NDArray[np.uint8]) -> Sample:
    seen = pixels.astype(np.float32) / 255
    return Sample(name, seen, seen)


def test_what_can_be_told_apart_is_learned_for_a_camera_left_out(carried: Carried) -> None:
    assert [unseen.camera for unseen in carried.unseen] == list(CAMERAS)
    assert min(unseen.accuracy for unseen in carried.unseen) > 0.9
    assert carried.right is not None
    assert carried.right >= 0.9
    assert carried.spoke > 0.8


def test_it_speaks_of_what_it_knows_and_not_of_noise(carried: Carried) -> None:
    names = [f"{index}_{PAPER_CLASSES[index % 4]}.png" for index in range(40)]
    known = [sample(name, rings(index % 4, 1000 + index)) for index, name in enumerate(names)]
    rng = np.random.default_rng(0)
    noise = [sample("noise", rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)) for _ in range(10)]
    verdicts = judge(carried, known)
    assert np.mean([verdict.label == verdict.truth for verdict in verdicts]) > 0.9
    assert np.mean([verdict.spoken for verdict in verdicts]) > 0.7
    assert not any(verdict.spoken for verdict in judge(carried, noise))
    assert sum(verdicts[0].probabilities.values()) == pytest.approx(1.0, abs=1e-5)


def test_one_kind_of_camera_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures of one alone; one kind of camera must be left out"):
        carry(made_set(8, ("one",)), EASY, 0, print)


@given(
    st.lists(st.tuples(st.floats(0.25, 1.0, width=32), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.75, 0.9, 1.0]),
)
def test_from_the_threshold_on_verdicts_are_right_often_enough(
    answers: list[tuple[float, bool]], precision: float
) -> None:
    sure = np.array([probability for probability, _ in answers], dtype=np.float32)
    right = np.array([is_right for _, is_right in answers])
    threshold = speaking_threshold(sure, right, precision)
    spoken = sure >= threshold
    assert not spoken.any() or right[spoken].mean() >= precision
    for lower in set(sure[sure < threshold].tolist()):
        assert right[sure >= lower].mean() < precision


def test_drawn_pictures_are_balanced_and_the_same_again() -> None:
    drawn, again = (draw_set(PAPER_CLASSES, 40, SIDE, 3) for _ in range(2))
    np.testing.assert_array_equal(drawn.pixels, again.pixels)
    assert np.bincount(drawn.labels).tolist() == [10, 10, 10, 10]
    assert len(set(drawn.cameras.tolist())) > 1


def test_the_command_writes_figures_of_drawn_and_real_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "real").mkdir()
    cv2.imwrite(str(tmp_path / "real" / "1_Smoke.tiff"), render(random_scene("Smoke", rng), rng))
    monkeypatch.setattr(carry_over, "draw_set", lambda classes, _, *others: draw_set(classes, FEW, *others))
    app = typer.Typer()
    app.command()(carry_over.main)
    arguments = ["--output", tmp_path / "out", "--real", tmp_path / "real", "--epochs", 1, "--threads", 1]
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "out" / carry_over.RESULTS).read_text())
    assert len(results["unseen_cameras"]) == 4
    assert sum(camera["pictures"] for camera in results["unseen_cameras"]) == FEW
    assert results["real"][0]["truth"] == "Smoke"
    assert "of 1 right where it must judge" in done.output


def test_a_missing_folder_is_told_before_any_training(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(carry_over.main)
    done = CliRunner().invoke(app, ["--output", str(tmp_path / "out"), "--real", str(tmp_path / "missing")])
    assert done.exit_code == 2
    assert "holds no picture" in done.output
    assert not (tmp_path / "out").exists()
