"""Chooses the alarm's thresholds and delays for a stated rate of false alarms, by running the alarm itself.

Each stream is a run of its own, from a cleared alarm on. An alarm latches, so an operator is played who
acknowledges it at the very reading that raised it. It then stands until the leak probability has been below
`off_threshold` throughout `off_delay`, and clears by itself; only after that can another be raised. So a
bout of suspicion counts once, however long it lasts, and bouts closer than the off-delay count as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, AlarmState, LeakAlarm, Severity
from gas_fusion_ros.alarm.settings import BALANCED
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND, SECONDS_PER_HOUR

Leaks = npt.NDArray[np.floating]
"""Leak probabilities of consecutive readings, shape (T,), 0..1."""
OnsetStream = tuple[Leaks, int]
"""Leak probabilities, shape (T,), and the index of the first reading with gas."""

TARGET = 0.5
"""False alarms per hour of clean air that are borne."""

TARGETS: Mapping[str, float] = {"cautious": 0.0, BALANCED: 2.0, "quick": 6.0}
"""False alarms per hour of clean air that the alarm of each profile may raise on the inner folds.

One alarm in all of the data set's clean air that the folds hold out is more than one per hour."""

_ROUNDING = 1e-4
"""How far a probability may lie outside 0..1 by float arithmetic, as for the alarm."""
_LEAK = "leak"
_SEVERITIES = {_LEAK: Severity.WARNING}


@dataclass(frozen=True)
class AlarmGrid:
    """The settings that are tried: each with each, where `off_threshold` is not above `on_threshold`.

    Of equally good ones the first wins, so the values stand in order of caution.

    Attributes:
        on_thresholds: leak probabilities, above 0 and at most 1.
        off_thresholds: leak probabilities, above 0 and at most 1.
        on_delays_s: seconds.
        off_delays_s: seconds.
    """

    on_thresholds: tuple[float, ...] = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
    off_thresholds: tuple[float, ...] = (0.4, 0.2, 0.1)
    on_delays_s: tuple[float, ...] = (30.0, 20.0, 14.0, 10.0, 8.0, 6.0, 4.0, 2.0, 0.0)
    off_delays_s: tuple[float, ...] = (20.0, 10.0)

    def settings(self) -> Iterator[AlarmSettings]:
        """Yield the settings in order.

        Raises:
            ValueError: a value is none that the alarm takes.
        """
        for on, off, on_delay, off_delay in product(
            self.on_thresholds, self.off_thresholds, self.on_delays_s, self.off_delays_s
        ):
            if off <= on:
                yield _settings(on, off, on_delay, off_delay)


GRID = AlarmGrid()


@dataclass(frozen=True)
class AlarmTuning:
    """The settings chosen, and what they did on the streams they were chosen on.

    Attributes:
        on_threshold: leak probability from which on a leak is suspected.
        off_threshold: leak probability below which it counts as gone.
        on_delay_s: how long a leak is suspected before the alarm, seconds.
        off_delay_s: how long it must be gone before the alarm lets go, seconds.
        false_alarms_per_hour: per hour of clean air; above the target where no settings meet it.
        detection_delay_readings: median over the detected leaks of `detection_delays`; None without one.
        missed: share of the leaks that raised no alarm.
    """

    on_threshold: float
    off_threshold: float
    on_delay_s: float
    off_delay_s: float
    false_alarms_per_hour: float
    detection_delay_readings: float | None
    missed: float

    @property
    def settings(self) -> AlarmSettings:
        """Settings of an alarm of one gas, to measure with."""
        return _settings(self.on_threshold, self.off_threshold, self.on_delay_s, self.off_delay_s)

    def advice(self, period_s: float) -> dict[str, float | None]:
        """Return what a bundle advises, its field `alarm`, where readings are so many seconds apart."""
        names = (
            "on_threshold",
            "off_threshold",
            "on_delay_s",
            "off_delay_s",
            "false_alarms_per_hour",
            "missed",
        )
        delay = self.detection_delay_readings
        delay_s = None if delay is None else delay * period_s
        return {**{name: round(getattr(self, name), 4) for name in names}, "delay_s": delay_s}


def advised_alarm(advice: Mapping[str, float | None]) -> AlarmSettings:
    """Return the settings of an alarm of one gas that `AlarmTuning.advice` describes.

    Raises:
        ValueError: a value is missing or none that the alarm takes.
    """
    names = ("on_threshold", "off_threshold", "on_delay_s", "off_delay_s")
    values = [advice.get(name) for name in names]
    if None in values:
        raise ValueError(f"the advice must have {', '.join(names)}")
    return _settings(*(float(value) for value in values if value is not None))


