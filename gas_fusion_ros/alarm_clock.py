"""The leak alarm on the time line of the readings' stamps, in the live node as over a bag.

Only where readings are missing does the clock drive it, by the time passed since the last one was heard: so
old or skewed stamps are no silence. Reads no clock itself: `now_ns` is the node's, or a bag's.
"""

from __future__ import annotations

from collections.abc import Callable

from gas_fusion_ros.alarm import AlarmEvent, AlarmSettings, AlarmStatus, CommandResult, LeakAlarm
from gas_fusion_ros.observation import Verdict

Listener = Callable[[AlarmStatus, int, AlarmEvent | None], None]
"""Called whenever what stands changes: with the status, its stamp and the event; None as the alarm begins."""

_NOT_BEGUN = CommandResult(False, "time has not begun: no leak alarm stands")


class AlarmClock:
    """Feeds a leak alarm with verdicts and with time. Not thread-safe.

    What happens does not depend on how often `tick` is called: silence is dated at the moment from which on
    it was too long, whichever call notices it.

    Args:
        settings: the alarm's.
        listener: hears of every change at once.
    """

    def __init__(self, settings: AlarmSettings, listener: Listener) -> None:
        self.settings = settings
        self._listener = listener
        self._alarm: LeakAlarm | None = None
        # Stamp of the last evidence, and what the clock said when it came.
        self._evidence_ns = 0
        self._heard_ns = 0

    @property
    def status(self) -> AlarmStatus | None:
        """What stands now; None until time has begun."""
        return self._alarm.status if self._alarm is not None else None

    def clock_ns(self, stamp_ns: int) -> int:
        """What the clock said at a stamp since the last evidence, by the time passed since that was heard."""
        return self._heard_ns + stamp_ns - self._evidence_ns

    def update(self, verdict: Verdict, now_ns: int) -> None:
        """Take in the evidence of one verdict.

        Args:
            verdict: the verdict.
            now_ns: the clock; 0 while simulated time has not begun.
        """
        # A reading from the future must not carry the alarm's delays ahead of the clock.
        stamp_ns = min(verdict.stamp_ns, now_ns or verdict.stamp_ns)
        alarm = self._alarm or self._begin(stamp_ns)
        self._notice_silence(alarm, now_ns)
        self._evidence_ns, self._heard_ns = stamp_ns, now_ns
        evidence = self.settings.evidence(verdict)
        self._tell(alarm, alarm.update(stamp_ns, evidence, verdict.has_reading))

    def tick(self, now_ns: int) -> None:
        """Let time pass: this raises the fault once readings have been missing for too long."""
        if now_ns == 0:
            return  # simulated time has not begun
        self._notice_silence(self._alarm or self._begin(now_ns), now_ns)

    def stop(self, now_ns: int) -> None:
        """Nobody watches from now on: raise the fault; the next call begins anew."""
        if self._alarm is not None:
            alarm, self._alarm = self._alarm, None
            self._tell(alarm, alarm.stop(self._time_ns(now_ns)))

    def acknowledge(self, now_ns: int) -> CommandResult:
        """An operator has seen the leak; see `LeakAlarm.acknowledge`."""
        if self._alarm is None:
            return _NOT_BEGUN
        result = self._alarm.acknowledge(self._time_ns(now_ns))
        self._tell(self._alarm, result.event)
        return result

    def reset(self, now_ns: int) -> CommandResult:
        """Clear an alarm whose leak is over; see `LeakAlarm.reset`."""
        if self._alarm is None:
            return _NOT_BEGUN
        result = self._alarm.reset(self._time_ns(now_ns))
        self._tell(self._alarm, result.event)
        return result

    def _begin(self, now_ns: int) -> LeakAlarm:
        self._alarm = LeakAlarm(self.settings, now_ns)
        self._evidence_ns = self._heard_ns = now_ns
        self._listener(self._alarm.status, now_ns, None)
        return self._alarm

    def _notice_silence(self, alarm: LeakAlarm, now_ns: int) -> None:
        if now_ns == 0:
            return
        # Where the clock went back, or has begun only now, silence counts from here.
        self._heard_ns = min(self._heard_ns, now_ns) or now_ns
        due_ns = alarm.fault_due_ns
        if due_ns is not None and self._time_ns(now_ns) > due_ns:
            self._tell(alarm, alarm.tick(due_ns))

    def _time_ns(self, now_ns: int) -> int:
        """Now, on the time line of the readings' stamps."""
        return self._evidence_ns + max(0, now_ns - self._heard_ns)

    def _tell(self, alarm: LeakAlarm, event: AlarmEvent | None) -> None:
        if event is not None:
            self._listener(alarm.status, event.stamp_ns, event)
