"""`gas-fusion listen`: shows what a port or a capture sends, and what it is read as."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import codecs
import json
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Optional

import serial
import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.files import open_regular, write_whole
from gas_fusion_ros.base.quoting import listed, one_line, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.channels import parse_channels
from gas_fusion_ros.commands.terminal import (
    EXIT_INTERRUPTED,
    EXIT_LOSSES,
    EXIT_USAGE,
    complain,
    end_on_signals,
    fail,
    say,
)
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.gas.baud import USUAL_RATES, FoundBaud, find_baud, take_sample
from gas_fusion_ros.drivers.gas.lines.garbled import judge
from gas_fusion_ros.drivers.gas.lines.types import LineForm
from gas_fusion_ros.drivers.gas.serial import SerialGasSettings
from gas_fusion_ros.drivers.gas.serial_port import open_port, ports, received
from gas_fusion_ros.inspection.serial_lines import BEFORE_USE, Heard, HeardLine, SerialListener
from gas_fusion_ros.settings.parameter_file import nodes_in

DEFAULT_SECONDS = 10.0
_CHUNK_BYTES = 1 << 16
_SAMPLE_BYTES = 1 << 20
_ZEROS_OF_UTF16 = 0.3
_MOST_SHOWN = 20
_NODE = "gas_sensor"
_DEFAULTS = SerialGasSettings()


def listen(
    source: Annotated[
        Path, typer.Argument(help="A serial port, such as /dev/ttyACM0, or a file that holds what one sent.")
    ],
    baud: Annotated[
        Optional[int],
        typer.Option(
            help="Bits per second of a port; unless given the usual rates are tried.", min=300, max=4_000_000
        ),
    ] = None,
    channels: Annotated[
        Optional[str],
        typer.Option(
            help="Names of the wanted channels, separated by commas, in the order of a line without names. "
            "Unless given those that the lines name, else the paper's seven."
        ),
    ] = None,
    form: Annotated[
        LineForm, typer.Option("--format", help="As the parameter serial.format.")
    ] = LineForm.AUTO,
    seconds: Annotated[
        float,
        typer.Option(help="How long to listen to a port; Ctrl-C ends it earlier.", min=0.1, max=86400.0),
    ] = DEFAULT_SECONDS,
    write: Annotated[
        Optional[Path],
        typer.Option(
            help="Write the driver's parameters into this file, such as my_board.yaml: a section to paste "
            "into your copy of config/robot.yaml."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that holds that section alone.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was heard as one JSON object, and no lines.")
    ] = False,
) -> None:
    """Show what a serial port or a capture sends, what it is read as, and what to set.

    Exit code 0: all lines with values were read. 1: some were not. 2: none was. 130: interrupted before.
    """
    end_on_signals()
    try:
        if write is not None and write.exists():
            _check_replaceable(write, overwrite)
        wanted = None if channels is None else parse_channels(channels)
        show: Callable[[HeardLine], None] = _ignore if as_json else _Shown(_is_port(source))
        if _is_port(source):
            heard, baud = _listen_to_port(str(source), baud, wanted, form, seconds, show)
        else:
            heard = _read_file(source, wanted, form, show)
    except KeyboardInterrupt:
        complain("interrupted before anything was read")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (ValueError, DriverError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{shown(source)} cannot be read: {error.strerror or error}{_other_ports(source)}")
    if as_json:
        typer.echo(json.dumps(heard.to_json(), indent=2, allow_nan=False))
    else:
        _summarise(heard, baud)
    if write is not None:
        _write(write, heard, str(source) if _is_port(source) else None, baud)
        if heard.readings and not as_json:
            say(f"{shown(write)}: the section of {_NODE}; paste it into your copy of config/robot.yaml")
    if not heard.readings:
        raise typer.Exit(EXIT_USAGE)
    raise typer.Exit(0 if heard.readings == heard.rows else EXIT_LOSSES)


def _is_port(source: Path) -> bool:
    return stat.S_ISCHR(source.stat().st_mode)


def _other_ports(source: Path) -> str:
    there = ports()
    return f"; ports that are there: {', '.join(map(shown, there))}" if there and not source.exists() else ""


def _ignore(_: HeardLine) -> None:
    """Show nothing."""


class _Shown:
    """Shows lines as they come; of a file the first ones."""

    def __init__(self, is_live: bool) -> None:
        self._console = Console(markup=False, highlight=False)
        self._is_live = is_live
        self._number = 0

    def __call__(self, line: HeardLine) -> None:
        self._number += 1
        if self._number > _MOST_SHOWN and not self._is_live:
            if self._number == _MOST_SHOWN + 1:
                self._console.print("...")
            return
        if line.content.strip():
            self._console.print(
                one_line(line.content.decode("utf-8", "backslashreplace").rstrip("\r"), 200), soft_wrap=True
            )
        for counts in line.readings:
            self._console.print(
                f"    {' '.join(f'{value:g}' for value in counts)}", style="green", soft_wrap=True
            )
        for remark in line.remarks:
            self._console.print(f"    {one_line(remark.reason)}", style="yellow", soft_wrap=True)


def _read_file(
    source: Path, wanted: Optional[tuple[str, ...]], form: LineForm, show: Callable[[HeardLine], None]
) -> Heard:
    with open_regular(source) as file:
        sample = file.read(_SAMPLE_BYTES)
        # Windows' shells save what a program prints so.
        has_mark = sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        # Binary protocols begin with the same bytes; of text every other byte is zero.
        is_utf16 = has_mark and sample.count(0) > _ZEROS_OF_UTF16 * len(sample)
        decoder = codecs.getincrementaldecoder("utf-16")("replace") if is_utf16 else None
        as_text = _same if decoder is None else lambda data: decoder.decode(data).encode()
        sample = as_text(sample)
        listener = SerialListener(wanted, form, sample, began_before=False, heard=show)
        listener.feed(sample, 0)
        while data := file.read(_CHUNK_BYTES):
            listener.feed(as_text(data), 0)
    return listener.finish()


def _same(data: bytes) -> bytes:
    return data


def _listen_to_port(
    port_name: str,
    baud: Optional[int],
    wanted: Optional[tuple[str, ...]],
    form: LineForm,
    seconds: float,
    show: Callable[[HeardLine], None],
) -> tuple[Heard, int]:
    """Listen until the time is over, the port is gone, or Ctrl-C."""
    with closing(open_port(port_name, baud or USUAL_RATES[0])) as port:
        found = find_baud(port) if baud is None else FoundBaud(baud, take_sample(port))
        if found.baud is None or not found.sample:
            raise DriverError(_silent_or_garbled(port_name, baud, found.sample))
        chunks = [(found.sample, time.monotonic_ns())]
        listener = SerialListener(wanted, form, found.sample, began_before=True, heard=show)
        listener.feed(*chunks[0])
        kept = 0
        for data in _bytes_of(port, seconds):
            now_ns = time.monotonic_ns()
            listener.feed(data, now_ns)
            kept += len(data)
            if kept <= _SAMPLE_BYTES:
                chunks.append((data, now_ns))
    heard = listener.finish()
    if heard.has_late_header:
        # What is known now was not when the first lines came.
        sample = b"".join(data for data, _ in chunks)
        again = SerialListener(wanted, form, sample, began_before=True, heard=_ignore)
        for chunk in chunks:
            again.feed(*chunk)
        heard = again.finish()
    return heard, found.baud


def _bytes_of(port: serial.Serial, seconds: float) -> Iterator[bytes]:
    until_ns = time.monotonic_ns() + round(seconds * NANOSECONDS_PER_SECOND)
    try:
        while time.monotonic_ns() < until_ns:
            if data := received(port):
                yield data
    except KeyboardInterrupt:
        return
    except OSError as error:
        complain(f"{shown(port.name)}: {error}")


def _silent_or_garbled(port_name: str, baud: Optional[int], sample: bytes) -> str:
    rates = f"{baud} baud" if baud else f"{', '.join(map(str, USUAL_RATES))} baud"
    if not sample:
        return (
            f"{port_name}: nothing came at {rates}; check that the sketch prints lines, that another program "
            "has not the port, and the cable"
        )
    remark = judge(sample, sample)
    return f"{port_name}: no text at {rates}: {remark.reason}; {remark.remedy}, or give it as --baud"


def _summarise(heard: Heard, baud: Optional[int]) -> None:
    console = Console(markup=False, highlight=False)
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(heard, baud):
        table.add_row(name, value)
    console.print()
    console.print(table)
    for note in heard.notes:
        console.print(one_line(f"note: {note.text}"), soft_wrap=True)
    for refused in heard.refused:
        times = f" ({refused.count} times)" if refused.count > 1 else ""
        console.print(one_line(f"refused{times}: {refused.remark.text}"), style="yellow", soft_wrap=True)


def _rows(heard: Heard, baud: Optional[int]) -> Iterator[tuple[str, str]]:
    yield "format", heard.format or "none that can be read"
    yield "readings", f"{heard.readings} of {heard.rows} lines with values"
    if heard.first is not None:
        first = zip(heard.channels, heard.first.tolist(), strict=True)
        yield "first", ", ".join(f"{shown(name)} {value:g}" for name, value in first)
    if heard.rate_hz is not None:
        yield "rate", f"{heard.rate_hz:g} readings per second"
    if heard.readings:
        rate = "" if baud is None else f"serial.baud: {baud}, "
        yield (
            "to set",
            f"{rate}serial.format: {_format_to_set(heard)}, channels: [{', '.join(heard.channels)}]",
        )


def _format_to_set(heard: Heard) -> str:
    return LineForm.AUTO.value if heard.manner is None else heard.manner.form.value


def _check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse to replace what is more than a section of ours, or was not to be replaced.

    Raises:
        ValueError: it is one of these; the message says what to do.
    """
    if not overwrite:
        raise ValueError(f"--write {shown(path)} exists; --overwrite replaces it")
    others = [name for name in nodes_in(path) if name != _NODE]
    if others:
        raise ValueError(
            f"--write {shown(path)} has sections of other nodes ({listed(others)}): write another file and "
            "copy the section"
        )


