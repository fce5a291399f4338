"""What the leak alarm is set with, shows and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gas_fusion_ros.observation import UNKNOWN, Verdict
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND


class Severity(str, Enum):
    """How severe a leak of a gas is."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlarmState(str, Enum):
    """What the alarm shows."""

    CLEAR = "clear"
    PENDING = "pending"
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    LATCHED = "latched"
    FAULT = "fault"

    @property
    def is_leak(self) -> bool:
        """Whether a leak alarm stands in this state."""
        return self in (AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED, AlarmState.LATCHED)


@dataclass(frozen=True)
class AlarmSettings:
    """What raises the alarm; times in nanoseconds.

    The leak probability is the sum of the probabilities of the gases in `severities`.

    Attributes:
        severities: the gases that raise an alarm, `Unknown` among them or not; all other classes do not.
        on_threshold: leak probability from which on a leak is suspected.
        off_threshold: leak probability below which it counts as gone.
        on_delay_ns: how long a leak is suspected before the alarm.
        off_delay_ns: how long it must be gone before the alarm lets go.
        timeout_ns: how long without a valid reading before the fault.
    """

    severities: Mapping[str, Severity]
    on_threshold: float = 0.7
    off_threshold: float = 0.4
    on_delay_ns: int = 3 * NANOSECONDS_PER_SECOND
    off_delay_ns: int = 10 * NANOSECONDS_PER_SECOND
    timeout_ns: int = 10 * NANOSECONDS_PER_SECOND

    def __post_init__(self) -> None:
        if not self.severities:
            raise ValueError("severities must name at least one gas")
        if not 0.0 < self.off_threshold <= self.on_threshold <= 1.0:
            raise ValueError(
                "off_threshold and on_threshold must satisfy 0 < off_threshold <= on_threshold <= 1, "
                f"not {self.off_threshold} and {self.on_threshold}"
            )
        for name, least in (("on_delay_ns", 0), ("off_delay_ns", 0), ("timeout_ns", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, not {value!r}")
        severities = {gas: Severity(severity) for gas, severity in self.severities.items()}
        object.__setattr__(self, "severities", MappingProxyType(severities))

    def check_classes(self, classes: Sequence[str]) -> None:
        """Make sure that a model can name every gas that is to raise an alarm.

        `Unknown` passes beside the model's classes.

        Raises:
            ValueError: it cannot, so that gas would never raise one.
        """
        missing = sorted(set(self.severities) - {UNKNOWN, *classes})
        if missing:
            raise ValueError(
                f"severities: {', '.join(missing)} is no class of the model, which knows {', '.join(classes)}"
            )

    def evidence(self, verdict: Verdict) -> Mapping[str, float]:
        """Return what a verdict says for and against a leak, 0..1 by class.

        Where `Unknown` is to raise an alarm, an Unknown verdict is certain evidence of it. Else the
        probabilities count as ever: an input unlike training keeps no leak from the alarm.
        """
        if verdict.is_unknown and UNKNOWN in self.severities:
            return {UNKNOWN: 1.0}
        return verdict.by_class


@dataclass(frozen=True)
class AlarmEvent:
    """A change of state, fault or severity.

    Attributes:
        stamp_ns: when, on the clock of the evidence.
        previous: the state left; equal to `state` where only fault or severity changed.
        state: the state entered.
        gas: the gas of the leak; empty without one.
        severity: its severity; None without a leak.
        confidence: the latest leak probability, 0..1.
        peak: the highest leak probability of this alarm.
        duration_ns: since this leak was first suspected; without a leak, since the fault came.
        fault: whether a fault stands.
        alarm: number of alarms raised so far, this one included.
        sequence: number of this event, from 1; a gap shows a lost message.
    """

    stamp_ns: int
    previous: AlarmState
    state: AlarmState
    gas: str
    severity: Severity | None
    confidence: float
    peak: float
    duration_ns: int
    fault: bool
    alarm: int
    sequence: int

    @property
    def raises_alarm(self) -> bool:
        """Whether a new leak alarm begins here."""
        return self.state is AlarmState.ACTIVE and not self.previous.is_leak


@dataclass(frozen=True)
class AlarmStatus:
    """What stands now.

    Attributes:
        state: the state shown.
        gas: the gas of the leak; empty without one.
        severity: its severity; None without a leak.
        since_ns: stamp at which `state` was entered.
        peak: the highest leak probability of this alarm; 0 without one.
        acknowledged: whether the leak has been acknowledged.
        alarm: number of alarms raised so far.
        sequence: number of the latest event.
        fault: whether a fault stands.
        sounding: whether a leak alarm or a fault stands.
        rejected: evidence refused because it was no probability.
    """

    state: AlarmState
    gas: str
    severity: Severity | None
    since_ns: int
    peak: float
    acknowledged: bool
    alarm: int
    sequence: int
    fault: bool
    sounding: bool
    rejected: int


@dataclass(frozen=True)
class CommandResult:
    """The answer to an operator's command, and the event it led to."""

    success: bool
    message: str
    event: AlarmEvent | None = None
