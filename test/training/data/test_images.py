"""Pictures are read or rendered, prepared once, and served from a cache that is never wrong."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import needs_training  # noqa: F401
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from gas_fusion_ros.base.dataset import CSV_NAME, DOI, IMAGE_FOLDER, Dataset, DatasetError
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.model.thermal import Preparation, network_input
from gas_fusion_ros.simulation import renderer
from gas_fusion_ros.simulation.renderer import random_scene, render
from gas_fusion_ros.simulation.screenshot import APP_STYLES, screenshot
from training.data import images as images_module
from training.data.images import Images, Thermal, choose_thermal, load_images

HEIGHT, WIDTH = 64, 48
SIZE = 16
CHANNELS = ("mq2",)


def picture(seed: int) -> npt.NDArray[np.uint8]:
    """A made-up colour picture, shape (64, 48, 3): a blotch of its own colour on a slope."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 120, WIDTH)[np.newaxis, :, np.newaxis] + rng.integers(0, 60, 3)
    pixels = np.broadcast_to(slope, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    y, x = rng.integers(0, HEIGHT - 20), rng.integers(0, WIDTH - 20)
    pixels[y : y + 20, x : x + 20] = rng.integers(0, 255, 3)
    return pixels


def write_rows(folder: Path, classes: Sequence[str] = PAPER_CLASSES, rows: int = 6) -> Path:
    lines = [f"{serial},500,{name}" for name in classes for serial in range(rows)]
    (folder / CSV_NAME).write_text("\n".join(["Serial Number,MQ2,Gas", *lines]) + "\n")
    return folder


def image_path(folder: Path, name: str, serial: int) -> Path:
    return folder / IMAGE_FOLDER / name / f"{serial}_{name}.png"


def write_images(folder: Path, classes: Sequence[str] = PAPER_CLASSES, rows: int = 6) -> Path:
    for number, name in enumerate(classes):
        for serial in range(rows):
            path = image_path(folder, name, serial)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(100 * number + serial)).save(path)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six rows per class, each with its image, in the published layout."""
    root = tmp_path / "data"
    root.mkdir()
    return write_images(write_rows(root))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Six rows per class without images."""
    root = tmp_path / "bare"
    root.mkdir()
    return write_rows(root)


