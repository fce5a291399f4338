"""The published folder as it is: whole enough to train on, and what is known of its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.base.dataset import DOI, IMAGE_FOLDER, Dataset, DatasetError
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.rows import Row
from gas_fusion_ros.export.dataset_folder import PROVENANCE_NAME
from gas_fusion_ros.model.bundle import file_sha256
from training.data.dataset_check import PUBLISHED_SHA256, check_published
from training.data.images import COMPLETE_SHARE
from training.data.readings import read_readings

REMEDY = f"get the published folder whole (doi {DOI}) and give the same command again"


@dataclass(frozen=True)
class PublishedFolder:
    """A folder in the published layout, with a picture for nearly every row.

    Attributes:
        dataset: its rows, of the paper's classes and channels.
        pictures_sha256: over the names and sizes of all its pictures.
        findings: a line for each difference from the published folder.
        origin: what the pictures are, as far as the folder tells.
    """

    dataset: Dataset
    pictures_sha256: str
    findings: tuple[str, ...]
    origin: str


def open_folder(data: Path) -> PublishedFolder:
    """Read and check the published folder; nothing is written.

    Raises:
        DatasetError: it is packed, damaged or incomplete; the message names the file and the remedy.
    """
    _check_unpacked(data)
    try:
        dataset = read_readings(data, PAPER_CHANNELS)
    except DatasetError as error:
        raise DatasetError(f"{error}. The published folder is meant: {REMEDY}") from None
    _check_classes(dataset)
    _check_pictures(dataset)
    return PublishedFolder(
        dataset, _pictures_sha256(dataset), tuple(check_published(dataset)), _origin(dataset)
    )


def _check_unpacked(data: Path) -> None:
    packed = [data] if data.is_file() else sorted(data.glob("*.zip")) if data.is_dir() else []
    for path in packed:
        unpacked = data.is_dir() and any(data.rglob("*.csv"))
        if path.suffix.lower() == ".zip" and not unpacked:
            raise DatasetError(f"{shown(path)} is packed; unpack it and name the folder by --data")


def _check_classes(dataset: Dataset) -> None:
    name = dataset.csv_path.name
    for wanted in PAPER_CLASSES:
        if wanted not in dataset.classes:
            raise DatasetError(f"{name} has no row of the class {wanted}; {REMEDY}")
    for found in dataset.classes:
        if found not in PAPER_CLASSES:
            raise DatasetError(
                f"{name} has rows of the class {shown(found)}, the published file has "
                f"{', '.join(PAPER_CLASSES)} alone; for gases of your own use `python -m training.train`"
            )


def _check_pictures(dataset: Dataset) -> None:
    """Refuse a class of which more pictures are missing than can be left out."""
    for name in dataset.classes:
        rows = [row for row in dataset.rows if row.label == name]
        missing = [row for row in rows if row.image is None]
        if len(missing) == len(rows):
            raise DatasetError(
                f"{_class_folder(dataset, name)}: no picture of the class {name}; expected {len(rows):,} "
                f"files <N>_{name}.png; {REMEDY}"
            )
        if len(missing) > (1 - COMPLETE_SHARE) * len(rows):
            raise DatasetError(
                f"{_expected(dataset, missing[0])} is missing, one of {len(missing):,} missing of the "
                f"{len(rows):,} pictures of {name}; at most {1 - COMPLETE_SHARE:.0%} can be left "
                f"out; {REMEDY}"
            )


def _expected(dataset: Dataset, row: Row) -> Path:
    return _class_folder(dataset, row.label) / f"{row.serial}_{row.label}.png"


def _class_folder(dataset: Dataset, name: str) -> Path:
    folders = sorted(filter(Path.is_dir, dataset.root.rglob(IMAGE_FOLDER)))
    return (folders[0] if folders else dataset.root / IMAGE_FOLDER) / name


def _origin(dataset: Dataset) -> str:
    if file_sha256(dataset.csv_path) == PUBLISHED_SHA256:
        readings = "Its readings are the published ones, byte by byte."
    else:
        readings = "Its readings are not the published ones."
    if (dataset.root / PROVENANCE_NAME).is_file():
        pictures = f"It holds a {PROVENANCE_NAME}: a program made it, it is not the published folder."
    else:
        pictures = "No file in it says whether a camera or a program made its pictures."
    return f"The pictures are those of the folder given. {readings} {pictures}"


def _pictures_sha256(dataset: Dataset) -> str:
    """Hash names and sizes: copied or unpacked anew, the pictures stay the same ones."""
    digest = hashlib.sha256()
    for line in _identities(dataset):
        digest.update(line.encode())
    return digest.hexdigest()


def _identities(dataset: Dataset) -> Iterator[str]:
    for row in dataset.rows:
        if row.image is None:
            yield f"{row.label} {row.serial} missing\n"
        else:
            size = row.image.stat().st_size if row.image.exists() else -1
            yield f"{row.image.relative_to(dataset.root).as_posix()} {size}\n"
