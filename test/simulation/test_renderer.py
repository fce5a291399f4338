"""Frames are plausible temperatures, and each gas looks as its class declares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.simulation.renderer import (
    FAINT_SHARE,
    HEIGHT,
    HIDDEN_SHARE,
    NETD_K,
    TEMPERATURE_RANGE,
    WIDTH,
    Camera,
    PlumeView,
    Scene,
    random_plume,
    random_scene,
    render,
)

GASES = [name for name in PAPER_CLASSES if name != "NoGas"]


def bare_scene(seed: int = 0) -> Scene:
    """A scene without distractors, plume or a fixed pattern."""
    scene = random_scene("NoGas", np.random.default_rng(seed))
    return replace(scene, objects=(), camera=Camera(pattern_k=0.0))


def plume_effect(gas: str, strength: float = 1.0) -> np.ndarray:
    """What a plume of `gas` in the middle changes in an even frame without noise, K."""
    rng = np.random.default_rng(5)
    scene = bare_scene()
    scene = replace(
        scene,
        camera=replace(scene.camera, netd_k=0.0),
        pipe=replace(scene.pipe, contrast_k=0.0),
        background=replace(scene.background, texture_k=0.0, gradient_k=(0.0, 0.0)),
    )
    plume = random_plume(gas, scene.pipe, rng)
    plume = replace(plume, x=100.0, strength=strength, warm_k=5.0, cold_k=4.0)
    return render(replace(scene, plume=plume), rng) - render(scene, rng)


@pytest.mark.parametrize("gas", PAPER_CLASSES)
def test_frames_are_plausible_temperatures(gas: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        frame = render(random_scene(gas, rng), rng)
        assert frame.shape == (HEIGHT, WIDTH)
        assert frame.dtype == np.float32
        assert frame.min() >= TEMPERATURE_RANGE[0]
        assert frame.max() <= TEMPERATURE_RANGE[1]
        assert 5.0 < np.median(frame) < 45.0


def test_the_same_seed_gives_the_same_frame() -> None:
    frames = [render(random_scene("Mixture", rng), rng) for rng in map(np.random.default_rng, (8, 8, 9))]
    np.testing.assert_array_equal(frames[0], frames[1])
    assert np.abs(frames[0] - frames[2]).max() > 1.0


def test_unknown_gas_is_named() -> None:
    with pytest.raises(ValueError, match=r"'Methane'.*Mixture, NoGas, Perfume, Smoke"):
        random_scene("Methane", np.random.default_rng(0))


def test_temporal_noise_is_the_netd() -> None:
    scene = random_scene("Smoke", np.random.default_rng(1))
    rng = np.random.default_rng(2)
    stack = np.stack([render(scene, rng) for _ in range(60)])
    assert stack.std(axis=0).mean() == pytest.approx(NETD_K, rel=0.03)


def test_fixed_pattern_stays_and_belongs_to_the_camera() -> None:
    scene = bare_scene()
    scene = replace(scene, camera=Camera(serial=1, netd_k=0.0, pattern_k=0.1))
    rng = np.random.default_rng(0)
    clean = render(replace(scene, camera=replace(scene.camera, pattern_k=0.0)), rng)
    pattern = render(scene, rng) - clean
    other = render(replace(scene, camera=replace(scene.camera, serial=2)), rng) - clean
    np.testing.assert_array_equal(pattern, render(scene, rng) - clean)
    # Columns stand out of the pixels' own spread by more than chance, and differ from camera to camera.
    fine = pattern - pattern.mean()
    assert np.std(np.diff(fine.mean(axis=0))) > 5.0 * np.std(np.diff(fine, axis=1)) / np.sqrt(HEIGHT)
    assert abs(np.corrcoef(np.diff(pattern.mean(axis=0)), np.diff(other.mean(axis=0)))[0, 1]) < 0.3


def test_smoke_is_warm_and_rises() -> None:
    effect = plume_effect("Smoke")
    assert effect.max() > 1.5
    assert effect.min() > -0.01
    rows = np.arange(HEIGHT)[:, None]
    source = bare_scene().pipe.y
    assert np.average(np.broadcast_to(rows, effect.shape), weights=np.maximum(effect, 0)) < source


def test_smoke_hides_what_stands_behind_it() -> None:
    scene = bare_scene()
    scene = replace(scene, camera=replace(scene.camera, netd_k=0.0), pipe=replace(scene.pipe, contrast_k=0.0))
    plume = replace(random_plume("Smoke", scene.pipe, np.random.default_rng(0)), x=100.0, strength=1.0)
    rng = np.random.default_rng(0)
    hot = replace(scene, background=replace(scene.background, gradient_k=(40.0, 0.0)))
    through = np.abs(render(replace(hot, plume=plume), rng) - render(replace(scene, plume=plume), rng))
    bare = np.abs(render(hot, rng) - render(scene, rng))
    assert np.min(through[bare > 1.0] / bare[bare > 1.0]) < 0.4


def test_perfume_is_colder_than_the_background() -> None:
    effect = plume_effect("Perfume")
    assert effect.min() < -1.0
    assert effect.max() < 0.01


def test_mixture_has_a_warm_core_and_a_cold_fringe() -> None:
    effect = plume_effect("Mixture")
    assert effect.max() > 1.5
    assert effect.min() < -0.5


@pytest.mark.parametrize("gas", GASES)
def test_strength_scales_the_plume_down_to_nothing(gas: str) -> None:
    full, weak, none = (np.abs(plume_effect(gas, strength)).sum() for strength in (1.0, 0.2, 0.0))
    assert none == 0.0
    assert 0.0 < weak < 0.6 * full


def test_turbulence_moves_with_age() -> None:
    scene = replace(bare_scene(), camera=Camera(pattern_k=0.0, netd_k=0.0))
    plume = random_plume("Smoke", scene.pipe, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    ages = (plume.age_s, plume.age_s + 0.05, plume.age_s + 5.0)
    now, soon, later = (render(replace(scene, plume=replace(plume, age_s=age)), rng) for age in ages)
    assert 0.0 < np.abs(soon - now).mean() < 0.5 * np.abs(later - now).mean()


def test_one_gas_scene_in_five_barely_shows_its_plume() -> None:
    rng = np.random.default_rng(4)
    plumes: list[PlumeView | None] = [random_scene("Perfume", rng).plume for _ in range(1000)]
    hidden = sum(plume is None for plume in plumes) / 1000
    faint = sum(plume is not None and plume.strength <= 0.2 for plume in plumes) / 1000
    assert hidden == pytest.approx(HIDDEN_SHARE, abs=0.03)
    assert faint == pytest.approx(FAINT_SHARE, abs=0.03)
    assert min(plume.strength for plume in plumes if plume is not None) > 0.0


def test_clean_air_has_no_plume_but_every_class_has_distractors() -> None:
    rng = np.random.default_rng(6)
    for gas in PAPER_CLASSES:
        scenes = [random_scene(gas, rng) for _ in range(60)]
        assert {kind for scene in scenes for kind in (thing.kind for thing in scene.objects)} >= {
            "lamp",
            "motor",
            "person",
            "patch",
        }
        if gas == "NoGas":
            assert all(scene.plume is None for scene in scenes)
