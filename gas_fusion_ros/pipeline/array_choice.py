"""Which array stands behind the readings: settled here alone, for the live node as for an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.shipped_files import find_array

ARRAY_TOPIC = "gas/array_info"


@dataclass(frozen=True)
class ArrayFigures:
    """What reports tell of the array that readings are taken for.

    Attributes:
        source: who says so: `file <path>`, `gas/array_info`, or `the model's own`, which it learned from.
        serial_id: which specimen; empty where nobody says.
        calibrated: when, ISO 8601; None where nobody says.
        unit: what a reading is; None where nobody says, as of a model that looks at counts.
        full_scale: the reading at the supply voltage; None likewise.
    """

    source: str
    serial_id: str = ""
    calibrated: str | None = None
    unit: str | None = None
    full_scale: float | None = None

    @property
    def told(self) -> str:
        """All of it, in a line."""
        if self.unit is None or self.full_scale is None:
            return self.source
        serial = f"serial id {shown(self.serial_id)}, " if self.serial_id else ""
        calibrated = "not known when" if self.calibrated is None else f"on {shown(self.calibrated)}"
        told = f"{self.source}: {serial}{self.unit}, full scale {self.full_scale:g}, calibrated {calibrated}"
        is_own = self.source == MODELS_OWN.source
        return f"{told}; yours is not calibrated: gas-fusion calibrate" if is_own else told


@dataclass(frozen=True)
class KnownArray:
    """An array and who says that it stands behind the readings.

    Attributes:
        source: as in `ArrayFigures`.
        array: how it describes itself; None where nobody says, for the model's own.
    """

    source: str
    array: ArrayDescription | None

    def figures(self, own: ArrayDescription | None) -> ArrayFigures:
        """Return what reports tell of it; `own` is the array that the model learned from, if it says."""
        array = self.array or own
        if array is None:
            return ArrayFigures(self.source)
        calibrated = None if array.calibration is None else array.calibration.date
        return ArrayFigures(self.source, array.serial_id, calibrated, array.unit.value, array.full_scale)


MODELS_OWN = KnownArray("the model's own", None)


def array_of_file(path: str) -> KnownArray | None:
    """Return the array of a file, or of a shipped one's name; None for an empty path.

    Raises:
        ArrayFileError: the file cannot be read, or describes no array.
    """
    if not path:
        return None
    file = find_array(path)
    return KnownArray(f"file {shown(file)}", load_array(file))


class ArrayChoice:
    """Keeps to the array that stands behind the readings. Not thread-safe.

    That of a file where one is given; else the one that `gas/array_info` told of last; else nobody says which
    it is, and the model goes by the one that it learned from, where it learned from one.

    Args:
        given: the array of a file, which its taker uses already; None without one.
        use: takes what is used from now on; may refuse it with a ValueError.

    Attributes:
        current: what is used now.
    """

    def __init__(self, given: KnownArray | None, use: Callable[[ArrayDescription | None], None]) -> None:
        self._given = given
        self._use = use
        self.current = given or MODELS_OWN

    def hear(self, told: ArrayDescription | None) -> bool:
        """Take in what `gas/array_info` tells; return whether another array is used from now on.

        Args:
            told: how the array describes itself; None where it does not.

        Raises:
            ValueError: it is refused; the one before stays in use.
        """
        known = MODELS_OWN if told is None else KnownArray(ARRAY_TOPIC, told)
        if self._given is not None or known == self.current:
            return False
        self._use(known.array)
        self.current = known
        return True
