"""What the leak alarm is set with where nothing else is said, and what a model advises for it.

Parameters of the live node and of an evaluated bag come together here, so that both mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from gas_fusion_ros.alarm.types import Severity
from gas_fusion_ros.base.observation import CLEAN_AIR, PICTURE_ALONE, UNKNOWN, Mode, Verdict
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
        unidentified_on_delay_ns: as `on_delay_ns`, of the alarm for `Unknown`; None for the same.
        unidentified_off_delay_ns: as `off_delay_ns`, of the alarm for `Unknown`; None for the same.
        picture_alone: whether a picture that calm, valid readings contradict raises a warning.
        picture_alone_on_delay_ns: as `on_delay_ns`, of that warning.
        picture_alone_off_delay_ns: as `off_delay_ns`, of that warning.
        readings_alone_on_delay_ns: how long readings must say a leak that their pictures do not show before
            they are believed against these; their gas's on-delay follows.
        novelty_is_evidence: whether an input unlike training alone is evidence of `Unknown`, where that is
            among the severities.
    """

    severities: Mapping[str, Severity]
    on_threshold: float = 0.7
    off_threshold: float = 0.4
    on_delay_ns: int = 3 * NANOSECONDS_PER_SECOND
    off_delay_ns: int = 10 * NANOSECONDS_PER_SECOND
    timeout_ns: int = 10 * NANOSECONDS_PER_SECOND
    unidentified_on_delay_ns: int | None = None
    unidentified_off_delay_ns: int | None = None
    picture_alone: bool = True
    picture_alone_on_delay_ns: int = 20 * NANOSECONDS_PER_SECOND
    picture_alone_off_delay_ns: int = 20 * NANOSECONDS_PER_SECOND
    readings_alone_on_delay_ns: int = 20 * NANOSECONDS_PER_SECOND
    novelty_is_evidence: bool = True

    def __post_init__(self) -> None:
        if not self.severities:
            raise ValueError("severities must name at least one gas")
        if not 0.0 < self.off_threshold <= self.on_threshold <= 1.0:
            raise ValueError(
                "off_threshold and on_threshold must satisfy 0 < off_threshold <= on_threshold <= 1, "
                f"not {self.off_threshold} and {self.on_threshold}"
            )
        for name in ("unidentified_on_delay_ns", "unidentified_off_delay_ns"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(self, name.removeprefix("unidentified_")))
        for name, least in (
            ("on_delay_ns", 0),
            ("off_delay_ns", 0),
            ("timeout_ns", 1),
            ("unidentified_on_delay_ns", 0),
            ("unidentified_off_delay_ns", 0),
            ("picture_alone_on_delay_ns", 0),
            ("picture_alone_off_delay_ns", 0),
            ("readings_alone_on_delay_ns", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, not {value!r}")
        if PICTURE_ALONE in self.severities:
            raise ValueError(
                f"severities must not name {PICTURE_ALONE}: it is always a warning; alarm.picture_alone "
                "switches it off"
            )
        severities = {gas: Severity(severity) for gas, severity in self.severities.items()}
        object.__setattr__(self, "severities", MappingProxyType(severities))

    def gases_without_alarm(self, classes: Iterable[str]) -> tuple[str, ...]:
        """Return the gases of a model of these classes that raise no alarm."""
        return tuple(gas for gas in classes if gas != CLEAN_AIR and gas not in self.severities)

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

        Where `Unknown` is to raise an alarm, it is certain of two things: an input unlike training, if that
        is evidence, and an array that departs from its clean air without a gas that would raise an alarm.
        Else the probabilities count as ever: an input unlike training keeps no leak from the alarm.

        Without readings a picture is weighed at even odds of clean air and of any gas: networks learn each
        class as often, and of a picture that tells nothing would make a leak of three in four.

        Beside all that `PictureAlone` is certain where the readings of a fused verdict are calm without the
        picture. It takes nothing from the other classes.
        """
        evidence = self._known_or_unknown(verdict)
        return {**evidence, PICTURE_ALONE: 1.0} if self._contradicts(verdict.readings_alone) else evidence

    def readings_evidence(self, verdict: Verdict) -> Mapping[str, float]:
        """Return what a verdict's readings say without its picture, as `evidence`; empty where not known.

        Of a fused verdict that is known where it, or its readings alone, may be a leak.
        """
        readings = verdict if verdict.mode is Mode.GAS_ONLY else verdict.readings_alone
        return {} if readings is None else self._known_or_unknown(readings)

    def _known_or_unknown(self, verdict: Verdict) -> Mapping[str, float]:
        known = verdict.by_class
        if verdict.mode is Mode.THERMAL_ONLY:
            known = _at_even_odds(known)
        if UNKNOWN not in self.severities:
            return known
        is_unexplained = verdict.departs and self._leak_probability(known) < self.on_threshold
        if is_unexplained or (verdict.is_unknown and self.novelty_is_evidence):
            return {UNKNOWN: 1.0}
        return known

    def _contradicts(self, readings_alone: Verdict | None) -> bool:
        """Whether readings are known to be calm: no leak, nothing unlike training, no departure."""
        if readings_alone is None or readings_alone.is_unknown or readings_alone.departs:
            return False
        return self._leak_probability(readings_alone.by_class) < self.off_threshold

    def _leak_probability(self, probabilities: Mapping[str, float]) -> float:
        return sum(probabilities.get(gas, 0.0) for gas in self.severities)

    def severity_of(self, gas: str) -> Severity:
        """How severe an alarm for a gas, or for `PictureAlone`, is."""
        return Severity.WARNING if gas == PICTURE_ALONE else self.severities[gas]

    def on_delay_of(self, gas: str) -> int:
        """How long a leak of a gas is suspected before its alarm, nanoseconds."""
        if gas == PICTURE_ALONE:
            return self.picture_alone_on_delay_ns
        delay = self.unidentified_on_delay_ns if gas == UNKNOWN else self.on_delay_ns
        assert delay is not None  # filled in
        return delay

    def off_delay_of(self, gas: str) -> int:
        """How long a leak of a gas must be gone before its alarm lets go, nanoseconds."""
        if gas == PICTURE_ALONE:
            return self.picture_alone_off_delay_ns
        delay = self.unidentified_off_delay_ns if gas == UNKNOWN else self.off_delay_ns
        assert delay is not None  # filled in
        return delay


def _at_even_odds(probabilities: Mapping[str, float]) -> Mapping[str, float]:
    """Weigh clean air as all other classes together are, where that is a class."""
    if CLEAN_AIR not in probabilities:
        return probabilities
    weighed = {**probabilities, CLEAN_AIR: probabilities[CLEAN_AIR] * (len(probabilities) - 1)}
    total = sum(weighed.values())
    return {name: value / total for name, value in weighed.items()} if total > 0 else probabilities


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
        missed: share of held-out leaks, by gas alone, that these miss; None where not measured.
        delay_s: from a leak's first reading to its alarm, the median, seconds; None where not measured.
    """

    on_threshold: float = AlarmSettings.on_threshold
    off_threshold: float = AlarmSettings.off_threshold
    on_delay_ns: int = AlarmSettings.on_delay_ns
    off_delay_ns: int = AlarmSettings.off_delay_ns
    false_alarms_per_hour: float | None = None
    missed: float | None = None
    delay_s: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Return the manifest's field `alarm`; times in seconds."""
        return {
            "on_threshold": self.on_threshold,
            "off_threshold": self.off_threshold,
            "on_delay_s": self.on_delay_ns / NANOSECONDS_PER_SECOND,
            "off_delay_s": self.off_delay_ns / NANOSECONDS_PER_SECOND,
            "false_alarms_per_hour": self.false_alarms_per_hour,
            "missed": self.missed,
            "delay_s": self.delay_s,
        }


@dataclass(frozen=True)
class DepartureAdvice:
    """From where on a model takes a calibrated array's departure from clean air for a gas.

    Attributes:
        limit: second largest |ln(Rs/R0)| of the channels, see `array.departure`.
        on_delay_ns: how long it is departed before the alarm, nanoseconds.
        off_delay_ns: how long it must be back before the alarm lets go, nanoseconds.
    """

    limit: float
    on_delay_ns: int = 0
    off_delay_ns: int = 20 * NANOSECONDS_PER_SECOND

    def to_json(self) -> dict[str, float]:
        """Return the manifest's field `departure`; times in seconds."""
        return {
            "limit": self.limit,
            "on_delay_s": self.on_delay_ns / NANOSECONDS_PER_SECOND,
            "off_delay_s": self.off_delay_ns / NANOSECONDS_PER_SECOND,
        }


BALANCED = "balanced"
PROFILES = ("cautious", BALANCED, "quick")
"""What a model advises for the alarm, from the fewest false alarms to the fewest leaks missed."""


def gases_of(severity: Severity, severities: Mapping[str, Severity]) -> tuple[str, ...]:
    """Return the gases that are of a severity."""
    return tuple(gas for gas, its_severity in severities.items() if its_severity is severity)


@dataclass(frozen=True)
class AlarmChoice:
    """What is chosen for the alarm; None leaves it to the model."""

    critical_classes: tuple[str, ...] = setting(
        gases_of(Severity.CRITICAL, DEFAULT_SEVERITIES),
        "gases whose leak is critical, Unknown among them or not; [''] for none. Where neither list is "
        "changed, all further gases of the model are critical too, and those it does not know are left out",
    )
    warning_classes: tuple[str, ...] = setting(
        gases_of(Severity.WARNING, DEFAULT_SEVERITIES),
        "gases whose leak is a warning, Unknown among them or not; [''] for none",
    )
    profile: str = setting(
        BALANCED,
        "which of the model's advice holds: from the fewest false alarms to the fewest missed leaks",
        choices=PROFILES,
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
    unidentified_gas: bool = setting(
        True,
        "whether a calibrated array that leaves its clean air while no gas of the model explains it raises a "
        "warning, Unknown",
    )
    unidentified_on_delay_ns: int | None = advised_setting(
        "how long it does so before the warning, s", minimum=0.0, maximum=600.0
    )
    unidentified_off_delay_ns: int | None = advised_setting(
        "how long it must be back in clean air before the warning lets go, s", minimum=0.0, maximum=3600.0
    )
    picture_alone: bool = setting(
        AlarmSettings.picture_alone,
        "whether a picture of a leak beside readings that are valid and calm without it raises a warning, "
        "PictureAlone; it never raises a critical alarm",
    )
    picture_alone_on_delay_ns: int = setting(
        AlarmSettings.picture_alone_on_delay_ns,
        "how long a leak is suspected before that warning, s",
        minimum=0.0,
        maximum=600.0,
    )
    picture_alone_off_delay_ns: int = setting(
        AlarmSettings.picture_alone_off_delay_ns,
        "how long it must be gone before that warning lets go, s",
        minimum=0.0,
        maximum=3600.0,
    )

    readings_alone_on_delay_ns: int = setting(
        AlarmSettings.readings_alone_on_delay_ns,
        "how long readings must say a leak that their pictures do not show before they are believed against "
        "these, s; 0 lets no picture hold an alarm back",
        minimum=0.0,
        maximum=600.0,
    )

    def with_severities(self, severities: Mapping[str, Severity]) -> AlarmChoice:
        """Return the same with other severities of gases."""
        return replace(
            self,
            critical_classes=gases_of(Severity.CRITICAL, severities),
            warning_classes=gases_of(Severity.WARNING, severities),
        )

    def with_gases_of(self, classes: Iterable[str]) -> AlarmChoice:
        """Return the same; where no gas was chosen, every gas of a model of these classes raises an alarm.

        Each is critical where the defaults do not say otherwise.

        Raises:
            ValueError: none was chosen on purpose.
        """
        if self.severities != DEFAULT_SEVERITIES:
            return self
        severities = {
            gas: DEFAULT_SEVERITIES.get(gas, Severity.CRITICAL) for gas in classes if gas != CLEAN_AIR
        }
        return self.with_severities(severities)

    @property
    def severities(self) -> Mapping[str, Severity]:
        """The severity of each gas that is named.

        Raises:
            ValueError: none is.
        """
        return severities_of(self.warning_classes, self.critical_classes)

    def settings(self, advice: AlarmAdvice, departure: DepartureAdvice | None = None) -> AlarmSettings:
        """Return the alarm's settings, with a model that advises so.

        Args:
            advice: the model's, of the profile.
            departure: the model's; None where it does not tell a gas that nobody taught.

        Raises:
            ValueError: they name no gas, or contradict each other; the message says which of them the model
                advised.
        """
        own = [one.name for one in fields(AlarmSettings) if one.name != "novelty_is_evidence"]
        chosen: dict[str, Any] = {name: getattr(self, name) for name in own}
        advised = {name: getattr(advice, name, None) for name in own}
        novelty_is_evidence = UNKNOWN in chosen["severities"]
        if departure is not None:
            advised["unidentified_on_delay_ns"] = departure.on_delay_ns
            advised["unidentified_off_delay_ns"] = departure.off_delay_ns
            if self.unidentified_gas:
                chosen["severities"] = {UNKNOWN: Severity.WARNING, **chosen["severities"]}
        open_names = [name for name in own if chosen[name] is None and advised[name] is not None]
        values = chosen | {name: advised[name] for name in open_names}
        try:
            return AlarmSettings(**values, novelty_is_evidence=novelty_is_evidence)
        except ValueError as error:
            names = ", ".join(f"alarm.{name.removesuffix('_ns')}" for name in open_names)
            raise ValueError(f"{error} (as the model advises: {names})" if names else str(error)) from None


def default_alarm(advice: AlarmAdvice, departure: DepartureAdvice | None = None) -> AlarmSettings:
    """Return the alarm that the parameters' defaults set, with a model that advises so."""
    return AlarmChoice().settings(advice, departure)


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
