"""Small folders in the data set's layout, and bags read whole, for the tests of bags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

S = 1_000_000_000
STORE = get_typestore(Stores.ROS2_JAZZY)


def write_folder(folder: Path, header: str, rows: Sequence[str]) -> Path:
    """Write a data set's CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Gas_Sensors_Measurements.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def write_image(folder: Path, name: str, pixels: npt.NDArray[Any]) -> None:
    """Write the image of a row such as `3_Smoke.png`."""
    path = folder / "Thermal Camera Images" / name.partition(".")[0].split("_")[1] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def colours(value: int) -> npt.NDArray[np.uint8]:
    """A picture in one colour, as OpenCV has it: blue, green, red."""
    return np.full((24, 32, 3), (10, 20, value), dtype=np.uint8)


def read(path: Path) -> list[tuple[int, str, Any]]:
    """Stamp, topic and message of everything in a bag, as the library reads it."""
    with Reader(path) as reader:
        return [
            (stamp_ns, connection.topic, STORE.deserialize_cdr(data, connection.msgtype))
            for connection, stamp_ns, data in reader.messages()
        ]


def connections(path: Path) -> dict[str, Connection]:
    """A bag's connections by topic."""
    with Reader(path) as reader:
        return {connection.topic: connection for connection in reader.connections}