class Loader:
    """Loads with a cache of its own; counts rows that are prepared."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.prepared = 0

    def __call__(self, folder: Path, thermal: Thermal = Thermal.REAL, **changes: Any) -> Images:
        arguments: dict[str, Any] = {
            "preparation": Preparation.FIELD,
            "size": SIZE,
            "tick": self._tick,
        } | changes
        return load_images(Dataset.load(folder, CHANNELS), thermal, cache_dir=self.cache, **arguments)

    @property
    def files(self) -> list[str]:
        """The suffixes of what the cache holds, locks left aside."""
        return sorted(path.suffix for path in self.cache.iterdir() if path.suffix != ".lock")

    def _tick(self) -> None:
        self.prepared += 1


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    return Loader(tmp_path / "cache")


def quantised(field: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.rint(field * 255).astype(np.uint8)


# Which pictures


@pytest.mark.parametrize("requested", ["auto", "real"])
def test_real_pictures_are_taken_where_all_are_there(folder: Path, requested: str) -> None:
    assert choose_thermal(Dataset.load(folder, CHANNELS), requested) is Thermal.REAL


def test_a_few_missing_pictures_do_no_harm(tmp_path: Path) -> None:
    write_images(write_rows(tmp_path, rows=20), rows=20)
    for name in PAPER_CLASSES:
        image_path(tmp_path, name, 7).unlink()
    assert choose_thermal(Dataset.load(tmp_path, CHANNELS), "auto") is Thermal.REAL

    image_path(tmp_path, "Smoke", 8).unlink()
    with pytest.raises(DatasetError, match="Smoke 2 of 20"):
        choose_thermal(Dataset.load(tmp_path, CHANNELS), "auto")


@pytest.mark.parametrize("requested", ["auto", "rendered"])
def test_pictures_are_rendered_where_there_are_none(bare: Path, requested: str) -> None:
    assert choose_thermal(Dataset.load(bare, CHANNELS), requested) is Thermal.RENDERED


def test_rendered_pictures_may_be_asked_for_beside_real_ones(folder: Path) -> None:
    assert choose_thermal(Dataset.load(folder, CHANNELS), "rendered") is Thermal.RENDERED


def test_the_eight_real_screenshots_count_as_none(gas_fusion_data: Path) -> None:
    assert choose_thermal(Dataset.load(gas_fusion_data), "auto") is Thermal.RENDERED


@pytest.mark.parametrize(("with_images", "requested"), [(PAPER_CLASSES[:2], "auto"), ((), "real")])
def test_missing_pictures_are_counted_and_the_way_out_is_said(
    bare: Path, with_images: Sequence[str], requested: str
) -> None:
    write_images(bare, with_images)
    for name in PAPER_CLASSES:
        if with_images:
            image_path(bare, name, 0).parent.mkdir(exist_ok=True)

    with pytest.raises(DatasetError) as raised:
        choose_thermal(Dataset.load(bare, CHANNELS), requested)

    message = str(raised.value)
    missing = 6 * (4 - len(with_images))
    assert f"{missing} of 24 thermal images are missing" in message
    assert "Perfume 6 of 6, Smoke 6 of 6" in message
    assert "'Thermal Camera Images/<Class>/<N>_<Class>.png'" in message
    assert DOI in message
    assert "--thermal rendered" in message
    assert "\n" not in message


@pytest.mark.parametrize("requested", ["auto", "real"])
def test_a_missing_class_folder_is_named(folder: Path, requested: str) -> None:
    for path in (folder / IMAGE_FOLDER / "Perfume").iterdir():
        path.unlink()
    (folder / IMAGE_FOLDER / "Perfume").rmdir()

    with pytest.raises(DatasetError, match="Perfume does not exist") as raised:
        choose_thermal(Dataset.load(folder, CHANNELS), requested)

    assert str(folder / IMAGE_FOLDER / "Perfume") in str(raised.value)


@pytest.mark.parametrize("requested", ["auto", "rendered"])
def test_classes_the_renderer_does_not_know_are_refused(tmp_path: Path, requested: str) -> None:
    write_rows(tmp_path, ("Methane", "NoGas"))
    with pytest.raises(DatasetError, match="pictures of Methane cannot be rendered, only of Mixture, NoGas"):
        choose_thermal(Dataset.load(tmp_path, CHANNELS), requested)


def test_an_unknown_choice_is_refused(bare: Path) -> None:
    with pytest.raises(ValueError, match="thermal is 'both'; it must be one of auto, real, rendered"):
        choose_thermal(Dataset.load(bare, CHANNELS), "both")


# Real pictures


@pytest.mark.parametrize("preparation", list(Preparation))
def test_a_real_picture_is_prepared_as_on_the_robot(
    folder: Path, load: Loader, preparation: Preparation
) -> None:
    images = load(folder, preparation=preparation)

    assert images.pixels.shape == (24, 1, preparation.channels, SIZE, SIZE)
    assert (images.channels, images.takes, images.thermal) == (preparation.channels, 1, Thermal.REAL)
    assert images.usable.all()
    # Rows stand class by class; the third class's second image was made with this seed.
    expected = quantised(network_input(picture(201), "rgb8", SIZE, preparation))
    np.testing.assert_array_equal(images.pixels[13, 0], expected)
    assert load.prepared == 24


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) + 29000, "mono16"),
        (np.linspace(0, 200, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH), "mono8"),
    ],
)
def test_gray_pictures_keep_their_depth(
    bare: Path, load: Loader, pixels: npt.NDArray[Any], encoding: str
) -> None:
    path = image_path(bare, "Mixture", 0)
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path)

    images = load(bare)

    np.testing.assert_array_equal(images.pixels[0, 0], quantised(network_input(pixels, encoding, SIZE)))
    assert images.usable.tolist() == [True] + [False] * 23


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": cut_short,
    "not an image": lambda path: path.write_text("<html>not found</html>"),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to(path.parent / "gone")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_picture_is_named_and_left_out(
    folder: Path, load: Loader, damage: Callable[[Path], object]
) -> None:
    damage(image_path(folder, "NoGas", 2))

    images = load(folder)

    assert np.flatnonzero(~images.usable).tolist() == [8]
    (reason,) = images.unreadable
    assert reason.startswith("Thermal Camera Images/NoGas/2_NoGas.png: ")
    assert images.pixels[9].any()


def test_damage_is_told_again_from_the_cache(folder: Path, load: Loader) -> None:
    cut_short(image_path(folder, "NoGas", 2))
    first = load(folder)

    again = load(folder)

    assert np.flatnonzero(~again.usable).tolist() == [8]
    assert again.unreadable == first.unreadable
    assert load.prepared == 24


def test_a_missing_picture_makes_its_row_unusable(folder: Path, load: Loader) -> None:
    image_path(folder, "Smoke", 5).unlink()

    images = load(folder)

    assert np.flatnonzero(~images.usable).tolist() == [23]
    assert images.unreadable == ()


def test_too_many_damaged_pictures_are_refused(folder: Path, load: Loader) -> None:
    for serial in (2, 3):
        cut_short(image_path(folder, "NoGas", serial))

    with pytest.raises(DatasetError, match=r"2 of 24 thermal images cannot be read; at most 5%") as raised:
        load(folder)

    assert "2_NoGas.png" in str(raised.value)
    assert load.files == []


def test_a_picture_of_another_size_is_named_before_anything_is_written(folder: Path, load: Loader) -> None:
    path = image_path(folder, "Mixture", 0)
    Image.fromarray(picture(0)[:-1]).save(path)

    with pytest.raises(DatasetError) as raised:
        load(folder)

    assert str(raised.value) == f"{path} is 48 x 63 pixels; expected 48 x 64 as of the others"
    assert not load.cache.exists()


def test_the_real_screenshots_are_usable(gas_fusion_data: Path, load: Loader) -> None:
    images = load(gas_fusion_data)

    assert images.usable.sum() == 8
    assert all(images.pixels[row].std() > 10 for row in np.flatnonzero(images.usable))


# Rendered pictures


def test_a_rendered_field_follows_seed_row_and_take(bare: Path, load: Loader) -> None:
    images = load(bare, Thermal.RENDERED, seed=3, takes=2)

    assert images.pixels.shape == (24, 2, 1, SIZE, SIZE)
    assert images.usable.all()
    rng = np.random.default_rng((3, 13, 1))
    frame = render(random_scene("Perfume", rng), rng)
    np.testing.assert_array_equal(images.pixels[13, 1], quantised(network_input(frame, "32FC1", SIZE)))
    assert not np.array_equal(images.pixels[13, 0], images.pixels[13, 1])


@pytest.mark.parametrize("preparation", [Preparation.CROPPED, Preparation.ORIGINAL])
def test_colours_are_those_of_a_screenshot_in_the_style_of_the_class(
    bare: Path, load: Loader, preparation: Preparation
) -> None:
    images = load(bare, Thermal.RENDERED, preparation=preparation, size=64)

    assert images.pixels.shape == (24, 1, 3, 64, 64)
    for row, name in ((0, "Mixture"), (13, "Perfume")):
        rng = np.random.default_rng((0, row, 0))
        rgb = screenshot(render(random_scene(name, rng), rng), APP_STYLES[name])
        expected = quantised(network_input(rgb, "rgb8", 64, preparation))
        np.testing.assert_array_equal(images.pixels[row, 0], expected)


def test_there_must_be_pictures_to_load(bare: Path, load: Loader) -> None:
    with pytest.raises(ValueError, match="thermal is 'none'"):
        load(bare, Thermal.NONE)
    with pytest.raises(ValueError, match="takes is 0"):
        load(bare, Thermal.RENDERED, takes=0)


# The cache


@pytest.mark.parametrize("thermal", [Thermal.REAL, Thermal.RENDERED])
def test_pictures_are_prepared_once(
    folder: Path, load: Loader, thermal: Thermal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(folder, thermal)
    calls: list[str] = []
    monkeypatch.setattr(images_module, "network_input", lambda *_: calls.append("called"))

    again = load(folder, thermal)

    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert calls == []
    assert load.prepared == 24
    assert load.files == [".json", ".npy"]


@pytest.mark.parametrize(
    ("thermal", "change", "rebuilt"),
    [
        (Thermal.RENDERED, {"seed": 1}, True),
        (Thermal.RENDERED, {"takes": 2}, True),
        (Thermal.RENDERED, {"size": 8}, True),
        (Thermal.REAL, {"preparation": Preparation.CROPPED}, True),
        (Thermal.REAL, {"thermal": Thermal.RENDERED}, True),
        (Thermal.REAL, {"seed": 1, "takes": 2}, False),
    ],
)
def test_what_shapes_the_pixels_makes_a_new_cache(
    folder: Path, load: Loader, thermal: Thermal, change: dict[str, Any], rebuilt: bool
) -> None:
    load(folder, thermal)
    load(folder, **({"thermal": thermal} | change))

    assert load.prepared == (48 if rebuilt else 24)


def test_a_changed_picture_makes_a_new_cache(folder: Path, load: Loader) -> None:
    before = load(folder)
    path = image_path(folder, "Mixture", 0)
    Image.fromarray(picture(999)).save(path)
    os.utime(path, ns=(0, 12345))

    after = load(folder)

    assert load.prepared == 48
    assert not np.array_equal(before.pixels[0], after.pixels[0])
    np.testing.assert_array_equal(before.pixels[1:], after.pixels[1:])


def test_changed_code_makes_a_new_cache(
    bare: Path, load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(bare, Thermal.RENDERED)
    changed = tmp_path / "renderer.py"
    changed.write_bytes(Path(renderer.__file__).read_bytes() + b"\n")
    monkeypatch.setattr(renderer, "__file__", str(changed))

    load(bare, Thermal.RENDERED)

    assert load.prepared == 48


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace_by_another_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros((24, 1, 1, SIZE, SIZE), dtype=np.float32))


SPOILERS: dict[str, Callable[[Path], object]] = {
    "truncated": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "foreign": lambda path: path.write_text("not an array"),
    "another array": replace_by_another_array,
    "without its notes": lambda path: path.with_suffix(".json").unlink(),
    "with foreign notes": lambda path: path.with_suffix(".json").write_text("[1]"),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS.keys())
def test_a_spoilt_cache_is_built_again(folder: Path, load: Loader, spoil: Callable[[Path], object]) -> None:
    expected = np.array(load(folder).pixels)
    spoil(next(load.cache.glob("*.npy")))

    np.testing.assert_array_equal(load(folder).pixels, expected)
    assert load.prepared == 48


def test_a_build_that_fails_leaves_nothing(folder: Path, load: Loader) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(folder, tick=stop)

    assert load.files == []


def test_a_killed_build_is_not_taken_for_whole(folder: Path, load: Loader) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = multiprocessing.get_context("fork").Process(target=load, args=(folder,), kwargs={"tick": die})
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert load.files == [".part"]

    images = load(folder)

    assert load.prepared == 24
    assert load.files == [".json", ".npy"]
    assert all(images.pixels[row].any() for row in range(24))


def test_two_builders_at_once_share_one_build(folder: Path, load: Loader) -> None:
    results: list[Images] = []
    threads = [threading.Thread(target=lambda: results.append(load(folder))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    np.testing.assert_array_equal(results[0].pixels, results[1].pixels)
    assert load.prepared == 24
    assert load.files == [".json", ".npy"]


def test_several_processes_prepare_the_same(
    folder: Path, load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = load(folder)
    monkeypatch.setattr(images_module, "_PICTURES_PER_PROCESS", 12)
    monkeypatch.setattr(images_module.joblib, "cpu_count", lambda: 2)

    together = Loader(tmp_path / "other")(folder)

    np.testing.assert_array_equal(alone.pixels, together.pixels)


def test_a_cache_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=f"the cache {tmp_path / 'file'} cannot be written"):
        Loader(tmp_path / "file")(folder)


def test_memory_does_not_hold_the_pictures(folder: Path, load: Loader) -> None:
    load(folder)
    tracemalloc.start()
    try:
        images = load(folder, preparation=Preparation.ORIGINAL, size=256)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # One picture being prepared takes about 2 MB in float32, all 24 finished ones 4.7 MB.
    assert peak < 0.75 * images.pixels.nbytes


# Reading


def test_batches_are_copies_in_the_order_asked_for(bare: Path, load: Loader) -> None:
    images = load(bare, Thermal.RENDERED, takes=2)

    batch = images.of([5, 0, 5], np.array([1, 0, 1]))

    assert batch.dtype == torch.uint8
    assert batch.shape == (3, 1, SIZE, SIZE)
    assert batch.is_contiguous()
    for position, (row, take) in enumerate([(5, 1), (0, 0), (5, 1)]):
        np.testing.assert_array_equal(batch[position].numpy(), images.pixels[row, take])
    batch.zero_()
    assert images.pixels[5, 1].any()


def test_another_process_maps_the_same_file(bare: Path, load: Loader) -> None:
    images = load(bare, Thermal.RENDERED, size=64)
    sent = pickle.dumps(images)

    received: Images = pickle.loads(sent)

    assert len(sent) < images.pixels.nbytes / 10
    assert isinstance(received.pixels, np.memmap)
    assert torch.equal(received.of([3, 4], [0, 0]), images.of([3, 4], [0, 0]))
    np.testing.assert_array_equal(received.usable, images.usable)
    assert (received.thermal, received.preparation, received.size) == (
        Thermal.RENDERED,
        Preparation.FIELD,
        64,
    )
