"""What a bag can be made from: a folder in the data set's layout, or a simulated patrol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.bags.topics import RADIOMETRIC_IMAGE, RAW_IMAGE
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    UNKNOWN,
    GasReading,
    RobotPose,
    ThermalFrame,
)
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.rows import Row, Rows
from gas_fusion_ros.base.table.classes import check_aliases
from gas_fusion_ros.base.table.clock_steps import set_back
from gas_fusion_ros.base.table.options import AS_FOUND, TableOptions
from gas_fusion_ros.base.table.times import TableTimes
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.gas.simulated import SimulatedGasDriver, SimulatedGasSettings
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, read_image
from gas_fusion_ros.drivers.thermal.simulated import (
    SimulatedThermalDriver,
    SimulatedThermalSettings,
    in_camera_steps,
)
from gas_fusion_ros.model.thermal import ThermalError, raw_counts
from gas_fusion_ros.simulation import renderer
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.ground_truth import START_S, patrol_pose, patrol_truth
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.scoring import Interval, Leak, label_intervals, leaks_of

START_NS = round(START_S * NANOSECONDS_PER_SECOND)
"""When a source without stamps of its own begins: with the demo's clock."""

_LAST_STAMP_NS = 2**31 * NANOSECONDS_PER_SECOND - 1
"""A message's stamp has 32 bits for its seconds."""


class BagSourceError(ValueError):
    """Nothing can be made a bag of; the message names the option or the file and what would be right."""


@dataclass(frozen=True)
class BagInstant:
    """What was sensed at one time."""

    stamp_ns: int
    reading: GasReading | None = None
    frame: ThermalFrame | None = None
    pose: RobotPose | None = None


class BagSource(Protocol):
    """A recording that is not a bag yet.

    Attributes:
        problems: what was left out.
        driver: what the readings are from: `recorded` or `simulated`.
        array: how the array describes itself; None where nobody knows.
    """

    problems: Problems
    driver: str
    array: ArrayDescription | None

    @property
    def image_topic(self) -> str:
        """The one topic that holds every image."""
        ...

    @property
    def truth(self) -> Sequence[Interval]:
        """Which class was there when, without gaps between the first and the last; empty if unknown."""
        ...

    @property
    def leaks(self) -> Sequence[Leak]:
        """The leaks, with what is known of their signs."""
        ...

    def __len__(self) -> int:
        """How many instants there are."""
        ...

    def instants(self) -> Iterator[BagInstant]:
        """Everything sensed, in time order."""
        ...


@dataclass(frozen=True)
class FolderSettings:
    """How a folder becomes a recording.

    Attributes:
        channels: the columns that become channels, by their names or usual spellings of them.
        period_ns: time between rows where the CSV has no times.
        rows: how many rows are taken, the file's first ones; None takes all.
        duration_ns: rows from here on after the first one are left; None leaves none.
        array: how the array describes itself, the channels as above; None where nobody knows.
        table: what the CSV does not tell by itself.
    """

    channels: tuple[str, ...] = PAPER_CHANNELS
    period_ns: int = 2 * NANOSECONDS_PER_SECOND
    rows: int | None = None
    duration_ns: int | None = None
    array: ArrayDescription | None = None
    table: TableOptions = AS_FOUND


