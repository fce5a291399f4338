"""Grad-CAM points at what decides, and the command writes what it shows."""

from __future__ import annotations

from pathlib import Path

import needs_training  # noqa: F401
import numpy as np
import pytest
import torch
import typer
from PIL import Image
from run_folders import SIZE, random_inputs, untrained, write_run
from torch import nn
from typer.testing import CliRunner, Result

from gas_fusion_ros.networks.registry import ARCHITECTURES
from gas_fusion_ros.networks.shape import Shape
from gas_fusion_ros.observation import PAPER_CLASSES, Mode
from training.explain import (
    Explanation,
    choose_rows,
    contact_sheet,
    grad_cam,
    lay_open,
    main,
)
from training.results import RunResult
from training.trained import load_run

SIDE = 32


def call(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def dim(generator: torch.Generator) -> torch.Tensor:
    """A dim picture, shape (1, SIDE, SIDE)."""
    return 0.3 * torch.rand(1, SIDE, SIDE, generator=generator)


def with_square(quadrant: int, generator: torch.Generator) -> torch.Tensor:
    """A dim picture with a bright square somewhere in one of its quadrants."""
    picture = dim(generator)
    down, right = (int(place) for place in torch.randint(0, 9, (2,), generator=generator))
    top, left = (quadrant // 2) * SIDE // 2 + down, (quadrant % 2) * SIDE // 2 + right
    picture[:, top : top + 7, left : left + 7] = 1.0
    return picture


@pytest.fixture(scope="module")
def square_finder() -> nn.Module:
    """A network trained to tell a picture with a bright square (1) from one without (0)."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(60):
        squares = [with_square((step + place) % 4, generator) for place in range(16)]
        pictures = torch.stack([*squares, *(dim(generator) for _ in range(16))])
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(pictures), torch.tensor([1] * 16 + [0] * 16)).backward()
        optimiser.step()
    return network.eval()


@pytest.mark.parametrize("quadrant", range(4))
def test_the_map_points_at_the_square_that_decides(quadrant: int, square_finder: nn.Module) -> None:
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        picture = with_square(quadrant, generator)
        assert int(square_finder(picture[None]).argmax()) == 1
        heat = grad_cam(square_finder, square_finder[4], None, picture, 1)
        assert heat.shape == (SIDE, SIDE)
        assert heat.dtype == np.float32
        assert heat.min() >= 0
        assert heat.max() == 1
        half = SIDE // 2
        top, left = (quadrant // 2) * half, (quadrant % 2) * half
        assert heat[top : top + half, left : left + half].sum() > 0.75 * heat.sum()


def test_the_map_is_of_the_class_that_was_asked_for(square_finder: nn.Module) -> None:
    picture = with_square(0, torch.Generator().manual_seed(2))
    square, none = (grad_cam(square_finder, square_finder[4], None, picture, target) for target in (1, 0))
    place = np.unravel_index(square.argmax(), square.shape)
    assert square[place] == 1
    assert none[place] < 0.1


def test_a_picture_that_does_not_speak_for_the_class_gives_an_empty_map() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 4)).eval()
    with torch.no_grad():
        network[2].weight.zero_()
    heat = grad_cam(network, network[0], None, torch.rand(1, 8, 8), 0)
    assert not heat.any()


@pytest.mark.parametrize(
    "name",
    [name for name, entry in ARCHITECTURES.items() if entry.mode is not Mode.GAS_ONLY and not entry.windowed],
)
def test_every_network_with_pictures_can_be_explained(name: str) -> None:
    mode = ARCHITECTURES[name].mode
    shape = Shape(image_channels=1, image_size=SIZE)
    network = untrained(name, shape)
    inputs = random_inputs(mode, shape, 1)
    with torch.no_grad():
        before = network(*inputs)
        layer = lay_open(network, name)
        torch.testing.assert_close(network(*inputs), before, atol=1e-4, rtol=1e-4)
    *gas, image = (value[0] for value in inputs)
    heats = [grad_cam(network, layer, gas[0] if gas else None, image, target) for target in range(4)]
    assert all(heat.shape == (SIZE, SIZE) and heat.min() >= 0 and heat.max() <= 1 for heat in heats)
    assert any(heat.any() for heat in heats)


@pytest.fixture(scope="module")
def run(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    folder = tmp_path_factory.mktemp("runs") / "fusion1"
    return folder, write_run(folder, "fusion1", tiny_folder)


def test_the_command_writes_three_pictures_per_row_and_a_sheet(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "maps", "--per-class", "1")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert len(names) == 3 * len(PAPER_CLASSES) + 1
    assert "gradcam.png" in names
    for name in PAPER_CLASSES:
        kinds = [entry.rpartition("_")[2] for entry in names if entry.startswith(f"{name}_")]
        assert kinds == ["input.png", "map.png", "overlay.png"]
    with Image.open(tmp_path / "maps" / next(name for name in names if "overlay" in name)) as picture:
        assert picture.size == (SIZE, SIZE)


def test_rows_can_be_chosen(run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path) -> None:
    first, second = sorted(load_run(run[0]).test.rows.tolist())[:2]
    rows = ("--rows", str(first), "--rows", str(second))
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path, *rows)
    assert result.exit_code == 0, result.output
    explained = {path.name.split("_")[1] for path in tmp_path.iterdir() if path.name != "gradcam.png"}
    assert explained == {str(first), str(second)}


def test_rows_of_a_class_are_spread_over_its_test_rows(run: tuple[Path, RunResult]) -> None:
    loaded = load_run(run[0])
    rows = choose_rows(loaded, [], 1)
    labels = dict(zip(loaded.test.rows.tolist(), loaded.test.labels.tolist(), strict=True))
    assert [labels[row] for row in rows] == [0, 1, 2, 3]
    assert sorted(choose_rows(loaded, [], 100)) == sorted(loaded.test.rows.tolist())


def test_a_row_that_was_not_tested_is_refused(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    trained_on = next(row for row in range(40) if row not in load_run(run[0]).test.rows.tolist())
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "maps", "--rows", str(trained_on))
    assert result.exit_code == 2
    assert f"--rows {trained_on}: no test row of fusion1; these are 8 rows such as" in result.output
    assert not (tmp_path / "maps").exists()


def test_a_run_without_pictures_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder)
    result = call(tmp_path / "run", "--data", tiny_folder, "--output", tmp_path / "maps")
    assert result.exit_code == 2
    assert "run takes readings alone; Grad-CAM needs one of fusion or thermal_only" in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "maps").exists()


def test_a_folder_that_cannot_be_written_is_named(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "file")
    assert result.exit_code == 2
    assert f"{tmp_path / 'file'} cannot be written" in result.output
    assert (tmp_path / "file").read_text() == "mine"


def test_a_sheet_of_two_rows_per_class_fits_a_page() -> None:
    rng = np.random.default_rng(0)
    explanations = [
        Explanation(
            row=row,
            truth=PAPER_CLASSES[row % 4],
            verdict=PAPER_CLASSES[0],
            probability=0.9,
            picture=rng.integers(0, 256, (224, 224, 3), dtype=np.uint8),
            heat=rng.uniform(size=(224, 224)).astype(np.float32),
        )
        for row in range(8)
    ]
    sheet = contact_sheet(explanations, "A title")
    assert 900 <= sheet.width <= 1000
    assert sheet.height <= 900
    # Each picture stands where it belongs: the first one's middle is that of its tile.
    tile = np.asarray(explanations[0].coloured).mean(axis=(0, 1))
    shown = np.asarray(sheet).reshape(-1, 3)
    assert np.abs(shown - tile).sum(axis=1).min() < 60
