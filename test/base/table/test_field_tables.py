"""Captures of other people's tables, where an environment variable names their folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems


def captures() -> list[Path]:
    folder = os.environ.get("GAS_FUSION_FIELD")
    return sorted((Path(folder) / "csv").glob("*.csv")) if folder else []


@pytest.mark.skipif(not captures(), reason="GAS_FUSION_FIELD is not set: it names the folder of captures")
@pytest.mark.parametrize("path", captures(), ids=lambda path: path.name)
def test_each_capture_is_read_whole_under_the_right_names(path: Path) -> None:
    problems = Problems()
    dataset = Dataset.load_readable(path, None, problems)
    assert problems.counts() == {}
    assert dataset.channels == PAPER_CHANNELS
    assert dataset.classes == ("NoGas", "Smoke")
    medians = np.nanmedian(dataset.counts[: len(dataset.rows) // 2], axis=0)
    np.testing.assert_allclose(medians, (700, 525, 430, 420, 600, 600, 480), atol=2)
    if dataset.facts.times is not None:
        assert dataset.facts.times.period_s in (0.5, 2.0)
