"""The leak alarm on the time line of the readings' stamps, in the live node as over a bag.

Two clocks are told apart. Evidence and its delays go by stamps, which the node's clock makes. Watching goes
by a clock that nobody sets: a steady one, or simulated time. Reads no clock itself.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from gas_fusion_ros.alarm.leak_alarm import (
    AlarmEvent,
    AlarmSettings,
    AlarmStatus,
    CommandResult,
    LeakAlarm,
    Memory,
    Reason,
    Where,
)
from gas_fusion_ros.base.observation import Verdict
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

Listener = Callable[[AlarmStatus, int, tuple[AlarmEvent, ...]], None]
"""Called whenever what stands changes: with the status, its stamp and what happened; nothing as it begins."""

NO_READING = "no_reading"
"""No reading has been classified yet."""
SILENCE = "silence"
"""No valid reading has been heard for too long."""
SLOW = "slow"
"""Readings are heard, and none has been classified in time."""
STOPPED = "stopped"
"""Nobody watches."""
SCALE = "scale"
"""Readings are of no array that the model can be given."""
_MOST_WAITING = 10_000
"""Readings whose verdicts are waited for; beyond it the oldest count as late."""
_SOURCES = 8
"""The latest stamps that a new one is compared with: so many clocks may be mixed up."""


@dataclass(frozen=True)
class Instant:
    """Now, on both clocks, nanoseconds; 0 while simulated time has not begun.

    Attributes:
        now_ns: the node's clock, which makes the stamps and may be set.
        watch_ns: a steady clock, or the node's where that is simulated.
    """

    now_ns: int
    watch_ns: int

    @classmethod
    def of(cls, now_ns: int) -> Instant:
        """Now where one clock serves both: over a bag, and in simulated time."""
        return cls(now_ns, now_ns)


@dataclass(frozen=True)
class Conditions:
    """What is known of the array and its surroundings beside its readings; the most telling first.

    Attributes:
        faults: for which nothing can be trusted.
        inhibits: for which no alarm can be raised.
        warnings: for which the alarm is less sure.
    """

    faults: tuple[Reason, ...] = ()
    inhibits: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()


class AlarmClock:
    """Feeds the leak alarm with verdicts and with time. Not thread-safe.

    What happens does not depend on how often `tick` is called: silence is dated at the moment from which on
    it was too long, whichever call notices it. From the beginning until the first verdict on a valid reading
    a fault stands.

    Args:
        settings: the alarm's.
        listener: hears of every change at once.
        memory: alarms that stand from before a restart.
        where: tells where the robot was at a stamp.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        listener: Listener,
        memory: Memory | None = None,
        where: Where = lambda _: None,
    ) -> None:
        self.settings = settings
        self._listener = listener
        self._memory = memory
        self._where = where
        self._alarm: LeakAlarm | None = None
        self._conditions = Conditions()
        # A stamp and what the node's clock said of it: of what is told just now, of the last reading heard
        # and, with the time passed by then, of the last evidence.
        self._anchor = self._heard = (0, 0)
        self._evidence = (0, 0, 0)
        # The watch's forward steps summed: a watch that goes back neither ends nor prolongs a silence.
        self._watch_ns = 0
        self._passed = 0
        self._began_at = 0
        self._heard_at: int | None = None
        # By the stamps of the readings that nothing later has been classified than: when they were heard.
        self._waiting: OrderedDict[int, int] = OrderedDict()
        # Passed time of the last observation, the stamps of the last few, and the stamp of the one that ended
        # the last gap.
        self._observed_at = 0
        self._observed: deque[int] = deque((0,), maxlen=_SOURCES)
        self._gap_end_ns: int | None = None
        self._missing = NO_READING
        seconds = f"{settings.timeout_ns / NANOSECONDS_PER_SECOND:g} s"
        self._texts = {
            NO_READING: "no valid gas reading has been classified yet",
            SILENCE: f"no valid gas reading for {seconds}",
            SLOW: f"gas readings come, but none has been classified within {seconds}",
        }
        self._shelved_until: dict[int, int] = {}

    @property
    def status(self) -> AlarmStatus | None:
        """What stands now; None before the beginning and after `stop`."""
        return self._alarm.status if self._alarm is not None else None

    @property
    def memory(self) -> Memory:
        """What must outlive this process."""
        return self._alarm.memory if self._alarm is not None else self._memory or Memory()

    @property
    def lag_ns(self) -> int:
        """For how long the oldest reading that still waits for its class has been heard; 0 without one."""
        oldest_at = self._oldest_at
        return 0 if oldest_at is None else self._passed - oldest_at

    @property
    def _oldest_at(self) -> int | None:
        return next(iter(self._waiting.values()), None)

    @property
    def due_ns(self) -> int | None:
        """When, on the watch, `tick` has something to do next, if nothing else comes; None for never.

        It may have nothing to do even then.
        """
        if self._alarm is None:
            return None
        silent_since = self._began_at if self._heard_at is None else self._heard_at
        beyond = self.settings.timeout_ns + 1
        moments = [silent_since + beyond, *self._shelved_until.values()]
        if (oldest_at := self._oldest_at) is not None:
            moments.append(oldest_at + beyond)
        due = min((moment for moment in moments if moment > self._passed), default=None)
        return None if due is None else self._watch_ns + due - self._passed

    def clock_ns(self, stamp_ns: int) -> int:
        """What the node's clock said at the stamp of what is told just now."""
        anchor_ns, now_ns = self._anchor
        return now_ns + stamp_ns - anchor_ns

    def begin(self, instant: Instant) -> None:
        """Begin to watch, with the alarms of the memory and a fault; once."""
        if self._alarm is not None:
            return
        self._pass(instant)
        self._began_at = self._passed
        self._heard = self._anchor = (instant.now_ns, instant.now_ns)
        self._evidence = (*self._anchor, self._passed)
        self._alarm = LeakAlarm(self.settings, instant.now_ns, self._faults(), self._memory, self._where)
        self._memory = None
        self._listener(self._alarm.status, instant.now_ns, ())

    def hear(self, stamp_ns: int, instant: Instant) -> None:
        """A valid reading has arrived; its verdict may take its time.

        Args:
            stamp_ns: the reading's.
            instant: now.
        """
        self.tick(instant)
        if self._heard_at is None or self._passed - self._heard_at > self.settings.timeout_ns:
            self._waiting.clear()  # a new stretch: none of its readings can be late yet
        self._waiting.pop(stamp_ns, None)
        self._heard_at = self._waiting[stamp_ns] = self._passed
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        self._heard = (min(stamp_ns, instant.now_ns or stamp_ns), instant.now_ns)
        self.observe(stamp_ns, instant)

    def observe(self, stamp_ns: int, instant: Instant) -> None:
        """Something that leads to evidence has arrived: an image alone, for one."""
        self._pass(instant)
        # A second source on a clock behind makes no gap before each reading of the first one.
        since_ns = min((stamp_ns - before for before in self._observed if before <= stamp_ns), default=0)
        if max(self._passed - self._observed_at, since_ns) >= self.settings.timeout_ns:
            self._gap_end_ns = stamp_ns
        self._observed_at = self._passed
        self._observed.append(stamp_ns)

    def update(self, verdict: Verdict, instant: Instant) -> None:
        """Take in the evidence of one verdict.

        One whose reading was heard `timeout` ago or before is evidence still, and ends no fault.
        """
        self.begin(instant)
        self.tick(instant)
        assert self._alarm is not None
        # A reading from the future must not carry the alarm's delays ahead of the clock.
        stamp_ns = min(verdict.stamp_ns, instant.now_ns or verdict.stamp_ns)
        evidence, readings = self.settings.evidence(verdict), self.settings.readings_evidence(verdict)
        if self._was_silent_before(stamp_ns):
            self._gap_end_ns = None
            self._alarm.forget_delays()
        self._anchor = (stamp_ns, instant.now_ns)
        self._evidence = (*self._anchor, self._passed)
        if verdict.has_reading and self._alarm.accepts(evidence):
            self._answer(verdict.stamp_ns)
        events = self._watch(stamp_ns) + self._alarm.update(stamp_ns, evidence, readings)
        self._tell(events)

    def _answer(self, stamp_ns: int) -> None:
        """A reading has its class: no earlier one is waited for any more, and in time it ends the fault."""
        heard_at = self._waiting.get(stamp_ns)
        if heard_at is None:
            return
        while (oldest_at := self._oldest_at) is not None and oldest_at <= heard_at:
            self._waiting.popitem(last=False)
        if self._passed - heard_at < self.settings.timeout_ns:
            self._missing = ""

    def tick(self, instant: Instant) -> None:
        """Let time pass: this raises the fault once readings or verdicts have been missing for too long."""
        if instant.now_ns == 0:
            return  # simulated time has not begun
        self.begin(instant)
        self._pass(instant)
        self._notice_silence()
        self._end_shelving()

    def set_conditions(self, conditions: Conditions, instant: Instant) -> None:
        """Say what else is known from now on; the same once more changes nothing."""
        if conditions == self._conditions:
            return
        self.begin(instant)
        assert self._alarm is not None
        self._conditions = conditions
        self._alarm.warnings = conditions.warnings
        stamp_ns = self._time_ns()
        events = self._watch(stamp_ns)
        self._listener(self._alarm.status, stamp_ns, events)

    def stop(self, instant: Instant, reason: str) -> None:
        """Nobody watches from now on: raise the fault; the next call begins anew, with the same memory."""
        if self._alarm is None:
            return
        self._pass(instant)
        stamp_ns = self._time_ns()
        events = self._alarm.watch(stamp_ns, (Reason(STOPPED, reason),), ())
        self._listener(self._alarm.status, stamp_ns, events)
        self._memory, self._alarm, self._missing = self._alarm.memory, None, NO_READING
        self._conditions = Conditions()
        self._heard_at = None
        self._waiting.clear()

    def acknowledge(self, instant: Instant, number: int | None = None) -> CommandResult:
        """An operator has seen the leaks; see `LeakAlarm.acknowledge`."""
        return self._command(LeakAlarm.acknowledge, instant, number)

    def reset(self, instant: Instant) -> CommandResult:
        """Clear the alarms whose leak is over; see `LeakAlarm.reset`."""
        return self._command(lambda alarm, stamp_ns, _: alarm.reset(stamp_ns), instant, None)

    def shelve(self, instant: Instant, for_ns: int, number: int | None = None) -> CommandResult:
        """Mute alarms for a limited time; see `LeakAlarm.shelve`."""
        result = self._command(LeakAlarm.shelve, instant, number)
        if result.success and self._alarm is not None:
            shelved = [alarm.number for alarm in self._alarm.status.alarms if alarm.shelved]
            until = self._passed + for_ns
            chosen = shelved if number is None else [number]
            self._shelved_until |= dict.fromkeys(chosen, until)
        return result

    def unshelve(self, instant: Instant, number: int | None = None) -> CommandResult:
        """Let alarms sound again; see `LeakAlarm.unshelve`."""
        return self._command(LeakAlarm.unshelve, instant, number)

    def _command(
        self,
        command: Callable[[LeakAlarm, int, int | None], CommandResult],
        instant: Instant,
        number: int | None,
    ) -> CommandResult:
        self.begin(instant)
        assert self._alarm is not None
        self._pass(instant)
        stamp_ns = self._time_ns()
        self._anchor = self._evidence[:2]
        result = command(self._alarm, stamp_ns, number)
        self._tell(result.events)
        return result

    # Time.

    def _pass(self, instant: Instant) -> None:
        if self._watch_ns > 0:
            self._passed += max(0, instant.watch_ns - self._watch_ns)
        self._watch_ns = instant.watch_ns

    def _time_ns(self) -> int:
        """Now, on the time line of the readings' stamps."""
        stamp_ns, _, passed = self._evidence
        return stamp_ns + self._passed - passed

    def _notice_silence(self) -> None:
        timeout_ns = self.settings.timeout_ns
        silent_since = self._began_at if self._heard_at is None else self._heard_at
        if self._passed - silent_since > timeout_ns:
            self._miss(SILENCE, *self._heard)
        elif (oldest_at := self._oldest_at) is not None and self._passed - oldest_at > timeout_ns:
            stamp_ns, now_ns, passed = self._evidence
            late = oldest_at - passed
            self._miss(SLOW, stamp_ns + late, now_ns + late)

    def _miss(self, code: str, stamp_ns: int, now_ns: int) -> None:
        """A fault comes `timeout` after a stamp, of which the node's clock said `now_ns`."""
        if code == self._missing:
            return
        self._missing, self._anchor = code, (stamp_ns, now_ns)
        due_ns = stamp_ns + self.settings.timeout_ns
        self._tell(self._watch(due_ns))

    def _was_silent_before(self, stamp_ns: int) -> bool:
        """Whether nothing was observed for `timeout` between the evidence before and this one."""
        before_ns, gap_end_ns = self._evidence[0], self._gap_end_ns
        if gap_end_ns is None or gap_end_ns <= before_ns:
            return False
        return gap_end_ns <= stamp_ns or stamp_ns - before_ns >= self.settings.timeout_ns

    def _end_shelving(self) -> None:
        due = [number for number, until in self._shelved_until.items() if until <= self._passed]
        for number in due:
            del self._shelved_until[number]
            assert self._alarm is not None
            stamp_ns = self._time_ns()
            self._tell(self._alarm.unshelve(stamp_ns, number).events)

    # What is told.

    def _faults(self) -> tuple[Reason, ...]:
        missing = (Reason(self._missing, self._texts[self._missing]),) if self._missing else ()
        return (*missing, *self._conditions.faults)

    def _watch(self, stamp_ns: int) -> tuple[AlarmEvent, ...]:
        assert self._alarm is not None
        return self._alarm.watch(stamp_ns, self._faults(), self._conditions.inhibits)

    def _tell(self, events: tuple[AlarmEvent, ...]) -> None:
        if events:
            assert self._alarm is not None
            self._listener(self._alarm.status, events[-1].stamp_ns, events)
