"""What is said of an array that lacks some of a model's channels."""

from __future__ import annotations

from collections.abc import Sequence

from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.model.bundle import Bundle, Domain

CHANNELS = "channels"
"""Cause of the remark."""


def told_missing_channels(bundle: Bundle, channels: Sequence[str]) -> Remark | None:
    """Say which of a model's channels an array lacks, and what to do; None where it has them all."""
    missing = [name for name in bundle.channels if name not in channels]
    if not missing:
        return None
    reason = (
        f"{shown(bundle.name)} learned from {len(bundle.channels)} channels, of which {listed(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} missing; there {'is' if len(channels) == 1 else 'are'} "
        f"{listed(channels) or 'none'}"
    )
    if bundle.domain is Domain.COUNTS:
        return Remark(CHANNELS, reason, "it needs all of them: take a model of ln(Rs/R0), or train one")
    if len(missing) == len(bundle.channels):
        remedy = "it needs one of them at least: name the channels after the sensors, or train a model"
        return Remark(CHANNELS, reason, remedy)
    return Remark(
        CHANNELS,
        reason,
        "it goes by those there are, less surely, once gas-fusion calibrate has made an array file of them; "
        "gas-fusion teach teaches it your gases by them (docs/own_gas.md)",
    )
