"""What site.json holds: a site over all its patrols."""

from __future__ import annotations

from dataclasses import dataclass, field

from gas_fusion_ros.evaluation.schema import BagLoss, JsonReport, LeakPose


@dataclass(frozen=True)
class SightingFigures:
    """A leak as one alarm found it.

    Attributes:
        stamp_ns: when.
        strength: the largest departure from clean air in its gas, 1 at the limit; None where nobody knows.
        patrol: number, from 1, of the patrol in whose time it lies; None where none is known.
    """

    stamp_ns: int
    strength: float | None
    patrol: int | None


@dataclass(frozen=True)
class LeakFigures:
    """A leak of the site.

    Attributes:
        number: of the site, from 1.
        gas: its gas.
        place: where it is, by all sightings.
        first_seen_ns: stamp of the first sighting.
        last_seen_ns: stamp of the last one.
        sightings: each of them, in the order of time.
        trend_per_day: by how much its strength grows a day; None of fewer than two strengths.
        trend_per_patrol: by how much the largest strength of a patrol grows from patrol to patrol.
        passes_since_seen: patrols that began after the last sighting, and passed within 4 m of the place.
        false_sightings: sightings whose alarm was judged a false alarm.
        judged_false: whether there is such a one, and none whose alarm was judged otherwise.
    """

    number: int
    gas: str
    place: LeakPose
    first_seen_ns: int
    last_seen_ns: int
    sightings: tuple[SightingFigures, ...]
    trend_per_day: float | None
    trend_per_patrol: float | None
    passes_since_seen: int
    false_sightings: int
    judged_false: bool


@dataclass(frozen=True)
class PatrolFigures:
    """A patrol.

    Attributes:
        number: from 1, in the order of time.
        bag: the bag's path as it was given when it was read.
        bag_sha256: its hash.
        robot: the namespace of its topics.
        model: the bundle that its alarms are of.
        start_ns: stamp of its first reading.
        duration_s: to the last one, seconds.
        length_m: how far the robot went, metres; None where nobody knows.
        readings: gas readings.
        alarms: alarms raised.
        true_leaks: alarms of it that an operator judged so.
        false_alarms: likewise.
        not_known: likewise.
    """

    number: int
    bag: str
    bag_sha256: str
    robot: str
    model: str
    start_ns: int
    duration_s: float
    length_m: float | None
    readings: int
    alarms: int
    true_leaks: int
    false_alarms: int
    not_known: int


@dataclass(frozen=True)
class CoverageCell:
    """A square of the site: `i` and `j` are x and y by the side, rounded down; `patrols` passed it."""

    i: int
    j: int
    patrols: int


@dataclass(frozen=True)
class Coverage:
    """Where the robots have been in one frame.

    Attributes:
        frame_id: the frame.
        cell_m: side of a cell, metres.
        area_m2: of all cells together.
        cells: those that were visited.
    """

    frame_id: str
    cell_m: float
    area_m2: float
    cells: tuple[CoverageCell, ...]


@dataclass(frozen=True)
class SensorPoint:
    """A sensor in the clean air of one patrol.

    Attributes:
        patrol: its number.
        start_ns: when that began.
        counts: median of the readings, as they came.
        log_ratio: median of ln(Rs/RL); None where nobody says how readings become resistances.
        baseline: what its array was calibrated with; None without.
        drift: `log_ratio` less `baseline`; None without one of them.
        calibrated: when, ISO 8601; None where nobody says.
    """

    patrol: int
    start_ns: int
    counts: float
    log_ratio: float | None
    baseline: float | None
    drift: float | None
    calibrated: str | None


@dataclass(frozen=True)
class SensorFigures:
    """A sensor over the patrols.

    Attributes:
        robot: whose.
        channel: its name.
        points: one for each patrol with clean air.
        drift_per_day: slope of ln(Rs/RL) in clean air over the days; None of fewer than two patrols.
    """

    robot: str
    channel: str
    points: tuple[SensorPoint, ...]
    drift_per_day: float | None


@dataclass(frozen=True)
class JudgedAlarm:
    """An alarm and what an operator said of it.

    Attributes:
        robot: whose.
        number: the alarm's number, where it was judged.
        gas: the gas that it named.
        since_ns: when it was raised.
        until_ns: until when its gas was sensed; None where that is not known.
        said: `true leak`, `false alarm` or `not known`.
        judged_by: who said it.
        judged_ns: when.
        patrol: number of the patrol that has such an alarm; None where no bag does.
        x: where the robot was when it was raised, metres; None where nobody knows.
        y: likewise.
        frame_id: frame of the two.
    """

    robot: str
    number: int
    gas: str
    since_ns: int
    until_ns: int | None
    said: str
    judged_by: str
    judged_ns: int
    patrol: int | None
    x: float | None
    y: float | None
    frame_id: str | None


@dataclass(frozen=True)
class SiteReport(JsonReport):
    """A site over all its patrols; docs/site.md says what each figure means.

    Attributes:
        site: the site's file; empty without one.
        leaks: the site's leaks.
        leaks_judged_false: those of them that are `judged_false`.
        patrols: every patrol, the earliest first.
        coverage: where the robots have been, by frame.
        sensors: every sensor of every robot.
        judgements: the last word on every alarm that was judged, in the order of time.
        alarms: alarms of all patrols.
        unjudged: those of them that nobody judged.
        true_leaks: alarms that were judged so, those that no bag knows among them.
        false_alarms: likewise.
        not_known: likewise.
        patrol_hours: hours of all patrols together.
        false_alarms_per_hour: false alarms of the patrols per hour of them; None without patrols.
        losses: what went wrong with bags that were read now, by cause.
    """

    site: str
    leaks: tuple[LeakFigures, ...]
    leaks_judged_false: int
    patrols: tuple[PatrolFigures, ...]
    coverage: tuple[Coverage, ...]
    sensors: tuple[SensorFigures, ...]
    judgements: tuple[JudgedAlarm, ...]
    alarms: int
    unjudged: int
    true_leaks: int
    false_alarms: int
    not_known: int
    patrol_hours: float
    false_alarms_per_hour: float | None
    losses: dict[str, BagLoss] = field(default_factory=dict)
