"""What an array's readings are compared with: its own clean air, or what a model learned from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription, Divider, Unit

Floats = npt.NDArray[np.float64]

STRANGE = 1.0
"""Misfit beyond which readings are of another scale."""
_IMPOSSIBLE = 20.0
"""Misfit of readings that no array gives."""
_TOO_LARGE, _TOO_SMALL = 1.02, -0.01
"""Share of the full scale that no reading goes beyond."""
_MOST_RESISTANCE = 2.5
"""ln(Rs/R0) that no gas brings half of the channels to, nor time: 118 recordings of clean air in three weeks
lie at most at 2.1 where any one of them has given the baselines."""
_LEAST_RESISTANCE = -9.0
"""The same downwards: methane and LPG in the chambers of six boards reached -6.5."""
_INVERTED_STRANGE, _INVERTED_FITS = 0.6, 0.3
"""An output over the other resistor: how far ln(Rs/R0) of the second worst channel is from clean air as it
comes, at least, and once turned round, at most. None of the recordings above comes below 0.6 if turned."""
_CLEAN_AIR_UNIT = 4.0
"""ln(Rs/R0) that tells as little for a cause as a distance of 1: a gas may be there."""
_LEAST_CHANNELS = 4
"""Of fewer valid ones, where an array has more, nothing is told: they are a matter of their health."""
_MOST_DEVIATION = 1.8
"""Root mean square deviation from what a model learned, in standard deviations, without the worst channel.

Of the data set's four classes no median over 60 readings comes beyond 1.44, and over 10 none beyond 1.77; of
any four of its channels none beyond 1.74."""
_FEW = 1.7
"""What the limits are multiplied by for an array of fewer channels in all, which wander further alone."""


@dataclass(frozen=True)
class Change:
    """What would be right of an array's description; None where nothing is known to be wrong.

    Attributes:
        unit: what a reading is.
        full_scale: the reading at the supply.
        divider: over which resistor the output is taken.
    """

    unit: Unit | None = None
    full_scale: float | None = None
    divider: Divider | None = None

    @property
    def fields(self) -> str:
        """The fields of an array file, as they are written there; empty where none is wrong."""
        written = {
            "unit": self.unit and self.unit.value,
            "full_scale": None if self.full_scale is None else f"{self.full_scale:.10g}",
            "divider": self.divider and self.divider.value,
        }
        return ", ".join(f"{name}: {value}" for name, value in written.items() if value is not None)

    @property
    def options(self) -> str:
        """The options of `gas-fusion calibrate` that say the same; empty where none is wrong."""
        written = [
            f"--unit {self.unit.value}" if self.unit not in (None, Unit.COUNTS) else "",
            "" if self.full_scale is None else f"--full-scale {self.full_scale:.10g}",
            "--inverted" if self.divider is Divider.LOAD_HIGH else "",
        ]
        return " ".join(one for one in written if one)


class Expected(ABC):
    """What readings are compared with; C channels.

    Attributes:
        array: unit, full scale and divider, with the channels that are compared.
        typical: shape (C,), a reading in the middle of what is expected.
        owner: who gives such readings, as a clause that follows `what`.
        remedy: what to do about readings of another scale, a sentence without its stop.
        doubt: what else may be behind readings that a gas may bring about, a sentence; empty for nothing.
    """

    array: ArrayDescription
    typical: Floats
    owner: str
    remedy: str
    doubt: str

    @property
    def names(self) -> tuple[str, ...]:
        """The channels that are compared."""
        return self.array.names

    @abstractmethod
    def misfit(self, readings: Floats) -> float:
        """Return how unlike those expected are readings, shape (C,), NaN where invalid; `STRANGE` is most."""

    @abstractmethod
    def distance(self, readings: Floats) -> float:
        """Return how far readings, shape (C,), lie from the typical ones: what causes are compared by."""

    @abstractmethod
    def option(self, change: Change) -> str:
        """Say how a change of the array's description is written; empty for none."""


