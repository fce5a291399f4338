"""Fit the statistics that the simulated MQ array is drawn from.

    GAS_FUSION_DATA=<folder> python -m training.fit_mq_response

reads the data set's CSV and writes `gas_fusion_ros/simulation/mq_statistics.json`: for each class a
mixture of Gaussians (number of components by BIC), how far its components look like their own class to
classifiers trained on the real readings, and the pace of the series. No readings are written.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.simulation.mq_response import FORMAT_VERSION, STATISTICS_FILE
from training.variations.mixtures import MixtureSettings, fit_classes, warmed_up


def main() -> None:
    """Read the data set's folder and write the statistics."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("GAS_FUSION_DATA"), help="default: $GAS_FUSION_DATA")
    parser.add_argument("--output", type=Path, default=STATISTICS_FILE)
    arguments = parser.parse_args()
    if not arguments.data:
        parser.error("give --data or set GAS_FUSION_DATA to the folder of the data set")
    document = json.dumps(fit(Dataset.load(arguments.data)), separators=(",", ":"))
    # One component per line, so that a change can be read.
    arguments.output.write_text(document.replace("},{", "},\n{") + "\n", encoding="utf-8")


def fit(dataset: Dataset) -> dict[str, object]:
    """Return the statistics file's content for a data set."""
    labels = np.array(dataset.classes)[dataset.labels]
    classes = fit_classes(dataset.counts, labels, warmed_up(labels == CLEAN_AIR), MixtureSettings())
    return {
        "format": FORMAT_VERSION,
        "source": "MultimodalGasData, Narkhede et al. 2022, doi 10.17632/zkwgkjkjn9, CC BY 4.0",
        "channels": list(dataset.channels),
        "classes": classes,
    }


if __name__ == "__main__":
    main()
