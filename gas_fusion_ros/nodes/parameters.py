"""A node's parameters as one described, validated table."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.settings.fields import MissingSettingError, Settings, make_settings
from gas_fusion_ros.settings.parameter_spec import ParameterSpec

S = TypeVar("S", bound=Settings)


class ParameterError(ValueError):
    """One or more parameters were refused; the message says which and what would be right."""


def descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    """A row as ROS tells it to `ros2 param describe`."""
    told = ParameterDescriptor(
        description=spec.description, additional_constraints=spec.constraint, read_only=spec.read_only
    )
    if spec.bounds is None:
        return told
    low, high = spec.bounds
    if isinstance(spec.default, int):
        told.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
    else:
        told.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return told


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
        self._warn_of_unknown()

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
            self._demand(spec)
            for spec in self._specs.values()
            if spec.is_required and spec.name not in self._refusals and not self.value(spec.name)
        )
        return (*self._refusals.values(), *missing)

    def settings(self, settings: type[S], prefix: str = "", **given: Any) -> S:
        """Return the values of a settings dataclass, whose parameters are in the table.

        Args:
            settings: the dataclass.
            prefix: what the names of its parameters begin with, dot included.
            given: its fields that are no parameters, by name.

        Raises:
            ParameterError: one that must be given is not, or the values contradict each other.
        """
        values = {name: self.value(name) for name in self._specs}
        try:
            return make_settings(settings, values, prefix, **given)
        except MissingSettingError as error:
            raise ParameterError(self._demand(error.spec)) from None
        except ValueError as error:
            raise ParameterError(str(error)) from None

    def value(self, name: str) -> Any:
        """The value of a parameter, as ROS holds it."""
        return self._node.get_parameter(name).value

    def _demand(self, spec: ParameterSpec) -> str:
        """What to do where a parameter that must be given is not set."""
        node = self._node.get_fully_qualified_name()
        return (
            f"{spec.name} is not set; it must be {spec.constraint or spec.description}. If a parameter file "
            f"sets it, no entry there fits {node}; a key that begins with /**/ fits in any namespace"
        )

    def _declare(self, spec: ParameterSpec) -> None:
        try:
            self._node.declare_parameter(spec.name, spec.default, descriptor(spec))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            reason = str(error).removesuffix(f": {spec.name}")
            self._refusals[spec.name] = f"{spec.name}: {reason}"
            self._node.declare_parameter(spec.name, spec.default, descriptor(spec), ignore_override=True)

    def _warn_of_unknown(self) -> None:
        """Say which of the values given at start no parameter takes: a misspelt name would go unnoticed.

        They are not refused: a section for all nodes may hold what is meant for another.
        """
        # rclpy has no public way to what was given and never declared.
        given = getattr(self._node, "_parameter_overrides", {})
        for name in given:
            if self._node.has_parameter(name) or name.startswith("qos_overrides."):
                continue
            near = get_close_matches(name, self._specs, n=1)
            hint = f"; is {near[0]} meant?" if near else ""
            self._node.get_logger().warning(f"there is no parameter {quoted(name)}; it is ignored{hint}")

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
