"""The names of classes in a table: aliases that were given, and spellings of known names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from gas_fusion_ros.base.quoting import listed, quoted

_NOT_KNOWN = frozenset(("", "-", "--", "?", "na", "n/a", "#n/a", "nan", "null", "(null)", "<na>"))

_LONGEST = 80


class ClassNames:
    """Tells the class that a cell means, and keeps what was made of which spelling.

    A spelling that differs from a known class in case, blanks, hyphens or underscores alone is that class.

    Args:
        aliases: what classes are to be called, by their names in the table.
        known: names that are known.
    """

    def __init__(self, aliases: Mapping[str, str], known: Iterable[str]) -> None:
        self._aliases = aliases
        self._known = {_key(name): name for name in known}
        self._of_cell: dict[str, str] = {}
        self._classes: dict[str, str] = {}
        self._rows: Counter[str] = Counter()

    def of(self, cell: str) -> str:
        """The class that a cell means, empty where nobody knows it; it counts as a row of it.

        Raises:
            ValueError: it is too long for a name.
        """
        found = self._of_cell.get(cell)
        if found is None:
            found = self._of_cell[cell] = self._class_of(cell.strip())
        self._rows[cell] += 1
        return found

    def _class_of(self, text: str) -> str:
        if text.lower() in _NOT_KNOWN:
            return ""
        if len(text) > _LONGEST:
            raise ValueError(f"{quoted(text)} is no name; expected {_LONGEST} characters at most")
        name = self._aliases.get(text) or self._known.get(_key(text), text)
        self._classes[text] = name
        return name

    @property
    def renamed(self) -> dict[str, str]:
        """What spellings were taken for another name, and for which."""
        return {text: name for text, name in self._classes.items() if text != name}

    def told(self) -> Iterator[str]:
        """What was taken for what, a sentence each."""
        for text, name in self.renamed.items():
            count = sum(rows for cell, rows in self._rows.items() if cell.strip() == text)
            yield f"the class {quoted(text)} is taken as {name} ({count} rows)"

    def warnings(self) -> Iterator[str]:
        """Classes that may be one, and aliases of none, a sentence each."""
        spellings: dict[str, list[str]] = {}
        for name in sorted(set(self._classes.values())):
            spellings.setdefault(_key(name), []).append(name)
        for names in spellings.values():
            if len(names) > 1:
                yield (
                    f"the classes {listed(names)} differ in their spelling alone; where they are one give "
                    f"--classes {names[0]}={names[1]}"
                )
        unused = [name for name in self._aliases if name not in self._classes]
        if unused:
            yield (
                f"--classes names {listed(unused)}, which no row has; the classes are {listed(self._classes)}"
            )


def _key(name: str) -> str:
    return "".join(char for char in name.casefold() if not char.isspace() and char not in "_-")
