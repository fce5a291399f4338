"""The bags that `benchmarks.replay` evaluates, written message by message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.programme import GAS_PERIOD_S, IMAGE_PERIOD_S
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import (
    BagInstant,
    BagSource,
    FolderSettings,
    FolderSource,
    PatrolSource,
)
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.scoring import Interval, Leak

PATROL_S = 600.0


class WithoutImages:
    """A recording of which only the readings are taken."""

    def __init__(self, source: BagSource) -> None:
        self.problems: Problems = source.problems
        self.driver, self.array = source.driver, source.array
        self.image_topic = source.image_topic
        self.truth: Sequence[Interval] = source.truth
        self.leaks: Sequence[Leak] = source.leaks
        self._source = source

    def __len__(self) -> int:
        """How many instants there are."""
        return len(self._source)

    def instants(self) -> Iterator[BagInstant]:
        """The readings, in time order."""
        return (replace(instant, frame=None) for instant in self._source.instants())


class Rounds:
    """The same recording over and over under new stamps: nothing is sensed twice, however long it is.

    Args:
        source: the recording; all of it is kept in memory.
        length_ns: from the beginning of a round to that of the next.
        rounds: how often.
    """

    def __init__(self, source: BagSource, length_ns: int, rounds: int) -> None:
        self.problems: Problems = source.problems
        self.driver, self.array = source.driver, source.array
        self.image_topic = source.image_topic
        self._instants = list(source.instants())
        self._shifts_ns = range(0, rounds * length_ns, length_ns)
        self.truth: Sequence[Interval] = [
            one.shifted(shift_ns) for shift_ns in self._shifts_ns for one in source.truth
        ]
        self.leaks: Sequence[Leak] = [
            leak.shifted(shift_ns) for shift_ns in self._shifts_ns for leak in source.leaks
        ]

    def __len__(self) -> int:
        """How many instants there are."""
        return len(self._instants) * len(self._shifts_ns)

    def instants(self) -> Iterator[BagInstant]:
        """Everything sensed, in time order, without poses."""
        for shift_ns in self._shifts_ns:
            for instant in self._instants:
                yield _later(instant, shift_ns)


def write_recording(data: Path, bag: Path, with_images: bool) -> None:
    """Write a data set's folder as a bag, with a frame rendered for each reading or with readings alone."""
    source = FolderSource(data, FolderSettings(), render_seed=0)
    make_bag(source if with_images else WithoutImages(source), BagTarget(bag), lambda: None)


def write_patrol(bag: Path, rounds: int) -> None:
    """Write a simulated patrol of ten minutes, with an image for each reading, so many times over."""
    patrol = Patrol(seed=0, duration_s=PATROL_S, leaks=3)
    gas_ns, image_ns = (round(one * NANOSECONDS_PER_SECOND) for one in (GAS_PERIOD_S, IMAGE_PERIOD_S))
    source = PatrolSource(patrol, PAPER_CHANNELS, gas_ns, image_ns)
    length_ns = round(PATROL_S * NANOSECONDS_PER_SECOND)
    make_bag(Rounds(source, length_ns, rounds), BagTarget(bag), lambda: None)


def _later(instant: BagInstant, shift_ns: int) -> BagInstant:
    stamp_ns = instant.stamp_ns + shift_ns
    reading, frame = instant.reading, instant.frame
    return BagInstant(
        stamp_ns,
        None if reading is None else replace(reading, stamp_ns=stamp_ns),
        None if frame is None else replace(frame, stamp_ns=stamp_ns),
    )
