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