def _write(path: Path, heard: Heard, port: Optional[str], baud: Optional[int]) -> None:
    if not heard.readings:
        complain(f"--write {shown(path)}: nothing is written, for no line was read")
        return
    try:
        write_whole(path, _parameters(heard, port, baud).encode())
    except OSError as error:
        fail(f"--write {shown(path)} cannot be written: {error.strerror or error}")


def _parameters(heard: Heard, port: Optional[str], baud: Optional[int]) -> str:
    """Return a parameter file for the node gas_sensor; what is not known of it is there as a comment."""
    # JSON's texts and lists are YAML's.
    lines = [
        "driver: serial",
        _line_of("serial.port", port, _DEFAULTS.port),
        _line_of("serial.baud", baud, _DEFAULTS.baud),
        f"serial.format: {_format_to_set(heard)}",
        f"channels: {json.dumps(list(heard.channels))}",
        "# array_file: array.yaml  (gas-fusion calibrate writes it)",
        # What is to be done before readings of such channels or scale are of use.
        *(f"# {one_line(note.text)}" for note in heard.notes if note.cause in BEFORE_USE),
    ]
    head = (
        "# As gas-fusion listen has heard it: paste the section into your copy of config/robot.yaml.\n"
        "# A name below /dev/serial/by-id outlasts replugging.\n"
    )
    return f"{head}/**/{_NODE}:\n  ros__parameters:\n" + "".join(f"    {line}\n" for line in lines)


def _line_of(name: str, value: object, default: object) -> str:
    if value is None:
        return f"# {name}: {default}  # not known from a capture: set it"
    return f"{name}: {json.dumps(value)}"
