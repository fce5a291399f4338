"""Why lines are refused and what was left out of others, in words, with what to do."""

from __future__ import annotations

from collections.abc import Sequence

from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.splitter import MAX_LINE_BYTES

_NAME_THEM = (
    "set channels to the sensors that are sent, in their order, or let the sketch send a line of their names "
    "first"
)
_NOTHING = "nothing is to be done"
_MOST_TOLD = 99


def wrong_number(cells: Sequence[str], delimiter: str, names: Sequence[str]) -> Remark:
    """Of a row that no header tells the columns of."""
    return Remark(
        f"{min(len(cells), _MOST_TOLD)}_values",
        f"{quoted(','.join(cells))} has {len(cells)} values separated by {delimiter}; expected {len(names)}: "
        f"{','.join(names)}",
        _NAME_THEM,
    )


def unlike_header(number: int, expected: int) -> Remark:
    """Of a row that is longer or shorter than the header above it."""
    return Remark(
        f"{min(number, _MOST_TOLD)}_values",
        f"a line has {number} values, and the header {expected} names",
        "send a name for each value: what has none belongs to nobody",
    )


def time_among_values(names: Sequence[str]) -> Remark:
    """Of rows with a time where the first channel should be."""
    return Remark(
        "time_among_values",
        f"the first of {len(names)} values is one of a clock, which leaves {len(names) - 1} for the "
        f"{len(names)} channels {','.join(names)}",
        _NAME_THEM,
    )


def other_kind(names: Sequence[str], cell: str) -> Remark:
    """Of rows in which one channel's values are written as no other's are."""
    return Remark(
        "other_kind_among_values",
        f"{listed(names)} would have decimals ({quoted(cell)}) where the others have none, as of another "
        "kind of sensor",
        f"{_NAME_THEM}; where they are the channels all the same, set serial.format to values",
    )


def cut(text: str, lacks: str) -> Remark:
    """Of a line without what the lines before it had."""
    return Remark(
        "cut_line",
        f"{quoted(text)} lacks {lacks} that the lines before it had",
        "check cable and ground; lines that all are of one form are read",
    )


def other_units(cells: Sequence[str]) -> Remark:
    """Of a row whose values have units that say they are computed, or several."""
    return Remark(
        "computed_values",
        f"{quoted(','.join(cells))} holds other units than a converter's",
        "send what analogRead returns, or the volts of all channels",
    )


def no_number(channel: str, text: str) -> Remark:
    """Of a channel's value that cannot be read and does not say that there is none."""
    return Remark(
        "no_number",
        f"channel {channel} is {quoted(text, 20)}",
        "send a number, or nan where the channel has none",
    )


def thousands_or_fraction(text: str) -> Remark:
    """Of a value that nobody can read for certain."""
    bare = "".join(char for char in text if char not in ".,")
    return Remark(
        "thousands_or_fraction",
        f"{quoted(text)} may be {bare} or a fraction, and nothing in these lines tells",
        f"print counts without thousands marks, {bare}; volts with their unit or with two decimals",
    )


def no_reading(text: str) -> Remark:
    """Of a banner, a message, a line that was cut."""
    return Remark(
        "text", f"{quoted(text)} is no reading", f"{_NOTHING} where it is a message; a # before it says so"
    )


def of_text(text: str, holds_values: bool, label: str) -> Remark:
    """Of a line that is neither values nor names; see `Text`."""
    if holds_values:
        return unclear(text)
    return unnamed_value(text, label) if label else no_reading(text)


def unnamed_value(text: str, label: str) -> Remark:
    """Of a line that gives a value under a name that is no sensor's."""
    return Remark(
        "unnamed_value",
        f"{quoted(text)} gives a value under {quoted(label)}, which is the name of no sensor",
        "where it is a reading, print the sensor's name before it, such as MQ2: 302; "
        f"{_NOTHING} where it is a message",
    )


def unclear(text: str) -> Remark:
    """Of a line that is mostly numbers, or names sensors, and is in no form that can be read."""
    return Remark(
        "unclear_line",
        f"{quoted(text)} holds values, and what separates or names them is not clear",
        "send 555,515,... or MQ2: 555 | MQ3: 515 | ..., a line per reading",
    )


def no_fitting_header(refusal: Remark) -> Remark:
    """Of a row after a header that was refused."""
    return Remark(
        "no_fitting_header", f"values are not read until a header fits: {refusal.reason}", refusal.remedy
    )


def other_order(text: str, channels: Sequence[str]) -> Remark:
    """Of a text that names sensors otherwise than they are expected, and is no header."""
    return Remark(
        "other_order",
        f"{quoted(text)} names sensors in another order than {','.join(channels)}, and is no header",
        "send a header, MQ2,MQ3,... and nothing else in the line; where it is a message and values come in "
        "the order of channels, set serial.format to values",
    )


def no_header_yet() -> Remark:
    """Of a row before the first header, where one is asked for."""
    return Remark(
        "no_header_yet",
        "values come without names, and serial.format is header",
        "let the sketch send a line of names now and then, or set serial.format to values",
    )


def late_header() -> Remark:
    """Of a header after rows that were read, or were about to be, without one."""
    return Remark(
        "late_header",
        "values came before the header, and were not in its order",
        "set serial.format to header, so that nothing is read before one",
    )


def nameless(cells: Sequence[str]) -> Remark:
    """Of a row among lines that name their values, where nobody has said what an order there is."""
    return Remark(
        "nameless_values",
        f"{quoted(','.join(cells))} has no names, and other lines have",
        "name the channels in the order of such lines (--channels)",
    )


def other_form(form: str, seen: str) -> Remark:
    """Of a line in another form than the one that is set."""
    return Remark("other_form", f"{seen} comes, and serial.format is {form}", "set serial.format to auto")


def mixed_line_ends(text: str) -> Remark:
    """Of a line with a carriage return inside."""
    return Remark(
        "mixed_line_ends",
        f"{quoted(text)} holds a carriage return where other lines end with a newline",
        "end each line with Serial.println, and no other",
    )


def endless() -> Remark:
    """Of bytes that no line end follows."""
    return Remark(
        "no_line_end",
        f"more than {MAX_LINE_BYTES} bytes without a line end",
        "end each line with Serial.println",
    )


def unfinished(text: str) -> Remark:
    """Of what stands after the last line end of a file."""
    return Remark(
        "unfinished_line",
        f"{quoted(text)} at the end has no line end and may be cut",
        "let the file end with one",
    )


def wrong_checksum(reason: str) -> Remark:
    """Of a line that does not sum up."""
    return Remark("wrong_checksum", reason, "check cable and ground; docs/serial_protocol.md has the sum")


def columns_left_out(names: Sequence[str], owner: str) -> Remark:
    """Of columns that nobody wants."""
    return Remark("columns_left_out", f"{owner} has {listed(names, 16)}, which nobody reads", _NOTHING)


def twins_left_out(taken: str, others: Sequence[str]) -> Remark:
    """Of one of two columns of each sensor."""
    return Remark(
        "columns_left_out",
        f"of two columns of each sensor the {taken} is read, whole numbers as of a converter; the other "
        f"({listed(others, 3)}) is not",
        "call them mq2_raw and mq2_ppm, to have it said",
    )


def time_left_out(what: str) -> Remark:
    """Of a time before the values."""
    return Remark(
        "time_left_out",
        f"{what} before the values is left out",
        f"{_NOTHING}: the moment at which a line comes is taken",
    )


def no_values() -> Remark:
    """Of a capture without any line that could be refused."""
    return Remark(
        "no_values",
        "no line holds a value",
        "let the sketch print one line per reading, each with a line end",
    )
