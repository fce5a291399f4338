"""The queue on the disk: numbers, order, bounds, restarts."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.fleet.outbox import Outbox, OutboxError, open_outbox

MOST = 5
STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 4), st.booleans()),
    st.tuples(st.just("remove"), st.sets(st.integers(1, 20), max_size=4)),
    st.tuples(st.just("reopen")),
)


@settings(max_examples=25)
@given(st.lists(STEPS, max_size=12))
def test_the_queue_does_what_a_list_would(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    waiting: dict[int, bool] = {}
    last = dropped = 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "below" / "queue.sqlite3"
        outbox = Outbox(path, MOST)
        name = outbox.name
        for step in steps:
            if step[0] == "append":
                _, count, spare = step
                outbox.append([{"content": index} for index in range(count)], spare, f"told {last + count}")
                waiting |= {last + 1 + index: spare for index in range(count)}
                last += count
                while len(waiting) > MOST:
                    del waiting[min(waiting, key=lambda number: (not waiting[number], number))]
                    dropped += 1
                assert outbox.memory() == f"told {last}"
            elif step[0] == "remove":
                outbox.remove(step[1])
                waiting = {number: spare for number, spare in waiting.items() if number not in step[1]}
            else:
                outbox.close()
                outbox = Outbox(path, MOST)
            events = outbox.after(0, 100)
            assert [event.number for event in events] == sorted(waiting)
            documents = [json.loads(event.document) for event in events]
            assert [(document["queue"], document["number"]) for document in documents] == [
                (name, number) for number in sorted(waiting)
            ]
            state = outbox.state
            assert (state.last_event, state.waiting, state.dropped) == (last, len(waiting), dropped)
            assert [event.number for event in outbox.after(3, 2)] == [n for n in sorted(waiting) if n > 3][:2]
        outbox.close()


def test_nobody_else_may_read_it_or_use_it_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    with Outbox(path, MOST) as outbox:
        assert path.stat().st_mode & 0o077 == 0
        with pytest.raises(
            OutboxError, match=r"queue.file .* cannot be used: .*locked; is another relay running"
        ):
            open_outbox(path, MOST)
        outbox.append([{}], False, "")
    with Outbox(path, MOST) as outbox:
        assert outbox.state.waiting == 1


def test_a_damaged_queue_is_set_aside_and_another_begins(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    path.write_bytes(b"no database at all, but long enough to be looked at " * 100)
    outbox, doubt = open_outbox(path, MOST)
    with outbox:
        outbox.append([{}], False, "")
        assert outbox.state.waiting == 1
    assert "is damaged" in doubt
    assert path.with_name("queue.sqlite3.damaged").read_bytes().startswith(b"no database")


def test_a_queue_of_a_later_release_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    with Outbox(path, MOST) as outbox:
        outbox._database.execute("PRAGMA user_version = 9")
    with pytest.raises(OutboxError, match="has format 9; this release reads 1"):
        Outbox(path, MOST)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutboxError, match=r"queue.file .*/file/queue cannot be opened: .*name a file"):
        Outbox(tmp_path / "file" / "queue", MOST)


def test_what_the_disk_does_not_take_is_not_counted(tmp_path: Path) -> None:
    with Outbox(tmp_path / "queue.sqlite3", 1000) as outbox:
        # As a full disk does.
        outbox._database.execute("PRAGMA max_page_count = 12")
        with pytest.raises(OSError, match=r"queue.file .*: database or disk is full"):
            outbox.append([{"content": "x" * 100_000}], False, "told")
        assert outbox.state.last_event == outbox.state.waiting == 0
        assert outbox.memory() == ""
        outbox.append([{"content": "x"}], False, "told")
        assert [event.number for event in outbox.after(0, 9)] == [1]


def test_a_closed_queue_says_so(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "queue.sqlite3", MOST)
    outbox.close()
    outbox.close()
    with pytest.raises(OSError, match="closed"):
        outbox.after(0, 1)
