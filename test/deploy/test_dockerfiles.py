"""The Dockerfiles copy what is there, and all that the package is built of. Nothing here builds them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "RUN", "SHELL", "VOLUME", "WORKDIR"}

pytestmark = pytest.mark.skipif(not (ROOT / ".dockerignore").exists(), reason="runs from a checkout only")


def instructions(path: Path) -> list[tuple[str, str]]:
    """Each instruction with its arguments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole if line)]


def copied(path: Path) -> set[str]:
    """Files and folders of the repository that are copied to the same place of the package's."""
    names: set[str] = set()
    for word, rest in instructions(path):
        if word == "COPY":
            *sources, target = rest.split()
            names |= set(sources)
            for source in sources:
                expected = (
                    "src/gas_fusion_ros/" if (ROOT / source).is_file() else f"src/gas_fusion_ros/{source}"
                )
                assert target == expected
    return names


def installed_folders() -> set[str]:
    """SHARED of setup.py."""
    for statement in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SHARED":
            return set(ast.literal_eval(statement.value))
    raise AssertionError("setup.py has no SHARED")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_all_that_the_package_is_built_of_is_copied(path: Path) -> None:
    expected = {"LICENSE", "package.xml", "setup.py", "setup.cfg", "resource", "gas_fusion_ros"}
    expected |= installed_folders()
    assert copied(path) == expected
    assert not [name for name in expected if not (ROOT / name).exists()]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not expected & set(ignored)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_instructions_are_dockers_and_lists_are_json(path: Path) -> None:
    for word, rest in instructions(path):
        assert word in KNOWN
        if rest.startswith("["):
            assert all(isinstance(part, str) for part in json.loads(rest))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_started_exists(path: Path) -> None:
    (command,) = (json.loads(rest) for word, rest in instructions(path) if word == "CMD")
    assert command[:3] == ["ros2", "launch", "gas_fusion_ros"]
    assert (ROOT / "launch" / command[3]).is_file()
    (volume,) = (rest for word, rest in instructions(path) if word == "VOLUME")
    homes = [rest for word, rest in instructions(path) if word == "ENV" and rest.startswith("ROS_HOME=")]
    assert homes == [f"ROS_HOME={volume}"]


def test_pages_name_dockerfiles_that_exist() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"deploy/docker/[\w.]+", page)}
    assert named == {str(path.relative_to(ROOT)) for path in DOCKERFILES}
