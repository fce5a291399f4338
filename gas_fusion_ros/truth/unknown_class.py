"""What is said of a class that a model does not know."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from gas_fusion_ros.base.quoting import listed, shown


def told_unknown_class(names: Sequence[str], model: str, classes: Sequence[str]) -> str:
    """Say what becomes of classes that a model does not know, and what to do.

    Args:
        names: of these classes, one at least.
        model: the model's name.
        classes: those that it knows.
    """
    meant = list(dict.fromkeys(filter(None, (_alike(name, classes) for name in names))))
    question = f" (is {listed(meant)} meant?)" if meant else ""
    return (
        f"{shown(model)} knows no class {listed(names)}{question}, it knows {listed(classes)}: readings "
        "under it are not judged, and an evaluation counts a leak; gas-fusion teach teaches it"
    )


def _alike(name: str, classes: Sequence[str]) -> str:
    """Return the class that is spelt nearly so; empty where there is none."""
    by_fold = {known.casefold(): known for known in classes}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    return by_fold[found[0]] if found else ""
