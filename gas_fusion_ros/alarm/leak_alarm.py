"""The leak alarms: a state machine driven by time and evidence.

Each leak is an alarm of its own that latches and is acknowledged as ISA-18.2 (IEC 62682) describes. It
fails safe: what is not known is a fault, and no fault, silence or clock jump ever quiets a leak.
docs/alarm.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gas_fusion_ros.alarm.settings import AlarmSettings
from gas_fusion_ros.alarm.types import (
    URGENCY,
    AlarmEvent,
    AlarmState,
    AlarmStatus,
    CommandResult,
    Memory,
    Reason,
    Severity,
    StandingAlarm,
)
from gas_fusion_ros.base.observation import PICTURE_ALONE, RobotPose

__all__ = [
    "AlarmEvent",
    "AlarmSettings",
    "AlarmState",
    "AlarmStatus",
    "CommandResult",
    "LeakAlarm",
    "Memory",
    "Reason",
    "Severity",
    "StandingAlarm",
]

MAX_STANDING = 100
"""Alarms that are kept apart; of more, all but the first and the latest are only counted."""
_CLOCK_JUMP_NS = 1_000_000_000
"""A clock this far back has jumped; less is two callers' times out of order."""
_ROUNDING = 1e-4
"""How far a probability may lie outside 0..1 by float arithmetic."""

_UNTOLD: Mapping[str, float] = MappingProxyType({})

Where = Callable[[int], RobotPose | None]
"""Tells where the robot was at a stamp; None where nobody knows."""


def _nowhere(_: int) -> None:
    return None


@dataclass
class _Suspicion:
    """A leak that is not yet sure; times as elapsed, not as stamps.

    Attributes:
        since: since when it is suspected, be it by a picture alone.
        peak: highest leak probability so far.
        evidence: sum of each gas's probabilities, without those of a picture alone.
        joined: since when the readings have not been calm beside the picture; None while they are.
    """

    since: int
    peak: float = 0.0
    evidence: dict[str, float] = field(default_factory=dict)
    joined: int | None = None

    @property
    def gas(self) -> str:
        return max(self.evidence, key=self.evidence.__getitem__, default=PICTURE_ALONE)


@dataclass
class _Leak:
    """A standing alarm and how its leak goes on; times as elapsed, not as stamps.

    Attributes:
        superseded: another gas leads where this one did.
        gone_since: since when there is no evidence of it; None while there is.
    """

    alarm: StandingAlarm
    since: int
    superseded: bool = False
    gone_since: int | None = None


