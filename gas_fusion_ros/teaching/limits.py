"""One way to refuse a setting that is out of its range."""

from __future__ import annotations

from collections.abc import Iterable

Limit = tuple[str, bool, str]
"""Name of a field, whether its value is valid, and what would be."""


def check_limits(settings: object, limits: Iterable[Limit], error: type[ValueError] = ValueError) -> None:
    """Refuse settings of which a field is not valid.

    Raises:
        ValueError: of the type `error`; it names the first such field, its value and what would be right.
    """
    for name, valid, expected in limits:
        if not valid:
            raise error(f"{name} is {getattr(settings, name)}; it must be {expected}")
