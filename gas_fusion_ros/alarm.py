"""The leak alarm: a state machine driven by time and evidence.

It latches and is acknowledged as ISA-18.2 (IEC 62682) describes, and fails safe: losing the readings
raises a fault, and no fault, silence or clock jump ever quiets a leak. docs/alarm.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gas_fusion_ros.alarm_types import (
    AlarmEvent,
    AlarmSettings,
    AlarmState,
    AlarmStatus,
    CommandResult,
    Severity,
)

__all__ = [
    "AlarmEvent",
    "AlarmSettings",
    "AlarmState",
    "AlarmStatus",
    "CommandResult",
    "LeakAlarm",
    "Severity",
]

_CLOCK_JUMP_NS = 1_000_000_000
"""A clock this far back has jumped; less is two callers' times out of order."""
_ROUNDING = 1e-4
"""How far a probability may lie outside 0..1 by float arithmetic."""
_RANK = {Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass
class _Leak:
    """One leak from its first suspicion until it lets go; times as elapsed, not as stamps."""

    since: int
    peak: float = 0.0
    gas: str = ""
    evidence: dict[str, float] = field(default_factory=dict)
    leader: str = ""
    leader_since: int = 0
    rising_since: int | None = None
    gone_since: int | None = None


@dataclass(frozen=True)
class _Shown:
    """What an event is about: it happens where state, fault or severity differ."""

    state: AlarmState
    fault_since: int | None
    severity: Severity | None
    leak: _Leak | None


class LeakAlarm:
    """Debounce, hysteresis, latch, acknowledgement and fault. Not thread-safe.

    Only evidence moves a leak, only a valid reading ends a fault, only their absence raises one.
    """

    def __init__(self, settings: AlarmSettings, start_ns: int) -> None:
        self.settings = settings
        self._now_ns = start_ns
        self._left_ns: int | None = None  # where the clock stood before it went back
        self._since_ns = start_ns
        self._elapsed = 0  # the clock's forward steps summed: a jump back neither ends nor prolongs a delay
        self._last_valid = 0
        self._last_evidence = 0
        self._fault_since: int | None = None
        self._leak: _Leak | None = None
        self._phase = AlarmState.CLEAR  # of the leak alone, whatever the fault
        self._confidence = 0.0
        self._alarms = 0
        self._sequence = 0
        self._rejected = 0

    @property
    def status(self) -> AlarmStatus:
        """What stands now."""
        shown = self._shown()
        leak = shown.leak
        return AlarmStatus(
            state=shown.state,
            gas=leak.gas if leak is not None else "",
            severity=self.settings.severities[leak.gas] if leak is not None else None,
            since_ns=self._since_ns,
            peak=leak.peak if leak is not None else 0.0,
            acknowledged=self._phase is AlarmState.ACKNOWLEDGED,
            alarm=self._alarms,
            sequence=self._sequence,
            fault=self._fault_since is not None,
            sounding=self._phase.is_leak or self._fault_since is not None,
            rejected=self._rejected,
        )

    @property
    def fault_due_ns(self) -> int | None:
        """When the fault comes if no valid reading does, on the clock as it stands; None while one stands."""
        if self._fault_since is not None:
            return None
        remaining = max(0, self._last_valid + self.settings.timeout_ns - self._elapsed)
        due_ns = self._now_ns + remaining
        # Where the clock has gone back, only what passes beyond the place that it left counts from there on.
        return due_ns if self._left_ns is None or due_ns < self._left_ns else self._left_ns + remaining

    def update(
        self, now_ns: int, probabilities: Mapping[str, float], reading_valid: bool
    ) -> AlarmEvent | None:
        """Take in the evidence of one classification.

        Args:
            now_ns: the clock.
            probabilities: of each class, as `AlarmSettings.evidence` gives them; a class missing counts as 0.
                Where one is not in 0..1 (NaN) all of it is refused and counted, and the reading does not
                count as valid.
            reading_valid: whether a valid gas reading is behind it. An image alone is none, yet its
                evidence counts.
        """
        gases = {gas: float(probabilities.get(gas, 0.0)) for gas in self.settings.severities}
        if not all(-_ROUNDING <= value <= 1.0 + _ROUNDING for value in gases.values()):
            self._rejected += 1
            return self.tick(now_ns)
        self._advance(now_ns)
        before = self._shown()
        if reading_valid:
            self._last_valid = self._elapsed
        self._check_readings()
        self._weigh(gases)
        return self._event(before)

    def tick(self, now_ns: int) -> AlarmEvent | None:
        """Let time pass: this raises the fault and moves nothing else."""
        self._advance(now_ns)
        before = self._shown()
        self._check_readings()
        return self._event(before)

    def stop(self, now_ns: int) -> AlarmEvent | None:
        """Nobody watches from now on: whoever trusts the alarm must know, so this raises the fault."""
        self._advance(now_ns)
        before = self._shown()
        if self._fault_since is None:
            self._fault_since = self._elapsed
        return self._event(before)

    def acknowledge(self, now_ns: int) -> CommandResult:
        """An operator has seen the leak: it goes on standing, or lets go where it is over."""
        self._advance(now_ns)
        before = self._shown()
        if self._phase is AlarmState.LATCHED and self._is_gone():
            self._let_go()
            return CommandResult(True, "leak alarm acknowledged; the leak is over", self._event(before))
        if self._phase in (AlarmState.ACTIVE, AlarmState.LATCHED):
            self._phase = AlarmState.ACKNOWLEDGED
            return CommandResult(True, "leak alarm acknowledged; the leak still stands", self._event(before))
        if self._phase is AlarmState.ACKNOWLEDGED:
            return CommandResult(True, "the leak alarm is acknowledged already")
        return CommandResult(False, self._nothing_to_do())

    def reset(self, now_ns: int) -> CommandResult:
        """Clear an alarm whose leak is over; refused while the leak or a fault stands."""
        self._advance(now_ns)
        before = self._shown()
        if self._leak is not None and not (self._phase is AlarmState.LATCHED and self._is_gone()):
            return CommandResult(False, f"not reset: {self._leak.gas} still stands or was gone too briefly")
        if self._leak is not None:
            self._let_go()
            return CommandResult(True, "leak alarm reset", self._event(before))
        if self._fault_since is not None:
            return CommandResult(False, self._nothing_to_do())
        return CommandResult(True, "the alarm is clear")

    def _advance(self, now_ns: int) -> None:
        step = now_ns - self._now_ns
        if self._now_ns <= 0:  # a simulated clock starts
            self._now_ns = now_ns
        elif step < -_CLOCK_JUMP_NS:  # a bag loops, or this message is late
            self._left_ns, self._now_ns = self._now_ns, now_ns
        elif step > 0:
            if self._left_ns is not None and now_ns >= self._left_ns:  # it was late: go on from there
                step, self._left_ns = min(step, now_ns - self._left_ns), None
            self._now_ns = now_ns
            self._elapsed += step

    def _check_readings(self) -> None:
        if self._elapsed - self._last_valid < self.settings.timeout_ns:
            self._fault_since = None
        elif self._fault_since is None:
            self._fault_since = self._elapsed

    def _weigh(self, gases: Mapping[str, float]) -> None:
        self._confidence = min(max(sum(gases.values()), 0.0), 1.0)
        rising = self._confidence >= self.settings.on_threshold
        if self._elapsed - self._last_evidence >= self.settings.timeout_ns:
            self._forget_delays()
        self._last_evidence = self._elapsed
        if self._leak is None:
            if not rising:
                return
            self._leak, self._phase = _Leak(since=self._elapsed), AlarmState.PENDING
        self._note(self._leak, gases, rising)
        self._move(self._leak, rising)

    def _forget_delays(self) -> None:
        """Nobody looked for a while: what came before is no run with what comes now."""
        if self._phase is AlarmState.PENDING:
            self._let_go()
        if self._leak is not None:
            self._leak.rising_since = self._leak.gone_since = None
            self._leak.leader = ""

    def _note(self, leak: _Leak, gases: Mapping[str, float], rising: bool) -> None:
        """Keep the delays; between the thresholds a rise goes on and a fall does not."""
        leak.peak = max(leak.peak, self._confidence)
        if self._confidence < self.settings.off_threshold:
            leak.rising_since, leak.leader = None, ""
            leak.gone_since = self._elapsed if leak.gone_since is None else leak.gone_since
            return
        leak.gone_since = None
        for gas, value in gases.items():
            leak.evidence[gas] = leak.evidence.get(gas, 0.0) + value
        if not rising:
            return
        leak.rising_since = self._elapsed if leak.rising_since is None else leak.rising_since
        leader = max(gases, key=gases.__getitem__)
        if leader != leak.leader:
            leak.leader, leak.leader_since = leader, self._elapsed

    def _move(self, leak: _Leak, rising: bool) -> None:
        sure = rising and self._lasted(leak.rising_since, self.settings.on_delay_ns)
        over = self._lasted(leak.gone_since, self.settings.off_delay_ns)
        if self._phase is AlarmState.PENDING:
            leak.gas = max(self.settings.severities, key=leak.evidence.__getitem__)
            if leak.gone_since is not None:
                self._let_go()
            elif sure:
                self._phase = AlarmState.ACTIVE
                self._alarms += 1
        elif self._phase is AlarmState.ACTIVE and over:
            self._phase = AlarmState.LATCHED
        elif self._phase is AlarmState.ACKNOWLEDGED and over:
            self._let_go()
        elif self._phase is AlarmState.LATCHED and sure:
            self._phase = AlarmState.ACTIVE
        if self._phase in (AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED) and rising:
            self._escalate(leak)

    def _escalate(self, leak: _Leak) -> None:
        """A more severe gas that led for the on-delay takes over, and is to be acknowledged anew."""
        rank = {gas: _RANK[severity] for gas, severity in self.settings.severities.items()}
        led = self._lasted(leak.leader_since, self.settings.on_delay_ns)
        if led and rank[leak.leader] > rank[leak.gas]:
            leak.gas = leak.leader
            self._phase = AlarmState.ACTIVE

    def _let_go(self) -> None:
        self._leak, self._phase = None, AlarmState.CLEAR

    def _is_gone(self) -> bool:
        return self._leak is not None and self._leak.gone_since is not None

    def _lasted(self, since: int | None, delay: int) -> bool:
        return since is not None and self._elapsed - since >= delay

    def _nothing_to_do(self) -> str:
        if self._fault_since is not None:
            return "a fault stands: no valid gas reading; it ends by itself with the next one"
        return "no leak alarm stands"

    def _shown(self) -> _Shown:
        leaks = self._phase.is_leak
        fault = self._fault_since is not None
        state = AlarmState.FAULT if fault and not leaks else self._phase
        leak = None if state is AlarmState.FAULT else self._leak
        severity = self.settings.severities[leak.gas] if leak is not None and leaks else None
        return _Shown(state, self._fault_since, severity, leak)

    def _event(self, before: _Shown) -> AlarmEvent | None:
        after = self._shown()
        fault = after.fault_since is not None
        if (after.state, after.severity, fault) == (
            before.state,
            before.severity,
            before.fault_since is not None,
        ):
            return None
        if after.state is not before.state:
            self._since_ns = self._now_ns
        self._sequence += 1
        leak = after.leak if after.leak is not None else before.leak
        began = after.fault_since if fault else before.fault_since
        if leak is not None:
            began = leak.since
        return AlarmEvent(
            stamp_ns=self._now_ns,
            previous=before.state,
            state=after.state,
            gas=leak.gas if leak is not None else "",
            severity=self.settings.severities[leak.gas] if leak is not None else None,
            confidence=self._confidence,
            peak=leak.peak if leak is not None else 0.0,
            duration_ns=self._elapsed - began if began is not None else 0,
            fault=fault,
            alarm=self._alarms,
            sequence=self._sequence,
        )
