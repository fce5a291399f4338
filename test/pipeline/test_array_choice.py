"""A file goes before what is told, that before the model's own, and a refusal changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.array_file import ArrayFileError, write_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.pipeline.array_choice import (
    MODELS_OWN,
    ArrayChoice,
    ArrayFigures,
    KnownArray,
    array_of_file,
)

MQ2, MQ3 = (ArrayDescription((ArrayChannel(name),), serial_id=name) for name in ("mq2", "mq3"))
WRONG = ArrayDescription((ArrayChannel("wrong"),))
told = st.lists(st.sampled_from([None, MQ2, MQ3, WRONG]), max_size=12)


class Taker:
    """Keeps what it is given, but for the wrong one."""

    def __init__(self) -> None:
        self.taken: list[ArrayDescription | None] = []

    def use(self, array: ArrayDescription | None) -> None:
        if array is WRONG:
            raise ValueError("no baseline")
        self.taken.append(array)


@given(told)
def test_what_is_told_last_is_used_and_the_model_hears_of_changes_alone(
    messages: list[ArrayDescription | None],
) -> None:
    taker = Taker()
    choice = ArrayChoice(None, taker.use)
    expected: list[ArrayDescription | None] = [None]
    for array in messages:
        if array is WRONG:
            with pytest.raises(ValueError, match="no baseline"):
                choice.hear(array)
            continue
        assert choice.hear(array) is (array != expected[-1])
        if array != expected[-1]:
            expected.append(array)
        assert choice.current == (MODELS_OWN if array is None else KnownArray("gas/array_info", array))
    assert taker.taken == expected[1:]


@given(told)
def test_a_file_goes_before_all_that_is_told(messages: list[ArrayDescription | None]) -> None:
    taker, known = Taker(), KnownArray("file array.yaml", MQ2)
    choice = ArrayChoice(known, taker.use)
    changes = [choice.hear(array) for array in messages]
    assert not any(changes)
    assert (choice.current, taker.taken) == (known, [])


def test_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    write_array(path, MQ2)
    assert array_of_file(str(path)) == KnownArray(f"file {path}", MQ2)
    assert array_of_file("") is None
    with pytest.raises(ArrayFileError, match="nowhere"):
        array_of_file(str(tmp_path / "nowhere.yaml"))


CALIBRATED = ArrayDescription(
    MQ2.channels, Unit.VOLT, 5.0, serial_id="no. 7", calibration=ArrayCalibration("2026-01-02T03:04:05", 60)
)


@pytest.mark.parametrize(
    ("known", "own", "figures", "line"),
    [
        (MODELS_OWN, None, ArrayFigures("the model's own"), "the model's own"),
        (
            MODELS_OWN,
            MQ3,
            ArrayFigures("the model's own", "mq3", None, "counts", 1023.0),
            "the model's own: serial id mq3, counts, full scale 1023, calibrated not known when"
            "; yours is not calibrated: gas-fusion calibrate",
        ),
        (
            KnownArray("gas/array_info", CALIBRATED),
            MQ3,
            ArrayFigures("gas/array_info", "no. 7", "2026-01-02T03:04:05", "volt", 5.0),
            "gas/array_info: serial id 'no. 7', volt, full scale 5, calibrated on 2026-01-02T03:04:05",
        ),
    ],
)
def test_what_reports_tell_of_it(
    known: KnownArray, own: ArrayDescription | None, figures: ArrayFigures, line: str
) -> None:
    assert known.figures(own) == figures
    assert figures.told == line
