"""What the leak alarm is set with where nothing else is said, and what a model advises for it.

Parameters of the live node and of an evaluated bag come together here, so that both mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from gas_fusion_ros.alarm.types import Severity
from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN, Verdict
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.fields import advised_setting, setting


@dataclass(frozen=True)
class AlarmSettings:
    """What raises the alarm; times in nanoseconds.

    The leak probability is the sum of the probabilities of the gases in `severities`.

    Attributes:
        severities: the gases that raise an alarm, `Unknown` among them or not; all other classes do not.
        on_threshold: leak probability from which on a leak is suspected.
        off_threshold: leak probability below which it counts as gone.
        on_delay_ns: how long a leak is suspected before the alarm.
        off_delay_ns: how long it must be gone before the alarm lets go.
        timeout_ns: how long without a valid reading before the fault.
    """

    severities: Mapping[str, Severity]
    on_threshold: float = 0.7
    off_threshold: float = 0.4
    on_delay_ns: int = 3 * NANOSECONDS_PER_SECOND
    off_delay_ns: int = 10 * NANOSECONDS_PER_SECOND
    timeout_ns: int = 10 * NANOSECONDS_PER_SECOND

    def __post_init__(self) -> None:
        if not self.severities:
            raise ValueError("severities must name at least one gas")
        if not 0.0 < self.off_threshold <= self.on_threshold <= 1.0:
            raise ValueError(
                "off_threshold and on_threshold must satisfy 0 < off_threshold <= on_threshold <= 1, "
                f"not {self.off_threshold} and {self.on_threshold}"
            )
        for name, least in (("on_delay_ns", 0), ("off_delay_ns", 0), ("timeout_ns", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, not {value!r}")
        severities = {gas: Severity(severity) for gas, severity in self.severities.items()}
        object.__setattr__(self, "severities", MappingProxyType(severities))

    def check_classes(self, classes: Sequence[str]) -> None:
        """Make sure that a model can name every gas that is to raise an alarm.

        `Unknown` passes beside the model's classes.

        Raises:
            ValueError: it cannot, so that gas would never raise one.
        """
        missing = sorted(set(self.severities) - {UNKNOWN, *classes})
        if missing:
            raise ValueError(
                f"severities: {', '.join(missing)} is no class of the model, which knows {', '.join(classes)}"
            )

    def evidence(self, verdict: Verdict) -> Mapping[str, float]:
        """Return what a verdict says for and against a leak, 0..1 by class.

        Where `Unknown` is to raise an alarm, an Unknown verdict is certain evidence of it. Else the
        probabilities count as ever: an input unlike training keeps no leak from the alarm.
        """
        if verdict.is_unknown and UNKNOWN in self.severities:
            return {UNKNOWN: 1.0}
        return verdict.by_class


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


def gases_of(severity: Severity, severities: Mapping[str, Severity]) -> tuple[str, ...]:
    """Return the gases that are of a severity."""
    return tuple(gas for gas, its_severity in severities.items() if its_severity is severity)


@dataclass(frozen=True)
class AlarmChoice:
    """What is chosen for the alarm; None leaves it to the model."""

    critical_classes: tuple[str, ...] = setting(
        gases_of(Severity.CRITICAL, DEFAULT_SEVERITIES),
        "gases whose leak is critical, Unknown among them or not; [''] for none",
    )
    warning_classes: tuple[str, ...] = setting(
        gases_of(Severity.WARNING, DEFAULT_SEVERITIES),
        "gases whose leak is a warning, Unknown among them or not; [''] for none",
    )
    on_threshold: float | None = advised_setting(
        "leak probability from which a leak is suspected", minimum=0.001, maximum=1.0
    )
    off_threshold: float | None = advised_setting(
        "leak probability below which a leak counts as gone", minimum=0.001, maximum=1.0
    )
    on_delay_ns: int | None = advised_setting(
        "how long a leak is suspected before the alarm, s", minimum=0.0, maximum=600.0
    )
    off_delay_ns: int | None = advised_setting(
        "how long a leak must be gone before the alarm lets go, s", minimum=0.0, maximum=3600.0
    )
    timeout_ns: int = setting(
        AlarmSettings.timeout_ns,
        "without a valid reading for this long, a fault stands, s",
        minimum=0.1,
        maximum=3600.0,
    )
    shelve_ns: int = setting(
        600 * NANOSECONDS_PER_SECOND,
        "for how long an alarm that an operator shelves stays muted, s",
        minimum=1.0,
        maximum=86400.0,
        name="shelve_time",
    )

    def with_severities(self, severities: Mapping[str, Severity]) -> AlarmChoice:
        """Return the same with other severities of gases."""
        return replace(
            self,
            critical_classes=gases_of(Severity.CRITICAL, severities),
            warning_classes=gases_of(Severity.WARNING, severities),
        )

    @property
    def names_gases(self) -> bool:
        """Whether any gas is named that raises an alarm."""
        return any((*self.critical_classes, *self.warning_classes))

    @property
    def severities(self) -> Mapping[str, Severity]:
        """The severity of each gas that is named.

        Raises:
            ValueError: none is.
        """
        return severities_of(self.warning_classes, self.critical_classes)

    def settings(self, advice: AlarmAdvice) -> AlarmSettings:
        """Return the alarm's settings, with a model that advises so.

        Raises:
            ValueError: they name no gas, or contradict each other; the message says which of them the model
                advised.
        """
        chosen: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(AlarmSettings)}
        open_names = [name for name, value in chosen.items() if value is None]
        values = chosen | {name: getattr(advice, name) for name in open_names}
        try:
            return AlarmSettings(**values)
        except ValueError as error:
            names = ", ".join(f"alarm.{name.removesuffix('_ns')}" for name in open_names)
            raise ValueError(f"{error} (as the model advises: {names})" if names else str(error)) from None


def default_alarm(advice: AlarmAdvice) -> AlarmSettings:
    """Return the alarm that the parameters' defaults set, with a model that advises so."""
    return AlarmChoice().settings(advice)


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