class FolderSource:
    """The rows of a folder in the data set's layout, with their images.

    Rows have the times of the CSV, in whose order they come, or else one period each. Times that do not count
    since the epoch begin with `START_NS`, as periods do. All images are on one topic: on `thermal/image`
    where every one is radiometric (float TIFF, or rendered), otherwise on `thermal/image_raw`, where a
    radiometric one is sent as raw counts of 0.01 K as the camera node does. Unreadable rows and images are
    left out and counted.

    Attributes:
        notes: what was taken for what in the CSV, a sentence each.
    """

    driver = "recorded"

    def __init__(self, folder: Path, settings: FolderSettings, render_seed: int | None = None) -> None:
        """Read the CSV.

        Args:
            folder: the folder, or its CSV.
            settings: how it becomes a recording.
            render_seed: seed of the scenes that are rendered for rows without an image; None renders none.

        Raises:
            DatasetError: a file or column is missing, or no row is readable.
            TableError: a class that is to be renamed is not there.
            BagSourceError: no row is left, or rows without an image cannot be rendered.
        """
        self.problems = Problems()
        self._render_seed = render_seed
        dataset = Dataset.load_readable(folder, settings.channels, self.problems, settings.table)
        check_aliases(settings.table.classes, dataset.facts.spellings)
        self.notes: list[str] = list(dataset.facts.told)
        self._rows = self._timed(dataset, settings)
        if not self._rows:
            first = "".join(f": {problem.detail}" for problem in self.problems.take_unreported()[:1])
            raise BagSourceError(
                f"{shown(dataset.csv_path)} has no row with a usable stamp in the part asked for{first}"
            )
        if render_seed is not None:
            _check_classes(row for _, row in self._rows)
        self._channels = settings.channels
        self.array = settings.array
        self.truth: Sequence[Interval] = _truth_of(self._rows)
        self.leaks: Sequence[Leak] = leaks_of(one for one in self.truth if one.label != UNKNOWN)
        self.image_topic = self._choose_image_topic()

    def __len__(self) -> int:
        """How many rows are taken."""
        return len(self._rows)

    def instants(self) -> Iterator[BagInstant]:
        """Each row with its image, in time order."""
        for stamp_ns, row in self._rows:
            reading = GasReading(stamp_ns, self._channels, row.counts)
            yield BagInstant(stamp_ns, reading, self._frame(stamp_ns, row))

    def _timed(self, dataset: Dataset, settings: FolderSettings) -> list[tuple[int, Row]]:
        """The rows asked for with their stamps, in time order, each stamp once."""
        timed: dict[int, Row] = {}
        rows = dataset.rows
        if settings.rows is not None:
            rows = rows.select(rows.indices < settings.rows)
        for stamp_ns, row in self._stamped(rows, dataset.facts.times, settings.period_ns):
            place = f"{shown(dataset.csv_path.name)} line {row.line}"
            if not 0 < stamp_ns <= _LAST_STAMP_NS:
                self.problems.add(
                    "unusable_stamp",
                    f"{place}: the stamp {stamp_ns} does not fit into a message; "
                    f"expected 1 to {_LAST_STAMP_NS} ns",
                )
            elif stamp_ns in timed:
                self.problems.add(
                    "repeated_stamp",
                    f"{place}: the stamp {stamp_ns} is that of line {timed[stamp_ns].line} already; the row "
                    "is left out; where all times are too coarse count the rows with --time-column none",
                )
            else:
                timed[stamp_ns] = row
        ordered = sorted(timed.items())
        if settings.duration_ns is not None and ordered:
            end_ns = ordered[0][0] + settings.duration_ns
            ordered = [one for one in ordered if one[0] < end_ns]
        return ordered

    def _stamped(self, rows: Rows, times: TableTimes | None, period_ns: int) -> Iterator[tuple[int, Row]]:
        """The rows with their times: those of the file, or one period each.

        Where time begins anew, so that several rows have the same times, they are laid one after another.
        """
        if times is None:
            yield from ((START_NS + row.index * period_ns, row) for row in rows)
            return
        begins = set(_begun_anew(rows, times.is_absolute))
        if begins:
            lines = listed(rows[place].line for place in sorted(begins))
            self.notes.append(
                f"time begins anew on line {lines}: the rows from there on are laid after those before"
            )
        step_ns = round((times.period_s or 0.0) * NANOSECONDS_PER_SECOND) or period_ns
        shift_ns = 0 if times.is_absolute else START_NS
        last_ns = 0
        for place, row in enumerate(rows):
            assert row.stamp_ns is not None
            if place in begins:
                shift_ns = last_ns + step_ns - row.stamp_ns
            last_ns = row.stamp_ns + shift_ns
            yield last_ns, row

    def _choose_image_topic(self) -> str:
        files = [row.image for _, row in self._rows if row.image is not None]
        if not files:
            return RADIOMETRIC_IMAGE
        # Of the usual formats only TIFF holds temperatures; one look tells for all of them.
        all_tiff = all(path.suffix.lower() in (".tif", ".tiff") for path in files)
        return RADIOMETRIC_IMAGE if all_tiff and _encoding(files[0]) == "32FC1" else RAW_IMAGE

    def _frame(self, stamp_ns: int, row: Row) -> ThermalFrame | None:
        try:
            frame = self._picture(stamp_ns, row)
            if frame is not None and frame.encoding == "32FC1" and self.image_topic == RAW_IMAGE:
                frame = raw_counts(frame)
        except (UnreadableImageError, ThermalError) as error:
            self.problems.add("unreadable_image", f"{shown(row.image)}: {error}")
            return None
        return frame

    def _picture(self, stamp_ns: int, row: Row) -> ThermalFrame | None:
        if row.image is not None:
            return ThermalFrame(stamp_ns, *read_image(row.image))
        if self._render_seed is None:
            return None
        # The scenes that training renders, see training/data/images.py, as its first take.
        rng = np.random.default_rng((self._render_seed, row.index, 0))
        celsius = renderer.render(renderer.random_scene(row.label, rng), rng)
        return ThermalFrame(stamp_ns, in_camera_steps(celsius), "32FC1")


