"""A reader who is told part after part has what the series has."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.watch.series import Part, Series

MOST, MOST_AT_ONCE = 5, 3
STEPS = st.lists(st.sampled_from(["append", "replace", "clear", "read"]), max_size=60)


class Reader:
    """Merges parts as the page does."""

    def __init__(self) -> None:
        self.first = self.cursor = 0
        self.items: list[int] = []

    def take(self, part: Part[int]) -> None:
        self.cursor = part.end
        if not self.first <= part.first <= self.first + len(self.items):
            self.first, self.items = part.first, []
        self.items[part.first - self.first :] = part.items
        gone = max(0, min(part.oldest - self.first, len(self.items)))
        del self.items[:gone]
        self.first += gone


@settings(max_examples=200)
@given(STEPS)
def test_a_reader_ends_with_what_is_kept(steps: list[str]) -> None:
    series: Series[int] = Series(MOST)
    kept: list[int] = []
    reader = Reader()
    for number, step in enumerate(steps):
        if step == "append":
            series.append(number)
            kept = [*kept, number][-MOST:]
        elif step == "replace" and kept:
            series.replace_last(number)
            kept[-1] = number
        elif step == "clear":
            series.clear()
            kept = []
        elif step == "read":
            part = series.since(reader.cursor, MOST_AT_ONCE)
            assert len(part.items) <= MOST_AT_ONCE
            reader.take(part)
        assert series.last == (kept[-1] if kept else None)
    for _ in range(MOST):
        reader.take(series.since(reader.cursor, MOST_AT_ONCE))
    assert reader.items == kept
