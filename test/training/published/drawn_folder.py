"""Writes a folder of the published layout with drawn screenshots; as a script: FOLDER ROWS_PER_CLASS."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from gas_fusion_ros.base.dataset import CSV_NAME, IMAGE_FOLDER
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.simulation.renderer import random_scene, render
from gas_fusion_ros.simulation.screenshot import APP_STYLES, screenshot

SEED = 14
"""Draws other scenes than the training's own rendered ones."""


def write_drawn_folder(root: Path, rows: int) -> Path:
    """Write so many rows per class, made up, each with a screenshot as the camera's app stores it."""
    readings = root / "Gas Sensors Measurements" / CSV_NAME
    readings.parent.mkdir(parents=True)
    with readings.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = (name.upper() for name in PAPER_CHANNELS)
        writer.writerow(["Serial Number", *columns, "Gas", "Corresponding Image Name"])
        for number, gas in enumerate(PAPER_CLASSES):
            pictures = root / IMAGE_FOLDER / gas
            pictures.mkdir(parents=True)
            for serial in range(rows):
                rng = np.random.default_rng((SEED, number, serial))
                counts = rng.integers(350 + 60 * number, 450 + 60 * number, len(PAPER_CHANNELS))
                writer.writerow([serial, *counts, gas, f"{serial}_{gas}"])
                rgb = screenshot(render(random_scene(gas, rng), rng), APP_STYLES[gas])
                cv2.imwrite(str(pictures / f"{serial}_{gas}.png"), rgb[..., ::-1])
    return root


if __name__ == "__main__":
    write_drawn_folder(Path(sys.argv[1]), int(sys.argv[2]))
