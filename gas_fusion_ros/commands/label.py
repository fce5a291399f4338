"""`gas-fusion label`: writes the CSV of intervals that `evaluate` and `dataset` take as labels."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.topics import BagTopics, TopicError, find_topics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import quoted, shown
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    GasTopic,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
)
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, complain_of, ends_on_signals, fail, say
from gas_fusion_ros.truth.labelling import (
    alarm_intervals,
    fill_between,
    find_alarm_topic,
    recording_start,
    truth_intervals,
)
from gas_fusion_ros.truth.labels import (
    LabelError,
    make_interval,
    merge_intervals,
    outside_recording,
    read_intervals,
    write_intervals,
)
from gas_fusion_ros.truth.scoring import Interval


@ends_on_signals
def label(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 directory or file.")],
    output: Annotated[Path, typer.Option(help="The CSV to write: start,end,class.")],
    from_truth: Annotated[
        bool, typer.Option("--from-truth", help="Take the ground truth recorded in the bag (truth/label).")
    ] = False,
    from_alarms: Annotated[
        bool,
        typer.Option(
            "--from-alarms", help="Take the stretches in which the recorded alarm had evidence of gas."
        ),
    ] = False,
    interval: Annotated[
        Optional[list[str]],
        typer.Option(
            help="START,END,CLASS, as in the CSV: seconds from the first reading or since the epoch, or "
            "stamps of ISO 8601. May be given again."
        ),
    ] = None,
    elsewhere: Annotated[
        Optional[str], typer.Option(help="Class of the time between the intervals; unless given it has none.")
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Write times since the epoch, not from the first reading.")
    ] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to what the CSV holds already.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the CSV.")] = False,
    gas_topic: GasTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the ground truth.")] = None,
    alarm_topic: Annotated[Optional[str], typer.Option(help="Topic of the alarm's state.")] = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
) -> None:
    """Mark what was in the air during a bag, for evaluating and for training."""
    problems = Problems()
    try:
        _check_sources(from_truth, from_alarms, interval)
        _check_output(output, append, overwrite)
        with BagReader(bag, problems, bag_limits(unpack_memory, unpack_disk)) as reader:
            # Images, missing or many, matter to nothing here.
            topics = find_topics(
                reader.topics,
                BagTopics(gas=gas_topic, label=label_topic),
                Problems(),
                ("image",),
                reader.first_messages,
            ).topics
            start = recording_start(reader, topics.gas)
            origin_ns = start.stamp_ns
            if from_truth:
                found = truth_intervals(reader, _label_topic(topics, bag), start, problems)
            elif from_alarms:
                found = alarm_intervals(reader, find_alarm_topic(reader.topics, alarm_topic), start, problems)
            else:
                found = [_given(text, origin_ns) for text in interval or ()]
            end_ns = origin_ns if reader.end_ns is None else reader.end_ns - start.shift_ns
        for text in outside_recording(found, origin_ns, end_ns).values():
            problems.add("label_outside_recording", text)
        known = read_intervals(output, origin_ns) if append and output.exists() else []
        intervals = merge_intervals([*known, *found], origin_ns)
        if elsewhere is not None:
            intervals = fill_between(intervals, elsewhere, origin_ns, end_ns)
        write_intervals(output, intervals, None if absolute else origin_ns)
    except (LabelError, TopicError, BagReadError) as error:
        fail(str(error))
    say(_described(output, intervals))
    raise typer.Exit(EXIT_LOSSES if complain_of(problems) else 0)


def _check_sources(from_truth: bool, from_alarms: bool, interval: Optional[list[str]]) -> None:
    given = [
        name
        for name, is_given in (
            ("--from-truth", from_truth),
            ("--from-alarms", from_alarms),
            ("--interval", bool(interval)),
        )
        if is_given
    ]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise LabelError(f"give one of --from-truth, --from-alarms and --interval, not {found}")


def _check_output(output: Path, append: bool, overwrite: bool) -> None:
    if append and overwrite:
        raise LabelError("give --append or --overwrite, not both")
    if output.exists() and not append and not overwrite:
        raise LabelError(f"--output {shown(output)} exists; --append adds to it, --overwrite replaces it")


def _label_topic(topics: BagTopics, bag: Path) -> str:
    if topics.label is None:
        raise LabelError(
            f"{shown(bag)} has no topic truth/label of std_msgs/msg/String; --label-topic names another"
        )
    return topics.label


def _given(text: str, origin_ns: int) -> Interval:
    fields = [field.strip() for field in next(csv.reader([text]), [])]
    if len(fields) != 3:
        raise LabelError(f"--interval is {quoted(text)}; expected START,END,CLASS such as 12.5,60,Smoke")
    start, end, name = fields
    try:
        return make_interval(start, end, name, origin_ns)
    except ValueError as error:
        raise LabelError(f"--interval {quoted(text)}: {error}") from None


def _described(output: Path, intervals: Sequence[Interval]) -> str:
    seconds: dict[str, float] = {}
    for one in intervals:
        seconds[one.label] = seconds.get(one.label, 0.0) + one.duration_s
    classes = ", ".join(f"{shown(name)} {duration:g} s" for name, duration in sorted(seconds.items()))
    return f"{shown(output)}: {len(intervals)} intervals, {classes or 'no class'}"
