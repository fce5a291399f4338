"""A folder that `gas-fusion dataset` makes of a bag is trained on as the published one."""

from __future__ import annotations

from pathlib import Path

import needs_training  # noqa: F401
import numpy as np

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource
from gas_fusion_ros.export.dataset_making import DatasetMaking, DatasetSettings
from gas_fusion_ros.model.thermal import Preparation, network_input
from training.data.images import Thermal, choose_thermal, load_images

ROWS = 12


def test_training_reads_rows_and_radiometric_images(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = [f"{index // 4},{index},{PAPER_CLASSES[index % 4]}" for index in range(ROWS)]
    (data / "Gas_Sensors_Measurements.csv").write_text("\n".join(["Serial Number,CO2,Gas", *lines]) + "\n")
    settings = FolderSettings(("CO2",))
    source = FolderSource(data, settings, render_seed=0)
    make_bag(source, BagTarget(tmp_path / "bag"), lambda: None)
    assert source.image_topic == "thermal/image"
    making = DatasetMaking([tmp_path / "bag"], DatasetSettings(), Problems())
    making.write(tmp_path / "out", "test", lambda: None)

    dataset = Dataset.load(tmp_path / "out", ("CO2",))
    assert dataset.classes == PAPER_CLASSES
    thermal = choose_thermal(dataset, "auto")
    assert thermal is Thermal.REAL
    images = load_images(dataset, thermal, Preparation.FIELD, 32, tmp_path / "cache", tick=lambda: None)
    assert images.usable.all()
    for index, instant in enumerate(source.instants()):
        assert instant.frame is not None
        field = network_input(instant.frame.pixels, "32FC1", 32)
        # The cache keeps 8 bits.
        np.testing.assert_allclose(images.pixels[index, 0] / np.float32(255), field, atol=0.5 / 255 + 0.003)
