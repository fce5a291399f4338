"""Makes readings of lines, one after the other, and remembers what the lines before said."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

from gas_fusion_ros.base.mq import Quantity, sensor_column
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.line_protocol import LineError, without_checksum
from gas_fusion_ros.drivers.gas.lines import refusals
from gas_fusion_ros.drivers.gas.lines.cells import Row
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames, Resolution, ambiguous, is_reading
from gas_fusion_ros.drivers.gas.lines.evidence import (
    LEAST_ROWS_OF_TIME,
    first_is_time,
    goes_beyond_readings,
    is_clock_like,
    may_be_time,
    of_another_kind,
)
from gas_fusion_ros.drivers.gas.lines.garbled import decoded, judge
from gas_fusion_ros.drivers.gas.lines.labels import Named
from gas_fusion_ros.drivers.gas.lines.layout import Fitted, Layout, counts_of
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark
from gas_fusion_ros.drivers.gas.lines.shape import Header, Text, shape_of
from gas_fusion_ros.drivers.gas.lines.splitter import MAX_LINE_BYTES, Line
from gas_fusion_ros.drivers.gas.lines.thousands import Thousands, Written
from gas_fusion_ros.drivers.gas.lines.types import LineForm, LineReading, Manner, Order, Tellers
from gas_fusion_ros.drivers.gas.lines.waiting import Habit, Held, TimeBefore, Twins

_WATCHED = 12
_MOST_LISTED = 64
_LEAST_NAMES = 2
"""Sensors in a text from which on it may be a header that noise has spoilt."""


class LineReader:
    """Reads lines in whatever form they are in; see `Lines`.

    A line that names its values is read by the names. Values without names are read in the order of the
    header above them, else of the channels, and only where their number fits. A header that does not fit
    stops them until one does. Where only several rows tell what their columns are, they wait.

    Args:
        channels: the names that are wanted; None for those that the lines name, else the paper's seven.
        form: which forms are read.
        order: the header of whoever read the port before; kept up to date.
        tellers: who is told what is refused, and what is left out.
        unconfirmed_rows: how many rows without names wait whatever stands in them; those of which a value may
            be a time, or of another kind of sensor, wait until that is known.

    Attributes:
        named_lines: how many lines have named their values.
        sensors: how many lines have named each sensor so far.
    """

    def __init__(
        self,
        channels: Sequence[str] | None,
        form: LineForm,
        order: Order,
        tellers: Tellers,
        unconfirmed_rows: int = 0,
    ) -> None:
        self.data_lines = 0
        self.manner: Manner | None = None
        self.sensors: Counter[str] = Counter()
        self.named_lines = 0
        self._wanted = ColumnNames(channels)
        self._are_named = channels is not None
        self._form = form
        self._order = order
        self._tellers = tellers
        self._layout: Layout | None = None
        self._refusal: Remark | None = None
        self._maybe_header: Header | None = None
        self._told_names: tuple[str, ...] | None = None
        self._checksums, self._end_delimiters, self._times = Habit(), Habit(), Habit()
        self._time = TimeBefore()
        self._twins: Twins | None = None
        self._latest: deque[Row] = deque(maxlen=_WATCHED)
        self._thousands = Thousands()
        self._is_settled = False  # Whether rows are known to hold a sensor's value in each column.
        self._listed: list[str] = []
        self._is_begun = False  # Whether a row of values has come.
        self._unconfirmed: list[LineReading] = []
        self._unconfirmed_rows = unconfirmed_rows
        self._nameless = 0
        self._is_fresh = False  # Whether the header is the last line but one that says something.
        if form in (LineForm.AUTO, LineForm.HEADER):
            self._go_on()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of a reading; from the first one on they stay."""
        return self._wanted.channels or PAPER_CHANNELS

    def take(self, line: Line, recent: bytes) -> list[LineReading]:
        """Take a line; return the readings that are certain now, of earlier lines too."""
        if line.is_tail:
            self._heed_tail(line)
            return []
        try:
            return self._take(line, recent)
        except LineRefusedError as error:
            self._tellers.refused(error.remark)
            return []

    def finish(self) -> list[LineReading]:
        """Return what still waits and may be read, refuse the rest."""
        readings = [] if self._doubt() is not None else self._confirm()
        self._refuse_held()
        self._drop_maybe_header()
        return readings

    def _take(self, line: Line, recent: bytes) -> list[LineReading]:
        try:
            text, has_checksum = _text_of(line, recent)
            shape = shape_of(text, self._wanted, len(self._current().names))
        except LineRefusedError:
            self._heed_names(line.content.decode("latin-1"))
            raise
        if isinstance(shape, Row | Named) and not self._checksums.is_kept_by(has_checksum):
            self.data_lines += 1
            raise LineRefusedError(refusals.cut(text, "the checksum"))
        match shape:
            case Row():
                self._check_listed()
                self.data_lines += 1
                return self._take_row(shape, line.at_ns)
            case Named():
                self.data_lines += 1
                return self._take_named(shape, line.at_ns)
            case Header():
                self._take_header(shape)
            case Text():
                self._heed_names(shape.text)
                self._list_sensor(shape.text)
                self.data_lines += shape.holds_values
                raise LineRefusedError(refusals.of_text(shape.text, shape.holds_values, shape.label))
        return []

    def _current(self) -> Layout:
        return self._layout or Layout.of_channels(self.channels)

    # Headers

    def _go_on(self) -> None:
        """Begin where whoever read the port before ended."""
        refusal = self._order.refusal
        if self._order.header is not None:
            self._adopt(self._order.header)
        if refusal is not None and self._refusal is None:
            self._refuse_header(refusal)

    def _take_header(self, header: Header) -> None:
        if self._form in (LineForm.LABELS, LineForm.JSON):
            raise LineRefusedError(refusals.other_form(self._form.value, "a line of names"))
        names_sensor = any(self._wanted.read(name) is not None for name in header.names)
        if self._form is LineForm.VALUES and not names_sensor:
            return
        if self._maybe_header is not None and self._maybe_header.names != header.names:
            self._drop_maybe_header()
        self._maybe_header = None if header.is_certain else header
        if header.is_certain:
            self._adopt(header)

    def _settle_header(self, row: Row) -> None:
        """Decide by the row after it whether a line of names was a header."""
        header = self._maybe_header
        if header is None:
            return
        width, number = len(header.names), len(row.values)
        is_as_long = width in (number, number + row.stamp_cells, number - (row.cells[-1] == ""))
        # A line of units between the names and the values.
        is_of_units = self._is_fresh and not any(map(self._wanted.read, header.names))
        if is_as_long and (width == 1 or header.delimiter == row.delimiter) and not is_of_units:
            self._maybe_header = None
            self._adopt(header)
        else:
            self._drop_maybe_header()

    def _heed_names(self, text: str) -> None:
        """Stop reading values without names after a text that names sensors in another order than they have.

        It may be a header that noise has spoilt.
        """
        named = self._wanted.sensors_in(text)
        is_json = '":' in text
        if self._refusal is not None or is_json or len(named) < _LEAST_NAMES:
            return
        if self._form in (LineForm.VALUES, LineForm.LABELS, LineForm.JSON):
            return
        order = [name for name in self._ordered() if name in named]
        if named != order:
            self._refuse_header(refusals.other_order(text, self.channels))

    def _list_sensor(self, text: str) -> None:
        """Keep the sensors that lines before the first values name one by one, as `A0=MQ6`."""
        named = self._wanted.sensors_in(text)
        if len(named) == 1 and not self._is_begun and len(self._listed) < _MOST_LISTED:
            self._listed.append(named[0])

    def _check_listed(self) -> None:
        """Stop reading values without names where lines before list most channels in another order."""
        if 2 * len(self._listed) > len(self.channels):
            self._heed_names(" ".join(self._listed))
        self._listed.clear()
        self._is_begun = True

    def _heed_tail(self, line: Line) -> None:
        """Take a header that came with the first bytes of a port: many boards send it when they start.

        What stood before it nobody knows: where it is no end of the header that is known, the row after it
        decides.
        """
        try:
            text, _ = _text_of(line, b"")
            shape = shape_of(text, self._wanted, len(self._current().names))
        except LineRefusedError:
            self._heed_names(line.content.decode("latin-1"))
            return
        if not isinstance(shape, Header | Text) or self._form in (LineForm.LABELS, LineForm.JSON):
            return
        names = shape.names if isinstance(shape, Header) else ()
        known = () if self._layout is None else self._layout.names
        if names and names[1:] == known[len(known) - len(names) + 1 :]:
            return
        if isinstance(shape, Header):
            self._take_header(replace(shape, is_certain=False))
        else:
            self._heed_names(text)

    def _ordered(self) -> list[str]:
        """The channels in the order of their columns."""
        resolution = self._current().resolution
        pairs = zip(resolution.places, resolution.channels, strict=True)
        return [channel for _, channel in sorted(pairs)]

    def _refuse_header(self, remark: Remark) -> None:
        self._refuse_held()
        self._layout = None
        self._order.refusal = self._refusal = remark
        self._tellers.refused(replace(remark, cause=f"header_{remark.cause}"))

    def _drop_maybe_header(self) -> None:
        if self._maybe_header is not None:
            text = " ".join(self._maybe_header.names)
            self._maybe_header = None
            self._heed_names(text)
            self._tellers.refused(refusals.no_reading(text))

    def _adopt(self, header: Header) -> None:
        """Read rows by a header from now on, or none where it does not fit."""
        if self._layout is not None and self._layout.names == header.names and self._refusal is None:
            return
        self._order.header = header
        try:
            resolution = self._wanted.resolve(header.names, "the header")
            _check_twins(header.names, resolution)
        except LineRefusedError as error:
            self._refuse_header(error.remark)
            return
        self._refuse_held()
        self._layout = Layout(header.names, resolution, has_header=True)
        self._is_fresh = True
        self._order.refusal = self._refusal = None
        if self._nameless > self._unconfirmed_rows and list(resolution.channels) != self._ordered():
            self._tellers.refused(refusals.late_header())
        self._nameless = 0
        self.sensors.update(resolution.channels)
        self._want(resolution.channels)
        if header.has_end_delimiter:
            self._end_delimiters.is_kept_by(True)
        self._twins = None if resolution.is_certain else Twins(self._layout)
        if resolution.ignored:
            self._tellers.noted(refusals.columns_left_out(resolution.ignored, "the header"))

    def _want(self, channels: tuple[str, ...]) -> None:
        """Keep to the channels of the first reading, where nobody has said which are wanted."""
        if self._wanted.channels is None:
            self._wanted = ColumnNames(channels)

    # Values without names

    def _take_row(self, row: Row, at_ns: int) -> list[LineReading]:
        self._settle_header(row)
        self._is_fresh = False
        if self._form in (LineForm.LABELS, LineForm.JSON):
            raise LineRefusedError(refusals.other_form(self._form.value, "a line of values"))
        if self._refusal is not None:
            raise LineRefusedError(refusals.no_fitting_header(self._refusal))
        if self._form is LineForm.HEADER and self._layout is None:
            raise LineRefusedError(refusals.no_header_yet())
        layout = self._current()
        if not (layout.has_header or self._are_named or layout.names == PAPER_CHANNELS):
            raise LineRefusedError(refusals.nameless(row.cells))
        fitted = layout.fit(row)
        if fitted is not None:
            self._check_end(fitted)
            if not self._times.is_kept_by(False):
                raise LineRefusedError(refusals.cut(",".join(row.cells), "one value"))
            self._check_first(fitted.row, layout)
            self._refuse_timed()
            return self._take_fitted(fitted.row, at_ns)
        fitted = layout.fit_with_time(row)
        if fitted is None:
            raise LineRefusedError(layout.wrong_number(row))
        self._check_end(fitted)
        self._times.is_kept_by(True)
        return self._take_with_time(fitted.row, at_ns)

    def _take_with_time(self, row: Row, at_ns: int) -> list[LineReading]:
        """Take a row with one value too many."""
        found = self._time.take(at_ns, row)
        if found.certain:
            self._tellers.noted(refusals.time_left_out("a first value that rises like a time"))
        for _, refused in found.refused:
            self._tellers.refused(self._current().wrong_number(refused))
        return self._take_several(found.certain)

    def _take_several(self, held: Sequence[Held]) -> list[LineReading]:
        readings = []
        for at_ns, row in held:
            try:
                readings += self._take_fitted(row, at_ns)
            except LineRefusedError as error:
                self._tellers.refused(error.remark)
        return readings

    def _take_fitted(self, row: Row, at_ns: int) -> list[LineReading]:
        if self._twins is not None:
            return self._take_twins(self._twins, row, at_ns)
        layout = self._current()
        row = self._as_written(row, layout)
        counts = layout.counts(row)
        self._want(layout.resolution.channels)
        form = LineForm.HEADER if layout.has_header else LineForm.VALUES
        self.manner = Manner(form, row.delimiter, row.has_decimal_comma, layout.quantity(row))
        if row.stamp_cells and not layout.has_header:
            self._tellers.noted(refusals.time_left_out("a date or time"))
        return self._confirmed(LineReading(at_ns, counts), layout)

    def _as_written(self, row: Row, layout: Layout) -> Row:
        """Return a row in which thousands are no fractions.

        Raises:
            LineRefusedError: nobody can tell which they are.
        """
        said = layout.resolution.quantity
        written = [
            Written(channel, row.cells[place], row.values[place], _said(row.quantities[place], said))
            for channel, place in zip(layout.resolution.channels, layout.places, strict=True)
        ]
        values = list(row.values)
        for place, value in zip(layout.places, self._thousands.values(written, row.cells), strict=True):
            values[place] = value
        has_decimal_comma = row.has_decimal_comma and "," not in self._thousands.marks
        return replace(row, values=tuple(values), has_decimal_comma=has_decimal_comma)

    def _take_twins(self, twins: Twins, row: Row, at_ns: int) -> list[LineReading]:
        if not twins.take(at_ns, row):
            return []
        decided = twins.decided()
        if decided is None:
            self._refuse_header(self._twin_remark())
            return []
        self._twins = None
        self._layout, taken, others = decided
        self._tellers.noted(refusals.twins_left_out(taken, others))
        return self._take_several(twins.held)

    def _twin_remark(self) -> Remark:
        layout = self._current()
        resolution = layout.resolution
        return ambiguous(resolution.channels[0], layout.names, resolution.places[0], "the header")

    def _check_end(self, fitted: Fitted) -> None:
        """Refuse a row without the delimiter at its end that the rows before it had."""
        if fitted.last_is_empty:
            is_whole = not self._end_delimiters.is_had
        else:
            is_whole = self._end_delimiters.is_kept_by(fitted.has_end_delimiter)
        if not is_whole:
            raise LineRefusedError(refusals.cut(",".join(fitted.row.cells), "the delimiter at the end"))

    def _check_first(self, row: Row, layout: Layout) -> None:
        """Refuse rows with the right number of values of which the first is a time all the same."""
        self._latest.append(row)
        odd = [] if layout.has_header else self._odd_columns()
        if odd and len(self._latest) >= LEAST_ROWS_OF_TIME:
            raise LineRefusedError(self._refuse_unconfirmed(self._odd_remark(odd)))
        if row.stamp_cells or not layout.begins_with_channel:
            return
        rows = [one.values for one in self._latest]
        is_counter = not (self._is_settled or layout.has_header) and first_is_time(rows)
        rises = goes_beyond_readings(row.values) and first_is_time(rows)
        if rises or is_counter or is_clock_like(row.values):
            raise LineRefusedError(self._refuse_unconfirmed(refusals.time_among_values(layout.names)))

    def _confirmed(self, reading: LineReading, layout: Layout) -> list[LineReading]:
        """Return what may go out now: values without names once enough of them have come."""
        if layout.has_header:
            return [reading]
        self._nameless += 1
        self._unconfirmed.append(reading)
        if self._doubt() is not None:
            return []
        self._is_settled = self._is_settled or len(self._latest) > 1
        return self._confirm() if self._nameless > self._unconfirmed_rows else []

    def _doubt(self) -> Remark | None:
        """Return why rows without names that wait may hold something else than the channels, if so."""
        if self._is_settled or not self._unconfirmed or not self._latest:
            return None
        if odd := self._odd_columns():
            return self._odd_remark(odd)
        rows = [one.values for one in self._latest]
        is_doubtful = may_be_time(rows) and not self._latest[-1].stamp_cells
        return refusals.time_among_values(self._current().names) if is_doubtful else None

    def _odd_columns(self) -> list[int]:
        """The columns that are written as no other sensor's is, where all should be sensors'."""
        if self._form is LineForm.VALUES or any(sensor_column(name) is None for name in self.channels):
            return []
        return of_another_kind([row.cells for row in self._latest])

    def _odd_remark(self, places: Sequence[int]) -> Remark:
        names = self._current().names
        return refusals.other_kind([names[place] for place in places], self._latest[-1].cells[places[0]])

    def _refuse_unconfirmed(self, remark: Remark) -> Remark:
        for _ in self._unconfirmed:
            self._tellers.refused(remark)
        self._unconfirmed.clear()
        return remark

    def _confirm(self) -> list[LineReading]:
        readings, self._unconfirmed = self._unconfirmed, []
        return readings

    def _refuse_held(self) -> None:
        """Refuse what waits: nothing will tell any more what its columns are."""
        self._refuse_timed()
        self._refuse_unconfirmed(self._doubt() or refusals.late_header())
        self._is_settled = False
        for _ in [] if self._twins is None else self._twins.held:
            self._tellers.refused(self._twin_remark())
        self._time, self._twins = TimeBefore(), None
        self._latest.clear()

    def _refuse_timed(self) -> None:
        for _, row in self._time.held:
            self._tellers.refused(self._current().wrong_number(row))
        self._time.held = []

    # Values with names

    def _take_named(self, named: Named, at_ns: int) -> list[LineReading]:
        form = LineForm(named.form)
        if self._form not in (LineForm.AUTO, form):
            raise LineRefusedError(refusals.other_form(self._form.value, f"a line of {form.value}"))
        pairs = zip(named.columns, named.values, strict=True)
        sensors = [one.name for one, value in pairs if one and value is not None and is_reading(one.quantity)]
        self.sensors.update(list(dict.fromkeys(sensors)))
        self.named_lines += bool(sensors)
        resolution = self._wanted.resolve_columns(named.names, named.columns, "a line")
        for channel, places in zip(resolution.channels, resolution.places, strict=True):
            if len(places) > 1:
                raise LineRefusedError(ambiguous(channel, named.names, places, "a line"))
        written = [
            Written(channel, named.texts[place], named.values[place], resolution.quantity)
            for channel, (place,) in zip(resolution.channels, resolution.places, strict=True)
        ]
        values = [one.value for one in written]
        if form is LineForm.LABELS or any("," in one.text for one in written):
            values = self._thousands.values(written)
        counts = counts_of(resolution.channels, list(zip(values, (one.text for one in written), strict=True)))
        self._want(resolution.channels)
        self.manner = Manner(form, quantity=resolution.quantity)
        if resolution.ignored and self._told_names != named.names:
            self._told_names = named.names
            self._tellers.noted(refusals.columns_left_out(resolution.ignored, "a line"))
        return [LineReading(at_ns, counts)]


