"""The report's files: a page that loads nothing, Markdown with its pictures, nothing half-written."""

from __future__ import annotations

import base64
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import needs_training  # noqa: F401
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import RANDOM_SPLIT, blocked, gas_result, image_result, yardstick_result
from markdown_it import MarkdownIt

from training.fitting.catalog import PaperFigures
from training.report.html import to_html
from training.report.markdown import _escaped, to_markdown
from training.reproduce import report
from training.reproduce.report import compose, write_report
from training.results.run_result import RunResult

PAPER = {
    "cnn1d": PaperFigures(4, 0.9625, 0.9625),
    "knn1": None,
    "gasnet": PaperFigures(5, 0.9641, 0.9641),
    "fusion1": PaperFigures(6, 0.9930, 0.9930),
}
COMMANDS = ("python -m training.reproduce --data DIR --models all --output OUT",)
RESULTS = [
    *(gas_result(split=split) for split in (RANDOM_SPLIT, blocked(0.0))),
    yardstick_result(),
    image_result(accuracy=0.9111, thermal="rendered"),
    image_result(accuracy=0.8222, thermal="real", unusable_images=7),
    image_result("fusion1", 0.9333, modality="fusion", thermal="rendered"),
]
NASTY = "<b>|*_`x`_*|</b> & [a](b) $\\alpha$ #1 ~~no~~"


class Page(HTMLParser):
    """What a page loads, its tables' texts, and its text as a whole."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tables: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._in_table = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag == "table":
            self.tables.append("")
            self._in_table = True

    def handle_endtag(self, tag: str) -> None:
        self._in_table &= tag != "table"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_table:
            self.tables[-1] += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(RESULTS, PAPER, folder, COMMANDS)
    return folder


@pytest.fixture(scope="module")
def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def markdown_tables(text: str) -> list[str]:
    return re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)


def test_the_page_needs_no_other_file(html: str) -> None:
    page = Page(html)
    assert page.loaded
    assert all(source.startswith("data:image/png;base64,") for source in page.loaded)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "@import" not in html
    assert "url(" not in html


def test_the_page_fits_phones_and_dark_screens(html: str) -> None:
    assert 'name="viewport" content="width=device-width' in html
    assert "prefers-color-scheme: dark" in html


def test_page_and_folder_show_the_same_pictures(folder: Path, html: str, markdown: str) -> None:
    embedded = [base64.b64decode(source.partition(",")[2]) for source in Page(html).loaded]
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", markdown)
    assert [(folder / path).read_bytes() for path in linked] == embedded
    assert sorted(path.name for path in (folder / "figures").iterdir()) == sorted(
        Path(path).name for path in linked
    )
    assert len(set(linked)) == len(linked)


def test_the_papers_tables_are_there_once_for_each_kind_of_picture(markdown: str) -> None:
    assert re.findall(r"^## (Table .*)$", markdown, flags=re.MULTILINE) == [
        "Table 4 (sensors)",
        "Table 5 (images), thermal: real",
        "Table 5 (images), thermal: rendered",
        "Table 6 (fusion), thermal: rendered",
    ]


def test_real_and_rendered_never_share_a_table(html: str, markdown: str) -> None:
    for tables in (Page(html).tables, markdown_tables(markdown)):
        rendered = [index for index, text in enumerate(tables) if "0.9111" in text]
        real = [index for index, text in enumerate(tables) if "0.8222" in text]
        assert rendered
        assert real
        assert not set(rendered) & set(real)


def test_rendered_results_say_that_they_measure_no_real_pictures(markdown: str) -> None:
    sections = re.split(r"^## ", markdown, flags=re.MULTILINE)
    for section in sections:
        is_rendered = section.startswith(("Table 5 (images), thermal: rendered", "Table 6"))
        assert ("do not measure real pictures" in section) == is_rendered
        assert ("thermal: rendered" in section) == is_rendered


def test_a_row_of_the_markdown_table(markdown: str) -> None:
    assert "| CNN1D | 0.9625 | 0.9625 | 0.9000<br>1 seed | 0.8900<br>1 seed | 0.9000<br>worst" in markdown
    assert "| KNN1 | - | - | 0.9000<br>1 seed | 0.8900<br>1 seed | - | - |" in markdown


def test_sources_are_named(html: str, markdown: str) -> None:
    for text in (Page(html).text, markdown.replace("\\", "")):
        for said in ("Gas_Sensors_Measurements.csv", "ab12" * 16, "0123456789ab", *COMMANDS):
            assert said in text
        assert "missing or unreadable: 7 at most" in text


def test_results_without_anything_make_a_report(tmp_path: Path) -> None:
    write_report([], PAPER, tmp_path / "new", ())
    assert "No run is finished." in (tmp_path / "new" / "report.md").read_text(encoding="utf-8")


def test_names_are_no_markup() -> None:
    nasty = gas_result(title=NASTY, data_file=NASTY, classes=(NASTY, "b", "c", "d"), history=())
    made = compose([nasty], {}, [NASTY + " ``` " + NASTY])
    page = Page(to_html(made))
    assert "b" not in page.tags
    assert page.text.count(NASTY) >= 4
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(to_markdown(made))
    parsed = Page(rendered)
    assert not {"b", "s", "a"} & set(parsed.tags)
    assert NASTY in parsed.text
    assert parsed.text.count("```") == 1


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    shown = Page(MarkdownIt("commonmark").enable("strikethrough").render(f"x {_escaped(text)} x")).text
    assert shown.strip().split() == ["x", *text.split(), "x"]


def test_a_report_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(RESULTS[:1], PAPER, tmp_path, COMMANDS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(report, "draw_curves", fail)
    with pytest.raises(MemoryError):
        write_report(RESULTS, PAPER, tmp_path, COMMANDS)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_files_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(RESULTS[:1], PAPER, tmp_path, COMMANDS)
    replaced: list[Path] = []

    def watch(draft: Path, path: Path, real: object = os.replace) -> None:
        assert ".part" in draft.name
        assert draft.stat().st_size > 0
        replaced.append(path)
        real(draft, path)  # type: ignore[operator]

    monkeypatch.setattr(os, "replace", watch)
    write_report(RESULTS[:1], PAPER, tmp_path, COMMANDS)
    assert set(replaced) == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert [path.name for path in replaced[-2:]] == ["report.md", "report.html"]


def test_pictures_of_an_earlier_report_go_and_others_stay(tmp_path: Path) -> None:
    write_report(RESULTS[:2], PAPER, tmp_path, COMMANDS)
    old = tmp_path / "figures" / "table4-confusion-blocked20-60.png"
    other = tmp_path / "figures" / "grad_cam.png"
    other.write_bytes(b"another's")
    assert old.exists()
    write_report(RESULTS[:1], PAPER, tmp_path, COMMANDS)
    assert not old.exists()
    assert other.exists()


def test_two_embargos_have_a_picture_each(tmp_path: Path) -> None:
    results: list[RunResult] = [gas_result(split=blocked(0.0, embargo)) for embargo in (20, 60)]
    write_report(results, PAPER, tmp_path, COMMANDS)
    names = {path.name for path in (tmp_path / "figures").glob("*confusion*")}
    assert names == {f"table4-confusion-blocked20-{embargo}.png" for embargo in (20, 60)}
