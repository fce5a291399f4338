"""The plan has every figure that is asked for once, each after what it needs."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace
from pathlib import Path

import pytest

from gas_fusion_ros.base.dataset import Dataset
from training.data.images import Thermal
from training.data.splits import split_settings
from training.fitting.catalog import choose_models, load_model
from training.fitting.runs import Study
from training.published.plan import GAS, STARTED, PlanSettings, make_plan, shares_of
from training.published.units import Asking, FinalBundle, FineTuning, Training, Unit


@pytest.fixture
def units(tiny_folder: Path, tmp_path: Path) -> tuple[Unit, ...]:
    given = Study.of(Dataset.load(tiny_folder), tmp_path, tmp_path, Thermal.REAL)
    settings = PlanSettings(
        tables=tuple(choose_models(["thermal_only", "fusion"])),
        started=tuple(map(load_model, STARTED)),
        gas=load_model(GAS),
        splits=tuple(split_settings(["random", "blocked"], [0.2, 0.4], None, 1)),
        shares=shares_of([1, 10, 100]),
    )
    return make_plan(settings, replace(given, thermal=Thermal.RENDERED), given)


def test_each_unit_stands_once(units: tuple[Unit, ...]) -> None:
    names = [unit.name for unit in units]
    assert len(set(names)) == len(names)
    runs = [unit.of.name(unit.study) for unit in units if isinstance(unit, Training)]
    assert len(set(runs)) == len(runs)


def test_every_model_of_the_tables_is_trained_on_the_folder_under_every_split(
    units: tuple[Unit, ...],
) -> None:
    trained = {
        (unit.of.model.name, unit.of.split.label)
        for unit in units
        if isinstance(unit, Training) and unit.of.share == 1 and unit.study.thermal is Thermal.REAL
    }
    for model in choose_models(["thermal_only", "fusion"]):
        for label in ("random", "blocked0.2", "blocked0.4"):
            assert (model.name, label) in trained


def test_every_share_is_fine_tuned_and_learned_anew(units: tuple[Unit, ...]) -> None:
    tuned = {
        (unit.drawn.of.model.name, unit.drawn.of.split.label, unit.share)
        for unit in units
        if isinstance(unit, FineTuning)
    }
    anew = {
        (unit.of.model.name, unit.of.split.label, unit.of.share)
        for unit in units
        if isinstance(unit, Training) and unit.study.thermal is Thermal.REAL
    }
    assert len(tuned) == len(STARTED) * 3 * 3
    assert tuned <= anew


def test_each_unit_stands_after_what_it_needs(units: tuple[Unit, ...]) -> None:
    places = {unit.name: place for place, unit in enumerate(units)}
    for place, unit in enumerate(units):
        if isinstance(unit, Asking | FineTuning):
            assert places[unit.drawn.name] < place
        if isinstance(unit, FinalBundle):
            assert all(places[needed.name] < place for needed in (*unit.tuned, unit.gas))
        if isinstance(unit, Training):
            trained = [Training(branch, unit.study).name for branch in unit.of.branches()]
            assert all(places[name] < place for name in trained)


def test_the_bundle_is_of_the_first_split_and_of_all_pictures(units: tuple[Unit, ...]) -> None:
    (bundle,) = [unit for unit in units if isinstance(unit, FinalBundle)]
    assert [one.drawn.of.model.name for one in bundle.tuned] == list(STARTED)
    assert {one.share for one in bundle.tuned} == {1.0}
    assert {one.drawn.of.split.label for one in bundle.tuned} == {"random"} == {bundle.gas.of.split.label}


def test_all_of_the_pictures_are_always_among_the_shares() -> None:
    assert shares_of([10, 1]) == (0.01, 0.1, 1.0)
