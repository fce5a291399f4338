"""What the leak alarm is set with where nothing else is said, and what a model advises for it.

Parameters of the live node and of an evaluated bag come together here, so that both mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gas_fusion_ros.alarm.types import AlarmSettings, Severity
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

DEFAULT_SEVERITIES: Mapping[str, Severity] = {
    "Mixture": Severity.CRITICAL,
    "Smoke": Severity.CRITICAL,
    "Perfume": Severity.WARNING,
}


@dataclass(frozen=True)
class AlarmAdvice:
    """What a model advises for the alarm; the alarm's own defaults where it has nothing to say.

    Attributes:
        on_threshold: leak probability from which on a leak is suspected, 0..1.
        off_threshold: leak probability below which it counts as gone, 0..1.
        on_delay_ns: how long a leak is suspected before the alarm, nanoseconds.
        off_delay_ns: how long it must be gone before the alarm lets go, nanoseconds.
        false_alarms_per_hour: measured with these on held-out clean air; None where not measured.
    """

    on_threshold: float = AlarmSettings.on_threshold
    off_threshold: float = AlarmSettings.off_threshold
    on_delay_ns: int = AlarmSettings.on_delay_ns
    off_delay_ns: int = AlarmSettings.off_delay_ns
    false_alarms_per_hour: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Return the manifest's field `alarm`; times in seconds."""
        return {
            "on_threshold": self.on_threshold,
            "off_threshold": self.off_threshold,
            "on_delay_s": self.on_delay_ns / NANOSECONDS_PER_SECOND,
            "off_delay_s": self.off_delay_ns / NANOSECONDS_PER_SECOND,
            "false_alarms_per_hour": self.false_alarms_per_hour,
        }


@dataclass(frozen=True)
class AlarmChoice:
    """What is chosen for the alarm; None leaves it to the model.

    Attributes:
        severities: the gases that raise an alarm.
        on_threshold: leak probability from which on a leak is suspected.
        off_threshold: leak probability below which it counts as gone.
        on_delay_ns: how long a leak is suspected before the alarm.
        off_delay_ns: how long it must be gone before the alarm lets go.
        timeout_ns: how long without a valid reading before the fault.
    """

    severities: Mapping[str, Severity]
    on_threshold: float | None = None
    off_threshold: float | None = None
    on_delay_ns: int | None = None
    off_delay_ns: int | None = None
    timeout_ns: int = AlarmSettings.timeout_ns

    def settings(self, advice: AlarmAdvice) -> AlarmSettings:
        """Return the alarm's settings, with a model that advises so.

        Raises:
            ValueError: they contradict each other; the message says which of them the model advised.
        """
        advised = {
            "on_threshold": advice.on_threshold,
            "off_threshold": advice.off_threshold,
            "on_delay_ns": advice.on_delay_ns,
            "off_delay_ns": advice.off_delay_ns,
        }
        given = {name: getattr(self, name) for name in advised}
        open_names = [name for name, value in given.items() if value is None]
        values = given | {name: advised[name] for name in open_names}
        try:
            return AlarmSettings(severities=self.severities, timeout_ns=self.timeout_ns, **values)
        except ValueError as error:
            names = ", ".join(f"alarm.{name.removesuffix('_ns')}" for name in open_names)
            raise ValueError(f"{error} (as the model advises: {names})" if names else str(error)) from None


def default_alarm(advice: AlarmAdvice) -> AlarmSettings:
    """Return the alarm that the parameters' defaults set, with a model that advises so."""
    return AlarmChoice(DEFAULT_SEVERITIES).settings(advice)


def severities_of(warning: Iterable[str], critical: Iterable[str]) -> dict[str, Severity]:
    """Return the severity of each gas that is named; one that is named twice is critical.

    Args:
        warning: gases of the parameter `alarm.warning_classes`; empty names stand for none.
        critical: gases of the parameter `alarm.critical_classes`.

    Raises:
        ValueError: neither names a gas.
    """
    severities = {
        **{name: Severity.WARNING for name in warning if name},
        **{name: Severity.CRITICAL for name in critical if name},
    }
    if not severities:
        raise ValueError("alarm.critical_classes and alarm.warning_classes name no gas; one of them must")
    return severities


def default_classes(severity: Severity) -> list[str]:
    """Return the gases that are of a severity by default."""
    return [gas for gas, its_severity in DEFAULT_SEVERITIES.items() if its_severity is severity]


def severities_for(classes: Iterable[str]) -> Mapping[str, Severity]:
    """Return the severities to use where nobody chose any.

    Those of the parameters' defaults; for a model that lacks one of these gases, every gas that it knows,
    critical where the defaults do not name it.

    Args:
        classes: the model's classes.
    """
    gases = [name for name in classes if name != CLEAN_AIR]
    if set(DEFAULT_SEVERITIES) <= set(gases):
        return DEFAULT_SEVERITIES
    return {gas: DEFAULT_SEVERITIES.get(gas, Severity.CRITICAL) for gas in gases}
