"""Whatever a name holds, what is shown of it is one line of bounded length."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.quoting import LONGEST_PATH, MOST_OF_A_LINE, listed, one_line, quoted, shown


@pytest.mark.parametrize("name", ["/gas/readings", "sensor_msgs/msg/Image", "mq2", "bag_0.mcap", "~/x"])
def test_a_plain_name_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "''"),
        ("a b", "'a b'"),
        ("a\n[FATAL] b", r"'a\n[FATAL] b'"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("abc\u202edef", r"'abc\u202edef'"),
        ("\udcff", r"'\udcff'"),
        ("it's, twice", '"it\'s, twice"'),
        ("x" * 81, f"'{'x' * 80}'... (81 characters)"),
    ],
)
def test_any_other_is_quoted_and_cut(name: str, said: str) -> None:
    assert shown(name) == said


def test_what_somebody_wrote_is_in_quotes_in_any_case() -> None:
    assert quoted("yuv422") == "'yuv422'"


def test_a_long_path_keeps_its_end() -> None:
    path = Path("/" + "folder/" * 100 + "bag.mcap")
    assert shown(path).endswith(f"bag.mcap' ({len(str(path))} characters)")
    assert len(shown(path)) < LONGEST_PATH + 40
    assert shown(Path("/tmp/bag")) == "/tmp/bag"


@given(st.text())
def test_whatever_is_shown_is_printable_and_short(text: str) -> None:
    for said in (shown(text), quoted(text), one_line(text), shown(Path(text.replace("\0", "")))):
        assert said.isprintable()
        assert len(said) < 2000


def test_a_list_is_cut_with_the_count_of_the_rest() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b c"]) == "a, 'b c'"
    assert listed(map(str, range(200_000)), 3) == "0, 1, 2 and 199997 more"


def test_a_line_keeps_its_words_and_loses_its_breaks() -> None:
    assert one_line("slop is 2.5 s; expected 'less' than 1") == "slop is 2.5 s; expected 'less' than 1"
    assert one_line("a\r\nb\x1b[0m") == r"a\r\nb\x1b[0m"
    assert one_line("x" * (MOST_OF_A_LINE + 7)) == "x" * MOST_OF_A_LINE + "... (7 more characters)"
