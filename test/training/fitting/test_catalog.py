"""Every model's file is usable, holds the paper's protocol, and bad ones are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import needs_training  # noqa: F401
import pytest

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.registry import ARCHITECTURES
from gas_fusion_ros.model.thermal import Preparation
from training.fitting import catalog
from training.fitting.catalog import Hyperparameters, ModelError, all_models, choose_models, load_model


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_the_defaults_are_the_paper_s_protocol(model: catalog.Model) -> None:
    settings = model.hyperparameters
    assert (settings.learning_rate, settings.batch, settings.epochs) == (1e-3, 32, 200)
    assert (settings.patience, settings.dropout, settings.noise_counts, settings.takes) == (12, 0.3, 0, 1)
    if model.preparation is not None:
        assert settings.image_size == 224


def test_the_tables_are_in_the_paper_s_order_and_whole() -> None:
    models = all_models()
    assert len({model.order for model in models}) == len(models)
    assert {model.architecture for model in models} >= {
        name for name, entry in ARCHITECTURES.items() if not entry.windowed
    }
    tables = [model.paper.table for model in models if model.paper is not None]
    assert tables == [4] * 4 + [5] * 6 + [6] * 5
    assert all(model.mode is Mode.FUSION for model in models if model.paper and model.paper.table == 6)


def test_one_model_sees_the_uncropped_picture_and_its_twin_the_cropped_one() -> None:
    assert load_model("gasnet_original").preparation is Preparation.ORIGINAL
    assert load_model("gasnet").preparation is Preparation.CROPPED
    assert load_model("cnn1d").preparation is None


def test_a_group_s_name_stands_for_its_models() -> None:
    assert [model.name for model in choose_models(["all"])] == [model.name for model in all_models()]
    assert {model.mode for model in choose_models(["gas_only"])} == {Mode.GAS_ONLY}
    assert [model.name for model in choose_models(["dnn", "lstm", "dnn"])] == ["dnn", "lstm"]


@pytest.mark.parametrize("name", ["fusion9", "../catalog", ""])
def test_an_unknown_model_is_named_beside_the_known_ones(name: str) -> None:
    with pytest.raises(ModelError, match=f"no model is called '{name}'; there are cnn1d, .*vgg16"):
        load_model(name)


def test_overrides_leave_models_without_pictures_without_a_size() -> None:
    assert load_model("cnn1d").with_overrides({"image_size": 64, "epochs": 3}).hyperparameters.epochs == 3
    assert load_model("cnn1d").with_overrides({"image_size": 64}).hyperparameters.image_size is None
    assert load_model("gasnet").with_overrides({"image_size": 64}).hyperparameters.image_size == 64


@pytest.mark.parametrize(
    ("setting", "detail"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be a positive number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"batch": 1}, "batch is 1; it must be at least 2"),
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"patience": 0}, "patience is 0; it must be at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at least 0 and below 1"),
        ({"noise_counts": -1.0}, "noise_counts is -1.0; it must be at least 0"),
        ({"image_size": 16}, "image_size is 16; it must be at least 32 pixels"),
        ({"takes": 0}, "takes is 0; it must be at least 1"),
        ({"precision": "8"}, "precision is 8; it must be one of 32-true"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(setting: dict[str, float], detail: str) -> None:
    with pytest.raises(ModelError, match=detail):
        Hyperparameters(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ({}, "mine.yaml: 'architecture'"),
        ({"architecture": "cnn9"}, "mine.yaml: architecture is 'cnn9'; it must be one of cnn1d"),
        ({"architecture": "dnn", "hyperparameters": {"rate": 1}}, "mine.yaml: unknown hyperparameters rate"),
        ({"architecture": "gasnet", "preparation": "grey"}, "mine.yaml: 'grey' is not a valid Preparation"),
    ],
)
def test_an_unusable_file_is_named(
    content: dict[str, object], detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(json.dumps({"title": "mine", "order": 1, **content}))
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    with pytest.raises(ModelError, match=detail):
        load_model("mine")
