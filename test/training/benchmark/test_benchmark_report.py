"""The benchmark's report: its pictures exist, it names every protocol, nothing is left half-written."""

from __future__ import annotations

import os
import re
from pathlib import Path

import needs_training  # noqa: F401
import pytest
from made_benchmark import BACKWARD_SPLIT, FORWARD_SPLIT, STRICT_SPLIT, bare_result, bench_result, blocked
from markdown_it import MarkdownIt

from training.benchmark.report import ALARMS, compose, write_report
from training.data.splits import SplitSettings

COMMANDS = ("python -m training.benchmark --data DIR --models all --output OUT",)
SPLITS = (blocked(0.0), blocked(0.2), STRICT_SPLIT, FORWARD_SPLIT, BACKWARD_SPLIT, SplitSettings())
RESULTS = [
    *(bench_result(split=split) for split in SPLITS),
    *(bench_result(f"temporal_fusion_w{length}", window=length) for length in (10, 40)),
    bare_result(),
]


def headings(text: str) -> list[str]:
    return re.findall("^## (.*)$", text, flags=re.MULTILINE)


def test_every_picture_that_is_shown_is_there_and_no_other(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path, COMMANDS, alarms=b"a picture")
    text = (tmp_path / "report.md").read_text()
    shown = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert {tmp_path / name for name in shown} == set((tmp_path / "figures").iterdir())
    assert len(shown) == 5
    assert (tmp_path / "figures" / ALARMS).read_bytes() == b"a picture"


def test_each_protocol_is_explained_with_its_embargo(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path, COMMANDS)
    text = (tmp_path / "report.md").read_text()
    begin = text.index("## How to read this")
    explained = text[begin : text.index("\n## ", begin + 1)]
    for name in ("Blocked", "Strict", "Forward", "Backward", "Random"):
        assert re.search(rf"^{name} split", explained, flags=re.MULTILINE)
    assert "The 60 rows on either side" in explained
    assert "The 20 rows on either side" in explained
    assert "copy is kept out of training" in explained
    assert "Nested choice" in explained
    assert "rendered" not in explained


def test_tables_are_tables_and_the_commands_code(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path, COMMANDS)
    tokens = MarkdownIt("commonmark").enable("table").parse((tmp_path / "report.md").read_text())
    assert [token.type for token in tokens].count("table_open") == 7
    assert [token.content for token in tokens if token.type == "fence"] == [f"{COMMANDS[0]}\n"]


def test_a_picture_that_leaves_models_out_says_so() -> None:
    report = compose([bench_result(f"model {index}", 0.9) for index in range(5)], ())
    captions = {each.name: each.caption for section in report.sections for each in section.pictures}
    assert "blocked split, the first 4 models of the table" in captions["benchmark-robustness.png"]
    assert "models of the table" not in captions["benchmark-reliability.png"]


def test_sections_without_a_figure_are_left_out(tmp_path: Path) -> None:
    write_report([bare_result()], tmp_path, ())
    text = (tmp_path / "report.md").read_text()
    assert headings(text) == ["How to read this", "Models", "Data, code and commands"]
    assert list((tmp_path / "figures").iterdir()) == []


def test_without_a_run_there_is_a_report_that_says_so(tmp_path: Path) -> None:
    write_report([], tmp_path, COMMANDS)
    text = (tmp_path / "report.md").read_text()
    assert headings(text) == ["Data, code and commands"]
    assert "No run is finished." in text


def test_rendered_pictures_are_called_no_real_ones() -> None:
    report = compose([bench_result(modality="fusion", thermal="rendered")], ())
    assert "Thermal pictures named 'rendered' are no real ones" in report.sections[0].paragraphs[-1]


def test_pictures_come_first_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: list[Path] = []

    def watch(draft: Path, path: Path, real: object = os.replace) -> None:
        assert draft.stat().st_size > 0
        replaced.append(path)
        real(draft, path)  # type: ignore[operator]

    monkeypatch.setattr(os, "replace", watch)
    write_report(RESULTS, tmp_path, COMMANDS)
    assert set(replaced) == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert replaced[-1].name == "report.md"


def test_pictures_of_an_earlier_report_go_and_others_stay(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path, COMMANDS, alarms=b"a picture")
    other = tmp_path / "figures" / "table4-accuracy.png"
    other.write_bytes(b"another's")
    write_report([bare_result()], tmp_path, COMMANDS)
    assert list((tmp_path / "figures").iterdir()) == [other]
