"""What a demo leaves behind: report.json."""

from __future__ import annotations

from dataclasses import dataclass, field

from gas_fusion_ros.evaluation.schema import JsonReport


@dataclass(frozen=True)
class DemoReport(JsonReport):
    """The figures of one run.

    Attributes:
        leaks: leaks in the truth; None, as everything compared with it, where the truth is not known.
        alarms: leak alarms raised.
        missed_leaks: leaks of at least 30 s during which no alarm stood.
        false_alarms: alarms outside every leak's signs and the grace period after them.
        readings: gas readings published.
        images: thermal images published.
        pairs: classifications of a reading with its image.
        gas_only: classifications of a reading alone.
        dropped: readings that were published and not classified.
        class_accuracy: share of the classified readings whose class was the true one; None if none.
        latency_ms: percentiles (`p50`, `p95`, `p99`) of the time from the later message's arrival to the
            published class, milliseconds of wall time; None without any.
        model: name of the model bundle.
        rmw: name of the ROS middleware.
        duration_s: simulated time played, seconds.
        speed: simulated seconds per second of wall time, as asked for.
        complete: whether the run came to its end.
        accuracy_by_mode: class accuracy of the readings with an image (`fusion`) and alone (`gas_only`).
        settled_accuracy: class accuracy without the times at which the sensors followed a change.
        detection_delays_s: per leak, start to alarm; None where none was raised.
        leaks_under_standing_alarm: numbers, from 1, of the leaks during which an earlier alarm stood and
            none was raised: neither found nor missed.
        leaks_too_short: numbers, from 1, of the leaks of less than 30 s without an alarm.
        grace_s: how long after a leak's last sign an alarm was not false.
        wall_s: wall time played, seconds.
        source: what was played: a patrol with its seed, or a folder.
        dropped_by: the dropped readings by cause; where a queue lost them, by the stage that was too slow.
        problems: what else went wrong, by cause.
        unreadable_rows: rows of a recording that could not be played; none of the readings.
        unknown_share: share of the classified readings whose verdict was `Unknown`, which is never right in
            the accuracies; None if none was classified.
        misnamed_alarms: alarms raised on a leak that name another gas; None where the truth is not known.
    """

    leaks: int | None
    alarms: int
    missed_leaks: int | None
    false_alarms: int | None
    readings: int
    images: int
    pairs: int
    gas_only: int
    dropped: int
    class_accuracy: float | None
    latency_ms: dict[str, float | None]
    model: str
    rmw: str
    duration_s: float
    speed: float
    complete: bool
    accuracy_by_mode: dict[str, float] = field(default_factory=dict)
    settled_accuracy: float | None = None
    detection_delays_s: tuple[float | None, ...] = ()
    leaks_under_standing_alarm: tuple[int, ...] = ()
    leaks_too_short: tuple[int, ...] = ()
    grace_s: float = 0.0
    wall_s: float = 0.0
    source: str = ""
    dropped_by: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    unreadable_rows: int = 0
    unknown_share: float | None = None
    misnamed_alarms: int | None = None