def _said(by_unit: Quantity, by_header: Quantity) -> Quantity:
    return by_header if by_unit is Quantity.UNSAID else by_unit


def _text_of(line: Line, recent: bytes) -> tuple[str, bool]:
    """Return a line's text without its checksum, and whether it had one."""
    content = line.content.strip(b" \r")
    has_checksum = False
    if line.has_end:
        try:
            whole, content = content, without_checksum(content)
            has_checksum = len(content) < len(whole)
        except LineError as error:
            raise LineRefusedError(refusals.wrong_checksum(str(error))) from None
    text = decoded(content)
    if text is None:
        raise LineRefusedError(judge(content, recent))
    if not line.has_end:
        is_long = len(line.content) > MAX_LINE_BYTES
        raise LineRefusedError(refusals.endless() if is_long else refusals.unfinished(text))
    if "\r" in text:
        raise LineRefusedError(refusals.mixed_line_ends(text))
    return text, has_checksum


def _check_twins(names: Sequence[str], resolution: Resolution) -> None:
    """Refuse columns of one channel that no values will tell apart."""
    numbers = {len(places) for places in resolution.places}
    if numbers == {1} or (numbers == {2} and resolution.quantity is Quantity.UNSAID):
        return
    pairs = zip(resolution.channels, resolution.places, strict=True)
    channel, places = next((channel, places) for channel, places in pairs if len(places) > 1)
    raise LineRefusedError(ambiguous(channel, names, places, "the header"))
