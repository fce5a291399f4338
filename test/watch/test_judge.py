"""Operators judge alarms that were heard of, and the file knows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from heard_robots import ALARM, CLEAR, LEAK, SECOND, reading

from gas_fusion_ros.alarm.types import AlarmState
from gas_fusion_ros.site.site_file import SiteError
from gas_fusion_ros.site.verdicts import Said, VerdictBook
from gas_fusion_ros.watch.judge import LONGEST_NAME, Judge
from gas_fusion_ros.watch.watched import Cursor, Watched

SINCE_MS = ALARM.since_ns // 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.db"


def watched(file: Path, robot: str = "robot1") -> Watched:
    """A robot with an alarm that stands."""
    made = Watched("robot", judge=Judge(file, robot, lambda: 123))
    made.hear_reading(reading(91.0, 1.0))
    made.hear_standing(LEAK)
    return made


def say(made: Watched, said: Said = Said.FALSE_ALARM, name: str = " Ada ", number: int = 7) -> str:
    return made.judge(number, SINCE_MS, said, name)


def test_a_verdict_is_kept_with_who_and_when_and_later_with_the_end(file: Path) -> None:
    made = watched(file)
    assert say(made) == ""
    (judgement,) = VerdictBook(file).judgements()
    assert (judgement.robot, judgement.number, judgement.gas, judgement.said) == (
        "robot1",
        7,
        "Smoke",
        Said.FALSE_ALARM,
    )
    assert (judgement.judged_by, judgement.judged_ns, judgement.until_ns) == ("Ada", 123, None)
    assert (judgement.x, judgement.y, judgement.frame_id) == (4.0, -2.0, "map")
    made.hear_reading(reading(99.0, 1.0))
    made.hear_standing(CLEAR)
    assert VerdictBook(file).judgements()[0].until_ns == 99 * SECOND


def test_an_alarm_that_is_over_can_be_judged_and_again(file: Path) -> None:
    made = watched(file)
    made.hear_standing(CLEAR)
    assert say(made, Said.TRUE_LEAK) == ""
    assert say(made, Said.NOT_KNOWN, "Bert") == ""
    (judgement,) = VerdictBook(file).judgements()
    assert (judgement.said, judgement.judged_by, judgement.until_ns) == (Said.NOT_KNOWN, "Bert", 91 * SECOND)
    (recent,) = made.news(Cursor())["recent"]
    assert (recent["since_ms"], recent["word"]["said"], recent["word"]["by"]) == (
        SINCE_MS,
        "not known",
        "Bert",
    )


def test_verdicts_of_before_are_shown_and_their_alarms_end(file: Path) -> None:
    say(watched(file))
    again = watched(file)
    assert again.news(Cursor())["recent"][0]["word"]["said"] == "false alarm"
    again.end("over")
    assert VerdictBook(file).judgements()[0].until_ns == 91 * SECOND


def test_other_robots_alarms_of_that_number_are_not_judged(file: Path) -> None:
    say(watched(file))
    assert watched(file, "robot2").news(Cursor())["recent"][0]["word"] is None


@pytest.mark.parametrize("number", [6, 8])
def test_an_alarm_that_nobody_heard_of_is_refused(file: Path, number: int) -> None:
    with pytest.raises(LookupError, match="latest"):
        say(watched(file), number=number)
    assert not file.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * (LONGEST_NAME + 1), "A\nB"])
def test_a_verdict_needs_a_name(file: Path, name: str) -> None:
    assert "name of who" in say(watched(file), name=name)
    assert not file.exists()


def test_without_a_file_nothing_is_judged() -> None:
    made = Watched("robot")
    made.hear_standing(LEAK)
    assert (made.news(Cursor())["may_judge"], made.news(Cursor())["recent"]) == (False, [])
    with pytest.raises(LookupError, match="--site"):
        say(made)


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "site.db"
    made = watched(file)
    file.write_bytes(b"no database at all" * 100)
    assert "cannot be used" in say(made)
    with pytest.raises(SiteError):
        Judge(file, "")


def test_an_end_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "site.db"
    made = watched(file)
    say(made)
    file.write_bytes(b"no database at all" * 100)
    made.hear_standing(replace(LEAK, alarms=(replace(ALARM, state=AlarmState.LATCHED),)))
    assert made.problems.counts() == {"verdict_end": 1}