class LeakAlarm:
    """Debounce, hysteresis, latch, acknowledgement, fault and inhibit of an array. Not thread-safe.

    Only evidence moves a leak. Why a fault stands or the alarm is inhibited is told from outside, for it
    goes by other clocks.

    Args:
        settings: what raises an alarm.
        start_ns: when it begins, on the clock of the evidence.
        faults: those that stand from the beginning.
        memory: alarms that stand from before a restart.
        where: tells where the robot was.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        start_ns: int,
        faults: tuple[Reason, ...] = (),
        memory: Memory | None = None,
        where: Where = _nowhere,
    ) -> None:
        self.settings = settings
        self.warnings: tuple[Reason, ...] = ()
        self._where = where
        self._now_ns = 0  # stamp of the latest evidence
        self._left_ns: int | None = None  # where the clock stood before it went back
        self._elapsed = 0  # the clock's forward steps summed: a jump back neither ends nor prolongs a delay
        self._sequence = 0
        self._rejected = 0
        self._events: list[AlarmEvent] = []
        self._faults = faults
        self._inhibits: tuple[Reason, ...] = ()
        self._suspicion: _Suspicion | None = None
        self._dropped: _Suspicion | None = None  # what the event to come is about
        self._watch = self._watch_now()
        self._watch_since_ns = self._since_ns = start_ns
        self._leader, self._leader_since = "", 0
        self._confidence = 0.0
        self._readings_since: int | None = None  # since when readings say a leak, whatever pictures say
        self._is_picture_alone = False  # whether the latest evidence is a picture against calm readings
        memory = memory if memory is not None else Memory()
        self._leaks = [_Leak(alarm, since=0) for alarm in memory.alarms]
        self._raised, self._omitted = memory.raised, memory.omitted
        for leak in [leak for leak in self._leaks if leak.alarm.state.is_sensed][:-1]:
            leak.superseded, leak.gone_since = True, 0
        self._shown = self._shown_now()

    @property
    def status(self) -> AlarmStatus:
        """What stands now."""
        return AlarmStatus(
            watch=self._watch,
            since_ns=self._since_ns,
            alarms=tuple(leak.alarm for leak in self._leaks),
            omitted=self._omitted,
            faults=self._faults,
            inhibits=self._inhibits,
            warnings=self.warnings,
            suspected=self._suspicion.gas if self._suspicion is not None else "",
            confidence=self._confidence,
            raised=self._raised,
            sequence=self._sequence,
            rejected=self._rejected,
        )

    @property
    def memory(self) -> Memory:
        """What must outlive this process."""
        alarms = tuple(replace(leak.alarm, shelved=False) for leak in self._leaks)
        return Memory(alarms, self._raised, self._omitted)

    def accepts(self, probabilities: Mapping[str, float]) -> bool:
        """Whether `update` takes this evidence: whether the gases' probabilities are within 0..1, not NaN."""
        values = [float(probabilities.get(gas, 0.0)) for gas in self.settings.severities]
        return all(-_ROUNDING <= value <= 1.0 + _ROUNDING for value in values)

    def update(
        self, stamp_ns: int, probabilities: Mapping[str, float], readings: Mapping[str, float] = _UNTOLD
    ) -> tuple[AlarmEvent, ...]:
        """Take in the evidence of one classification; while the alarm is inhibited it counts for nothing.

        Args:
            stamp_ns: the evidence's; delays go by these alone.
            probabilities: of each class, as `AlarmSettings.evidence` gives them; a class missing counts as 0.
                With `PictureAlone` among them they hold a leak that stands and raise nothing but its warning.
                Where `accepts` says no, all of it is refused and counted.
            readings: likewise, of the readings without their picture, as `AlarmSettings.readings_evidence`
                gives them; empty where that is not known.
        """
        if not self.accepts(probabilities) or not self.accepts(readings):
            self._rejected += 1
            return ()
        self._is_picture_alone = probabilities.get(PICTURE_ALONE, 0.0) > 0.0
        self._advance(stamp_ns)
        gases = self._believed(self._of_gases(probabilities), self._of_gases(readings))
        self._confidence = min(max(sum(gases.values()), 0.0), 1.0)
        if not self._inhibits:
            self._weigh(gases)
        return self._settled(self._now_ns)

    def watch(
        self, stamp_ns: int, faults: tuple[Reason, ...], inhibits: tuple[Reason, ...]
    ) -> tuple[AlarmEvent, ...]:
        """Say which faults and inhibits stand from now on; they move no alarm that stands.

        Args:
            stamp_ns: when, on the clock of the evidence.
            faults: the most telling first.
            inhibits: likewise; an inhibit ends a suspicion, and delays start anew behind it.
        """
        before = _codes(self._faults + self._inhibits)
        self._faults, self._inhibits = faults, inhibits
        if inhibits:
            self.forget_delays()
        if _codes(faults + inhibits) != before:
            previous, self._watch = self._watch, self._watch_now()
            self._tell(stamp_ns, previous, self._watch, None)
        return self._settled(stamp_ns)

    def forget_delays(self) -> None:
        """Nobody looked for a while: what came before is no run with what comes now."""
        self._drop_suspicion()
        self._leader, self._readings_since = "", None
        for leak in self._sensed():
            leak.gone_since = self._elapsed if leak.superseded else None

    def acknowledge(self, stamp_ns: int, number: int | None = None) -> CommandResult:
        """An operator has seen the leaks: each goes on standing, or lets go where it is over.

        Args:
            stamp_ns: when, on the clock of the evidence.
            number: of the one alarm that was seen; None for all.
        """
        leaks, refusal = self._chosen(number)
        omitted = self._omitted if number is None else 0
        if refusal and not omitted:
            return CommandResult(False, refusal)
        told = []
        for leak in leaks:
            if leak.alarm.state is AlarmState.LATCHED:
                self._change(stamp_ns, leak, AlarmState.CLEAR)
                told.append(f"{_name(leak.alarm)} acknowledged: the leak is over")
            elif leak.alarm.state is AlarmState.ACTIVE:
                self._change(stamp_ns, leak, AlarmState.ACKNOWLEDGED)
                told.append(f"{_name(leak.alarm)} acknowledged: the leak still stands")
            else:
                told.append(f"{_name(leak.alarm)} is acknowledged already")
        if omitted:
            told.append(f"{omitted} alarms that were only counted acknowledged")
            self._omitted = 0
            self._tell(stamp_ns, self._watch, self._watch, None)
        return CommandResult(True, "; ".join(told), self._settled(stamp_ns))

    def reset(self, stamp_ns: int) -> CommandResult:
        """Clear the alarms whose leak is over; refused while a leak or, without an alarm, a fault stands."""
        sensed = self._sensed()
        if sensed:
            names = ", ".join(_name(leak.alarm) for leak in sensed)
            return CommandResult(False, f"not reset: {names} still stands or was gone too briefly")
        if not self._leaks:
            if self._faults:
                return CommandResult(False, self._nothing_to_do())
            return CommandResult(True, "no leak alarm stands")
        for leak in list(self._leaks):
            self._change(stamp_ns, leak, AlarmState.CLEAR)
        self._omitted = 0
        return CommandResult(True, "leak alarms reset", self._settled(stamp_ns))

    def shelve(self, stamp_ns: int, number: int | None = None) -> CommandResult:
        """Mute alarms that stand; a new leak sounds all the same. Arguments as for `acknowledge`."""
        return self._set_shelved(stamp_ns, number, True, "shelved")

    def unshelve(self, stamp_ns: int, number: int | None = None) -> CommandResult:
        """Let alarms sound again. Arguments as for `acknowledge`."""
        return self._set_shelved(stamp_ns, number, False, "no longer shelved")

    def _set_shelved(self, stamp_ns: int, number: int | None, shelved: bool, told: str) -> CommandResult:
        leaks, refusal = self._chosen(number)
        if refusal:
            return CommandResult(False, refusal)
        for leak in leaks:
            if leak.alarm.shelved is not shelved:
                leak.alarm = replace(leak.alarm, shelved=shelved)
                self._tell(stamp_ns, leak.alarm.state, leak.alarm.state, leak)
        return CommandResult(
            True, f"{', '.join(_name(leak.alarm) for leak in leaks)} {told}", self._settled(stamp_ns)
        )

    def _chosen(self, number: int | None) -> tuple[list[_Leak], str]:
        """Return the alarms that a command is for, and why there are none."""
        leaks = [leak for leak in self._leaks if number is None or leak.alarm.number == number]
        if leaks:
            return leaks, ""
        if not self._leaks:
            return [], self._nothing_to_do()
        names = ", ".join(_name(leak.alarm) for leak in self._leaks)
        return [], f"no leak alarm {number} stands; there is {names}"

    # The clock.

    def _advance(self, now_ns: int) -> None:
        step = now_ns - self._now_ns
        if self._now_ns <= 0:  # the first evidence
            self._now_ns = now_ns
        elif step < -_CLOCK_JUMP_NS:  # a bag loops, or this message is late
            # Of several places that it left, only the furthest bounds what has been counted.
            self._left_ns = max(self._now_ns, self._left_ns or self._now_ns)
            self._now_ns = now_ns
        elif step > 0:
            if self._left_ns is not None and now_ns >= self._left_ns:  # it was late: go on from there
                step, self._left_ns = min(step, now_ns - self._left_ns), None
            self._now_ns = now_ns
            self._elapsed += step

    def _lasted(self, since: int | None, delay: int) -> bool:
        return since is not None and self._elapsed - since >= delay

    # Evidence.

    def _sensed(self) -> list[_Leak]:
        return [leak for leak in self._leaks if leak.alarm.state.is_sensed]

    def _leading(self) -> list[_Leak]:
        return [leak for leak in self._sensed() if not leak.superseded]

    def _of_gases(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        return {gas: float(probabilities.get(gas, 0.0)) for gas in self.settings.severities}

    def _believed(self, gases: dict[str, float], readings: dict[str, float]) -> dict[str, float]:
        """Return the readings' evidence where they have insisted long enough on a leak that pictures deny."""
        told = sum(readings.values())
        if told < self.settings.off_threshold:
            self._readings_since = None
        elif told >= self.settings.on_threshold and self._readings_since is None:
            self._readings_since = self._elapsed
        is_denied = sum(gases.values()) < min(told, self.settings.on_threshold)
        insist = self._lasted(self._readings_since, self.settings.readings_alone_on_delay_ns)
        return readings if is_denied and insist else gases

    def _weigh(self, gases: Mapping[str, float]) -> None:
        rising = self._confidence >= self.settings.on_threshold
        falling = self._confidence < self.settings.off_threshold
        self._follow_leader(gases, rising, falling)
        for leak in self._sensed():
            if falling and leak.gone_since is None:
                leak.gone_since = self._elapsed
            elif not leak.superseded and not falling:
                leak.gone_since = None
                leak.alarm = replace(leak.alarm, peak=max(leak.alarm.peak, self._confidence))
        # What a picture alone raised is no leak that another one would be judged against.
        current = next((leak for leak in self._leading() if leak.alarm.gas != PICTURE_ALONE), None)
        if current is None:
            self._suspect(gases, rising, falling)
        elif rising and not self._is_picture_alone:
            self._change_lead(current)
        for leak in self._sensed():
            if self._lasted(leak.gone_since, self.settings.off_delay_of(leak.alarm.gas)):
                is_new = leak.alarm.state is AlarmState.ACTIVE
                self._change(self._now_ns, leak, AlarmState.LATCHED if is_new else AlarmState.CLEAR)

    def _follow_leader(self, gases: Mapping[str, float], rising: bool, falling: bool) -> None:
        """Keep since when one gas is the most probable one; between the thresholds a lead goes on."""
        if falling or self._is_picture_alone:
            self._leader = ""
        elif rising:
            leader = max(gases, key=gases.__getitem__)
            if leader != self._leader:
                self._leader, self._leader_since = leader, self._elapsed

    def _suspect(self, gases: Mapping[str, float], rising: bool, falling: bool) -> None:
        """Between the thresholds a suspicion goes on."""
        if falling:
            self._drop_suspicion()
            return
        if self._suspicion is None:
            if not rising:
                return
            self._suspicion = _Suspicion(since=self._elapsed)
        suspicion = self._suspicion
        suspicion.peak = max(suspicion.peak, self._confidence)
        if self._is_picture_alone:
            suspicion.joined = None
            if rising:
                self._warn_of_picture(suspicion)
            return
        if suspicion.joined is None:
            suspicion.joined = self._elapsed
        for gas, value in gases.items():
            suspicion.evidence[gas] = suspicion.evidence.get(gas, 0.0) + value
        if rising and self._is_sure(suspicion, suspicion.joined):
            self._suspicion = None
            self._supersede_picture()
            self._raise(suspicion.gas, suspicion.since, suspicion.peak)

    def _is_sure(self, suspicion: _Suspicion, joined: int) -> bool:
        """Whether the on-delay is over now that the readings are not calm.

        For a critical alarm it counts anew from readings that join after a picture alone had filled it.
        """
        gas = suspicion.gas
        delay = self.settings.on_delay_of(gas)
        is_late = joined - suspicion.since > delay
        is_critical = self.settings.severity_of(gas) is Severity.CRITICAL
        return self._lasted(joined if is_late and is_critical else suspicion.since, delay)

    def _warn_of_picture(self, suspicion: _Suspicion) -> None:
        """Raise the warning of a picture alone once its delay is over; the suspicion goes on."""
        delay = self.settings.picture_alone_on_delay_ns
        if not self.settings.picture_alone or not self._lasted(suspicion.since, delay):
            return
        again = next((leak for leak in self._sensed() if leak.alarm.gas == PICTURE_ALONE), None)
        if again is None:
            self._raise(PICTURE_ALONE, suspicion.since, suspicion.peak)
        else:  # it was not gone for the off-delay: the same leak
            again.superseded, again.gone_since = False, None

    def _supersede_picture(self) -> None:
        """The readings say what the picture alone was suspected of: its warning is over from now on."""
        for leak in self._leading():
            leak.superseded, leak.gone_since = True, self._elapsed

    def _drop_suspicion(self) -> None:
        self._dropped, self._suspicion = self._suspicion, None

    def _change_lead(self, current: _Leak) -> None:
        """Another gas that led for the on-delay is another leak; the one before is gone from now on."""
        gas = self._leader
        if gas == current.alarm.gas or not self._lasted(self._leader_since, self.settings.on_delay_of(gas)):
            return
        current.superseded, current.gone_since = True, self._elapsed
        again = next((leak for leak in self._sensed() if leak.alarm.gas == gas), None)
        if again is None:
            self._raise(gas, self._leader_since, self._confidence)
        else:  # it was not gone for the off-delay: the same leak
            again.superseded, again.gone_since = False, None

    def _raise(self, gas: str, since: int, peak: float) -> None:
        before = self._watch
        self._watch = self._watch_now()
        self._raised += 1
        severity = self.settings.severity_of(gas)
        alarm = StandingAlarm(
            self._raised, gas, severity, AlarmState.ACTIVE, self._now_ns, peak, self._where(self._now_ns)
        )
        leak = _Leak(alarm, since)
        self._leaks.append(leak)
        if len(self._leaks) > MAX_STANDING:
            del self._leaks[1]
            self._omitted += 1
        self._tell(self._now_ns, before, AlarmState.ACTIVE, leak)

    def _change(self, stamp_ns: int, leak: _Leak, state: AlarmState) -> None:
        before = leak.alarm.state
        if state is AlarmState.CLEAR:
            self._leaks.remove(leak)
        else:
            leak.alarm = replace(leak.alarm, state=state)
        self._tell(stamp_ns, before, state, leak)

    # What is told.

    def _watch_now(self) -> AlarmState:
        if self._faults:
            return AlarmState.FAULT
        if self._inhibits:
            return AlarmState.INHIBITED
        return AlarmState.PENDING if self._suspicion is not None else AlarmState.CLEAR

    def _shown_now(self) -> AlarmState:
        states = (leak.alarm.state for leak in self._leaks)
        return min(states, key=URGENCY.index, default=self._watch)

    def _settled(self, stamp_ns: int) -> tuple[AlarmEvent, ...]:
        """Return what has happened, a change of the watch included."""
        previous, self._watch = self._watch, self._watch_now()
        if previous is not self._watch:
            self._tell(stamp_ns, previous, self._watch, None)
        shown = self._shown_now()
        if shown is not self._shown:
            self._shown, self._since_ns = shown, stamp_ns
        events, self._events, self._dropped = tuple(self._events), [], None
        return events

    def _tell(self, stamp_ns: int, previous: AlarmState, state: AlarmState, leak: _Leak | None) -> None:
        self._sequence += 1
        suspicion = (self._suspicion or self._dropped) if leak is None else None
        gas, severity, peak, duration_ns = "", None, 0.0, 0
        if leak is not None:
            alarm = leak.alarm
            gas, severity, peak = alarm.gas, alarm.severity, alarm.peak
            duration_ns = self._elapsed - leak.since
        elif suspicion is not None:
            gas, peak, duration_ns = suspicion.gas, suspicion.peak, self._elapsed - suspicion.since
            severity = self.settings.severity_of(gas)
        elif AlarmState.FAULT in (previous, state):
            # A fault that stands since before simulated time began has no length.
            is_dated = previous is AlarmState.FAULT and self._watch_since_ns > 0
            duration_ns = max(0, stamp_ns - self._watch_since_ns) if is_dated else 0
        if leak is None and previous is not state:
            self._watch_since_ns = stamp_ns
        self._events.append(
            AlarmEvent(
                stamp_ns=stamp_ns,
                previous=previous,
                state=state,
                gas=gas,
                severity=severity,
                confidence=self._confidence,
                peak=peak,
                duration_ns=duration_ns,
                fault=bool(self._faults),
                alarm=leak.alarm.number if leak is not None else 0,
                sequence=self._sequence,
                reasons=_codes(self._faults + self._inhibits),
                shelved=leak is not None and leak.alarm.shelved,
                pose=self._where(stamp_ns),
            )
        )

    def _nothing_to_do(self) -> str:
        if self._faults:
            told = "; ".join(reason.text for reason in self._faults)
            return f"no leak alarm is known to stand, but a fault does: {told}"
        return "no leak alarm stands"


def _codes(reasons: Iterable[Reason]) -> tuple[str, ...]:
    return tuple(reason.code for reason in reasons)


def _name(alarm: StandingAlarm) -> str:
    return f"alarm {alarm.number} ({alarm.gas})"
