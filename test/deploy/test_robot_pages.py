"""The pages for whoever sets up a robot name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("on_a_robot.md", "deployment.md")]

pytestmark = pytest.mark.skipif(not PAGES[0].exists(), reason="runs from a checkout only")


def names_in_policies() -> set[str]:
    """Topics and services of all robots, as their policies have them."""
    return {
        element.text or ""
        for path in (ROOT / "config" / "security").glob("*.xml")
        for kind in ("topic", "service")
        for element in ElementTree.parse(path).getroot().iter(kind)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_topics_and_services_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for _, name in re.findall(r"(call|echo)(?: --once)? /robot1/([\w/]+)", text)}
    named |= set(re.findall(r"`((?:gas|thermal)/\w+)`", text))
    assert named
    assert named <= names_in_policies()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_files_in_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])((?:config|deploy|examples|scripts|test|urdf)/[\w/.@-]*\w)", text))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_launch_files_in_commands_exist(page: Path) -> None:
    for name in re.findall(r"\w+\.launch\.py", page.read_text(encoding="utf-8")):
        assert (ROOT / "launch" / name).is_file()
