"""Plays gas readings from a CSV in the data set's layout."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.rows import Rows
from gas_fusion_ros.base.table.options import READINGS_ALONE
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.grid import Grid, Playback
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.settings.fields import needed_setting, setting

_MAX_BACKLOG = 256


@dataclass(frozen=True)
class RecordedGasSettings:
    """What to play and how fast.

    Attributes:
        path: the CSV, or a folder that holds it.
        period_ns: time between rows (the data set was sampled every 2 s).
        start_ns: time of row 0; 0 is the clock's epoch when looping, the first stamp after the first
            poll when playing once.
        channels: the columns to play, by their names or usual spellings of them.
        frame_id: coordinate frame of the array.
    """

    path: str = needed_setting("what the driver recorded plays: a CSV in the data set's layout")
    period_ns: int = 2_000_000_000
    loop: bool = setting(True, "begin again after the last row")
    start_ns: int = 0
    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError(f"period_ns is {self.period_ns}; expected a positive number of nanoseconds")
        if not self.channels:
            raise ValueError("channels is empty; expected at least one name")


class RecordedGasDriver:
    """Plays the rows of a CSV at a fixed period.

    An unreadable row is counted as `unreadable_row`, with file and line, when the file is opened; its
    moment passes without a reading, so the rows after it keep their times and their images.
    """

    def __init__(self, settings: RecordedGasSettings) -> None:
        self._settings = settings
        self.channels = settings.channels
        self.problems = Problems()
        self._rows: Rows | None = None
        self._playback: Playback | None = None

    @property
    def state(self) -> DriverState:
        """Whether the recording is open, and whether it has been played once."""
        return DriverState.CLOSED if self._playback is None else self._playback.state

    def open(self) -> None:
        """Read the CSV.

        Raises:
            DriverError: it is missing, lacks a channel or has no readable row.
        """
        settings = self._settings
        try:
            dataset = Dataset.load_readable(settings.path, settings.channels, self.problems, READINGS_ALONE)
        except MissingColumnError as error:
            raise DriverError(error.with_remedy("the parameter channels:")) from None
        except DatasetError as error:
            raise DriverError(str(error)) from None
        self._rows = dataset.rows
        grid = Grid(settings.period_ns, settings.start_ns, _MAX_BACKLOG, self.problems)
        self._playback = Playback(grid, settings.period_ns, settings.start_ns, dataset.length, settings.loop)

    def poll(self, now_ns: int) -> list[GasReading]:
        """Return the readings whose time has come, oldest first."""
        if self._playback is None or self._rows is None:
            return []
        due = ((cue.stamp_ns, self._rows.counts_at(cue.index)) for cue in self._playback.due(now_ns))
        frame_id = self._settings.frame_id
        return [
            GasReading(stamp_ns, self.channels, counts, frame_id)
            for stamp_ns, counts in due
            if counts is not None
        ]

    def close(self) -> None:
        """Forget the rows; safe to call twice."""
        self._playback = None
        self._rows = None


DRIVER = DriverEntry("recorded", RecordedGasSettings, RecordedGasDriver, is_sensor=False)
