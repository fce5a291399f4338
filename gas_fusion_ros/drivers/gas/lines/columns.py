"""Whose values the columns of a line are, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.mq import Quantity, SensorColumn, sensor_column, sensors_in
from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark

_BEST_FIRST = (
    Quantity.RAW,
    Quantity.UNSAID,
    Quantity.VOLT,
    Quantity.MILLIVOLT,
    Quantity.PERCENT,
    Quantity.OHM,
)
"""What a driver takes of a sensor that sends several; what is not here is computed, and not taken."""
_AS_SENT = (Quantity.RAW, Quantity.UNSAID)


def is_reading(quantity: Quantity) -> bool:
    """Whether values are what a converter gives, or follow from it alone."""
    return quantity in _BEST_FIRST


@dataclass(frozen=True)
class Resolution:
    """Which columns are read; C channels.

    Attributes:
        channels: length C.
        places: length C, the columns that may be each channel's: one where that is certain.
        quantity: what the values are.
        ignored: names of the columns that nobody wants.
    """

    channels: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    quantity: Quantity
    ignored: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """Whether each channel has one column."""
        return all(len(places) == 1 for places in self.places)


class ColumnNames:
    """Reads names of columns for an array.

    Args:
        channels: the names that are wanted; None for whatever sensors are named.
    """

    def __init__(self, channels: Sequence[str] | None) -> None:
        self.channels = None if channels is None else tuple(channels)
        self._own = {name.strip().lower(): name for name in channels or ()}
        self._usual = {
            found.name: name for name in channels or () if (found := sensor_column(name)) is not None
        }

    def read(self, text: str) -> SensorColumn | None:
        """Return which channel a column is of, by its name as wanted where it is; None where of none."""
        own = self._own.get(text.strip().strip("\"'").strip().lower())
        if own is not None:
            return SensorColumn(own, Quantity.UNSAID)
        found = sensor_column(text)
        return (
            None if found is None else SensorColumn(self._usual.get(found.name, found.name), found.quantity)
        )

    def sensors_in(self, text: str) -> list[str]:
        """Return the channels of the sensors that a text names, each once, in the order of the text."""
        return list(dict.fromkeys(self._usual.get(name, name) for name in sensors_in(text)))

    def resolve(self, names: Sequence[str], owner: str) -> Resolution:
        """Return which columns are read.

        Args:
            names: of all columns, in order.
            owner: whose names they are, such as `the header`; for what is said of them.

        Raises:
            LineRefusedError: a channel is missing, or is there as a computed quantity only.
        """
        return self.resolve_columns(names, [self.read(name) for name in names], owner)

    def resolve_columns(
        self, names: Sequence[str], columns: Sequence[SensorColumn | None], owner: str
    ) -> Resolution:
        """Return which columns are read, of columns that have been looked at; else as `resolve`."""
        channels = self.channels or tuple(dict.fromkeys(one.name for one in columns if one is not None))
        missing = [name for name in channels if all(one is None or one.name != name for one in columns)]
        if missing or not channels:
            raise LineRefusedError(self._missing(names, columns, missing, owner))
        chosen = [_best(name, columns) for name in channels]
        lacking = [name for name, (_, places) in zip(channels, chosen, strict=True) if not places]
        if lacking:
            raise LineRefusedError(_computed(lacking[0], names, columns, owner))
        quantities = {quantity for quantity, _ in chosen}
        if len(quantities - {Quantity.RAW, Quantity.UNSAID}) > 1 or (
            len(quantities) > 1 and quantities != set(_AS_SENT)
        ):
            raise LineRefusedError(_mixed(quantities, owner))
        taken = {place for _, places in chosen for place in places}
        return Resolution(
            channels,
            tuple(places for _, places in chosen),
            _common(quantities),
            tuple(name for place, name in enumerate(names) if place not in taken),
        )

    def _missing(
        self,
        names: Sequence[str],
        columns: Sequence[SensorColumn | None],
        missing: Sequence[str],
        owner: str,
    ) -> Remark:
        wanted = ", ".join(self.channels or ())
        if not any(columns):
            remedy = (
                "name the sensors there, such as MQ2; where values come in the order of channels whatever "
                "stands above them, set serial.format to values"
            )
        else:
            remedy = (
                f"name each of {wanted} there, all of a reading in one line, or set channels to the sensors "
                "that the array has"
            )
        what = f"has no {listed(missing)}" if missing else "no sensor"
        return Remark("missing_channels", f"{owner} names {listed(names, 16)} and {what}", remedy)


def _best(name: str, columns: Sequence[SensorColumn | None]) -> tuple[Quantity, tuple[int, ...]]:
    for quantity in _BEST_FIRST:
        wanted = SensorColumn(name, quantity)
        places = tuple(place for place, one in enumerate(columns) if one == wanted)
        if places:
            return quantity, places
    return Quantity.OTHER, ()


def _common(quantities: set[Quantity]) -> Quantity:
    said = quantities - {Quantity.UNSAID}
    return said.pop() if said else Quantity.UNSAID


def _computed(
    channel: str, names: Sequence[str], columns: Sequence[SensorColumn | None], owner: str
) -> Remark:
    there = [
        name for name, one in zip(names, columns, strict=True) if one is not None and one.name == channel
    ]
    return Remark(
        "computed_values",
        f"{owner} has of {channel} only {listed(there)}, which is no reading of the converter: it is "
        "computed, such as ppm",
        "send what analogRead returns, or the volts, under the sensor's name",
    )


def _mixed(quantities: set[Quantity], owner: str) -> Remark:
    return Remark(
        "mixed_units",
        f"{owner} has channels in different units: {', '.join(sorted(one.value for one in quantities))}",
        "send all of them in the same unit, best what analogRead returns",
    )


def ambiguous(channel: str, names: Sequence[str], places: Sequence[int], owner: str) -> Remark:
    """Say that two columns may be a channel's."""
    there = " and ".join(f"{quoted(names[place])} (column {place + 1})" for place in places[:4])
    return Remark(
        "ambiguous_columns",
        f"{owner} has {channel} in {there}, and which is the converter's reading is not certain",
        f"call them {channel}_raw and {channel}_ppm, or send the readings alone",
    )