class PatrolSource:
    """A simulated patrol from `START_NS` on, sampled as the demo samples it."""

    image_topic = RADIOMETRIC_IMAGE
    driver = "simulated"

    def __init__(
        self,
        patrol: Patrol,
        channels: tuple[str, ...],
        gas_period_ns: int,
        image_period_ns: int,
        array: ArrayDescription | None = None,
    ) -> None:
        """Take a patrol.

        Args:
            patrol: the patrol.
            channels: which of the data set's sensors the array carries.
            gas_period_ns: time between readings.
            image_period_ns: time between images.
            array: how the simulated array describes itself, these channels or more; None where nobody says.

        Raises:
            BagSourceError: the simulation knows no such channel.
            ValueError: the array has no such channel.
        """
        self.problems = Problems()
        self._patrol = patrol
        self._gas_times = range(0, round(patrol.duration_s * NANOSECONDS_PER_SECOND), gas_period_ns)
        self._image_times = range(0, self._gas_times.stop, image_period_ns)
        try:
            self._simulated = SimulatedGasDriver(SimulatedGasSettings(channels=channels))
        except ValueError as error:
            raise BagSourceError(f"--{error}") from None
        self.array = None if array is None else array.of_channels(channels)
        self._camera = SimulatedThermalDriver(SimulatedThermalSettings())
        truth = patrol_truth(patrol)
        self.leaks: Sequence[Leak] = truth.leaks
        last_ns = START_NS + max(self._gas_times[-1], self._image_times[-1])
        self.truth: Sequence[Interval] = LabelTrack.of_intervals(truth.intervals).intervals(last_ns)

    def __len__(self) -> int:
        """How many times there are at which anything is sensed."""
        return len({*self._gas_times, *self._image_times})

    def instants(self) -> Iterator[BagInstant]:
        """Readings with the robot's pose, and images, in time order."""
        for elapsed_ns in sorted({*self._gas_times, *self._image_times}):
            stamp_ns, elapsed_s = START_NS + elapsed_ns, elapsed_ns / NANOSECONDS_PER_SECOND
            reading = frame = pose = None
            if elapsed_ns in self._gas_times:
                reading = self._simulated.sample(self._patrol, elapsed_s, stamp_ns)
                pose = patrol_pose(self._patrol, elapsed_s, stamp_ns)
            if elapsed_ns in self._image_times:
                frame = self._camera.sample(self._patrol, elapsed_s, stamp_ns)
            yield BagInstant(stamp_ns, reading, frame, pose)


def _begun_anew(rows: Rows, is_absolute: bool) -> list[int]:
    """The places at which time begins anew: a logger was started again, or classes were recorded apart.

    A time from a beginning that goes back within a class is of another start. Otherwise a class may stand
    behind the others of its recording: time begins anew with it only where rows then share times.
    """
    stamps = rows.stamps_ns
    assert stamps is not None
    back = np.flatnonzero(stamps[1:] < stamps[:-1]) + 1
    codes = (rows.label_codes, rows.bag_codes)
    places = [place for place in back.tolist() if any(one[place - 1] != one[place] for one in codes)]
    clock_set_back = set_back(rows).tolist() if is_absolute else []
    if clock_set_back:
        return clock_set_back
    if not is_absolute and len(places) < len(back):
        return back.tolist()
    stretches = [np.unique(stamps[begin:end]) for begin, end in pairwise((0, *places, len(rows)))]
    are_shared = len(np.unique(np.concatenate(stretches))) < sum(map(len, stretches))
    return places if are_shared else []


def _truth_of(rows: Sequence[tuple[int, Row]]) -> list[Interval]:
    """The classes of rows in time order; unknown where a row among them has none; empty if none has one."""
    if not any(row.label for _, row in rows):
        return []
    return label_intervals((stamp_ns, row.label or UNKNOWN) for stamp_ns, row in rows)


def _check_classes(rows: Iterable[Row]) -> None:
    for row in rows:
        if row.image is None and row.label not in PAPER_CLASSES:
            raise BagSourceError(
                f"--render: line {row.line} has no image and the class {quoted(row.label)}, of which no "
                "scene can "
                f"be rendered; only of {', '.join(PAPER_CLASSES)}"
            )


def _encoding(path: Path) -> str:
    try:
        return read_image(path)[1]
    except UnreadableImageError:
        return ""
