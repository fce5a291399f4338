"""The pages can be read by tired people, and nothing that they point to is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
GENERATED = {"parameters.md"}

pytestmark = pytest.mark.skipif(not README.exists(), reason="runs from a checkout only")


def prose(path: Path) -> Iterator[str]:
    """Lines outside of code."""
    in_code = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield line


def anchors(path: Path) -> set[str]:
    """What GitHub calls the headings."""
    heads = (line.lstrip("#").strip().lower() for line in prose(path) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in heads}


def test_the_readme_is_for_an_engineer_in_a_hurry() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.name)
def test_no_line_and_no_cell_is_too_long_to_read(path: Path) -> None:
    if path.name in GENERATED:
        return
    assert not [line for line in prose(path) if len(line) > 120 and not line.startswith("|")]
    cells = [
        cell.strip() for line in prose(path) if line.startswith("|") for cell in re.split(r"(?<!\\)\|", line)
    ]
    assert not [cell for cell in cells if len(cell) > 100]


@pytest.mark.parametrize("path", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = "\n".join(prose(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        file = path.parent / place if place else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("path", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda path: path.name)
def test_files_of_the_package_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(
        r"`((?:gas_fusion_ros|training|benchmarks|scripts|config|deploy|examples|requirements|urdf)/[\w/.]+)`",
        text,
    ):
        assert (ROOT / name).exists(), name


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in index] == []
