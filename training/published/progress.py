"""How far the units are, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from lightning.pytorch.callbacks import Callback
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from gas_fusion_ros.report.texts import duration_text
from training.command_line.options import CONSOLE
from training.fitting.catalog import Model
from training.fitting.step_times import Pace
from training.published.units import FREE, USUAL_EPOCHS, Unit, Work


class Timetable:
    """What the units should take, and how far they are; it learns how right that is from those that finish.

    Args:
        expected: seconds of each unit, in their order.
    """

    def __init__(self, expected: Sequence[float]) -> None:
        self._waiting = list(expected)
        self._total = sum(expected)
        self._finished = self._spent = self._into = 0.0

    @property
    def total(self) -> float:
        """Seconds that all should take."""
        return self._total

    @property
    def done(self) -> float:
        """Of these, what is done."""
        return self._finished + self._into

    @property
    def left(self) -> float:
        """Seconds that the rest will take, by what the finished ones took."""
        pace = self._spent / self._finished if self._finished else 1.0
        return (self._total - self.done) * pace

    def go_on(self, seconds: float) -> None:
        """Note that so much of the present unit is done: never more than it was expected to take."""
        self._into = min(self._into + seconds, self._waiting[0])

    def finish(self, taken: float) -> None:
        """Note that the present unit is finished, and took so many seconds."""
        self._finished += self._waiting.pop(0)
        self._spent += taken
        self._into = 0.0


class Bar:
    """A progress bar over all units, in seconds that they should take."""

    def __init__(self, timetable: Timetable, progress: Progress) -> None:
        self._timetable = timetable
        self._progress = progress
        self._task = progress.add_task("", total=timetable.total, left="")

    def show(self, name: str | None = None) -> None:
        """Draw it anew, with the name of another unit where one is given."""
        self._progress.update(
            self._task,
            completed=self._timetable.done,
            left=f"{duration_text(self._timetable.left)} to go",
            description=name,
        )

    def go_on(self, seconds: float) -> None:
        """Note that so much of the present unit is done."""
        self._timetable.go_on(seconds)
        self.show()

    def finish(self, taken: float) -> None:
        """Note that the present unit is finished, and took so many seconds."""
        self._timetable.finish(taken)
        self.show()


@contextmanager
def progress_bar(timetable: Timetable) -> Iterator[Bar]:
    """Show a bar where somebody looks at one."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=CONSOLE, disable=not CONSOLE.is_terminal) as progress:
        yield Bar(timetable, progress)


class Ticks(Callback):
    """Moves the bar with each step of a unit's training, and with its answers to validation."""

    def __init__(self, bar: Bar, work: Work, paces: Mapping[Model, Pace]) -> None:
        self._bar, self._work = bar, work
        self._pace = paces.get(work.model, FREE)

    def on_train_batch_end(self, *_: object) -> None:
        """Move it by a step."""
        self._bar.go_on(self._pace.step_s)

    def on_validation_end(self, *_: object) -> None:
        """Move it by the answers of an epoch."""
        self._bar.go_on(self._work.answered * self._pace.row_s)


def expected_seconds(units: Sequence[Unit], paces: Mapping[Model, Pace]) -> list[float]:
    """Return what each unit takes, by as many epochs as trainings usually have."""
    return [unit.work.seconds(paces, USUAL_EPOCHS) for unit in units]


def longest_seconds(units: Sequence[Unit], paces: Mapping[Model, Pace]) -> float:
    """Return what all take where validation stops none of them."""
    return sum(unit.work.seconds(paces, unit.work.epochs) for unit in units)
