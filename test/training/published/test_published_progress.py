"""What is left is told by what was measured, and corrected by what the finished units took."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fitting.catalog import load_model
from training.fitting.step_times import Pace
from training.published.progress import Timetable
from training.published.units import USUAL_EPOCHS, Work

MODEL = load_model("gasnet")
PACES = {MODEL: Pace(step_s=0.5, row_s=0.01)}
seconds = st.floats(0.1, 1e5)


def test_a_training_costs_its_steps_and_answers_by_epoch() -> None:
    work = Work(MODEL, steps=128, answered=1000, epochs=200, once=2000, fixed_s=3.0)
    assert work.seconds(PACES, USUAL_EPOCHS) == pytest.approx(50 * (64 + 10) + 20 + 3)
    assert work.seconds(PACES, work.epochs) == pytest.approx(200 * (64 + 10) + 20 + 3)


def test_fewer_epochs_than_usual_are_what_it_has() -> None:
    assert Work(MODEL, steps=2, epochs=3).seconds(PACES, USUAL_EPOCHS) == pytest.approx(3)


def test_what_trains_nothing_itself_is_free() -> None:
    assert Work(load_model("fusion3_max"), steps=2, epochs=3, once=9).seconds(PACES, USUAL_EPOCHS) == 0


def test_the_rest_takes_as_much_longer_as_the_finished_ones_did() -> None:
    timetable = Timetable([10.0, 20.0, 30.0])
    assert timetable.left == pytest.approx(60)
    timetable.finish(20.0)
    assert timetable.left == pytest.approx(2 * 50)
    timetable.go_on(5.0)
    assert timetable.left == pytest.approx(2 * 45)


@given(st.lists(st.tuples(seconds, seconds, seconds), min_size=1, max_size=6))
def test_it_never_says_less_than_nothing_and_ends_with_nothing(units: list[tuple[float, ...]]) -> None:
    timetable = Timetable([expected for expected, _, _ in units])
    before = 0.0
    for _, into, taken in units:
        timetable.go_on(into)
        assert 0 <= before <= timetable.done <= timetable.total * (1 + 1e-9)
        assert timetable.left >= -1e-6 * timetable.total * max(1, taken)
        timetable.finish(taken)
        before = timetable.done
    assert timetable.done == pytest.approx(timetable.total)
    assert timetable.left == pytest.approx(0, abs=1e-3 * sum(taken for _, _, taken in units))
