"""`gas-fusion calibrate`: measures an array's baseline in clean air, recorded or live."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.array.array_file import write_array
from gas_fusion_ros.array.calibration import (
    MOST_DRIFT,
    MOST_READINGS,
    DriftError,
    calibration_date,
    full_scale_doubt,
    recorded_date,
    summary,
)
from gas_fusion_ros.array.calibration import calibrate as calibrate_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.bags.reader import BagReadError
from gas_fusion_ros.bags.recognition import is_table
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.dataset import MissingColumnError
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.commands.channels import parse_channels
from gas_fusion_ros.commands.live_air import DEFAULT_DURATION_S, is_topic, read_topic
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    Classes,
    GasTopic,
    LabelColumn,
    OrderOfDates,
    TimeColumn,
    TimeUnitOfNumbers,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
    refuse_for_tables,
    table_options,
)
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.terminal import (
    EXIT_LOSSES,
    about,
    complain_of,
    ends_on_signals,
    fail,
    say,
    say_notes,
)
from gas_fusion_ros.inspection.clean_air import BagSettings, CleanAir, read_bag, read_folder
from gas_fusion_ros.pipeline.array_choice import KnownArray, array_of_file

_FULL_SCALES = {
    Unit.VOLT: "the supply voltage, such as 5.0",
    Unit.COUNTS: "the count at the supply, such as 1023",
}


@ends_on_signals
def calibrate(
    source: Annotated[
        Path,
        typer.Argument(
            help="Clean air: a bag, a CSV or a folder that holds one, or a live topic. Of a recording with "
            "labels NoGas alone counts. A name with a slash that no file or folder has, such as "
            "/gas/readings, is a topic's."
        ),
    ],
    output: Annotated[Path, typer.Option(help="The array file to write, such as array.yaml.")],
    array: Annotated[
        Optional[Path],
        typer.Option(
            help="Array file that says unit, full scale, divider, sensors and serial id; see config/arrays. "
            "Unless given, what gas/array_info tells in the bag, or beside the live topic."
        ),
    ] = None,
    unit: Annotated[Optional[Unit], typer.Option(help="What the readings are: counts unless told.")] = None,
    full_scale: Annotated[
        Optional[float],
        typer.Option(
            help="The reading at the supply voltage: 1023 unless told; 4095 for 12 bits, 5.0 for volts.",
            min=0.001,
            max=1e9,
        ),
    ] = None,
    inverted: Annotated[
        bool, typer.Option("--inverted", help="The output is taken over the sensor: more gas, fewer counts.")
    ] = False,
    channels: Annotated[
        Optional[str],
        typer.Option(help="Names of the gas channels, separated by commas; of a bag all unless given."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    last: Annotated[
        Optional[int],
        typer.Option(help="Use only the last so many readings: those before may be of a warm-up.", min=1),
    ] = None,
    duration: Annotated[
        Optional[float],
        typer.Option(
            help="Of a live topic: listen for so many seconds, 600 unless given; Ctrl-C ends it with what "
            "has come.",
            min=1.0,
            max=86400.0,
        ),
    ] = None,
    temperature: Annotated[
        Optional[float],
        typer.Option(help="Temperature of that air, degC, where you know it.", min=-90.0, max=90.0),
    ] = None,
    humidity: Annotated[
        Optional[float],
        typer.Option(help="Relative humidity of that air, %, where you know it.", min=0.0, max=100.0),
    ] = None,
    most_drift: Annotated[
        float,
        typer.Option(
            help="How far ln(Rs/RL) of two channels may move meanwhile; the baseline is as uncertain.",
            min=0.0,
            max=3.0,
        ),
    ] = MOST_DRIFT,
    label_column: LabelColumn = None,
    classes: Classes = None,
    time_column: TimeColumn = None,
    time_unit: TimeUnitOfNumbers = None,
    date_order: OrderOfDates = None,
    gas_topic: GasTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the labels.")] = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
) -> None:
    """Measure the baseline of an array in clean air and write it into an array file."""
    problems = Problems()
    try:
        if output.exists() and not overwrite:
            raise ValueError(f"--output {shown(output)} exists; --overwrite replaces it")
        given = None if array is None else array_of_file(str(array))
        names = None if channels is None else parse_channels(channels)
        wanted = names or _names_of(given)
        options = table_options(label_column, classes, time_column, time_unit, date_order)
        if is_topic(source):
            if gas_topic is not None:
                raise ValueError("--gas-topic is of a bag; the topic is named already")
            if label_topic is not None or classes:
                raise ValueError("--label-topic and --classes are of a recording; of a live topic all counts")
            refuse_for_tables(options, f"{shown(source)} is a topic")
            air = read_topic(str(source), wanted, duration or DEFAULT_DURATION_S, problems)
        elif duration is not None:
            raise ValueError("--duration is of a live topic; --last takes the last readings of a recording")
        elif is_table(source):
            air = read_folder(source, wanted or PAPER_CHANNELS, problems, options)
        else:
            if source.exists():
                refuse_for_tables(options, f"{shown(source.name)} is a bag")
            topics = BagTopics(gas=gas_topic, label=label_topic)
            limits = bag_limits(unpack_memory, unpack_disk)
            with counted(shown(source.name), None) as tick:
                air = read_bag(source, BagSettings(topics, wanted, options.classes, limits), problems, tick)
        if last is not None:
            air = air.last(last)
        known = given or air.array
        found = calibrate_array(
            _described(known, air.channels, unit, full_scale, inverted),
            air.readings,
            calibration_date(_last_stamp_ns(air)),
            air.stamps_ns,
            temperature,
            humidity,
            most_drift,
        )
        write_array(output, found)
    except DriftError as error:
        fail(
            f"{shown(source.name)}: {error}. --most-drift takes it all the same: clean air may then look "
            "like gas, and gas like clean air"
        )
    except MissingColumnError as error:
        fail(about(source, error.with_remedy("--channels")))
    except (ValueError, BagReadError) as error:
        fail(about(source, str(error)))
    except OSError as error:
        fail(f"--output {shown(output)} cannot be written: {error.strerror or error}")
    say_notes(source, air.notes)
    say(_told(output, found, air))
    say(_origin(known, unit, full_scale, inverted))
    doubt = full_scale_doubt(found, air.readings)
    if doubt:
        say(f"{doubt} --full-scale gives another")
    raise typer.Exit(EXIT_LOSSES if complain_of(problems) else 0)


def _described(
    known: Optional[KnownArray],
    names: tuple[str, ...],
    unit: Optional[Unit],
    full_scale: Optional[float],
    inverted: bool,
) -> ArrayDescription:
    base = None if known is None else known.array
    sensors = {} if base is None else {one.name: one for one in base.uncalibrated.channels}
    channels = tuple(sensors.get(name, ArrayChannel(name)) for name in names)
    array = ArrayDescription(channels) if base is None else replace(base, channels=channels, calibration=None)
    if unit is not None and unit is not array.unit:
        if full_scale is None and unit is not Unit.OHM:
            raise ValueError(f"--unit {unit.value} needs --full-scale: {_FULL_SCALES[unit]}")
        array = replace(array, unit=unit)
    if full_scale is not None:
        array = replace(array, full_scale=full_scale)
    return replace(array, divider=Divider.LOAD_HIGH) if inverted else array


def _names_of(known: Optional[KnownArray]) -> Optional[tuple[str, ...]]:
    return None if known is None or known.array is None else known.array.names


def _origin(
    known: Optional[KnownArray], unit: Optional[Unit], full_scale: Optional[float], inverted: bool
) -> str:
    """Say who says what of the array."""
    options = {"unit": unit is not None, "full_scale": full_scale is not None, "divider": inverted}
    others = [name for name, is_given in options.items() if not is_given]
    told = {
        "by option": [name for name, is_given in options.items() if is_given],
        "by default" if known is None else f"from {known.source}": (
            others if known is None else [*others, "sensors", "serial_id"]
        ),
    }
    return "; ".join(f"{', '.join(names)} {whence}" for whence, names in told.items() if names)


def _last_stamp_ns(air: CleanAir) -> Optional[int]:
    return None if air.stamps_ns is None else int(air.stamps_ns[-1])


def _told(output: Path, array: ArrayDescription, air: CleanAir) -> str:
    cut = f", the first {MOST_READINGS}" if len(air.readings) == MOST_READINGS else ""
    dated = "" if recorded_date(_last_stamp_ns(air)) else "; dated now: the readings have no date"
    return f"{shown(output)}: {len(air.readings)} readings ({air.told}{cut}) {summary(array)}{dated}"
