"""How an array is calibrated while it runs, and when its calibration is to be doubted."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.fields import setting


@dataclass(frozen=True)
class CalibrationSettings:
    """What the node of an array does about its calibration.

    Attributes:
        duration_ns: the stretch of clean air that `gas/calibrate` measures in.
        max_age_days: age from which on a calibration is warned of; 0 never.
        watch_ns: the stretch whose median is compared with the baseline; 0 switches that off.
        watch_limit: how far that median may lie from the baseline in ln(Rs/R0). Within 118 recordings of 15
            minutes of real clean air it moved by at most 0.19, from one day to the next by more than 0.4 on
            one day in eight, after five days on four of nine.
    """

    duration_ns: int = setting(
        600 * NANOSECONDS_PER_SECOND,
        "over how long the service gas/calibrate measures clean air, the time before the call, s; ten "
        "minutes tell drift from noise",
        minimum=1.0,
        maximum=86400.0,
    )
    max_age_days: float = setting(
        30.0,
        "age from which on the array's calibration is warned of, days; 0 switches it off",
        minimum=0.0,
        maximum=36500.0,
    )
    watch_ns: int = setting(
        1800 * NANOSECONDS_PER_SECOND,
        "stretch of readings whose median is compared with the baseline, s: gas that stays for less than "
        "half of it is not taken for a baseline that has moved; 0 switches it off",
        minimum=0.0,
        maximum=604800.0,
        name="watch_window",
    )
    watch_limit: float = setting(
        0.4,
        "how far that median may lie from the baseline, of two channels or more, in ln(Rs/R0)",
        minimum=0.01,
        maximum=100.0,
    )


@dataclass(frozen=True)
class TrackingSettings:
    """How the baseline of a calibrated array is followed while the air is calm.

    Attributes:
        rate: how fast it may move, ln(Rs/R0) an hour; 0 keeps it where it was calibrated.
        limit: how far it may move from there, ln(Rs/R0).
        delay_ns: how long before and after a reading nothing may have been suspected for it to count.
    """

    rate: float = setting(
        0.0,
        "how fast the baseline follows calm air, ln(Rs/R0) an hour; 0 switches it off",
        minimum=0.0,
        maximum=10.0,
    )
    limit: float = setting(
        0.3,
        "how far the baseline may move from its calibration, ln(Rs/R0): as much of a gas that comes slowly "
        "may be taken for drift",
        minimum=0.0,
        maximum=2.0,
    )
    delay_ns: int = setting(
        300 * NANOSECONDS_PER_SECOND,
        "how long before and after a reading no gas may have been suspected for the baseline to follow it, s",
        minimum=1.0,
        maximum=86400.0,
    )
