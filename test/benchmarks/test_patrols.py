"""What the shipped bundle must do on simulated patrols; `benchmarks.patrols` scores more of them."""

from __future__ import annotations

import pytest

from benchmarks.patrols import PatrolRun
from gas_fusion_ros.alarm.settings import AlarmSettings
from gas_fusion_ros.alarm.types import AlarmEvent, Severity
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.scoring import Score


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("fusion1"))


@pytest.fixture(scope="module")
def runtime(bundle: Bundle) -> Runtime:
    return create_runtime(bundle, device="cpu", threads=1)


def play(bundle: Bundle, runtime: Runtime, seed: int, with_images: bool) -> Score:
    return PatrolRun(Patrol(seed), bundle, runtime).run(with_images)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_leak_alarms_and_clean_air_does_not(bundle: Bundle, runtime: Runtime, seed: int) -> None:
    score = play(bundle, runtime, seed, with_images=True)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_by_gas_alone(bundle: Bundle, runtime: Runtime, seed: int) -> None:
    score = play(bundle, runtime, seed, with_images=False)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)


class PatrolAlarms(PatrolRun):
    """Keeps the alarms that are raised."""

    def __init__(self, patrol: Patrol, bundle: Bundle, runtime: Runtime) -> None:
        self.raised: list[AlarmEvent] = []
        super().__init__(patrol, bundle, runtime)

    def on_alarm(self, event: AlarmEvent) -> None:
        if event.raises_alarm:
            self.raised.append(event)
        super().on_alarm(event)


@pytest.mark.parametrize("seed", [0, 1])
def test_leaks_that_the_readings_sense_alarm_as_early_as_a_picture_alone_would(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule for pictures beside calm readings costs a leak of a critical gas nothing on these patrols."""
    bundle = Bundle.load(find_bundle("temporal_fusion"))
    runtime = create_runtime(bundle, device="cpu", threads=1)
    run = PatrolAlarms(Patrol(seed), bundle, runtime)
    score = run.run(with_images=True)
    assert (score.leaks, score.missed_leaks, score.false_alarms) == (3, 0, 0)

    monkeypatch.setattr(AlarmSettings, "_contradicts", lambda *_: False)
    before = PatrolAlarms(Patrol(seed), bundle, runtime)
    before.run(with_images=True)
    assert _critical(run.raised) == _critical(before.raised) != []


def _critical(events: list[AlarmEvent]) -> list[tuple[str, int]]:
    return [(event.gas, event.stamp_ns) for event in events if event.severity is Severity.CRITICAL]
