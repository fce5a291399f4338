"""Lets go of what has a `close`: where it is left, or where its beginning fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, TypeVar

C = TypeVar("C", bound="Closing")


class Closing(ABC):
    """A context manager that is closed where it is left, however that comes about."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held; safe to call twice."""

    def __enter__(self: C) -> C:
        """Return the open object itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


class HasClose(Protocol):
    """Whatever is let go of by `close`."""

    def close(self) -> object:
        """Let go of what is held."""


@contextmanager
def closed_on_failure(held: HasClose) -> Iterator[None]:
    """Close something that was opened where what is begun with it does not come to its end."""
    try:
        yield
    except BaseException:
        held.close()
        raise
