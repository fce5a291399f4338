"""Labels of a recording: the CSV of intervals, and the track that tells the class at a stamp."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labels import (
    LabelError,
    make_interval,
    merge_intervals,
    parse_time,
    read_intervals,
    write_intervals,
)
from gas_fusion_ros.truth.scoring import Interval, Leak

S = 1_000_000_000
ORIGIN = 1_700_000_000 * S


def interval(start_s: int, end_s: int, label: str) -> Interval:
    return Interval(label, start_s * S, end_s * S)


def written(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


# --- times ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("0", ORIGIN),
        ("12.5", ORIGIN + 12_500_000_000),
        ("-1.000000001", ORIGIN - 1_000_000_001),
        ("99999999", ORIGIN + 99_999_999 * S),
        ("1700000000.123456789", 1_700_000_000_123_456_789),
        ("100000000", 100_000_000 * S),
        ("2024-05-01T12:00:00Z", 1_714_564_800 * S),
        ("2024-05-01 12:00:00", 1_714_564_800 * S),
        ("2024-05-01T14:30:00.000000001+02:30", 1_714_564_800 * S + 1),
        ("2024-05-01T08:00:00,5-0400", 1_714_564_800 * S + 500_000_000),
        ("1970-01-01T00:16:40Z", 1000 * S),
    ],
)
def test_a_time_is_seconds_from_the_beginning_or_since_the_epoch(text: str, expected_ns: int) -> None:
    assert parse_time(text, ORIGIN) == expected_ns


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e999999", "2024-13-01T00:00:00Z", "12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_time(text, ORIGIN)


# --- reading and writing --------------------------------------------------------------------


def test_a_csv_is_read_in_time_order_whatever_the_order_of_rows_and_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "class,Start,note, end \nNoGas,10,calm,20\n\nSmoke,0.5,x,10\n")
    assert read_intervals(path, ORIGIN) == [
        Interval("Smoke", ORIGIN + S // 2, ORIGIN + 10 * S),
        Interval("NoGas", ORIGIN + 10 * S, ORIGIN + 20 * S),
    ]


def test_intervals_of_one_class_that_touch_or_overlap_are_one(tmp_path: Path) -> None:
    path = written(tmp_path, "start,end,class\n0,10,Smoke\n10,20,Smoke\n15,18,Smoke\n30,40,Smoke\n")
    assert read_intervals(path, 0) == [interval(0, 20, "Smoke"), interval(30, 40, "Smoke")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: no column for start, end, class; .*found nothing"),
        ("start,end\n0,1\n", "line 1: no column for class"),
        ("0,10,Smoke\n", "line 1: no column for start, end, class; .*found 0, 10, Smoke"),
        ("start,end,class\n", "has no interval"),
        ("start,end,class\n0,10,Smoke\n20,10,Smoke\n", "line 3: the end 10 lies before the start 20"),
        ("start,end,class\n0,ten,Smoke\n", "line 2: 'ten' is no time"),
        ("start,end,class\n0,10\n", "line 2: 2 fields"),
        ("start,end,class\n0,10,\n", "line 2: the class is empty"),
        ("start,end,class\n0,10,Unknown\n", "line 2: the class is Unknown"),
        ("start,end,class\n5,20,NoGas\n0,10,Smoke\n", "line 2: NoGas overlaps Smoke of .*line 3"),
        ("start,end,class\n0,50,NoGas\n10,20,NoGas\n30,40,Smoke\n", "line 4: Smoke overlaps NoGas of"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(LabelError, match=complaint) as error:
        read_intervals(path, ORIGIN)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_intervals(tmp_path / "none.csv", 0)
    (tmp_path / "labels.csv").write_bytes(b"start,end,class\n\xff\xfe\x00,1,a\n")
    with pytest.raises(LabelError, match=r"line 2: .* is no time"):
        read_intervals(tmp_path / "labels.csv", 0)


def test_a_csv_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    write_intervals(path, [Interval("Smoke", 12_500_000_000, 20 * S), interval(0, 5, "NoGas")], 0)
    assert path.read_text(encoding="utf-8") == "start,end,class\n0,5,NoGas\n12.5,20,Smoke\n"
    too_far = [interval(0, 200_000_000, "Smoke")]
    with pytest.raises(LabelError, match="write absolute times"):
        write_intervals(path, too_far, 0)
    with pytest.raises(LabelError, match="cannot be written"):
        write_intervals(tmp_path / "none" / "labels.csv", too_far, None)
    assert path.read_text(encoding="utf-8").startswith("start,end,class\n0,5,NoGas\n")
    assert list(tmp_path.iterdir()) == [path]


def test_times_of_a_simulated_clock_stay_absolute(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    intervals = [Interval("Smoke", 1000 * S + 1, 1060 * S)]
    write_intervals(path, intervals, None)
    assert read_intervals(path, ORIGIN) == intervals


labels = st.sampled_from(["NoGas", "Smoke", 'a "b", c', "Rauch \u00e4"])
stamps = st.integers(min_value=0, max_value=8_000_000_000 * S)


@st.composite
def tracks(draw: st.DrawFn) -> list[Interval]:
    """Intervals that do not overlap, some of which touch."""
    cuts = sorted(draw(st.lists(stamps, min_size=2, max_size=12)))
    pairs = pairwise(cuts)
    chosen = [Interval(draw(labels), start, end) for start, end in pairs if draw(st.booleans())]
    return merge_intervals(chosen or [Interval("Smoke", cuts[0], cuts[-1])])


@given(tracks(), stamps)
def test_absolute_times_survive_to_the_nanosecond(
    tmp_path_factory: pytest.TempPathFactory, intervals: list[Interval], origin_ns: int
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    write_intervals(path, intervals, None)
    assert read_intervals(path, origin_ns) == intervals


@given(tracks(), st.integers(min_value=-50_000_000 * S, max_value=50_000_000 * S))
def test_relative_times_move_with_the_beginning(
    tmp_path_factory: pytest.TempPathFactory, intervals: list[Interval], shift_ns: int
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    near = [Interval(one.label, one.start_ns // 100, one.end_ns // 100) for one in intervals]
    near = merge_intervals(near)
    write_intervals(path, near, 0)
    moved = [Interval(one.label, one.start_ns + shift_ns, one.end_ns + shift_ns) for one in near]
    assert read_intervals(path, shift_ns) == moved


# --- merging --------------------------------------------------------------------------------


def test_classes_that_overlap_are_refused_classes_that_touch_are_not() -> None:
    assert merge_intervals([interval(10, 20, "Smoke"), interval(0, 10, "NoGas")]) == [
        interval(0, 10, "NoGas"),
        interval(10, 20, "Smoke"),
    ]
    with pytest.raises(LabelError, match="the interval 10 to 20 s: Smoke overlaps NoGas of the interval 0"):
        merge_intervals([interval(10, 20, "Smoke"), interval(0, 11, "NoGas")])


def test_an_interval_from_its_three_fields() -> None:
    assert make_interval("1", "2.5", "Smoke", ORIGIN) == Interval("Smoke", ORIGIN + S, ORIGIN + 2_500_000_000)
    with pytest.raises(ValueError, match="the end 1 lies before the start 2"):
        make_interval("2", "1", "Smoke", 0)


# --- tracks ---------------------------------------------------------------------------------


def test_between_intervals_nothing_is_said() -> None:
    track = LabelTrack.of_intervals([interval(10, 20, "NoGas"), interval(20, 30, "Smoke")])
    told = [track.at(second * S) for second in (9, 10, 19, 20, 29, 30)]
    assert told == [None, "NoGas", "NoGas", "Smoke", "Smoke", "Smoke"]
    assert track.at(30 * S + 1) is None
    assert [one.label for one in track.intervals(40 * S)] == ["NoGas", "Smoke"]


def test_labels_of_a_topic_hold_until_the_next() -> None:
    track = LabelTrack()
    assert track.at(0) is None
    for second, label in [(10, "NoGas"), (11, "NoGas"), (20, "Smoke"), (21, "Smoke"), (30, "NoGas")]:
        track.add(second * S, label)
    assert [track.at(second * S) for second in (9, 10, 19, 20, 29, 30, 1000)] == [
        None,
        "NoGas",
        "NoGas",
        "Smoke",
        "Smoke",
        "NoGas",
        "NoGas",
    ]
    assert track.intervals(40 * S) == [
        interval(10, 20, "NoGas"),
        interval(20, 30, "Smoke"),
        interval(30, 40, "NoGas"),
    ]
    assert track.intervals(25 * S) == [interval(10, 20, "NoGas"), interval(20, 25, "Smoke")]
    assert track.intervals(5 * S) == []


def test_a_track_grows_with_the_changes_alone() -> None:
    track = LabelTrack()
    for second in range(10_000):
        track.add(second * S, "Smoke" if second >= 5_000 else "NoGas")
    assert track.intervals(9_999 * S) == [interval(0, 5_000, "NoGas"), interval(5_000, 9_999, "Smoke")]
    assert len(track._starts) == 2


def test_labels_come_in_time_order_and_not_on_top_of_intervals() -> None:
    track = LabelTrack()
    track.add(10 * S, "NoGas")
    with pytest.raises(ValueError, match="lies before the last"):
        track.add(9 * S, "Smoke")
    with pytest.raises(ValueError, match="takes no further label"):
        LabelTrack.of_intervals([interval(0, 1, "NoGas")]).add(2 * S, "Smoke")


def test_leaks_are_those_told_or_else_the_stretches_with_gas() -> None:
    track = LabelTrack()
    track.add(0, "NoGas")
    track.add(100 * S, "Smoke")
    track.add(160 * S, "NoGas")
    assert track.leaks(300 * S) == [Leak.without_aftermath(interval(100, 160, "Smoke"))]
    told = Leak("Smoke", 100 * S, 160 * S, first_sign_ns=98 * S, recovered_ns=190 * S)
    later = Leak("Perfume", 400 * S, 460 * S, first_sign_ns=398 * S, recovered_ns=490 * S)
    track.add_leaks([later, told])
    track.add_leaks([told])  # a latched message comes again in every file of a split bag
    assert track.leaks(500 * S) == [told, later]
    assert track.leaks(130 * S) == [Leak("Smoke", 100 * S, 130 * S, 98 * S, 190 * S)]


@given(tracks(), st.lists(stamps, max_size=5))
def test_a_track_says_what_its_intervals_say(intervals: list[Interval], asked: list[int]) -> None:
    track = LabelTrack.of_intervals(intervals)
    for stamp_ns in [*asked, *(one.start_ns for one in intervals), *(one.end_ns for one in intervals)]:
        holding = [one.label for one in intervals if one.start_ns <= stamp_ns <= one.end_ns]
        assert track.at(stamp_ns) == (holding[-1] if holding else None)


@given(st.lists(st.tuples(stamps, labels), min_size=1, max_size=20), stamps)
def test_a_track_fed_as_it_streams_says_the_last_label(fed: list[tuple[int, str]], asked_ns: int) -> None:
    fed.sort(key=lambda one: one[0])
    track = LabelTrack()
    for stamp_ns, label in fed:
        track.add(stamp_ns, label)
    before = [label for stamp_ns, label in fed if stamp_ns <= asked_ns]
    assert track.at(asked_ns) == (before[-1] if before else None)
    end_ns = max(asked_ns, fed[-1][0])
    as_intervals = LabelTrack.of_intervals(track.intervals(end_ns))
    assert as_intervals.at(end_ns) == track.at(end_ns)