class CalibratedArray(Expected):
    """An array with a baseline in clean air: any gas is expected, and nothing that no gas does.

    Args:
        array: the array; channels without a baseline are passed over.

    Raises:
        ValueError: no channel has a baseline.
    """

    owner = "the array gave in clean air"
    remedy = "Set that in the array file, and calibrate again in clean air (gas-fusion calibrate)"
    doubt = ""

    def __init__(self, array: ArrayDescription) -> None:
        self.array = array.of_channels([one.name for one in array.channels if one.baseline is not None])
        self.typical = self.array.readings_of(np.zeros(len(self.names))).astype(np.float64)

    def misfit(self, readings: Floats) -> float:
        """As in `Expected`; of readings beyond 0 to full scale it is far above the limit."""
        if self._is_impossible(readings):
            return _IMPOSSIBLE
        deviations = self._deviations(readings)
        if len(deviations) < min(_LEAST_CHANNELS, len(self.names)):
            return 0.0
        if self._is_turned_round(readings):
            return 2.0 * STRANGE
        middle = float(np.median(deviations))
        return max(middle / _MOST_RESISTANCE, middle / _LEAST_RESISTANCE) / _allowance(self.names)

    def distance(self, readings: Floats) -> float:
        """As in `Expected`."""
        if self._is_impossible(readings):
            return _IMPOSSIBLE
        deviations = self._deviations(readings)
        return _without_worst(deviations) / _CLEAN_AIR_UNIT if len(deviations) else _IMPOSSIBLE

    def option(self, change: Change) -> str:
        """As in `Expected`."""
        return change.fields

    def _deviations(self, readings: Floats) -> Floats:
        deviations = self.array.deviations(readings).astype(np.float64)
        return np.asarray(deviations[np.isfinite(deviations)])

    def _is_impossible(self, readings: Floats) -> bool:
        """Whether two channels, or the only one, read what the array cannot."""
        known = readings[np.isfinite(readings)]
        low = _TOO_SMALL * (1.0 if self.array.unit is Unit.OHM else self.array.full_scale)
        high = np.inf if self.array.unit is Unit.OHM else _TOO_LARGE * self.array.full_scale
        return int(((known < low) | (known > high)).sum()) >= min(2, len(self.names))

    def _is_turned_round(self, readings: Floats) -> bool:
        if self.array.unit is Unit.OHM:
            return False
        turned = self._deviations(self.array.full_scale - readings)
        if len(turned) < 3 or len(turned) < np.isfinite(readings).sum():
            return False
        as_it_comes = self._deviations(readings)
        return _second(as_it_comes) > _INVERTED_STRANGE and _second(turned) < _INVERTED_FITS


class _Learned(Expected):
    """The one array that a model learned from, in all the gases that it knows.

    Args:
        model: the model's name.
        array: the array.
        mean: shape (C,), of what the model looks at.
        std: shape (C,), likewise.
    """

    doubt = "A gas unlike any that the model learned would look so too."

    def __init__(self, model: str, array: ArrayDescription, mean: npt.ArrayLike, std: npt.ArrayLike) -> None:
        self.array = array
        self.owner = f"model '{model}' learned from"
        self._mean = np.asarray(mean, dtype=np.float64)
        self._std = np.asarray(std, dtype=np.float64)

    def misfit(self, readings: Floats) -> float:
        """As in `Expected`."""
        known = np.isfinite(readings)
        if known.sum() < min(_LEAST_CHANNELS, len(known)):
            return 0.0
        deviations = np.abs(self._values(readings[np.newaxis])[0] - self._mean) / self._std
        deviations = np.where(np.isnan(deviations), _IMPOSSIBLE, np.minimum(deviations, _IMPOSSIBLE))
        return _without_worst(deviations[known]) / _MOST_DEVIATION / _allowance(self.names)

    def distance(self, readings: Floats) -> float:
        """As in `Expected`."""
        return self.misfit(readings)

    def option(self, change: Change) -> str:
        """As in `Expected`."""
        return change.options

    @abstractmethod
    def _values(self, readings: Floats) -> Floats:
        """Return what the model looks at of readings, shape (N, C)."""


class LearnedCounts(_Learned):
    """What a model learned from that looks at counts; arguments as of the class above."""

    def __init__(self, model: str, array: ArrayDescription, mean: npt.ArrayLike, std: npt.ArrayLike) -> None:
        super().__init__(model, array, mean, std)
        self.typical = self._mean
        self.remedy = (
            f"Model '{model}' knows the counts of one array only: calibrate yours with that option in clean "
            "air (gas-fusion calibrate), name the file as array_file, and take a model of domain log_ratio"
        )

    def _values(self, readings: Floats) -> Floats:
        return readings


class LearnedRatios(_Learned):
    """What a model learned from that looks at ln(Rs/R0), of an array with baselines; arguments likewise."""

    def __init__(self, model: str, array: ArrayDescription, mean: npt.ArrayLike, std: npt.ArrayLike) -> None:
        super().__init__(model, array, mean, std)
        self.typical = array.readings_of(self._mean).astype(np.float64)
        self.remedy = (
            "Calibrate the array with that option in clean air (gas-fusion calibrate), and name the file as "
            "array_file"
        )

    def _values(self, readings: Floats) -> Floats:
        return self.array.deviations(readings).astype(np.float64)


def _allowance(names: tuple[str, ...]) -> float:
    return 1.0 if len(names) >= _LEAST_CHANNELS else _FEW


def _without_worst(distances: Floats) -> float:
    """Return the root mean square without the largest: a channel alone is no matter of scale."""
    ordered = np.sort(np.abs(distances))
    kept = ordered[:-1] if len(ordered) > 1 else ordered
    return float(np.sqrt(np.mean(kept**2)))


def _second(distances: Floats) -> float:
    return float(np.sort(np.abs(distances))[-min(2, len(distances))])
