"""Finds the files the package ships: model bundles, parameter files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = "gas_fusion_ros"
DEFAULT_MODEL = "temporal_fusion"
"""Name of the shipped bundle that is taken where none is named."""

SIMULATED_ARRAY = "simulated"
"""Name of the shipped array that simulated patrols are smelled with."""

_BUNDLES = "*/bundle.json"


def _candidates() -> list[Path]:
    checkout = Path(__file__).resolve().parents[2]
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    return [
        checkout,
        *(Path(prefix) / "share" / PACKAGE for prefix in prefixes),
        Path(sys.prefix) / "share" / PACKAGE,
    ]


def shipped_folder() -> Path:
    """Return the folder with `models`, where the bundles are, and `config`.

    That is the checkout next to the package, else a ROS workspace's share folder
    (AMENT_PREFIX_PATH), else that of the Python environment.

    Raises:
        FileNotFoundError: none of them holds a model bundle; the message lists them.
    """
    candidates = _candidates()
    for candidate in candidates:
        # Other packages leave folders of this name beside an installed one.
        if any((candidate / "models").glob(_BUNDLES)):
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(f"no folder with the package's models; looked in {looked}")


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the folder of a model bundle given by its path or by the name of a shipped one.

    Raises:
        FileNotFoundError: there is neither such a folder nor such a shipped bundle; the message
            names the shipped ones.
    """
    path = Path(name_or_path).expanduser()
    if (path / "bundle.json").is_file():
        return path
    models = shipped_folder() / "models"
    shipped = sorted(entry.parent.name for entry in models.glob(_BUNDLES))
    if str(name_or_path) in shipped:
        return models / str(name_or_path)
    raise FileNotFoundError(
        f"no model bundle '{name_or_path}': give a folder holding bundle.json, or one of {', '.join(shipped)}"
    )


def find_array(name_or_path: str) -> Path:
    """Return the file of an array given by its path or by the name of a shipped one, as `simulated`.

    A path that leads nowhere is returned as it is: a file that is still to be written.
    """
    path = Path(name_or_path).expanduser()
    if path.exists() or str(path) != name_or_path or path.name != name_or_path or path.suffix:
        return path
    try:
        shipped = shipped_folder() / "config" / "arrays" / f"{name_or_path}.yaml"
    except FileNotFoundError:
        return path
    return shipped if shipped.is_file() else path
