"""Windows made up for what alters them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from gas_fusion_ros.teaching.augmentation import filled
from gas_fusion_ros.teaching.windows import Windows


def made_windows(labels: list[int], readings: int = 40, channels: int = 7, seed: int = 0) -> Windows:
    """Full windows; each class around its own level, (1 + label) * 200 counts."""
    rng = np.random.default_rng(seed)
    classes = np.array(labels, dtype=np.int64)
    counts = 200.0 * (1 + classes[:, None, None]) + rng.normal(0, 8, (len(labels), readings, channels))
    return Windows(
        counts.astype(np.float32), np.ones(counts.shape, np.bool_), classes, np.arange(len(labels))
    )


@st.composite
def any_windows(draw: st.DrawFn) -> Windows:
    """Windows of any size, in which a channel may have any gaps, filled as they should be."""
    rows, readings, channels = draw(st.integers(1, 12)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    windows = made_windows(rng.integers(0, 3, rows).tolist(), readings, channels, draw(st.integers(0, 99)))
    valid = rng.random(windows.valid.shape) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    valid &= rng.random((rows, 1, channels)) < draw(st.sampled_from([0.5, 1.0]))
    return filled(windows.with_readings(windows.values, valid))
