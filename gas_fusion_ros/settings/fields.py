"""Settings dataclasses as tables of parameters: each field says its default, range and meaning once.

    @dataclass(frozen=True)
    class PumpSettings:
        rate_hz: float = setting(2.0, "strokes per second", minimum=0.1, maximum=50.0)
        wait_ns: int = setting(3_000_000_000, "pause after a fault, s", minimum=0.0, maximum=60.0)

declares the parameters `rate` and `wait`. A field's unit is the end of its name, which the parameter's name
leaves away: `_ns` fields are nanoseconds, their parameters seconds; `_s`, `_hz` and `_mb` stay as they are.
No ROS: a node declares what `specs_of` returns, and whoever reads a file judges it by the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.parameter_spec import (
    ADVISED,
    AS_THE_MODEL_ADVISES,
    AdvisedSpec,
    ParameterSpec,
    ParameterValue,
)

_KEY = "gas_fusion_ros.setting"
_NANOSECONDS = "_ns"
_NO_TEXTS = [""]
"""An empty list as a parameter: without anything in it it has no type in ROS."""
_UNITS = (_NANOSECONDS, "_s", "_hz", "_mb")


class Settings(Protocol):
    """A dataclass whose fields are settings, groups of them, or given by whoever makes it."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


S = TypeVar("S", bound=Settings)


class MissingSettingError(ValueError):
    """A setting that must be given is not.

    Attributes:
        spec: the row of its parameter.
    """

    def __init__(self, spec: ParameterSpec) -> None:
        super().__init__(f"{spec.name} is not set; it must be {spec.description}")
        self.spec = spec


@dataclass(frozen=True)
class _Row:
    """What a field says of its parameter; bounds in the parameter's unit."""

    default: Any
    description: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    name: str = ""
    advice: str = ""
    needed: bool = False


@dataclass(frozen=True)
class _Group:
    settings: type[Settings]


def setting(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    read_only: bool = False,
    name: str = "",
) -> Any:
    """Make a field of a settings dataclass a parameter.

    Args:
        default: the field's default, in the field's own unit; a tuple for a list of texts.
        description: what it does, with the parameter's unit.
        minimum: smallest value allowed, in the parameter's unit.
        maximum: largest value allowed.
        choices: the values allowed, for texts; where the default is empty, one must be given.
        read_only: settable only when a node starts.
        name: the parameter's, where it is not the field's without its unit.
    """
    row = _Row(default, description, minimum, maximum, choices, read_only, name)
    return field(default=default, metadata={_KEY: row})


def needed_setting(description: str, *, name: str = "") -> Any:
    """Make a field a text that must not be empty; checked when the settings are made, not before."""
    return field(metadata={_KEY: _Row("", description, None, None, name=name, needed=True)})


def advised_setting(
    description: str, *, minimum: float, maximum: float, advice: str = AS_THE_MODEL_ADVISES
) -> Any:
    """Make a field a number that is advised, as `advice` says: None unless given."""
    return field(default=None, metadata={_KEY: _Row(None, description, minimum, maximum, advice=advice)})


def group(settings: type[S]) -> Any:
    """Make a field further settings, whose parameters' names begin with the field's and a dot."""
    return field(default_factory=settings, metadata={_KEY: _Group(settings)})


def specs_of(settings: type[Settings], prefix: str = "") -> tuple[ParameterSpec, ...]:
    """Return the parameters of a settings dataclass, in the order of its fields.

    Args:
        settings: the dataclass. A field that is neither a setting nor a group has no parameter.
        prefix: what every name begins with, dot included.
    """
    return tuple(_specs(settings, prefix))


def make_settings(settings: type[S], values: Mapping[str, Any], prefix: str = "", **given: Any) -> S:
    """Make settings of parameter values.

    Args:
        settings: the dataclass.
        values: by the parameters' names, as their specs accept them; others are passed over, and what is
            not there keeps its default.
        prefix: what the names begin with, dot included.
        given: fields that are no parameters, by name; those that the dataclass lacks are passed over. To a
            group are given besides the fields that stand above it.

    Raises:
        MissingSettingError: one that must be given is not.
        ValueError: the values contradict each other.
    """
    arguments: dict[str, Any] = {}
    for one in fields(settings):
        row = one.metadata.get(_KEY)
        if isinstance(row, _Group):
            above = {**given, **arguments}
            arguments[one.name] = make_settings(row.settings, values, f"{prefix}{one.name}.", **above)
        elif isinstance(row, _Row):
            name = prefix + _name(one, row)
            if row.needed and not values.get(name):
                raise MissingSettingError(_spec(one, row, prefix))
            is_given = name in values
            arguments[one.name] = _as_setting(values[name], one, row) if is_given else row.default
        elif one.name in given:
            arguments[one.name] = given[one.name]
    return settings(**arguments)


def parameters_of(settings: Settings, prefix: str = "") -> dict[str, ParameterValue]:
    """Return settings as parameter values, by name; an empty list, which has no type in ROS, as ['']."""
    values: dict[str, ParameterValue] = {}
    for one in fields(settings):
        row, value = one.metadata.get(_KEY), getattr(settings, one.name)
        if isinstance(row, _Group):
            values |= parameters_of(value, f"{prefix}{one.name}.")
        elif isinstance(row, _Row):
            values[prefix + _name(one, row)] = _as_parameter(value, one)
    return values


def _specs(settings: type[Settings], prefix: str) -> Iterator[ParameterSpec]:
    for one in fields(settings):
        row = one.metadata.get(_KEY)
        if isinstance(row, _Group):
            yield from _specs(row.settings, f"{prefix}{one.name}.")
        elif isinstance(row, _Row):
            yield _spec(one, row, prefix)


def _spec(one: Field[Any], row: _Row, prefix: str) -> ParameterSpec:
    name = prefix + _name(one, row)
    if row.advice:
        assert row.minimum is not None
        assert row.maximum is not None
        return AdvisedSpec.within(name, row.description, row.minimum, row.maximum, row.advice)
    return ParameterSpec(
        name,
        _as_parameter(row.default, one),
        row.description,
        row.minimum,
        row.maximum,
        row.choices,
        row.read_only,
    )


def _name(one: Field[Any], row: _Row) -> str:
    unit = next((unit for unit in _UNITS if one.name.endswith(unit)), "")
    return row.name or one.name.removesuffix(unit)


def _as_parameter(value: Any, one: Field[Any]) -> ParameterValue:
    if value is None:
        return ADVISED
    if isinstance(value, tuple):
        return list(value) or _NO_TEXTS
    return float(value / NANOSECONDS_PER_SECOND) if one.name.endswith(_NANOSECONDS) else value


def _as_setting(value: Any, one: Field[Any], row: _Row) -> Any:
    if row.advice and value == ADVISED:
        return None
    if isinstance(value, list | tuple):
        return () if list(value) == _NO_TEXTS else tuple(value)
    return round(value * NANOSECONDS_PER_SECOND) if one.name.endswith(_NANOSECONDS) else value
