"""How a name from outside is shown, so that it can forge no line and fills no screen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import PurePath

MOST_CHARACTERS = 80
LONGEST_PATH = 255
MOST_NAMES = 8
MOST_OF_A_LINE = 500

_PLAIN = re.compile(r"[\w./:~@+\-]+")


def shown(name: object, most: int | None = None) -> str:
    """A name as it may stand in a sentence: as it is where it is short and plain, else quoted.

    Control characters, line breaks, and what turns the direction of writing are escaped as `repr` does. What
    is longer than `most` characters (`MOST_CHARACTERS`, of a path `LONGEST_PATH`) is cut, and its length
    told; a path keeps its end.
    """
    text = str(name)
    is_path = isinstance(name, PurePath)
    if most is None:
        most = LONGEST_PATH if is_path else MOST_CHARACTERS
    if is_path and len(text) > most:
        return f"...{text[-most:]!r} ({len(text)} characters)"
    return text if len(text) <= most and _PLAIN.fullmatch(text) else quoted(text, most)


def quoted(text: str, most: int = MOST_CHARACTERS) -> str:
    """What somebody wrote, in quotes even where it is plain; else as `shown`."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}... ({len(text)} characters)"


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """Names separated by commas, each as `shown`, and beyond `most` how many more there are; or `none`."""
    found = iter(names)
    text = ", ".join(map(shown, itertools.islice(found, most)))
    more = sum(1 for _ in found)
    return (f"{text} and {more} more" if more else text) or "none"


def one_line(text: str, most: int = MOST_OF_A_LINE) -> str:
    """A sentence as one line of at most `most` characters and the note that it was cut.

    Control characters and line breaks become escapes, so that a terminal or a log shows what was there.
    """
    rest = len(text) - most
    if rest > 0:
        text = text[:most]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f"{text}... ({rest} more characters)" if rest > 0 else text