def tune_alarm(
    clean_streams: Sequence[Leaks],
    onset_streams: Sequence[OnsetStream],
    period_s: float,
    target: float = TARGET,
    grid: AlarmGrid = GRID,
) -> AlarmTuning:
    """Choose the settings that meet the target, miss the fewest leaks, and of these detect the fastest.

    The delay is the median over the detected leaks. Among equals fewer false alarms decide, then the grid's
    order. Where no settings meet the target, it is chosen among those with the fewest false alarms, and the
    result's figure says so. One false alarm in an hour of clean air is a rate of 1: give hours.

    Args:
        clean_streams: clean air.
        onset_streams: clean air that gives way to a leak.
        period_s: time between two readings, seconds.
        target: false alarms per hour of clean air that are borne.
        grid: the settings to choose from.

    Raises:
        ValueError: there is no reading of clean air or no leak, or a parameter is out of its range.
    """
    if not 0 <= target < np.inf:
        raise ValueError(
            f"target is {target}; it must be a finite number of false alarms per hour, at least 0"
        )
    tried = _tried(clean_streams, onset_streams, period_s, grid)
    borne = max(target, min(rate for _, rate in tried))
    return min(
        (_tuning(settings, rate, onset_streams, period_s) for settings, rate in tried if rate <= borne),
        key=_rank,
    )


def alarm_curve(
    clean_streams: Sequence[Leaks],
    onset_streams: Sequence[OnsetStream],
    period_s: float,
    grid: AlarmGrid = GRID,
) -> list[AlarmTuning]:
    """Return what can be had: the fewest leaks missed for each rate of false alarms, fewest of these first.

    Each is what `tune_alarm` chooses for its rate; one that misses no fewer than one before is left out.

    Args:
        clean_streams: clean air.
        onset_streams: clean air that gives way to a leak.
        period_s: time between two readings, seconds.
        grid: the settings to choose from.

    Raises:
        ValueError: as `tune_alarm`, but for the target.
    """
    tried = [
        _tuning(settings, rate, onset_streams, period_s)
        for settings, rate in _tried(clean_streams, onset_streams, period_s, grid)
    ]
    curve: list[AlarmTuning] = []
    for tuning in sorted(tried, key=lambda one: (one.false_alarms_per_hour, *_rank(one))):
        if not curve or tuning.missed < curve[-1].missed:
            curve.append(tuning)
    return curve


def false_alarms_per_hour(streams: Sequence[Leaks], settings: AlarmSettings, period_s: float) -> float:
    """Return how many alarms are raised per hour of clean air.

    Args:
        streams: clean air; each is a run of its own.
        settings: the alarm's; the leak probability counts as that of the first of its gases.
        period_s: time between two readings, seconds.

    Raises:
        ValueError: there is no reading, or a value is no probability, or the period not positive.
    """
    readings = sum(len(leaks) for leaks in streams)
    if not readings:
        raise ValueError("streams hold no reading; there must be at least one of clean air")
    alarms = sum(1 for leaks in streams for _ in _alarms(leaks, settings, period_s))
    return alarms * SECONDS_PER_HOUR / (readings * period_s)


def detection_delays(
    streams: Sequence[OnsetStream], settings: AlarmSettings, period_s: float
) -> list[int | None]:
    """Return for each leak how many readings after its first one the alarm is raised; None where it never is.

    Only an alarm raised at the leak's first reading (0) or later counts. One from before, which an operator
    has acknowledged as false, may still stand and keep the leak from being heard: then it is missed.

    Args:
        streams: clean air that gives way to a leak; each is a run of its own.
        settings: the alarm's; the leak probability counts as that of the first of its gases.
        period_s: time between two readings, seconds.

    Raises:
        ValueError: an onset is outside its stream, or a value is no probability, or the period not positive.
    """
    return [_detection_delay(leaks, onset, settings, period_s) for leaks, onset in streams]


def _detection_delay(leaks: Leaks, onset: int, settings: AlarmSettings, period_s: float) -> int | None:
    if not 0 <= onset < len(leaks):
        raise ValueError(f"the onset is at {onset}; it must be within its stream of {len(leaks)} readings")
    return next((at - onset for at in _alarms(leaks, settings, period_s) if at >= onset), None)


