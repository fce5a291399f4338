"""What an evaluation will trip over in a bag, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from gas_fusion_ros.alarm.settings import AlarmSettings
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.inspection.missing_channels import told_missing_channels
from gas_fusion_ros.inspection.schema import (
    ArrayFound,
    ChannelFigures,
    GasFigures,
    ImageFigures,
    Inspection,
    LabelFigures,
    PairingFigures,
    PixelFigures,
    StampFigures,
)
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.thermal import MIN_SIDE
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.truth.track import SAME_CLOCK_NS
from gas_fusion_ros.truth.unknown_class import told_unknown_class

_LATE_S = 0.5
"""Labels are told by the time of recording: readings that lie so far before it get the wrong ones."""
_SAME_CLOCK_S = SAME_CLOCK_NS / NANOSECONDS_PER_SECOND
_NOTABLE_SHARE = 0.01
_PAIRED_SHARE = 0.9
_COLDEST_DEG_C, _HOTTEST_DEG_C = -80.0, 1000.0
_COLDEST_KELVIN = 213.0
"""Nowhere is all that a camera sees as hot as this in degC, but most of it is in kelvin."""


def warnings_of(found: Inspection, bundle: Bundle, pairing: PairingSettings) -> list[str]:
    """What an evaluation with `bundle` and `pairing` will trip over, beside what could not be read."""
    future_s = pairing.future_tolerance_ns / NANOSECONDS_PER_SECOND
    warnings: list[str] = []
    if found.gas is not None:
        warnings += _of_gas(found.gas, bundle, future_s)
    if found.array is not None and bundle.array is not None:
        warnings += _of_array(found.array, bundle)
    if found.images is not None:
        warnings += _of_images(found.images, future_s)
    if found.pairing is not None:
        warnings += _of_pairing(found.pairing)
    if found.labels is not None:
        warnings += _of_labels(found.labels, bundle)
    return warnings


def _of_gas(gas: GasFigures, bundle: Bundle, future_s: float) -> Iterator[str]:
    if gas.stamps.messages == 0:
        yield f"{shown(gas.topic)} has no messages"
        return
    if len(gas.frames) > 1:
        yield f"readings of {shown(gas.topic)} come from several frames: {listed(gas.frames)}"
    missing = told_missing_channels(bundle, [channel.name for channel in gas.channels])
    if missing is not None and gas.channels:
        yield f"{shown(gas.topic)}: {missing.text}"
    yield from _of_stamps(gas.topic, gas.stamps, future_s)
    yield from _of_silence(gas, bundle)
    yield from _of_scale(gas)
    for channel in gas.channels:
        yield from _of_channel(gas.topic, channel)


def _of_array(array: ArrayFound, bundle: Bundle) -> Iterator[str]:
    missing = [name for name in array.without_baseline if name in bundle.channels]
    if missing:
        yield (
            f"by {shown(array.figures.source)} the array has no baseline of {listed(missing)}, which "
            f"{shown(bundle.name)} goes by: `gas-fusion calibrate` measures it in clean air"
        )


def _of_stamps(topic: str, stamps: StampFigures, future_s: float) -> Iterator[str]:
    if stamps.jumps_back:
        yield (
            f"stamps of {shown(topic)} jump back {_times(stamps.jumps_back)}, by up to "
            f"{stamps.largest_jump_back_s:.1f} s: each begins a new run"
        )
    if stamps.out_of_order:
        yield (
            f"{stamps.out_of_order} of {stamps.messages} stamps of {shown(topic)} are older than the "
            "one before"
        )
    if stamps.duplicates:
        yield (
            f"{stamps.duplicates} of {stamps.messages} messages of {shown(topic)} repeat a stamp: they "
            "are dropped"
        )
    if stamps.offset_s is None or stamps.least_offset_s is None:
        return
    if abs(stamps.offset_s) > _SAME_CLOCK_S:
        yield (
            f"stamps of {shown(topic)} are of another clock than the recording, "
            f"{abs(stamps.offset_s):.1f} s apart: "
            "labels go by the time of recording"
        )
    elif stamps.offset_s > _LATE_S:
        yield (
            f"{shown(topic)} is recorded {stamps.offset_s:.1f} s after its stamps (median): labels of a "
            "topic hold "
            "from their recording on, so they are late by as much"
        )
    elif stamps.least_offset_s < -future_s:
        yield (
            f"stamps of {shown(topic)} lie up to {-stamps.least_offset_s:.1f} s after their recording: "
            "the clocks "
            "of sensor and recorder differ"
        )


def _of_silence(gas: GasFigures, bundle: Bundle) -> Iterator[str]:
    stamps, window = gas.stamps, bundle.window
    if stamps.period_s is None or stamps.largest_gap_s is None:
        return
    timeout_s = AlarmSettings.timeout_ns / NANOSECONDS_PER_SECOND
    if stamps.largest_gap_s > timeout_s:
        yield (
            f"{shown(gas.topic)} is silent for up to {stamps.largest_gap_s:.1f} s ({_times(stamps.gaps)} "
            "more than "
            f"three periods): after {timeout_s:.0f} s a fault stands"
        )
    max_gap_s = window.max_gap_ns / NANOSECONDS_PER_SECOND
    if window.readings > 1 and stamps.period_s > max_gap_s:
        yield (
            f"{shown(gas.topic)} has a reading every {stamps.period_s:.1f} s: too sparse for the windows of "
            f"{shown(bundle.name)}, which need one every {max_gap_s:.1f} s"
        )


def _of_scale(gas: GasFigures) -> Iterator[str]:
    """Where the scale is another one, what is out of its range is no matter of single channels."""
    if gas.scale:
        yield f"{shown(gas.topic)}: {gas.scale}"
        return
    for channel in gas.channels:
        if channel.out_of_range_share >= _NOTABLE_SHARE:
            yield (
                f"{shown(channel.name)} of {shown(gas.topic)} gives what no working sensor does (1 to 1022 "
                f"counts) in {channel.out_of_range_share:.0%} of the readings"
            )


def _of_channel(topic: str, channel: ChannelFigures) -> Iterator[str]:
    for share, what in (
        (channel.nan_share, "is NaN"),
        (channel.stuck_share, "is stuck for minutes"),
    ):
        if share >= _NOTABLE_SHARE:
            yield f"{shown(channel.name)} of {shown(topic)} {what} in {share:.0%} of the readings"


def _of_images(images: ImageFigures, future_s: float) -> Iterator[str]:
    if images.stamps.messages == 0:
        yield f"{shown(images.topic)} has no messages"
        return
    yield from _of_stamps(images.topic, images.stamps, future_s)
    if len(images.sizes) > 1:
        yield f"images of {shown(images.topic)} are of several sizes: {listed(images.sizes)}"
    small = [size for size in images.sizes if min(int(side) for side in size.split("x")) < MIN_SIDE]
    if small:
        yield f"images of {shown(images.topic)} are {listed(small)}: a side needs {MIN_SIDE} pixels at least"
    if len(images.encodings) > 1:
        yield f"images of {shown(images.topic)} are of several encodings: {listed(images.encodings)}"
    for encoding, pixels in images.encodings.items():
        yield from _of_pixels(images.topic, encoding, pixels)
    if images.frozen >= _NOTABLE_SHARE * images.stamps.messages:
        yield (
            f"{images.frozen} of {images.stamps.messages} images of {shown(images.topic)} equal the one "
            "before: "
            "the camera was frozen, or repeats frames"
        )


def _of_pixels(topic: str, encoding: str, pixels: PixelFigures) -> Iterator[str]:
    if pixels.least is None or pixels.greatest is None:
        yield f"no pixel of the {encoding} images of {shown(topic)} is finite"
        return
    if pixels.nan_share >= _NOTABLE_SHARE:
        yield f"{pixels.nan_share:.0%} of the pixels of {shown(topic)} are not finite"
    span = f"{pixels.least:g} to {pixels.greatest:g}"
    if encoding == "32FC1" and not _COLDEST_DEG_C <= pixels.least <= pixels.greatest <= _HOTTEST_DEG_C:
        yield f"{shown(topic)} goes from {span}: 32FC1 must be degrees Celsius"
    elif encoding == "32FC1" and pixels.least > _COLDEST_KELVIN:
        yield f"{shown(topic)} goes from {span}, as kelvin would: 32FC1 must be degrees Celsius"
    if pixels.least == pixels.greatest:
        yield f"every pixel of the {encoding} images of {shown(topic)} is {pixels.least:g}"


def _of_pairing(pairing: PairingFigures) -> Iterator[str]:
    share = pairing.paired_share
    if share is not None and share < _PAIRED_SHARE:
        yield (
            f"{share:.1%} of the readings have an image within {pairing.slop_s:g} s: the others are "
            "classified without"
        )


def _of_labels(labels: LabelFigures, bundle: Bundle) -> Iterator[str]:
    if not labels.seconds:
        yield f"{shown(labels.topic)} has no messages: nothing can be judged without --labels"
    unknown = [name for name in labels.seconds if name not in bundle.classes]
    if unknown:
        yield f"{shown(labels.topic)}: {told_unknown_class(unknown, bundle.name, bundle.classes)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
