"""What a parameter may be: one row of a node's table, judged alike by the live node and over bags."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.quoting import MOST_CHARACTERS, one_line, quoted

ParameterValue = bool | int | float | str | list[str]

ADVISED = -1.0
"""Value of a parameter that takes what is advised, by the model or another file."""
AS_THE_MODEL_ADVISES = "as the model advises"

_NO_BOUND = 1e9


@dataclass(frozen=True)
class ParameterSpec:
    """One row of the table.

    Attributes:
        name: the parameter's ROS name.
        default: its default, which also fixes its type.
        description: what it does, with its unit.
        minimum: smallest value allowed, for numbers.
        maximum: largest value allowed, for numbers.
        choices: the values allowed, for strings; where the default is empty, one must be given.
        read_only: settable only when the node starts.
    """

    name: str
    default: ParameterValue
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def is_required(self) -> bool:
        """Whether it must be given: its default stands for "not set", and no node is configured with that."""
        return bool(self.choices) and not self.default

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest value allowed; None where neither is said."""
        if self.minimum is None and self.maximum is None:
            return None
        return (
            self.minimum if self.minimum is not None else -_NO_BOUND,
            self.maximum if self.maximum is not None else _NO_BOUND,
        )

    @property
    def constraint(self) -> str:
        """What is allowed beyond type and range, as `ros2 param describe` tells it; empty for anything."""
        return f"one of: {', '.join(self.choices)}" if self.choices else ""

    def refusal(self, value: object) -> str | None:
        """Why `value` cannot be taken; None if it can.

        As strict as ROS about types: a whole number is not taken for one with a point, and an empty list has
        no type.
        """
        if self.is_required and value == self.default:
            return None  # not set: a node may start so and be told later
        if not self._is_of_type(value):
            return self._said(value, " ".join(filter(None, (self._type_words, self._range_words))))
        if not self._is_in_range(value):
            return self._said(value, self._range_words)
        if self.choices and value not in self.choices:
            return self._said(value, self.constraint)
        return None

    def _said(self, value: object, allowed: str) -> str:
        said = quoted(value) if isinstance(value, str) else one_line(repr(value), MOST_CHARACTERS)
        return f"{self.name} is {said}; it must be {allowed}"

    def _is_of_type(self, value: object) -> bool:
        if isinstance(self.default, list):
            return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
        return type(value) is type(self.default)

    def _is_in_range(self, value: object) -> bool:
        bounds = self.bounds
        return bounds is None or not isinstance(value, int | float) or bounds[0] <= value <= bounds[1]

    @property
    def _type_words(self) -> str:
        match self.default:
            case bool():
                return "true or false"
            case int():
                return "a whole number"
            case float():
                return "a number with a point, as 1.0 is,"
            case str():
                return "a text"
            case _:
                return "a list of texts, [''] for none"

    @property
    def _range_words(self) -> str:
        bounds = self.bounds
        return "" if bounds is None else f"within {bounds[0]:g} ... {bounds[1]:g}"


@dataclass(frozen=True)
class AdvisedSpec(ParameterSpec):
    """A number that is advised unless one is given: -1 takes the advice, and is its default.

    Attributes:
        least: smallest number that may be given; `minimum` makes room for -1.
        advice: what the advice is.
    """

    least: float = 0.0
    advice: str = AS_THE_MODEL_ADVISES

    @classmethod
    def within(
        cls, name: str, description: str, least: float, maximum: float, advice: str = AS_THE_MODEL_ADVISES
    ) -> AdvisedSpec:
        """Return the row of a parameter that may be given from `least` to `maximum`."""
        return cls(
            name,
            ADVISED,
            f"{description}; {ADVISED}: {advice}",
            minimum=ADVISED,
            maximum=maximum,
            least=least,
            advice=advice,
        )

    @property
    def constraint(self) -> str:
        """The gap in its range."""
        return f"{ADVISED}, or at least {self.least:g}"

    def _is_in_range(self, value: object) -> bool:
        return value == ADVISED or (
            super()._is_in_range(value) and isinstance(value, int | float) and value >= self.least
        )

    @property
    def _range_words(self) -> str:
        return f"within {self.least:g} ... {self.maximum:g}, or {ADVISED}: {self.advice}"


MANAGED_SPECS = (
    ParameterSpec(
        "autostart",
        False,
        "configure and activate the node when it starts; what fails, but for a parameter, such as opening a "
        "device that is not there yet, is tried again after 1 s, then after twice as long up to 30 s. Ends "
        "with the first transition asked for by hand",
        read_only=True,
    ),
    ParameterSpec(
        "hardware_id",
        "",
        "which device this is, as /diagnostics tell it: a serial number, or a place on the robot; empty for "
        "this machine's name, with the driver's where there is one",
    ),
)
"""What every lifecycle node takes besides its own."""
