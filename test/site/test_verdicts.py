"""The last word of an operator on an alarm holds, whatever clocks and numbers do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.site import verdicts as module
from gas_fusion_ros.site.site_file import SiteError
from gas_fusion_ros.site.verdicts import (
    Judgement,
    Said,
    VerdictBook,
    judgements_in,
    last_words,
    sidecar_of,
)

MS = 1_000_000
FIRST = Judgement(
    "robot1", 7, 5_000 * MS, 9_000 * MS, "Smoke", "critical", 0.9, 1.0, 2.0, "map", Said.TRUE_LEAK, "Ada", 100
)


@pytest.fixture
def book(tmp_path: Path) -> VerdictBook:
    return VerdictBook(tmp_path / "site.db")


def test_a_verdict_comes_back_as_it_was(book: VerdictBook) -> None:
    elsewhere = replace(FIRST, number=8, until_ns=None, x=None, y=None, frame_id=None, judged_by="Грета")
    book.give(FIRST)
    book.give(elsewhere)
    assert book.judgements() == (FIRST, elsewhere)


def test_the_last_of_two_holds_though_the_clock_was_set_back(book: VerdictBook) -> None:
    book.give(FIRST)
    again = replace(FIRST, said=Said.FALSE_ALARM, judged_by="Bert", judged_ns=5)
    book.give(again)
    assert book.judgements() == (again,)


@pytest.mark.parametrize("other", [{"number": 8}, {"robot": ""}, {"since_ns": 5_001 * MS}])
def test_another_number_robot_or_time_is_another_alarm(book: VerdictBook, other: dict[str, object]) -> None:
    book.give(FIRST)
    book.give(replace(FIRST, **other))  # type: ignore[arg-type]
    assert len(book.judgements()) == 2


def test_the_robots_milliseconds_and_the_bags_nanoseconds_are_one_time(book: VerdictBook) -> None:
    book.give(FIRST)
    book.give(replace(FIRST, since_ns=FIRST.since_ns - 400_000, said=Said.NOT_KNOWN))
    assert [one.said for one in book.judgements()] == [Said.NOT_KNOWN]


def test_the_end_of_an_alarm_is_added_to_its_verdict_alone(book: VerdictBook) -> None:
    book.give(replace(FIRST, until_ns=None))
    book.give(replace(FIRST, number=8))
    book.end(FIRST.key, 9_999 * MS)
    book.end(replace(FIRST, number=99).key, 1)
    assert [one.until_ns for one in book.judgements()] == [9_999 * MS, FIRST.until_ns]


def test_a_file_has_room_for_so_many_and_says_so(book: VerdictBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VERDICTS", 2)
    for number in (1, 2):
        book.give(replace(FIRST, number=number))
    with pytest.raises(SiteError, match="begin another file"):
        book.give(replace(FIRST, number=3))
    book.give(replace(FIRST, number=2, said=Said.NOT_KNOWN))
    assert [one.said for one in book.judgements()] == [Said.TRUE_LEAK, Said.NOT_KNOWN]


def test_between_files_the_clocks_decide(tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    VerdictBook(one).give(replace(FIRST, judged_ns=10))
    VerdictBook(other).give(replace(FIRST, judged_ns=9, said=Said.FALSE_ALARM))
    assert [judgement.judged_ns for judgement in judgements_in([one, other])] == [9, 10]
    assert [judgement.said for judgement in last_words(judgements_in([one, other]))] == [Said.TRUE_LEAK]


def test_an_alarm_judged_on_the_robot_and_again_in_its_bag_is_one() -> None:
    in_bag = replace(FIRST, number=1, since_ns=5_500 * MS, said=Said.FALSE_ALARM)
    assert last_words([FIRST, in_bag]) == [in_bag]
    assert last_words([in_bag, FIRST]) == [FIRST]
    other_gas = replace(in_bag, gas="Perfume")
    assert last_words([FIRST, other_gas]) == [FIRST, other_gas]


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 10), st.sampled_from(["Smoke", "Gas"])), max_size=15
    )
)
def test_last_words_never_overlap_and_the_very_last_is_among_them(
    spans: list[tuple[int, int, str]],
) -> None:
    given_in_order = [
        replace(FIRST, number=number, since_ns=start, until_ns=start + length, gas=gas)
        for number, (start, length, gas) in enumerate(spans)
    ]
    words = last_words(given_in_order)
    assert given_in_order[-1:] == [one for one in words if one.number == len(spans) - 1]
    for one in words:
        others = [other for other in words if other is not one and other.gas == one.gas]
        assert all(other.end_ns < one.since_ns or other.since_ns > one.end_ns for other in others)
    for lost in set(given_in_order) - set(words):
        displaced = [one for one in words if one.gas == lost.gas and one.number > lost.number]
        assert any(one.since_ns <= lost.end_ns and lost.since_ns <= one.end_ns for one in displaced)


def test_the_file_beside_a_bag_has_its_name(tmp_path: Path) -> None:
    assert sidecar_of(tmp_path / "patrol").name == "patrol.verdicts.db"
