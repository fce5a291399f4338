"""What readings a model can be given: those of a calibrated array, or of the one that it learned from."""

from __future__ import annotations

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.array.expected import CalibratedArray, Expected, LearnedCounts, LearnedRatios
from gas_fusion_ros.model.bundle import Bundle


def expected_readings(bundle: Bundle, array: ArrayDescription | None) -> Expected:
    """Return what the readings that a model is given are compared with.

    Args:
        bundle: the model.
        array: what makes ln(Rs/R0) of readings; None where nobody knows.

    Raises:
        ValueError: a model that looks at ln(Rs/R0) is given an array without any baseline.
    """
    if bundle.array is None:
        return LearnedCounts(bundle.name, _ten_bits(bundle.channels), bundle.mean, bundle.std)
    if array is None:
        return LearnedRatios(bundle.name, bundle.array, bundle.mean, bundle.std)
    return CalibratedArray(array)


def _ten_bits(channels: tuple[str, ...]) -> ArrayDescription:
    """Return the array that every model of counts has learned from, as far as its bundle says."""
    return ArrayDescription(tuple(ArrayChannel(name) for name in channels))
