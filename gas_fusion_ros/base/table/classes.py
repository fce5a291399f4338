"""The names of classes in a table: aliases that were given, and spellings of known names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.base.table.options import TableError

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
    def spellings(self) -> tuple[str, ...]:
        """The classes as they stand in the table, the first one first."""
        return tuple(self._classes)

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
        """Classes that may be one, a sentence each."""
        spellings: dict[str, list[str]] = {}
        for name in sorted(set(self._classes.values())):
            spellings.setdefault(_key(name), []).append(name)
        for names in spellings.values():
            if len(names) > 1:
                yield (
                    f"the classes {listed(names)} differ in their spelling alone; where they are one give "
                    f"--classes {names[0]}={names[1]}"
                )


def alias_doubt(aliases: Iterable[str], spellings: Collection[str]) -> str:
    """Say which of the classes that are to be renamed are not there; empty where all are.

    Args:
        aliases: the names in the recording that `--classes` gives others for.
        spellings: the classes as the recording calls them.
    """
    missing = [name for name in aliases if name not in spellings]
    if not missing:
        return ""
    return f"--classes names {listed(missing)}, which is not there; the classes are {listed(spellings)}"


def check_aliases(aliases: Iterable[str], spellings: Collection[str]) -> None:
    """Refuse aliases of classes that are not there: they are misspelt.

    Raises:
        TableError: there is one.
    """
    doubt = alias_doubt(aliases, spellings)
    if doubt:
        raise TableError(doubt)


def _key(name: str) -> str:
    return "".join(char for char in name.casefold() if not char.isspace() and char not in "_-")
