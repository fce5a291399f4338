"""Makes readings of lines, one after the other, and remembers what the lines before said."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.line_protocol import LineError, without_checksum
from gas_fusion_ros.drivers.gas.lines import refusals
from gas_fusion_ros.drivers.gas.lines.cells import Row
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames, Resolution, ambiguous
from gas_fusion_ros.drivers.gas.lines.evidence import first_is_time, goes_beyond_readings, is_clock_like
from gas_fusion_ros.drivers.gas.lines.garbled import decoded, judge
from gas_fusion_ros.drivers.gas.lines.labels import Named
from gas_fusion_ros.drivers.gas.lines.layout import Fitted, Layout, counts_of
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark
from gas_fusion_ros.drivers.gas.lines.shape import Header, Text, shape_of
from gas_fusion_ros.drivers.gas.lines.splitter import MAX_LINE_BYTES, Line
from gas_fusion_ros.drivers.gas.lines.types import LineForm, LineReading, Manner, Order, Tellers
from gas_fusion_ros.drivers.gas.lines.waiting import Habit, Held, TimeBefore, Twins

_WATCHED = 12
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
        unconfirmed_rows: how many rows without names wait until the first value is known to be no time. Where
            one sensor less is sent, and a time instead, fewer than 6 let some rows pass under wrong names.

    Attributes:
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
        self._latest: deque[tuple[float | None, ...]] = deque(maxlen=_WATCHED)
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
        try:
            return self._take(line, recent)
        except LineRefusedError as error:
            self._tellers.refused(error.remark)
            return []

    def finish(self) -> list[LineReading]:
        """Return what still waits and may be read, refuse the rest."""
        readings = self._confirm()
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
                self.data_lines += 1
                return self._take_row(shape, line.at_ns)
            case Named():
                self.data_lines += 1
                return self._take_named(shape, line.at_ns)
            case Header():
                self._take_header(shape)
            case Text():
                self._heed_names(shape.text)
                self.data_lines += shape.holds_values
                remark = refusals.unclear if shape.holds_values else refusals.no_reading
                raise LineRefusedError(remark(shape.text))
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
        counts = layout.counts(row)
        self._want(layout.resolution.channels)
        form = LineForm.HEADER if layout.has_header else LineForm.VALUES
        self.manner = Manner(form, row.delimiter, row.has_decimal_comma, layout.quantity(row))
        if row.stamp_cells and not layout.has_header:
            self._tellers.noted(refusals.time_left_out("a date or time"))
        return self._confirmed(LineReading(at_ns, counts), layout)

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
        if row.stamp_cells or not layout.begins_with_channel:
            return
        self._latest.append(row.values)
        rises = goes_beyond_readings(row.values) and first_is_time(list(self._latest))
        if rises or is_clock_like(row.values):
            for _ in self._unconfirmed:
                self._tellers.refused(refusals.time_among_values(layout.names))
            self._unconfirmed.clear()
            raise LineRefusedError(refusals.time_among_values(layout.names))

    def _confirmed(self, reading: LineReading, layout: Layout) -> list[LineReading]:
        """Return what may go out now: values without names once enough of them have come."""
        if layout.has_header:
            return [reading]
        self._nameless += 1
        self._unconfirmed.append(reading)
        return self._confirm() if self._nameless > self._unconfirmed_rows else []

    def _confirm(self) -> list[LineReading]:
        readings, self._unconfirmed = self._unconfirmed, []
        return readings

    def _refuse_held(self) -> None:
        """Refuse what waits: nothing will tell any more what its columns are."""
        self._refuse_timed()
        for _ in self._confirm():
            self._tellers.refused(refusals.late_header())
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
        self.sensors.update(list(dict.fromkeys(one.name for one in named.columns if one is not None)))
        resolution = self._wanted.resolve_columns(named.names, named.columns, "a line")
        for channel, places in zip(resolution.channels, resolution.places, strict=True):
            if len(places) > 1:
                raise LineRefusedError(ambiguous(channel, named.names, places, "a line"))
        counts = counts_of(
            resolution.channels, [(named.values[place], named.texts[place]) for (place,) in resolution.places]
        )
        self._want(resolution.channels)
        self.manner = Manner(form, quantity=resolution.quantity)
        if resolution.ignored and self._told_names != named.names:
            self._told_names = named.names
            self._tellers.noted(refusals.columns_left_out(resolution.ignored, "a line"))
        return [LineReading(at_ns, counts)]


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
