"""A palette leads from a field to colours and back; what an app burns in is known."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from screenshots import invert_screenshot

from gas_fusion_ros.model.pseudo_colour import (
    APP_PALETTE,
    BarEdge,
    invert_palette,
    read_screenshot,
    recolour,
    spread,
    without_overlay,
)
from gas_fusion_ros.model.thermal import to_field
from gas_fusion_ros.simulation.screenshot import AppStyle, Caption, TemperatureUnit, screenshot

MAX_ERROR = 3.0
"""Mean absolute error of a picture that is coloured again, grey levels of 255."""

positions = arrays.arrays(np.float32, (9, 13), elements=st.floats(0, 1, width=32))


def read(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path)))[..., ::-1].astype(np.uint8)


def real_screenshots(folder: Path, pattern: str = "*_*.png") -> dict[str, npt.NDArray[np.uint8]]:
    found = {path.name: read(path) for path in sorted(folder.rglob(pattern))}
    assert found, f"{folder} holds no {pattern}"
    return found


def error_of_round_trip(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Mean absolute error per pixel, and which pixels nothing is burnt into."""
    inverted = invert_screenshot(rgb)
    again = recolour(inverted.position, inverted.palette)
    return np.abs(again.astype(np.float32) - rgb).mean(axis=2), inverted.visible


def frame() -> npt.NDArray[np.float32]:
    y, x = np.mgrid[0:156, 0:206].astype(np.float32)
    return (20 + x / 40 + 25 * np.exp(-((x - 120) ** 2 + (y - 80) ** 2) / 800)).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(positions)
def test_colours_lead_back_to_the_field(position: npt.NDArray[np.float32]) -> None:
    back = invert_palette(recolour(position, APP_PALETTE), APP_PALETTE)

    assert back.dtype == np.float32
    np.testing.assert_allclose(back, position, atol=1 / 255)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.uint8, (9, 13, 3)))
def test_any_colour_has_a_place_along_the_palette(rgb: npt.NDArray[np.uint8]) -> None:
    position = invert_palette(rgb, APP_PALETTE)

    distance = np.linalg.norm(rgb[:, :, np.newaxis] - APP_PALETTE, axis=3)
    chosen = np.rint(position * 255).astype(np.intp)
    found = np.take_along_axis(distance, chosen[..., np.newaxis], axis=2)[..., 0]
    # Compared at 6 bits per channel: a colour is at most 2.5 levels per channel from its cell's centre.
    assert (found - distance.min(axis=2)).max() <= 2 * 2.5 * np.sqrt(3) + 0.01
    assert position.min() >= 0
    assert position.max() <= 1


def test_a_flat_palette_has_no_place_between() -> None:
    palette = np.full((256, 3), 90, dtype=np.float32)

    assert np.isfinite(invert_palette(np.full((2, 2, 3), 92, dtype=np.uint8), palette)).all()


def test_a_field_is_coloured_between_the_palettes_entries() -> None:
    palette = np.array([[0, 0, 0], [100, 0, 0], [100, 200, 0]], dtype=np.float32)
    position = np.array([[0, 0.25, 0.5], [0.75, 1, 1]], dtype=np.float32)

    expected = [[[0, 0, 0], [50, 0, 0], [100, 0, 0]], [[100, 100, 0], [100, 200, 0], [100, 200, 0]]]
    np.testing.assert_array_equal(recolour(position, palette), expected)


def test_a_palette_runs_through_its_colours() -> None:
    palette = spread([[0, 0, 0], [51, 0, 255], [255, 255, 255]], at=[0, 0.2, 1])

    assert palette.shape == (256, 3)
    np.testing.assert_allclose(palette[[0, 51, 255]], [[0, 0, 0], [51, 0, 255], [255, 255, 255]], atol=1e-3)


@pytest.mark.parametrize("caption", Caption)
@pytest.mark.parametrize("unit", TemperatureUnit)
def test_what_is_burnt_in_is_not_visible(caption: Caption, unit: TemperatureUnit) -> None:
    rgb = screenshot(frame(), AppStyle(caption, unit))

    error, visible = error_of_round_trip(rgb)

    assert visible.mean() > 0.8
    assert error[visible].max() < 4
    hidden = ~visible
    for rows, columns in ((slice(0, 640), slice(0, 15)), (slice(50, 84), slice(386, 471))):
        assert hidden[rows, columns].all()
    assert error[600:, 405:][hidden[600:, 405:]].max() > 20, "the logo's grey is no colour of the palette"


def test_the_crop_holds_visible_pixels_only() -> None:
    visible = invert_screenshot(screenshot(frame())).visible

    assert without_overlay(np.repeat(visible[..., np.newaxis], 3, axis=2).astype(np.uint8)).all()
    assert without_overlay(np.zeros((640, 480, 3), np.uint8)).shape == (504, 412, 3)


def test_a_picture_without_a_bar_is_no_screenshot() -> None:
    with pytest.raises(ValueError, match="no colour bar along its left edge; expected an app's screenshot"):
        invert_screenshot(np.zeros((640, 480, 3), dtype=np.uint8))


