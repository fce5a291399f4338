"""Each statistic says what it is named for, and none of them the level."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import astuple

import cv2
import numpy as np

from gas_fusion_ros.model.pseudo_colour import Field
from gas_fusion_ros.model.thermal import network_input, to_field
from training.pictures.field_statistics import NAMES, FieldStatistics, statistics_of, table
from training.pictures.samples import SIDE, Sample, drawn_samples


def sample(celsius: Field) -> Sample:
    frame = celsius.astype(np.float32)
    return Sample("made", to_field(frame, "32FC1"), network_input(frame, "32FC1", SIDE)[0])


def scene(seed: int = 0) -> Field:
    """A soft scene of some 30 K with noise."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.normal(0, 10, (5, 6)).astype(np.float32), (206, 156), interpolation=cv2.INTER_CUBIC)
    return np.asarray(soft + rng.normal(0, 0.3, soft.shape), dtype=np.float32)


def of(celsius: Field) -> FieldStatistics:
    return statistics_of(sample(celsius))


def test_level_and_contrast_change_nothing() -> None:
    np.testing.assert_allclose(astuple(of(scene())), astuple(of(3 * scene() + 100)), atol=2e-3)


def test_noise_is_in_the_finest_octave() -> None:
    noisy = of(scene() + np.random.default_rng(1).normal(0, 3, (156, 206)).astype(np.float32))
    assert noisy.finest - of(scene()).finest > 1.0
    assert abs(noisy.coarse - of(scene()).coarse) < 0.2


def test_bands_are_told_by_their_direction() -> None:
    bands = np.random.default_rng(1).normal(0, 2, 206).astype(np.float32)
    banded, plain = of(scene() + bands), of(scene())
    assert banded.columns - plain.columns > 0.5
    assert banded.rows < plain.rows + 0.2


def test_blocks_stand_out_of_a_compressed_picture() -> None:
    grey = np.rint(255 * to_field(scene(), "32FC1")).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 10])[1], cv2.IMREAD_GRAYSCALE)
    assert of(np.asarray(coded, dtype=np.float32)).blocks > of(grey.astype(np.float32)).blocks + 0.3


def test_an_edge_counts_and_so_does_what_is_cut_off() -> None:
    half = np.zeros((156, 206), dtype=np.float32)
    half[:, 100:] = 30.0
    figures = of(half)
    # One border, of one or two steps.
    assert 1 / (2.1 * SIDE) < figures.edges < 1.1 / SIDE
    assert figures.cut_off > 0.95


def test_a_table_has_a_row_for_each_picture() -> None:
    values = table(drawn_samples(8, seed=0))
    assert values.shape == (8, len(NAMES))
    assert np.isfinite(values).all()
