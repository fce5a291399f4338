"""Writes a folder in the data set's layout, row by row, for `training` to read.

Pictures keep what was measured. `mono8`, `mono16` and `rgb8` become PNG of the same depth; temperatures
(`32FC1`) become 16-bit PNG in steps of 0.01 K from 0 K, the counts that `thermal/image_raw` has of them, or,
where one is hotter than the 382.2 degC that fit, float TIFF. `training` reads all of them.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, write_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.dataset import CSV_NAME, IMAGE_FOLDER
from gas_fusion_ros.base.observation import GasReading, ThermalFrame
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.model.thermal import raw_counts

PROVENANCE_NAME = "provenance.json"

_HOTTEST_COUNT = 65535
_FAST_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3)
_OWN_COLUMNS = ("Serial Number", "Gas", "Corresponding Image Name", "Stamp", "Bag")


class DatasetFolderError(ValueError):
    """A row or the folder cannot be written; the message names it and says what would be right."""


@dataclass(frozen=True)
class DatasetRow:
    """A labelled reading.

    Attributes:
        reading: its counts must be finite.
        label: the class.
        frame: its thermal image; None where it has none.
        bag: the recording it is from.
    """

    reading: GasReading
    label: str
    frame: ThermalFrame | None
    bag: str


class DatasetFolder(Closing):
    """A data set folder that is being written; it has its CSV once it is finished, not before.

    Args:
        root: a new or empty folder.
        channels: names of the gas channels; the columns have them in upper case, as published.

    Attributes:
        root: as given.
        images: how many are written.
        image_sizes: width and height of each size that occurs.

    Raises:
        DatasetFolderError: the folder is not empty or cannot be made, or a channel cannot be a column.
    """

    def __init__(self, root: Path, channels: Sequence[str]) -> None:
        self.root = root
        self._columns = _channel_columns(channels)
        self._serials: Counter[str] = Counter()
        self._spellings: dict[str, str] = {}
        self.images = 0
        self.image_sizes: set[tuple[int, int]] = set()
        self._part = root / f"{CSV_NAME}.part"
        try:
            root.mkdir(parents=True, exist_ok=True)
            if any(root.iterdir()):
                raise DatasetFolderError(f"{shown(root)} is not empty; name a new or an empty folder")
            self._file: TextIO = self._part.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise DatasetFolderError(f"{root} cannot be written: {error.strerror or error}") from None
        self._csv = csv.writer(self._file, lineterminator="\n")
        first, *others = _OWN_COLUMNS
        self._csv.writerow([first, *self._columns, *others])

    @property
    def rows_by_class(self) -> dict[str, int]:
        """How many rows each class has so far, sorted by name."""
        return dict(sorted(self._serials.items()))

    def add(self, row: DatasetRow) -> None:
        """Append a row and write its image as `<N>_<Class>`, N counting the class's rows from 0.

        Raises:
            DatasetFolderError: the class cannot name a folder, or the disk failed.
            ThermalError: no pixel of the image is finite.
        """
        self._check_class(row.label)
        serial = self._serials[row.label]
        try:
            image = "" if row.frame is None else self._write_image(row.frame, row.label, serial)
            counts = [np.format_float_positional(count, trim="-") for count in row.reading.counts]
            self._csv.writerow([serial, *counts, row.label, image, row.reading.stamp_ns, row.bag])
        except OSError as error:
            raise DatasetFolderError(f"{self.root} cannot be written: {error.strerror or error}") from None
        self._serials[row.label] += 1

    def describe(self, array: ArrayDescription) -> None:
        """Write what the array says of itself, with the folder's channels.

        Raises:
            DatasetFolderError: the disk failed.
        """
        try:
            write_array(self.root / ARRAY_FILE_NAME, array)
        except OSError as error:
            raise DatasetFolderError(f"{self.root} cannot be written: {error.strerror or error}") from None

    def finish(self, provenance: Mapping[str, Any]) -> None:
        """Write where the rows come from, and give the CSV its name.

        Raises:
            DatasetFolderError: the disk failed.
        """
        try:
            self._file.close()
            text = json.dumps(provenance, indent=2, ensure_ascii=False)
            (self.root / PROVENANCE_NAME).write_text(f"{text}\n", encoding="utf-8")
            os.replace(self._part, self.root / CSV_NAME)
        except OSError as error:
            raise DatasetFolderError(f"{self.root} cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Close the file; without `finish` it keeps a name that nothing takes for a data set."""
        self._file.close()

    def _check_class(self, label: str) -> None:
        known = self._spellings.setdefault(label.lower(), label)
        if known != label:
            raise DatasetFolderError(
                f"the classes {shown(known)} and {shown(label)} differ in case alone; images are found "
                "regardless of case"
            )
        if label != label.strip() or not label.strip(".") or any(char in label for char in '/\\\0\n\r"'):
            raise DatasetFolderError(f"the class {quoted(label)} cannot name a folder of images; rename it")

    def _write_image(self, frame: ThermalFrame, label: str, serial: int) -> str:
        pixels, suffix = _as_file(frame)
        folder = self.root / IMAGE_FOLDER / label
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{serial}_{label}{suffix}"
        encoded, data = cv2.imencode(suffix, pixels, _FAST_PNG if suffix == ".png" else ())
        if not encoded:
            raise DatasetFolderError(f"{name} cannot be encoded: {pixels.dtype} pixels of {pixels.shape}")
        (folder / name).write_bytes(data.tobytes())
        self.images += 1
        self.image_sizes.add((frame.pixels.shape[1], frame.pixels.shape[0]))
        return name


def _channel_columns(channels: Sequence[str]) -> list[str]:
    # A few letters are others once raised and lowered again: columns are matched in lower case.
    columns = [name.upper() if name.upper().lower() == name.lower() else name for name in channels]
    own = {column.lower() for column in _OWN_COLUMNS}
    counts = Counter(name.lower() for name in channels)
    wrong = [name for name in channels if name.lower() in own or counts[name.lower()] > 1]
    if wrong:
        raise DatasetFolderError(
            f"the channels {listed(wrong)} cannot be columns: each needs a name of its own, whatever its "
            f"case, and none of {', '.join(_OWN_COLUMNS)}"
        )
    return columns


def _as_file(frame: ThermalFrame) -> tuple[npt.NDArray[Any], str]:
    """The picture as OpenCV writes it without loss, and the kind of its file."""
    if frame.encoding == "rgb8":
        return cv2.cvtColor(np.asarray(frame.pixels, dtype=np.uint8), cv2.COLOR_RGB2BGR), ".png"
    if frame.encoding != "32FC1":
        return np.asarray(frame.pixels), ".png"
    counts = raw_counts(frame).pixels
    if np.max(counts) == _HOTTEST_COUNT:
        return np.asarray(frame.pixels, dtype=np.float32), ".tiff"
    return np.asarray(counts), ".png"
