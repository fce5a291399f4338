"""A node's parameters as one described, validated table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

ParameterValue = bool | int | float | str | list[str]

MAX_TIME_S = 2e9
"""A bound for times since the clock's epoch, seconds: builtin_interfaces/Time ends at 2^31."""

_NO_UPPER_BOUND = 1e9


class ParameterError(ValueError):
    """One or more parameters were refused; the message says which and what would be right."""


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
        required: whether it must be given: its default, an empty string, stands for "not set" and cannot
            be configured with.
    """

    name: str
    default: ParameterValue
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    required: bool = False

    def __post_init__(self) -> None:
        if self.required and self.default != "":
            raise ValueError(f"{self.name} must be given, so its default is '', not {self.default!r}")

    def descriptor(self) -> ParameterDescriptor:
        """The row as ROS tells it to `ros2 param describe`."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.read_only)
        if self.choices:
            descriptor.additional_constraints = f"one of: {', '.join(self.choices)}"
        if self.minimum is None and self.maximum is None:
            return descriptor
        low = self.minimum if self.minimum is not None else -_NO_UPPER_BOUND
        high = self.maximum if self.maximum is not None else _NO_UPPER_BOUND
        if isinstance(self.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
            ]
        return descriptor

    @property
    def demand(self) -> str:
        """What to do where a required parameter is not set."""
        what = f"one of: {', '.join(self.choices)}" if self.choices else self.description
        return (
            f"{self.name} is not set; it must be given ({what}), in the parameter file or as "
            f"-p {self.name}:=<value>"
        )

    def refusal(self, value: object) -> str | None:
        """Why `value` cannot be taken, beyond its type and range; None if it can."""
        if self.required and value == self.default:
            return None  # not set: a node may start so and be told later
        if self.choices and value not in self.choices:
            return f"{self.name} is '{value}'; it must be one of: {', '.join(self.choices)}"
        return None


class ParameterTable:
    """Declares a table of parameters on a node and hands out their values.

    A bad value given at start does not stop the node: the default stands in, and
    `require_valid` (called at configure) says what was refused until it is set right.
    """

    def __init__(self, node: Node, specs: Sequence[ParameterSpec]) -> None:
        self._node = node
        self._specs = {spec.name: spec for spec in specs}
        self._refusals: dict[str, str] = {}
        self.locked = False
        """Set while the node is configured: parameters take effect at configure, so none changes then."""
        node.add_on_set_parameters_callback(self._check)
        for spec in specs:
            self._declare(spec)
        node.add_post_set_parameters_callback(self._forget_refusals)

    def require_valid(self) -> None:
        """Raise unless every value that was refused at start has been set right since, and none is missing.

        Raises:
            ParameterError: names each parameter that was refused or is not set and what would be right.
        """
        if refusals := self.refusals:
            raise ParameterError("; ".join(refusals))

    @property
    def refusals(self) -> tuple[str, ...]:
        """What was refused at start and has not been set right since, and what must be given and is not."""
        missing = (
            spec.demand
            for spec in self._specs.values()
            if spec.required and spec.name not in self._refusals and not self.text(spec.name)
        )
        return (*self._refusals.values(), *missing)

    def flag(self, name: str) -> bool:
        """The value of a boolean parameter."""
        return bool(self._node.get_parameter(name).value)

    def integer(self, name: str) -> int:
        """The value of an integer parameter."""
        return int(self._node.get_parameter(name).value)

    def number(self, name: str) -> float:
        """The value of a floating-point parameter."""
        return float(self._node.get_parameter(name).value)

    def text(self, name: str) -> str:
        """The value of a string parameter."""
        return str(self._node.get_parameter(name).value)

    def required_text(self, name: str) -> str:
        """The value of a string parameter that must not be empty.

        Raises:
            ParameterError: it is.
        """
        if not (text := self.text(name)):
            spec = self._specs[name]
            right = f"one of: {', '.join(spec.choices)}" if spec.choices else spec.description
            raise ParameterError(
                f"{name} is not set; it must be {right}. If a parameter file sets it, no entry there fits "
                f"{self._node.get_fully_qualified_name()}; a key that begins with /**/ fits in any namespace"
            )
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """The value of a string-list parameter."""
        return tuple(self._node.get_parameter(name).value)

    def nanoseconds(self, name: str) -> int:
        """The value of a parameter in seconds, as nanoseconds."""
        return round(self.number(name) * NANOSECONDS_PER_SECOND)

    def _declare(self, spec: ParameterSpec) -> None:
        try:
            self._node.declare_parameter(spec.name, spec.default, spec.descriptor())
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            reason = str(error).removesuffix(f": {spec.name}")
            self._refusals[spec.name] = f"{spec.name}: {reason}"
            self._node.declare_parameter(spec.name, spec.default, spec.descriptor(), ignore_override=True)

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            spec = self._specs.get(parameter.name)
            if spec is None:
                continue
            reason = spec.refusal(parameter.value)
            if self.locked:
                reason = f"{spec.name} takes effect at configure; clean the node up before changing it"
            if reason is not None:
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _forget_refusals(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            self._refusals.pop(parameter.name, None)
