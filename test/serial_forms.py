"""The same readings as other people's sketches print them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.lines.reader import LineReader
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.splitter import LineSplitter
from gas_fusion_ros.drivers.gas.lines.types import LineForm, Order, Tellers

Reading = tuple[float, ...]
Render = Callable[[Sequence[Reading]], bytes]

NAMES = tuple(f"MQ{name[2:]}" for name in PAPER_CHANNELS)

READINGS: tuple[Reading, ...] = (
    (611, 402, 288, 733, 519, 350, 467),
    (610, 404, 287, 733, 521, 349, 468),
    (613, 403, 289, 731, 520, 351, 466),
    (612, 401, 288, 734, 522, 352, 467),
    (614, 405, 290, 732, 519, 350, 469),
    (611, 403, 291, 733, 518, 348, 468),
    (609, 404, 289, 735, 520, 349, 470),
    (612, 402, 288, 734, 521, 351, 467),
)


def lines(rows: Sequence[str], end: str = "\r\n") -> bytes:
    return "".join(row + end for row in rows).encode()


def joined(delimiter: str, end: str = "\r\n", tail: str = "") -> Render:
    return lambda readings: lines([delimiter.join(map(str, row)) + tail for row in readings], end)


def under(header: str, row: Callable[[int, Reading], str], end: str = "\r\n") -> Render:
    return lambda readings: lines([header, *(row(number, one) for number, one in enumerate(readings))], end)


def labelled(pair: str, between: str, head: str = "", tail: str = "") -> Render:
    def render(readings: Sequence[Reading]) -> bytes:
        rows = [
            between.join(pair.format(name=name, value=value) for name, value in zip(NAMES, row, strict=True))
            for row in readings
        ]
        return lines([head + row + tail for row in rows])

    return render


def each(row: Callable[[int, Reading], str], end: str = "\r\n") -> Render:
    return lambda readings: lines([row(number, one) for number, one in enumerate(readings)], end)


def commas(values: Sequence[object]) -> str:
    return ",".join(map(str, values))


def turned(row: Reading) -> Reading:
    return (*row[3:], *row[:3])


def as_json(shape: Callable[[dict[str, float]], object]) -> Render:
    return each(lambda _, row: json.dumps(shape(dict(zip(PAPER_CHANNELS, row, strict=True)))), "\n")


def doubled(row: Reading, ppm: Callable[[float], str]) -> str:
    return commas([text for value in row for text in (value, ppm(value))])


READ: dict[str, Render] = {
    "commas": joined(","),
    "commas and blanks": joined(", "),
    "tabs": joined("\t"),
    "semicolons": joined(";"),
    "blanks": joined(" "),
    "aligned by blanks": joined("   "),
    "pipes": joined(" | "),
    "pipes around": each(lambda _, row: "| " + " | ".join(map(str, row)) + " |"),
    "comma and tab": joined(",\t"),
    "trailing comma": joined(",", tail=","),
    "trailing semicolon": joined(";", tail=";"),
    "trailing tab": joined("\t", tail="\t"),
    "LF": joined(",", end="\n"),
    "CR": joined(",", end="\r"),
    "CR LF and LF": each(lambda number, row: commas(row) + "\r" * (number % 2), end="\n"),
    "quoted": each(lambda _, row: commas([f'"{value}"' for value in row])),
    "angle brackets": each(lambda _, row: f"<{commas(row)}>"),
    "decimal points": each(lambda _, row: commas([f"{value:.2f}" for value in row])),
    "exponents": each(lambda _, row: commas([f"{value:e}" for value in row])),
    "decimal comma, semicolons": each(lambda _, row: ";".join(f"{value},00" for value in row)),
    "decimal comma, tabs": each(lambda _, row: "\t".join(f"{value},00" for value in row)),
    "decimal comma, blanks": each(lambda _, row: " ".join(f"{value},00" for value in row)),
    "milliseconds first": each(lambda number, row: commas([1300 + 2000 * number, *row])),
    "milliseconds since long": each(lambda number, row: commas([7_200_000 + 137 * number**2 + number, *row])),
    "Unix time first": each(lambda number, row: commas([1_714_564_800 + 2 * number, *row])),
    "date and time first": each(lambda number, row: commas([f"2023-11-07 08:15:{number:02}", *row])),
    "date, time": each(lambda number, row: commas(["07.11.2023", f"08:15:{number:02}", *row])),
    "short date": each(lambda number, row: commas([f"07/11/23 08:15:{number:02}", *row])),
    "time in brackets": each(lambda number, row: f"[08:15:{number:02}] {commas(row)}"),
    "time and labels": each(
        lambda number, row: (
            f"08:15:{number:02}.5 -> "
            + " | ".join(f"{name}: {value}" for name, value in zip(NAMES, row, strict=True))
        )
    ),
    "ISO time first": each(lambda number, row: commas([f"2023-11-07T08:15:{number:02}.250Z", *row])),
    "time and blanks": each(lambda number, row: f"08:15:{number:02} " + " ".join(map(str, row))),
    "serial monitor": each(lambda number, row: f"08:15:{number:02}.118 -> {commas(row)}"),
    "log level": each(lambda _, row: f"[INFO] {commas(row)}"),
    "ESP-IDF": each(lambda number, row: f"\x1b[0;32mI ({311 + 100 * number}) mq_task: {commas(row)}\x1b[0m"),
    "a word before": each(lambda _, row: f"Readings: {commas(row)}"),
    "NMEA": each(lambda _, row: f"$GAS,{commas(row)}"),
    "banner": under("Gas array v2.1, ready in 20 s", lambda _, row: commas(row)),
    "banner of names that are none": under("Hello, world", lambda _, row: commas(row)),
    "banner in Latin-1": lambda readings: b"25 \xb0C im Raum\r\n" + joined(",")(readings),
    "banner with NUL": lambda readings: b"\0\0\0boot\r\n" + joined(",")(readings),
    "byte order mark": lambda readings: b"\xef\xbb\xbf" + joined(",")(readings),
    "comments": under("# seven sensors, warm", lambda _, row: commas(row)),
    "header": under(commas(NAMES), lambda _, row: commas(row)),
    "header in a comment": under("# " + commas(NAMES[3:] + NAMES[:3]), lambda _, row: commas(turned(row))),
    "header in another order": under(commas(NAMES[3:] + NAMES[:3]), lambda _, row: commas(turned(row))),
    "header with hyphens": under(
        ";".join(name.replace("MQ", "MQ-") for name in NAMES[3:] + NAMES[:3]),
        lambda _, row: ";".join(map(str, turned(row))),
    ),
    "header with blanks": under(
        "\t".join(name.replace("MQ", "mq ") for name in NAMES), lambda _, row: "\t".join(map(str, row))
    ),
    "header between blanks": under(
        " ".join(NAMES[3:] + NAMES[:3]), lambda _, row: " ".join(map(str, turned(row)))
    ),
    "header with units": under(commas([f"{name} (raw)" for name in NAMES]), lambda _, row: commas(row)),
    "header with gases": under(
        commas(["MQ2_smoke", "MQ3_alcohol", "MQ5_LPG", "MQ6", "MQ7_CO", "MQ8_H2", "MQ135_CO2"]),
        lambda _, row: commas(row),
    ),
    "header with more columns": under(
        commas(["ms", "temp_c", "humidity_%", *NAMES, "state"]),
        lambda number, row: commas([500 * number, 21.4, 48, *row, "OK"]),
    ),
    "header with date and time": under(
        commas(["date", "time", *NAMES]),
        lambda number, row: commas(["2023-11-07", f"08:15:{number:02}", *row]),
    ),
    "header with a stamp": under(
        commas(["timestamp", *NAMES]), lambda number, row: commas([f"2023-11-07 08:15:{number:02}", *row])
    ),
    "header with a stamp, trailing comma": under(
        commas(["timestamp", *NAMES]) + ",", lambda number, row: commas([f"08:15:{number:02}", *row]) + ","
    ),
    "header without the time": under(
        commas(NAMES[3:] + NAMES[:3]), lambda number, row: commas([90 + 1000 * number, *turned(row)])
    ),
    "header and units": lambda readings: lines(
        [commas(NAMES[3:] + NAMES[:3]), commas(["(adc)"] * 7), *(commas(turned(row)) for row in readings)]
    ),
    "header with signs": under(
        "%RH;\u00b0C;" + ";".join(NAMES), lambda _, row: ";".join(map(str, [48, 21.4, *row]))
    ),
    "header of commas over tabs": under(commas(NAMES), lambda _, row: "\t".join(map(str, row))),
    "header again and again": lambda readings: b"".join(
        under(commas(NAMES[3:] + NAMES[:3]), lambda _, row: commas(turned(row)))([one]) for one in readings
    ),
    "header with raw and ppm": under(
        commas([f"{name}_{what}" for name in NAMES for what in ("ppm", "raw")]),
        lambda _, row: commas([text for value in row for text in (f"{value / 90:.2f}", value)]),
    ),
    "header twice, ppm second": under(
        commas([name for name in NAMES for _ in range(2)]),
        lambda _, row: doubled(row, lambda v: f"{v / 60:.2f}"),
    ),
    "header twice, volts second": under(
        commas([name for name in NAMES for _ in range(2)]),
        lambda _, row: doubled(row, lambda v: f"{v * 5 / 1023:.3f}"),
    ),
    "labels, pipes": labelled("{name}: {value}", " | "),
    "labels, commas": labelled("{name}:{value}", ","),
    "labels, equals": labelled("{name}={value}", ";"),
    "labels, tabs": labelled("{name} = {value}", "\t"),
    "labels, blanks": labelled("{name}:{value}", " "),
    "labels, arrows": labelled("{name} -> {value}", ", "),
    "labels with units": labelled("{name} raw: {value} (0.4 ppm)", ", "),
    "labels, analog and digital": labelled("{name} analog: {value}, digital: 1", " | "),
    "labels alternating": labelled("{name} {value}", " "),
    "labels alternating, commas": labelled("{name},{value}", ","),
    "labels with others": labelled("{name}: {value}", ", ", tail=", Temp: 21.4 C, Hum: 48 %"),
    "labels, blanks and commas": labelled("{name} {value}", ", "),
    "labels, hyphens": labelled("{name} - {value}", " | "),
    "labels after a number": each(
        lambda number, row: (
            f"{2000 * number}," + ",".join(f"{n}:{v}" for n, v in zip(NAMES, row, strict=True))
        )
    ),
    "labels after milliseconds": labelled("{name}={value}", " ", head="[117 ms] "),
    "labels after a picture": labelled("{name}: {value}", " | ", head="\u2705 "),
    "labels of another alphabet": labelled("{name}\uff1a{value}", "\uff0c"),
    "labels, hard blanks": labelled("{name}:\u00a0{value}", " "),
    "labels in brackets each": labelled("[{name}:{value}]", " "),
    "labels of an address": labelled("{name}={value}", "&"),
    "a prompt before": each(lambda _, row: f"> {commas(row)}"),
    "at the top of the terminal": each(lambda _, row: f"\x1b[2J\x1b[H{commas(row)}"),
    "header of a program's names": under(
        commas([f"sensor{name}" for name in NAMES[3:] + NAMES[:3]]), lambda _, row: commas(turned(row))
    ),
    "JSON after a topic": each(lambda _, row: f"lab/gas {json.dumps(dict(zip(NAMES, row, strict=True)))}"),
    "labels in braces": labelled("{name}:{value}", ",", head="{", tail="}"),
    "JSON": as_json(lambda row: row),
    "JSON with more": as_json(lambda row: {"t": 21.4, **row, "state": "ok"}),
    "JSON, numbers as texts": as_json(lambda row: {name: str(value) for name, value in row.items()}),
    "JSON nested": as_json(
        lambda row: {"id": 4, "sensors": {n: {"ppm": 2.5, "raw": v} for n, v in row.items()}}
    ),
    "JSON by quantity": as_json(lambda row: {"ppm": dict.fromkeys(row, 1.5), "raw": row}),
    "JSON list of sensors": as_json(
        lambda row: {"data": [{"sensor": n.upper(), "value": v} for n, v in row.items()]}
    ),
    "JSON names and values": as_json(lambda row: {"names": list(row), "values": list(row.values())}),
    "JSON list": as_json(lambda row: list(row.values())),
    "JSON list inside": as_json(lambda row: {"ms": 5, "gas": list(row.values())}),
    "JSON with suffixes": as_json(lambda row: {f"{name}_raw": value for name, value in row.items()}),
    "JSON quoted": as_json(json.dumps),
    "JSON after a level": each(lambda _, row: f"[INFO] {json.dumps(dict(zip(NAMES, row, strict=True)))}"),
    "JSON of Python": each(lambda _, row: repr(dict(zip(NAMES, row, strict=True)))),
    "JSON, trailing comma": each(
        lambda _, row: json.dumps(dict(zip(NAMES, row, strict=True))).replace("}", ",}")
    ),
}
"""Forms that are read."""

REFUSED: dict[str, tuple[Render, str]] = {
    "six values": (each(lambda _, row: commas(row[:6])), "6_values"),
    "eight values": (each(lambda _, row: commas([*row, 21.4])), "8_values"),
    "an identity first": (each(lambda _, row: commas(["node7", *row])), "8_values"),
    "six values after a time": (
        each(lambda number, row: commas([130 + 1000 * number, *row[:6]])),
        "time_among_values",
    ),
    "six values after seconds": (
        each(lambda number, row: commas([2 * number, *row[:6]])),
        "time_among_values",
    ),
    "a temperature before six values": (
        each(lambda _, row: commas(["21.40", *row[:6]])),
        "other_kind_among_values",
    ),
    "a pin for each sensor": (
        lambda readings: lines(
            [*(f"A{n}={name}" for n, name in enumerate(NAMES[::-1])), *map(commas, readings)]
        ),
        "header_other_order",
    ),
    "sentences of values": (
        each(lambda _, row: ", ".join(f"{n} is {v}" for n, v in zip(NAMES, row, strict=True))),
        "computed_values",
    ),
    "decimal comma, commas": (each(lambda _, row: commas([f"{value},50" for value in row])), "14_values"),
    "header of gases": (
        under("smoke,alcohol,LPG,butane,CO,H2,air", lambda _, row: commas(row)),
        "header_missing_channels",
    ),
    "header of other sensors": (
        under("MQ2,MQ3,MQ4,MQ5,MQ6,MQ7,MQ8", lambda _, row: commas(row)),
        "header_missing_channels",
    ),
    "header of six": (under(commas(NAMES[:6]), lambda _, row: commas(row[:6])), "header_missing_channels"),
    "header of seven over eight": (under(commas(NAMES), lambda _, row: commas([*row, 21.4])), "8_values"),
    "header of ppm": (
        under(commas([f"{name}_ppm" for name in NAMES]), lambda _, row: commas([v / 90 for v in row])),
        "header_computed_values",
    ),
    "header twice, both whole": (
        under(
            commas([n for n in NAMES for _ in range(2)]), lambda _, row: doubled(row, lambda v: str(v // 9))
        ),
        "ambiguous_columns",
    ),
    "header twice, both decimal": (
        under(
            commas([n for n in NAMES for _ in range(2)]),
            lambda _, row: commas([text for v in row for text in (f"{v / 200:.2f}", f"{v / 70:.2f}")]),
        ),
        "ambiguous_columns",
    ),
    "header with doubles by name": (
        under(commas([*NAMES, "MQ2"]), lambda _, row: commas([*row, 4])),
        "header_ambiguous_columns",
    ),
    "labels of six": (
        each(lambda _, row: " | ".join(f"{n}: {v}" for n, v in zip(NAMES[:6], row[:6], strict=True))),
        "missing_channels",
    ),
    "header of pins": (under("A0,A1,A2,A3,A4,A5,A6", lambda _, row: commas(row)), "header_missing_channels"),
    "a sensor in each line": (
        lambda readings: b"".join(labelled("{name}: {value}", "\r\n")([one]) for one in readings),
        "missing_channels",
    ),
    "labels in ppm": (labelled("{name}: {value} ppm", ", "), "computed_values"),
    "labels twice": (labelled("{name}: {value} {name}: 3", ", "), "ambiguous_columns"),
    "labels, decimal comma and commas": (labelled("{name}:{value},5", ","), "unclear_line"),
    "values with slashes": (each(lambda _, row: "/".join(map(str, row))), "unclear_line"),
    "hexadecimal": (each(lambda _, row: commas([hex(int(value)) for value in row])), "unclear_line"),
    "units that differ": (
        each(lambda _, row: commas([f"{row[0]} mV", *row[1:6], "1.2V"])),
        "computed_values",
    ),
    "JSON in ppm": (as_json(lambda row: {"ppm": row}), "computed_values"),
    "JSON, ppm in texts": (
        as_json(lambda row: {name: f"{value} ppm" for name, value in row.items()}),
        "computed_values",
    ),
    "JSON over several lines": (
        lambda readings: json.dumps(dict(zip(NAMES, readings[0], strict=True)), indent=1).encode() + b"\n",
        "broken_json",
    ),
    "labels of shares": (labelled("{name}: {value}/1023", " | "), "unclear_line"),
    "JSON twice": (as_json(lambda row: {"a": row, "b": row}), "ambiguous_columns"),
    "JSON of six": (as_json(lambda row: dict(list(row.items())[:6])), "missing_channels"),
    "JSON that is cut": (
        each(lambda _, row: json.dumps(dict(zip(NAMES, row, strict=True)))[:-4]),
        "broken_json",
    ),
    "other names in the line": (
        each(lambda _, row: " ".join(f"S{number}={value}" for number, value in enumerate(row))),
        "missing_channels",
    ),
    "another baud rate": (lambda _: random.Random(5).randbytes(400) + b"\n", "no_text"),
    "rosserial": (
        lambda readings: (
            b"".join(b"\xff\xfe\x08\x00\xf7\x7d\x00" + bytes([v % 256]) * 8 for v in map(int, readings[0]))
            * 6
            + b"\n"
        ),
        "binary_protocol",
    ),
    "no line end": (
        lambda readings: b",".join(str(int(v)).encode() for row in readings for v in row) * 10,
        "no_line_end",
    ),
}
"""Forms that are refused, and the cause that is said."""


class Read:
    """What a reader has made of bytes.

    Attributes:
        channels: of a reading.
        readings: as numbers, NaN where invalid.
        refused: the first remark of each cause.
        noted: likewise.
    """

    def __init__(
        self,
        data: bytes,
        channels: Sequence[str] | None = PAPER_CHANNELS,
        form: LineForm = LineForm.AUTO,
        order: Order | None = None,
        unconfirmed_rows: int = 6,
    ) -> None:
        self.refused: dict[str, Remark] = {}
        self.noted: dict[str, Remark] = {}
        tellers = Tellers(
            lambda remark: void(self.refused.setdefault(remark.cause, remark)),
            lambda remark: void(self.noted.setdefault(remark.cause, remark)),
        )
        reader = LineReader(channels, form, order or Order(), tellers, unconfirmed_rows)
        splitter = LineSplitter(began_before=False)
        found = []
        for line in [*splitter.feed(data, 0), *splitter.finish()]:
            found += reader.take(line, splitter.recent)
        found += reader.finish()
        self.channels = reader.channels
        self.readings = [reading.counts.tolist() for reading in found]

    def named(self) -> list[dict[str, float]]:
        return [dict(zip(self.channels, row, strict=True)) for row in self.readings]


def void(_: object) -> None:
    """For a lambda that shall return nothing."""