def _alarms(leaks: Leaks, settings: AlarmSettings, period_s: float) -> Iterator[int]:
    """Yield the index of each reading that raises an alarm; see the module on acknowledgement."""
    # The alarm compares in double precision.
    values = _checked(leaks).astype(np.float64)
    period_ns = _nanoseconds("period_s", period_s, 1)
    gas = next(iter(settings.severities))
    alarm, state = LeakAlarm(settings, period_ns), AlarmState.CLEAR
    rises = np.flatnonzero(values >= settings.on_threshold)
    at = 0
    while at < len(values):
        if state is AlarmState.CLEAR:
            # Nothing below the threshold moves a cleared alarm, so those readings need not be shown to it.
            place = np.searchsorted(rises, at)
            if place == len(rises):
                return
            at = int(rises[place])
        now_ns = (at + 1) * period_ns
        events = alarm.update(now_ns, {gas: float(values[at])})
        if events:
            if any(event.raises_alarm for event in events):
                yield at
                alarm.acknowledge(now_ns)
            state = alarm.status.state
        at += 1


def standing(leaks: Leaks, settings: AlarmSettings, period_s: float) -> npt.NDArray[np.bool_]:
    """Return at which readings an alarm stands, shape (T,), from a cleared alarm on; acknowledged at once.

    Args:
        leaks: leak probabilities of consecutive readings, shape (T,).
        settings: the alarm's; the leak probability counts as that of the first of its gases.
        period_s: time between two readings, seconds.

    Raises:
        ValueError: a value is no probability, or the period not positive.
    """
    period_ns = _nanoseconds("period_s", period_s, 1)
    gas = next(iter(settings.severities))
    alarm = LeakAlarm(settings, period_ns)
    out = np.zeros(len(leaks), dtype=np.bool_)
    for at, leak in enumerate(_checked(leaks)):
        now_ns = (at + 1) * period_ns
        alarm.update(now_ns, {gas: float(leak)})
        out[at] = alarm.status.state.is_leak
        if out[at]:
            alarm.acknowledge(now_ns)
    return out


def _checked(leaks: Leaks) -> Leaks:
    if leaks.ndim != 1:
        raise ValueError(f"a stream must have the shape (T,), not {leaks.shape}")
    if not ((leaks >= -_ROUNDING) & (leaks <= 1 + _ROUNDING)).all():
        raise ValueError("a stream must hold probabilities, 0..1; a reading without one is left out")
    return leaks


def _tried(
    clean_streams: Sequence[Leaks], onset_streams: Sequence[OnsetStream], period_s: float, grid: AlarmGrid
) -> list[tuple[AlarmSettings, float]]:
    """Return all settings of a grid, each with its false alarms per hour.

    Raises:
        ValueError: as `tune_alarm`, but for the target.
    """
    if not onset_streams:
        raise ValueError("onset_streams is empty; there must be at least one leak")
    tried = [
        (settings, false_alarms_per_hour(clean_streams, settings, period_s)) for settings in grid.settings()
    ]
    if not tried:
        raise ValueError("grid has no settings with off_threshold <= on_threshold; there must be one")
    return tried


def _tuning(
    settings: AlarmSettings, rate: float, onset_streams: Sequence[OnsetStream], period_s: float
) -> AlarmTuning:
    delays = detection_delays(onset_streams, settings, period_s)
    detected = [delay for delay in delays if delay is not None]
    return AlarmTuning(
        settings.on_threshold,
        settings.off_threshold,
        settings.on_delay_ns / NANOSECONDS_PER_SECOND,
        settings.off_delay_ns / NANOSECONDS_PER_SECOND,
        rate,
        float(np.median(detected)) if detected else None,
        1 - len(detected) / len(delays),
    )


def _rank(tuning: AlarmTuning) -> tuple[float, float, float]:
    delay = tuning.detection_delay_readings
    return tuning.missed, np.inf if delay is None else delay, tuning.false_alarms_per_hour


def _settings(on: float, off: float, on_delay_s: float, off_delay_s: float) -> AlarmSettings:
    return AlarmSettings(
        _SEVERITIES,
        on_threshold=on,
        off_threshold=off,
        on_delay_ns=_nanoseconds("on_delay_s", on_delay_s, 0),
        off_delay_ns=_nanoseconds("off_delay_s", off_delay_s, 0),
    )


def _nanoseconds(name: str, seconds: float, least: int) -> int:
    if not np.isfinite(seconds) or round(seconds * NANOSECONDS_PER_SECOND) < least:
        raise ValueError(f"{name} is {seconds}; it must be finite and at least {least} ns, in seconds")
    return round(seconds * NANOSECONDS_PER_SECOND)
