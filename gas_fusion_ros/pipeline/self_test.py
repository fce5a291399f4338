"""Sends a known leak through window, network and alarm, beside whatever goes on.

The leak is simulated, by gas alone: the whole road from readings to the alarm, but drivers and pairing.
"""

from __future__ import annotations

from collections.abc import Iterator

from gas_fusion_ros.alarm.clock import AlarmClock, Instant
from gas_fusion_ros.alarm.leak_alarm import AlarmEvent, AlarmSettings, CommandResult, Severity
from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Mode, Observation
from gas_fusion_ros.base.shipped_files import SIMULATED_ARRAY, find_array
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, ClassifierError
from gas_fusion_ros.model.runtimes import Runtime
from gas_fusion_ros.simulation.patrol import LEAK_GASES, Encounter, Patrol

_PATROL_S = 180.0
_SEEDS = range(64)
_PERIOD_NS = NANOSECONDS_PER_SECOND
_START_NS = 1_000 * NANOSECONDS_PER_SECOND


def self_test(bundle: Bundle, runtime: Runtime, settings: AlarmSettings) -> CommandResult:
    """Play a patrol with one leak, and tell whether its alarm came and named the gas.

    Args:
        bundle: the model.
        runtime: what runs it; asked from this thread, so it must bear a second caller.
        settings: the alarm's.

    Returns:
        Success where the leak raised an alarm and nothing before it did; the message says what came.
    """
    gas = _known_gas(settings)
    strange = [name for name in bundle.channels if name not in PAPER_CHANNELS]
    if gas is None or strange or Mode.GAS_ONLY not in bundle.networks:
        known = f"channels {', '.join(PAPER_CHANNELS)} and gases {', '.join(LEAK_GASES)}"
        return CommandResult(
            False, f"not tested: the known leaks have the {known}, and model {bundle.name} or alarm have not"
        )
    patrol, encounter = _patrol_with(gas)
    try:
        raised = [event for event in _play(patrol, bundle, runtime, settings) if event.raises_alarm]
    except ClassifierError as error:
        return CommandResult(False, f"the model failed on a known leak of {gas}: {error}")
    return _judged(encounter, raised)


def _known_gas(settings: AlarmSettings) -> str | None:
    """The gas to test with: a critical one where there is one."""
    gases = [gas for gas in LEAK_GASES if gas in settings.severities]
    return min(gases, key=lambda gas: settings.severities[gas] is not Severity.CRITICAL, default=None)


def _patrol_with(gas: str) -> tuple[Patrol, Encounter]:
    for seed in _SEEDS:
        patrol = Patrol(seed, _PATROL_S, leaks=1)
        (encounter,) = patrol.encounters
        if encounter.gas == gas:
            return patrol, encounter
    raise AssertionError(f"no seed below {_SEEDS.stop} leaks {gas}")


def _play(patrol: Patrol, bundle: Bundle, runtime: Runtime, settings: AlarmSettings) -> Iterator[AlarmEvent]:
    heard: list[AlarmEvent] = []
    classifier = Classifier(bundle, runtime, load_array(find_array(SIMULATED_ARRAY)))
    alarm = AlarmClock(settings, lambda _, __, events: heard.extend(events))
    for stamp_ns in range(_START_NS, _START_NS + round(_PATROL_S) * NANOSECONDS_PER_SECOND, _PERIOD_NS):
        counts = patrol.reading((stamp_ns - _START_NS) / NANOSECONDS_PER_SECOND)
        alarm.hear(stamp_ns, Instant.of(stamp_ns))
        verdict = classifier.classify(Observation(GasReading(stamp_ns, PAPER_CHANNELS, counts), None))
        alarm.update(verdict, Instant.of(stamp_ns))
        yield from heard
        heard.clear()


def _judged(encounter: Encounter, raised: list[AlarmEvent]) -> CommandResult:
    gas = encounter.gas
    if not raised:
        return CommandResult(False, f"a known leak of {gas} raised no alarm")
    first = raised[0]
    delay_s = (first.stamp_ns - _START_NS) / NANOSECONDS_PER_SECOND - encounter.start_s
    told = f"alarm for {first.gas} after {delay_s:.1f} s, leak probability {first.peak:.3f}"
    if delay_s < encounter.first_sign_s - encounter.start_s:
        return CommandResult(False, f"a false alarm came before a known leak of {gas}: {told}")
    if first.gas != gas:
        return CommandResult(True, f"a known leak of {gas} was found under another name: {told}")
    return CommandResult(True, f"a known leak of {gas} was found: {told}")
