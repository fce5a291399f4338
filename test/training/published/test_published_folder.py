"""The published folder is taken as it is, or refused in one line that names the file and the remedy."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_folder import write_drawn_folder

from gas_fusion_ros.base.dataset import CSV_NAME, DOI, IMAGE_FOLDER, DatasetError
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.export.dataset_folder import PROVENANCE_NAME
from training.published.folder import open_folder

ROWS = 20


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_folder(tmp_path_factory.mktemp("drawn") / "data", ROWS)


@pytest.fixture
def folder(drawn: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    copied = tmp_path / "data"
    shutil.copytree(drawn, copied)
    return copied


def test_a_whole_folder_is_taken_as_it_is(drawn: Path) -> None:
    opened = open_folder(drawn)
    assert opened.dataset.classes == PAPER_CLASSES
    assert all(row.image is not None for row in opened.dataset.rows)
    assert any(line.startswith(f"{CSV_NAME} is not the published file") for line in opened.findings)


def test_what_its_pictures_are_is_said_as_far_as_the_folder_tells(folder: Path) -> None:
    assert open_folder(folder).origin.endswith("says whether a camera or a program made its pictures.")
    (folder / PROVENANCE_NAME).write_text("{}")
    assert f"It holds a {PROVENANCE_NAME}: a program made it" in open_folder(folder).origin


def test_a_copy_has_the_same_pictures_and_a_changed_one_has_not(drawn: Path, folder: Path) -> None:
    known = open_folder(drawn).pictures_sha256
    assert open_folder(folder).pictures_sha256 == known
    (folder / IMAGE_FOLDER / "Smoke" / "0_Smoke.png").write_bytes(b"cut")
    assert open_folder(folder).pictures_sha256 != known


def test_a_single_missing_picture_is_told_and_left_out(folder: Path) -> None:
    (folder / IMAGE_FOLDER / "Smoke" / "7_Smoke.png").unlink()
    opened = open_folder(folder)
    assert "79 of 80 rows have a thermal image; rows without one: Smoke 1" in opened.findings


def _without_class(folder: Path) -> None:
    shutil.rmtree(folder / IMAGE_FOLDER / "Perfume")


def _without_some(folder: Path) -> None:
    for serial in (4, 9):
        (folder / IMAGE_FOLDER / "NoGas" / f"{serial}_NoGas.png").unlink()


def _without_pictures(folder: Path) -> None:
    shutil.rmtree(folder / IMAGE_FOLDER)


def _csv(folder: Path, pattern: str, text: str) -> None:
    (path,) = folder.rglob(CSV_NAME)
    path.write_text(re.sub(pattern, text, path.read_text(), flags=re.MULTILINE))


def _packed(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "MultimodalGasData.zip").touch()


@pytest.mark.parametrize(
    ("spoil", "file", "problem", "remedy"),
    [
        (
            _without_class,
            f"{IMAGE_FOLDER}/Perfume",
            "no picture of the class Perfume; expected 20",
            DOI,
        ),
        (_without_some, "NoGas/4_NoGas.png", "is missing, one of 2 missing of the 20 pictures of NoGas", DOI),
        (_without_pictures, f"{IMAGE_FOLDER}/Mixture", "no picture of the class Mixture", DOI),
        (lambda folder: _csv(folder, r"^.*Smoke\n", ""), CSV_NAME, "has no row of the class Smoke", DOI),
        (
            lambda folder: _csv(folder, "Smoke", "Ammonia"),
            CSV_NAME,
            "has no row of the class Smoke",
            DOI,
        ),
        (lambda folder: _csv(folder, "MQ5", "CO2"), CSV_NAME, "line 1: no column for mq5", DOI),
        (lambda folder: _csv(folder, r"^0,\d+,", "0,many,"), CSV_NAME, "line 2: channel mq2 is 'many'", DOI),
        (_packed, "MultimodalGasData.zip", "is packed", "unpack it and name the folder by --data"),
        (shutil.rmtree, "data", "does not exist", DOI),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_by_file_and_remedy(
    spoil: Callable[[Path], None], file: str, problem: str, remedy: str, folder: Path
) -> None:
    spoil(folder)
    with pytest.raises(DatasetError) as refused:
        open_folder(folder)
    message = str(refused.value)
    assert file in message
    assert problem in message
    assert remedy in message
    assert len(message.splitlines()) == 1


def test_a_further_class_is_none_of_the_published_folder(folder: Path) -> None:
    (path,) = folder.rglob(CSV_NAME)
    line = path.read_text().splitlines()[-1]
    with path.open("a") as file:
        file.write(line.replace("Smoke", "Ammonia") + "\n")
    with pytest.raises(DatasetError, match=r"rows of the class Ammonia.*use `python -m training.train`"):
        open_folder(folder)
