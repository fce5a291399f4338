"""What the leak alarm shows and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from gas_fusion_ros.base.observation import RobotPose


class Severity(str, Enum):
    """How severe a leak of a gas is."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlarmState(str, Enum):
    """What a leak alarm, or the watch that raises it, is in."""

    CLEAR = "clear"
    PENDING = "pending"
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    LATCHED = "latched"
    FAULT = "fault"
    INHIBITED = "inhibited"

    @property
    def is_leak(self) -> bool:
        """Whether a leak alarm stands in this state."""
        return self in (AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED, AlarmState.LATCHED)

    @property
    def is_sensed(self) -> bool:
        """Whether the leak of an alarm in this state is not over; `latched` only remembers it."""
        return self in (AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED)


@dataclass(frozen=True)
class Reason:
    """Why a fault stands, the alarm is inhibited, or an operator is warned.

    Attributes:
        code: a short stable key, such as `silence`.
        text: one sentence that names what is missing and what would be right.
    """

    code: str
    text: str


def reasons_text(reasons: Iterable[Reason]) -> str:
    """Reasons in a line: `code: text; code: text`."""
    return "; ".join(f"{reason.code}: {reason.text}" for reason in reasons)


@dataclass(frozen=True)
class StandingAlarm:
    """One leak alarm that is not both over and acknowledged.

    Attributes:
        number: its number, from 1, never given twice.
        gas: the gas of its leak.
        severity: how severe a leak of that gas is.
        state: active, acknowledged or latched.
        since_ns: stamp at which it was raised.
        peak: highest leak probability of its leak, 0..1.
        pose: where the robot was when it was raised; None where nobody knows.
        shelved: whether an operator has muted it for a time.
    """

    number: int
    gas: str
    severity: Severity
    state: AlarmState
    since_ns: int
    peak: float
    pose: RobotPose | None = None
    shelved: bool = False


@dataclass(frozen=True)
class AlarmEvent:
    """A change: of one alarm, or of the watch that raises them.

    Attributes:
        stamp_ns: when, on the clock of the evidence.
        previous: the state left; equal to `state` where only reasons or shelving changed.
        state: the state entered.
        gas: the gas of the alarm, or of the leak that is suspected; empty without one.
        severity: its severity; None without a leak.
        confidence: the latest leak probability, 0..1.
        peak: the highest leak probability of this leak.
        duration_ns: since this leak was first suspected; without a leak, since the fault came.
        fault: whether a fault stands.
        alarm: number of the alarm that changed; 0 where the watch did.
        sequence: number of this event, from 1; a gap shows a lost message.
        reasons: codes of the faults and inhibits that stand.
        shelved: whether the alarm is muted.
        pose: where the robot was; None where nobody knows.
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
    reasons: tuple[str, ...] = ()
    shelved: bool = False
    pose: RobotPose | None = None

    @property
    def raises_alarm(self) -> bool:
        """Whether a new leak alarm begins here."""
        return self.state is AlarmState.ACTIVE and not self.previous.is_leak


URGENCY = (AlarmState.ACTIVE, AlarmState.LATCHED, AlarmState.ACKNOWLEDGED)
"""What is to be acknowledged comes first."""


@dataclass(frozen=True)
class AlarmStatus:
    """What stands now.

    Attributes:
        watch: what is so beside the alarms that stand: clear, pending, fault or inhibited.
        since_ns: stamp at which `state` was entered.
        alarms: every alarm that stands, in the order in which they were raised.
        omitted: alarms that stand and are not among `alarms`, which are bounded in number.
        faults: why a fault stands; empty without one.
        inhibits: why no alarm can be raised; empty where one can.
        warnings: what makes the alarm less sure, and is no fault.
        suspected: the gas of the leak that is suspected; empty without one.
        confidence: the latest leak probability, 0..1.
        raised: number of the last alarm raised; 0 before the first.
        sequence: number of the latest event.
        rejected: evidence refused because it was no probability.
    """

    watch: AlarmState
    since_ns: int
    alarms: tuple[StandingAlarm, ...] = ()
    omitted: int = 0
    faults: tuple[Reason, ...] = ()
    inhibits: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    suspected: str = ""
    confidence: float = 0.0
    raised: int = 0
    sequence: int = 0
    rejected: int = 0

    @property
    def foremost(self) -> StandingAlarm | None:
        """The alarm to look at first: by state, then by severity, then the one raised first."""
        return min(
            self.alarms,
            key=lambda alarm: (
                URGENCY.index(alarm.state),
                alarm.severity is not Severity.CRITICAL,
                alarm.number,
            ),
            default=None,
        )

    @property
    def state(self) -> AlarmState:
        """The state shown: the foremost alarm's, else the watch's."""
        return self.watch if self.foremost is None else self.foremost.state

    @property
    def gas(self) -> str:
        """The gas of the foremost alarm, else of what is suspected; empty without a leak."""
        return self.suspected if self.foremost is None else self.foremost.gas

    @property
    def fault(self) -> bool:
        """Whether a fault stands."""
        return bool(self.faults)

    @property
    def is_safe(self) -> bool:
        """Whether it is known that no leak alarm stands; shelving one changes nothing of that."""
        return not (self.alarms or self.omitted or self.faults or self.inhibits)

    @property
    def sensed(self) -> Mapping[int, str]:
        """The gas of each alarm whose leak is not over, by its number."""
        return {alarm.number: alarm.gas for alarm in self.alarms if alarm.state.is_sensed}

    @property
    def sounding(self) -> bool:
        """Whether a horn should sound: for a fault, an inhibit, or an alarm that is not shelved."""
        heard = any(not alarm.shelved for alarm in self.alarms)
        return heard or self.omitted > 0 or self.fault or bool(self.inhibits)


@dataclass(frozen=True)
class Memory:
    """What must outlive the process that keeps the alarms.

    Attributes:
        alarms: every alarm that stands, in the order in which they were raised.
        raised: number of the last alarm raised; 0 before the first.
        omitted: alarms that stand and are only counted.
    """

    alarms: tuple[StandingAlarm, ...] = ()
    raised: int = 0
    omitted: int = 0


@dataclass(frozen=True)
class CommandResult:
    """The answer to an operator's command, and the events that it led to."""

    success: bool
    message: str
    events: tuple[AlarmEvent, ...] = ()