def test_real_screenshots_are_given_back_by_their_own_bar(gas_fusion_data: Path) -> None:
    for name, rgb in real_screenshots(gas_fusion_data).items():
        error, visible = error_of_round_trip(rgb)

        assert error[visible].mean() <= MAX_ERROR, name
        # Also within the part that a network sees.
        assert error[92:596, 68:].mean() <= MAX_ERROR, name
        assert visible.mean() > 0.8, name


def test_nothing_burnt_into_real_screenshots_is_taken_for_the_field(gas_fusion_data: Path) -> None:
    # At the right these are dark blue: white and grey are the app's.
    for name, rgb in real_screenshots(gas_fusion_data, "*_NoGas.png").items():
        whiteness, visible = rgb.min(axis=2)[:, 350:], invert_screenshot(rgb).visible[:, 350:]

        assert whiteness[visible].max() < 20, name
        for rows in (slice(0, 92), slice(596, 640)):
            assert whiteness[rows][~visible[rows]].max() > 60, name


@pytest.mark.parametrize("edge", list(BarEdge)[1:])
def test_the_field_of_a_turned_phone_is_turned_back(edge: BarEdge) -> None:
    upright = screenshot(frame())
    turned = np.ascontiguousarray(np.rot90(upright, -edge.turns))
    shot = read_screenshot(turned)
    assert shot is not None
    assert shot.edge is edge
    np.testing.assert_array_equal(to_field(turned, "rgb8"), to_field(upright, "rgb8"))


def landscape(position: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A screenshot of 480 rows and 640 columns, its bar and strip as wide as those of an upright one."""
    rgb = recolour(position, APP_PALETTE)
    rgb[:, :64] = (rgb[:, :64] * 0.72).astype(np.uint8)
    bar = np.linspace(1.0, 0.0, 480, dtype=np.float32)[:, np.newaxis].repeat(14, axis=1)
    rgb[:, :14] = recolour(bar, APP_PALETTE)
    return rgb


def wave() -> npt.NDArray[np.float32]:
    rows, columns = np.mgrid[0:480, 0:640].astype(np.float32)
    return (0.5 + 0.3 * np.sin(columns / 60) + 0.15 * np.cos(rows / 40)).astype(np.float32)


def test_a_bar_along_the_top_of_a_portrait_is_that_of_a_phone_on_its_side() -> None:
    turned = np.ascontiguousarray(np.rot90(landscape(wave()), -1))
    assert turned.shape == (640, 480, 3)
    field = to_field(turned, "rgb8")
    truth = wave()[92:436, 68:]
    assert field.shape == truth[::2, ::2].shape or field.shape == truth.shape
    step = truth.shape[0] // field.shape[0]
    assert np.corrcoef(field.ravel(), truth[::step, ::step].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("edge", [BarEdge.RIGHT, BarEdge.BOTTOM])
def test_another_apps_bar_leaves_the_picture_as_it_stands(edge: BarEdge) -> None:
    """Hot above at the right, or hot at the right below: no phone was turned."""
    truth = wave()
    rgb = recolour(truth, APP_PALETTE)
    bar = np.linspace(1.0, 0.0, 480, dtype=np.float32)[:, np.newaxis].repeat(14, axis=1)
    if edge is BarEdge.RIGHT:
        rgb[:, -14:] = recolour(bar, APP_PALETTE)
    else:
        along = np.linspace(0.0, 1.0, 640, dtype=np.float32)[np.newaxis].repeat(14, axis=0)
        rgb[-14:] = recolour(along, APP_PALETTE)
    shot = read_screenshot(rgb)
    assert shot is not None
    assert shot.edge is edge
    seen = invert_palette(shot.part, shot.palette)
    rows, columns = seen.shape
    best = max(
        float(np.corrcoef(seen.ravel(), truth[top : top + rows, left : left + columns].ravel())[0, 1])
        for top in (0, 44, 92, 480 - rows)
        for left in (0, 44, 92, 640 - columns)
        if top + rows <= 480 and left + columns <= 640
    )
    assert best > 0.99


def test_a_real_screenshot_of_a_turned_phone_keeps_the_order_of_its_temperatures() -> None:
    folder = os.environ.get("GAS_FUSION_THERMAL_EXTRA")
    if not folder:
        pytest.skip("GAS_FUSION_THERMAL_EXTRA names no folder with turned_Mixture.png")
    rgb = read(Path(folder) / "turned_Mixture.png")
    shot = read_screenshot(rgb)
    assert shot is not None
    assert shot.edge is BarEdge.TOP
    field = to_field(rgb, "rgb8")
    part = shot.part.astype(int)
    red, blue = (np.abs(part - colour).sum(axis=2) < 120 for colour in ((255, 0, 0), (0, 80, 245)))
    step = shot.part.shape[0] // field.shape[0]
    assert field[red[::step, ::step]].min() > field[blue[::step, ::step]].max()
