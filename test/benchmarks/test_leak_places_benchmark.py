"""The benchmark of the leaks' places judges what it should."""

from __future__ import annotations

import pytest

from benchmarks.leak_places import Case, MappedRun, Miss, _miss, row
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.mapping.settings import MappingSettings, PipeSettings
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.simulation.patrol import Encounter, Patrol


@pytest.mark.parametrize(("x", "is_within"), [(4.2, True), (4.4, False)])
def test_ellipse_holds_nine_in_ten(x: float, is_within: bool) -> None:
    place = LeakPlace(0.0, 0.0, 4.0, 0.0, 1.0, "map")
    assert _miss(place, Encounter("Smoke", 0.0, 1.0, 2.0, 3.0, x, 0.0)) == Miss(x, is_within)


def test_patrol_has_its_leak_placed() -> None:
    bundle = Bundle.load(find_bundle(DEFAULT_MODEL))
    settings = MappingSettings(pipe=PipeSettings("left"))
    runtime = create_runtime(bundle, device="cpu", threads=1)
    run = MappedRun(Patrol(11, 180.0, 1), bundle, runtime, settings)
    run.run(with_images=False)
    (miss,) = run.at_last()
    assert miss is not None
    assert miss.distance_m < 4.0
    assert len(run.costs_s) == 360
    line = list(row(Case(0.4, 3.0, False), [run]))
    assert line[:3] == ["gas alone", "0.4", "3"]
    assert line[7] == "1 of 1"
