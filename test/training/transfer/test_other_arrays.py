"""Other arrays: what they read, and what a fitted model makes of them."""

from __future__ import annotations

import needs_training  # noqa: F401  skips where torch is not
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.teaching.windows import Recording
from training.transfer.arrays import KINDS, ArrayKind, draw_array

ARRAY = ArrayDescription(tuple(ArrayChannel(name, baseline=0.2) for name in ("mq2", "mq3", "mq5")))


def recording(array: ArrayDescription | None = ARRAY) -> Recording:
    counts = np.random.default_rng(0).uniform(300, 700, (50, 3)).astype(np.float32)
    return Recording(counts, np.zeros(50, np.int64), np.arange(50, dtype=np.int64), array=array)


def test_the_array_itself_reads_the_same_but_for_rounding() -> None:
    seen = draw_array(recording(), KINDS[0], np.random.default_rng(0))
    np.testing.assert_array_equal(seen.counts, np.rint(recording().counts))


@given(seed=st.integers(0, 1000), full_scale=st.sampled_from([1023.0, 4095.0, 26667.0]))
def test_calibration_takes_resistances_and_converter_out(seed: int, full_scale: float) -> None:
    kind = ArrayKind("other", resistance=5.0, full_scale=full_scale)
    seen = draw_array(recording(), kind, np.random.default_rng(seed))
    assert seen.counts.max() <= full_scale
    own, other = ARRAY.with_baseline_of(recording().counts), seen.array.with_baseline_of(seen.counts)
    found, expected = other.deviations(seen.counts), own.deviations(recording().counts)
    # Rounding to a count weighs most at the ends of the range.
    assert np.nanmedian(np.abs(found - expected)) < 0.02


def test_slopes_stretch_what_gases_change() -> None:
    kind = ArrayKind("slopes", slope=0.2)
    seen = draw_array(recording(), kind, np.random.default_rng(1))
    ratio = seen.array.deviations(seen.counts) / ARRAY.deviations(recording().counts)
    slopes = np.median(ratio, axis=0)
    assert ((slopes > 0.8) & (slopes < 1.25)).all()
    assert np.ptp(slopes) > 0.01


def test_a_recording_without_an_array_is_refused() -> None:
    with pytest.raises(ValueError, match="no array"):
        draw_array(recording(None), KINDS[0], np.random.default_rng(0))
