"""The live road from an array's readings to its alarms, without topics: classifier and alarm of a bundle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.clock import AlarmClock, Instant
from gas_fusion_ros.alarm.settings import default_alarm
from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.observation import GasReading, Observation
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, ClassifierError
from gas_fusion_ros.model.runtimes import create_runtime

_START_NS = 1_000 * NANOSECONDS_PER_SECOND


def classifier_of(
    bundle: Bundle,
    array: ArrayDescription,
    tracking: TrackingSettings = TrackingSettings(),  # noqa: B008  frozen
) -> Classifier:
    """Return what classifies the readings of a calibrated array with a bundle."""
    return Classifier(bundle, create_runtime(bundle, "cpu"), array, tracking)


def alarms(
    bundle: Bundle,
    classifier: Classifier,
    channels: tuple[str, ...],
    readings: npt.NDArray[np.float32],
    period_ns: int,
) -> Iterator[tuple[int, str]]:
    """Yield each alarm of a run of readings: the place of the reading that raised it, and its gas.

    Each is acknowledged at once, as an operator does, so that a bout of suspicion counts once.

    Args:
        bundle: the model, with the alarm that it advises.
        classifier: of the same model; what it heard before is no past of the run.
        channels: the names of the C channels.
        readings: shape (N, C), in the array's unit; a reading without any value is passed over.
        period_ns: time between two of them.
    """
    heard: list[AlarmEvent] = []
    alarm = AlarmClock(
        default_alarm(bundle.alarm, bundle.departure), lambda _, __, events: heard.extend(events)
    )
    classifier.forget()
    for place, counts in enumerate(readings):
        stamp_ns = _START_NS + place * period_ns
        reading = GasReading(stamp_ns, channels, counts)
        if not reading.valid.any():
            continue
        instant = Instant.of(stamp_ns)
        alarm.hear(stamp_ns, instant)
        try:
            alarm.update(classifier.classify(Observation(reading, None)), instant)
        except ClassifierError:
            continue  # none of the model's channels is valid: the live node counts it, and tells a fault
        for event in heard:
            if event.raises_alarm:
                yield place, event.gas
                alarm.acknowledge(instant)
        heard.clear()
