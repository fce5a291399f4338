"""Labelled readings to teach from: whose array they are, and how they come together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lessons
import numpy as np
import pytest

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, write_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.teaching.sources import (
    KnownArray,
    Labelled,
    SourceError,
    array_of,
    deviations,
    read_table,
    together,
)
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS

OTHER = replace(lessons.ARRAY, serial_id="8")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return lessons.write_prototype_bundle(tmp_path_factory.mktemp("sources") / "four")


def labelled(
    gas: str = "Methane",
    rows: int = 90,
    step_ns: int = ROW_PERIOD_NS,
    array: ArrayDescription = lessons.ARRAY,
) -> Labelled:
    """Readings of one gas, taken by an array."""
    readings = lessons.ARRAY.readings_of(lessons.deviations(gas, rows))
    columns = [PAPER_CHANNELS.index(name) for name in array.names]
    stamps = np.arange(rows, dtype=np.int64) * step_ns
    return Labelled(Path("bag"), "0", array.names, readings[:, columns], stamps, (gas,) * rows, ("",) * rows)


def test_the_array_is_that_of_the_file_given_or_as_told_or_the_models(bundle: Bundle, tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    write_array(given, OTHER)
    assert array_of(Path("bag"), given, bundle, [lessons.ARRAY]).array == OTHER
    assert array_of(Path("bag"), None, bundle, [OTHER]).array == OTHER
    known = array_of(Path("bag"), None, bundle)
    assert known.array == bundle.array
    assert "model 'four'" in known.told


def test_a_table_says_its_array_in_a_file_beside_it(bundle: Bundle, tmp_path: Path) -> None:
    folder = lessons.write_lesson(tmp_path / "lesson", {"Methane": 3}, OTHER)
    assert array_of(folder, None, bundle).array == OTHER
    (folder / ARRAY_FILE_NAME).unlink()
    assert array_of(folder, None, bundle).array == bundle.array


def test_a_bag_of_two_arrays_is_refused(bundle: Bundle) -> None:
    with pytest.raises(
        SourceError, match="tells of 2 arrays, or of one that was calibrated anew; say by --array"
    ):
        array_of(Path("bag"), None, bundle, [lessons.ARRAY, OTHER])


def test_channels_are_taken_by_name_and_missing_ones_have_no_value() -> None:
    fewer = lessons.ARRAY.of_channels(("mq135", "mq2"))
    found = deviations(labelled(array=fewer), KnownArray(fewer, "a file"), PAPER_CHANNELS)
    expected = lessons.deviations("Methane", 90)
    np.testing.assert_allclose(found[:, [0, 6]], expected[:, [0, 6]], atol=1e-3)
    assert np.isnan(found[:, 1:6]).all()


def test_an_array_of_other_channels_is_refused() -> None:
    source = labelled(array=lessons.ARRAY.of_channels(("mq2",)))
    with pytest.raises(SourceError, match="none of them of a file"):
        deviations(source, KnownArray(lessons.ARRAY.of_channels(("mq3",)), "a file"), PAPER_CHANNELS)


def test_fast_readings_are_thinned_and_recordings_keep_to_themselves() -> None:
    parts = [
        (source, deviations(source, KnownArray(lessons.ARRAY, "a file"), PAPER_CHANNELS))
        for source in (labelled(rows=400, step_ns=ROW_PERIOD_NS // 4), labelled(), labelled("Smoke"))
    ]
    material = together(parts, PAPER_CLASSES)
    assert material.classes == (*PAPER_CLASSES, "Methane")
    assert material.readings == {"Methane": 490, "Smoke": 90}
    recording = material.recording
    assert recording.bags is not None
    for bag in range(3):
        mine = recording.bags == bag
        assert mine.sum() in (90, 100)
        assert (np.diff(recording.stamps_ns[mine]) == ROW_PERIOD_NS).all()


def test_rows_out_of_order_are_put_in_order() -> None:
    source = labelled()
    order = np.random.default_rng(0).permutation(90)
    mixed = replace(source, readings=source.readings[order], stamps_ns=source.stamps_ns[order])
    known = KnownArray(lessons.ARRAY, "a file")
    first, second = (
        together([(one, deviations(one, known, PAPER_CHANNELS))], PAPER_CLASSES).recording
        for one in (source, mixed)
    )
    np.testing.assert_array_equal(first.counts, second.counts)
    np.testing.assert_array_equal(first.stamps_ns, second.stamps_ns)


def test_a_table_without_one_of_the_arrays_channels_is_refused(tmp_path: Path) -> None:
    folder = lessons.write_lesson(tmp_path / "lesson", {"Methane": 3})
    with pytest.raises(SourceError, match=r"no column for mq9.*by --array"):
        read_table(folder, ("mq2", "mq9"), Problems())
