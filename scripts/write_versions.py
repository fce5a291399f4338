"""Writes requirements/versions.txt: `python scripts/write_versions.py python3.10 python3.11 ...`.

Asks pip of each interpreter which versions it would install today for the demo, and keeps them: the set-up
takes just these, so that a first demo does not depend on the day.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
PATH = REQUIREMENTS / "versions.txt"

_HEAD = "# Written by scripts/write_versions.py: the versions that the demo's set-up installs.\n"


def resolved(interpreter: str) -> dict[str, str]:
    """Return the version of each package that pip of an interpreter would install, by normalised name."""
    files = [part for name in ("ros", "runtime") for part in ("-r", str(REQUIREMENTS / f"{name}.txt"))]
    command = [
        interpreter,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
    ]
    done = subprocess.run([*command, *files], stdout=subprocess.PIPE, text=True, check=True)
    installs = json.loads(done.stdout)["install"]
    return {
        one["metadata"]["name"].lower().replace("_", "-").replace(".", "-"): one["metadata"]["version"]
        for one in installs
    }


def python_version(interpreter: str) -> str:
    """Return what an interpreter calls `python_version` in a requirement, such as 3.11."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([interpreter, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def constraints(by_python: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line for each version of a package, with the Pythons that take it unless all do."""
    lines = []
    for name in sorted({name for versions in by_python.values() for name in versions}):
        pythons: dict[str, list[str]] = {}
        for python, versions in by_python.items():
            if name in versions:
                pythons.setdefault(versions[name], []).append(python)
        for version, those in pythons.items():
            every = len(those) == len(by_python)
            marker = " or ".join(f'python_version == "{python}"' for python in those)
            lines.append(f"{name}=={version}" + ("" if every else f"; {marker}"))
    return lines


def main(interpreters: Sequence[str]) -> None:
    """Write the file."""
    by_python = {python_version(interpreter): resolved(interpreter) for interpreter in interpreters}
    PATH.write_text(_HEAD + "\n".join(constraints(by_python)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
