"""The real recording as a bag evaluates to what the model's bundle says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.run import EvaluationSettings, evaluate_bag
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource
from gas_fusion_ros.pipeline.settings import read_settings, replay_parameters_file


def test_it_is_classified_as_the_bundle_says(gas_fusion_data: Path, tmp_path: Path) -> None:
    make_bag(FolderSource(gas_fusion_data, FolderSettings(PAPER_CHANNELS)), BagTarget(tmp_path / "bag"), int)
    settings = EvaluationSettings(with_images=False, with_heat=False)
    # Its card has the figures of all rows replayed.
    classifier = replace(read_settings(replay_parameters_file()), model="fusion1")
    model = LoadedModel.load(classifier)
    report = evaluate_bag(tmp_path / "bag", tmp_path / "out", model, settings).report
    measured = model.bundle.metrics["all rows replayed, training rows included"]["gas_only"]
    assert report.is_whole
    assert report.readings == report.gas_only == report.classified == 6400
    assert report.class_accuracy == pytest.approx(measured["accuracy"], abs=5e-4)
    assert report.macro_f1 == pytest.approx(measured["macro_f1"], abs=5e-4)
    assert [list(said.values())[:4] for said in report.confusion.values()] == measured["confusion"]
