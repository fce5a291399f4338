"""What the node of a gas sensor array knows of its array: the file that describes it, and its clean air."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import Trigger

from gas_fusion_ros.array.array_file import load_array, replace_array
from gas_fusion_ros.array.baseline_watch import BaselineWatch
from gas_fusion_ros.array.calibration import LEAST_READINGS, calibrate, calibration_date, summary
from gas_fusion_ros.array.calibration_age import age_warning
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.array.recent_readings import RecentReadings
from gas_fusion_ros.array.settings import CalibrationSettings
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.messages import Level

_MOST_READINGS = 6000


@dataclass(frozen=True)
class ArraySettings:
    """What is to be known of a node's array.

    Attributes:
        path: the array's file; None where no parameter names one.
        channels: the node's channels, in order.
        maximum_counts: greatest plausible reading, where the parameter is set; None where the array says it.
        calibration: how it is calibrated and watched.
    """

    path: Path | None
    channels: tuple[str, ...]
    maximum_counts: float | None
    calibration: CalibrationSettings


class ArrayKeeper:
    """Reads the array's file, watches its calibration, and calibrates it anew: the service `gas/calibrate`.

    To be used by one thread, the executor's.

    Args:
        node: the node whose array and service it is.
        hindrance: says why the readings of now are none to calibrate with; empty where they are.
        changed: called when the array has been calibrated.
    """

    def __init__(self, node: ManagedNode, hindrance: Callable[[], str], changed: Callable[[], None]) -> None:
        self.array: ArrayDescription | None = None
        self._node = node
        self._hindrance = hindrance
        self._changed = changed
        self._settings: ArraySettings | None = None
        self._recent: RecentReadings | None = None
        self._stamp_ns = 0
        self._watch: BaselineWatch | None = None
        self._warned: dict[str, str] = {}
        node.create_service(Trigger, "gas/calibrate", self._answer)

    def configure(self, settings: ArraySettings) -> None:
        """Read the array's file, and begin anew with the readings.

        Raises:
            ParameterError: the file describes no array, or not this one.
        """
        self._settings = settings
        self._recent = RecentReadings(settings.calibration.duration_ns, _MOST_READINGS)
        self._warned = {}
        try:
            self._take(self._read())
        except ValueError as error:
            raise ParameterError(f"array_file: {error}") from None
        if self.array is not None:
            calibration = self.array.calibration
            told = "is not calibrated" if calibration is None else f"was calibrated on {calibration.date}"
            self._node.get_logger().info(f"the array of {settings.path} {told}")
        self.look()

    def hear(self, stamp_ns: int, reading: npt.NDArray[np.float32]) -> None:
        """Take in a reading of warm sensors.

        Args:
            stamp_ns: its acquisition time.
            reading: shape (C,), as measured; NaN where a channel has no value.
        """
        assert self._recent is not None
        at_ns = self._node.watch_ns()
        self._stamp_ns = stamp_ns
        self._recent.add(at_ns, reading)
        if self._watch is not None:
            self._watch.add(at_ns, reading)

    def look(self) -> tuple[str, ...]:
        """Return what is to be warned of now; what is new is logged, and what is over."""
        warnings = self._warnings()
        logger = self._node.get_logger()
        for cause, text in warnings.items():
            if cause not in self._warned:
                logger.warning(text)
        for cause in self._warned:
            if cause not in warnings:
                logger.info(f"over: {self._warned[cause]}")
        self._warned = warnings
        return tuple(warnings.values())

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The array's status, where a file is to describe it."""
        if self._settings is None or self._settings.path is None:
            return []
        calibration = None if self.array is None else self.array.calibration
        warnings = self.look()
        return [
            messages.diagnostic_status(
                f"{self._node.diagnostic_name}: array",
                Level.WARN if warnings else Level.OK,
                "; ".join(warnings) or ("not calibrated" if calibration is None else "calibrated"),
                {
                    "array_file": self._settings.path,
                    "calibrated": "" if calibration is None else calibration.date,
                },
            )
        ]

    def _warnings(self) -> dict[str, str]:
        if self._settings is None or self._settings.path is None:
            return {}
        if self.array is None:
            return {
                "file": f"array_file {shown(self._settings.path)} does not exist: the service gas/calibrate "
                "writes it in clean air"
            }
        now_s = self._node.get_clock().now().nanoseconds / NANOSECONDS_PER_SECOND
        calibration, most_days = self.array.calibration, self._settings.calibration.max_age_days
        found = {
            "age": ""
            if calibration is None
            else age_warning(calibration, datetime.fromtimestamp(now_s, timezone.utc), most_days),
            "baseline": "" if self._watch is None else self._watch.warning,
        }
        return {cause: text for cause, text in found.items() if text}

    def _read(self) -> ArrayDescription | None:
        """The array as its file describes it, with channels that the node may lack; None without a file.

        Raises:
            ValueError: the file describes no array, or lacks a channel.
        """
        assert self._settings is not None
        path = self._settings.path
        if path is None or not path.exists():
            return None
        array = load_array(path)
        array.of_channels(self._settings.channels)
        return array

    def _take(self, array: ArrayDescription | None) -> None:
        assert self._settings is not None
        settings = self._settings
        self.array = None if array is None else array.of_channels(settings.channels)
        watch_ns = settings.calibration.watch_ns
        self._watch = (
            BaselineWatch(self.array, watch_ns, settings.calibration.watch_limit)
            if self.array is not None and watch_ns > 0
            else None
        )
        if (
            self.array is not None
            and self.array.unit is not Unit.OHM
            and settings.maximum_counts is not None
            and settings.maximum_counts >= self.array.full_scale
        ):
            self._node.get_logger().warning(
                f"health.maximum_counts is {settings.maximum_counts:g}, and the array's full scale "
                f"{self.array.full_scale:g}: readings above that are no resistance; without the parameter "
                "the array's full scale counts"
            )

    def _answer(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._calibrate()
            response.success = True
        except (ValueError, OSError) as error:
            response.message = f"not calibrated: {error}"
        self._node.get_logger().info(f"gas/calibrate: {response.message}")
        return response

    def _calibrate(self) -> str:
        """Calibrate in the last readings, write the file and take it; return what came out.

        Raises:
            ValueError: it cannot be; the message says why and what would be right.
        """
        hindrance = self._hindrance()
        if hindrance:
            raise ValueError(hindrance)
        assert self._settings is not None
        assert self._recent is not None
        path = self._settings.path
        if path is None:
            raise ValueError("the parameter array_file names no file to write; set it, and configure again")
        _check_stretch(self._recent)
        written = self._read()
        known = written or _undescribed(self._settings.channels)
        found = calibrate(
            known.of_channels(self._settings.channels).uncalibrated,
            self._recent.readings,
            calibration_date(self._stamp_ns),
            self._recent.times_ns,
        )
        try:
            previous = replace_array(path, _with_the_others(found, known))
        except OSError as error:
            raise ValueError(
                f"array_file {shown(path)} cannot be written: {error.strerror or error}"
            ) from None
        self._take(found)
        self._changed()
        kept = "" if previous is None else f"; the file before is kept as {shown(previous)}"
        return f"{shown(path)}: {len(self._recent)} readings {summary(found)}{kept}"


def _undescribed(channels: Sequence[str]) -> ArrayDescription:
    return ArrayDescription(tuple(ArrayChannel(name) for name in channels))


def _with_the_others(found: ArrayDescription, known: ArrayDescription) -> ArrayDescription:
    """With the channels that the node does not read: the file is not of this calibration for them."""
    measured = {one.name: one for one in found.channels}
    channels = tuple(measured.get(one.name, one) for one in known.uncalibrated.channels)
    return replace(found, channels=channels)


def _check_stretch(recent: RecentReadings) -> None:
    duration_s = recent.duration_ns / NANOSECONDS_PER_SECOND
    if recent.missing_ns > 0:
        raise ValueError(
            f"{-(-recent.missing_ns // NANOSECONDS_PER_SECOND)} s more of clean air are needed: readings of "
            f"{recent.covered_ns / NANOSECONDS_PER_SECOND:.0f} s have come since warm-up or the last pause, "
            f"and calibration.duration is {duration_s:g} s"
        )
    if len(recent) < LEAST_READINGS:
        raise ValueError(
            f"{len(recent)} readings in {duration_s:g} s are too few; {LEAST_READINGS} are needed: raise "
            "calibration.duration"
        )
