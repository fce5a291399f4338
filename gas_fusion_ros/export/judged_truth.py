"""What operators say of the alarms of a bag, as its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import robot_of
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.export.dataset_rows import BagTruth
from gas_fusion_ros.site.verdicts import judgements_in, sidecar_of
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labelling import RecordingStart, alarm_intervals, find_alarm_topic, recording_start
from gas_fusion_ros.truth.labels import LabelError
from gas_fusion_ros.truth.scoring import Interval
from gas_fusion_ros.truth.verdict_labels import verdict_labels, with_ends, without_gas


def judged_truth(reader: BagReader, gas_topic: str, files: Sequence[Path], problems: Problems) -> BagTruth:
    """Return the classes of the air during the alarms of a bag that were judged.

    Args:
        reader: the bag.
        gas_topic: its readings.
        files: with verdicts; the one beside the bag comes first where it is there.
        problems: where `verdict_missing` counts bags of whose alarms nobody judged one, and
            `verdict_without_end` verdicts on alarms of which nobody knows how long they were, and
            `verdict_without_gas` true leaks whose alarms name no gas.

    Raises:
        SiteError: a file cannot be used.
    """
    beside = sidecar_of(reader.path)
    taken = list(dict.fromkeys([*([beside] if beside.exists() else []), *(file.resolve() for file in files)]))
    start = recording_start(reader, gas_topic)
    end_ns = max(start.stamp_ns, (reader.end_ns or start.stamp_ns) - start.shift_ns)
    robot = robot_of(gas_topic)
    mine = [
        one
        for one in judgements_in(taken)
        if one.robot == robot and one.since_ns <= end_ns and one.end_ns >= start.stamp_ns
    ]
    name = listed(taken)
    if not mine:
        problems.add(
            "verdict_missing",
            f"{name} has no verdict on an alarm of {shown(reader.path)}: it gives no row; `gas-fusion watch` "
            "with --token takes verdicts",
        )
    nameless = without_gas(mine)
    for one in nameless:
        problems.add(
            "verdict_without_gas",
            f"alarm {one.number} of {shown(reader.path)} was judged a true leak, and {one.gas} is no gas: it "
            "gives no row; label that time by hand with its gas (`gas-fusion label`)",
        )
    ended = mine
    if any(one.until_ns is None for one in mine):
        ended = with_ends(mine, _recorded(reader, start))
    for one in ended:
        if one.until_ns is None and one not in nameless:
            problems.add(
                "verdict_without_end",
                f"alarm {one.number} of {shown(reader.path)} was judged; neither {name} nor the bag tells "
                "until when its gas was sensed: it gives no row; judge it again in the bag",
            )
    return BagTruth(LabelTrack.of_intervals(verdict_labels(ended)), name, True)


def _recorded(reader: BagReader, start: RecordingStart) -> list[Interval]:
    """When each alarm that was recorded in a bag sensed its gas; empty where none was."""
    try:
        topic = find_alarm_topic(reader.topics, None)
    except LabelError:
        return []
    return alarm_intervals(reader, topic, start, Problems())
