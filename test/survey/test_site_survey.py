"""Bags become patrols of a site, each once; leaks, coverage, sensors and verdicts come out of all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_bags import EPOCH, SECOND, text, write_bag
from patrol_bags import DAY, patrol_bag
from telling_runtime import HIGH, LOW, telling_model

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics, robot_of
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Mode, RobotPose, Verdict
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.report import site_page
from gas_fusion_ros.report.site_page import site_html
from gas_fusion_ros.site.leak_database import LeakDatabase, Sighting
from gas_fusion_ros.site.patrol_log import PatrolLog
from gas_fusion_ros.site.verdicts import Judgement, Said, VerdictBook, sidecar_of
from gas_fusion_ros.survey.clean_air import CleanAirStates
from gas_fusion_ros.survey.schema import SiteReport
from gas_fusion_ros.survey.site_survey import SiteSurvey
from gas_fusion_ros.survey.way import Way


class Surveyor:
    """Reads bags into a file and reports."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.loads = 0
        self.problems = Problems()

    def report(self, *bags: Path, verdicts: tuple[Path, ...] = ()) -> SiteReport:
        survey = SiteSurvey(self.site, self.problems, BagLimits())
        self.failed = survey.read(bags, self._load, LeakMapperSettings(), BagTopics())
        report = survey.report(str(self.site), verdicts)
        json.loads(report.to_json())
        return report

    def _load(self) -> object:
        self.loads += 1
        return telling_model()


@pytest.fixture
def surveyor(tmp_path: Path) -> Surveyor:
    return Surveyor(tmp_path / "site.db")


def verdict(since_ns: int, said: Said, gas: str = "Smoke", robot: str = "", number: int = 1) -> Judgement:
    until_ns = since_ns + 5 * SECOND
    return Judgement(
        robot, number, since_ns, until_ns, gas, "critical", 0.9, 1.0, 2.0, "map", said, "<b>Ada</b>", 10
    )


def test_patrols_of_one_leak_are_one_leak_of_the_site(surveyor: Surveyor, tmp_path: Path) -> None:
    report = surveyor.report(*(patrol_bag(tmp_path, day) for day in (1, 0)))
    assert [patrol.start_ns for patrol in report.patrols] == [EPOCH, EPOCH + DAY * SECOND]
    assert [patrol.alarms for patrol in report.patrols] == [1, 1]
    assert [patrol.duration_s for patrol in report.patrols] == [59.0, 59.0]
    assert report.patrols[0].length_m == pytest.approx(29.5, abs=0.6)
    (leak,) = report.leaks
    assert (leak.gas, len(leak.sightings), leak.passes_since_seen) == ("Smoke", 2, 0)
    assert [one.patrol for one in leak.sightings] == [1, 2]
    assert 5.0 < leak.place.x < 25.0
    assert (report.alarms, report.unjudged, report.losses) == (2, 2, {})
    assert report.patrol_hours == pytest.approx(118 / 3600, rel=0.01)


def test_a_bag_is_read_once_wherever_it_lies(surveyor: Surveyor, tmp_path: Path) -> None:
    bag = patrol_bag(tmp_path)
    first = surveyor.report(bag)
    moved = bag.rename(tmp_path / "moved")
    again = surveyor.report(moved)
    assert surveyor.loads == 1
    assert replace(again, losses={}) == replace(first, losses={})
    # The file alone knows all of it.
    assert replace(surveyor.report(), losses={}) == replace(first, losses={})


def test_where_the_robot_itself_saw_leaks_the_bag_adds_none(surveyor: Surveyor, tmp_path: Path) -> None:
    seen = Sighting("Smoke", LeakPlace(14.0, 1.0, 1.0, 0.0, 1.0, "map", EPOCH + 45 * SECOND), 1.5)
    LeakDatabase(surveyor.site).see(seen)
    (leak,) = surveyor.report(patrol_bag(tmp_path)).leaks
    assert [(one.stamp_ns, one.strength) for one in leak.sightings] == [(seen.place.stamp_ns, 1.5)]


def test_bags_of_two_robots_at_a_time_both_tell_of_leaks(surveyor: Surveyor, tmp_path: Path) -> None:
    surveyor.report(patrol_bag(tmp_path, robot="r1"))
    (leak,) = surveyor.report(patrol_bag(tmp_path, smoke=range(24, 44), robot="r2")).leaks
    assert len(leak.sightings) == 2


def test_a_leak_that_later_patrols_pass_unseen_is_told(surveyor: Surveyor, tmp_path: Path) -> None:
    bags = [patrol_bag(tmp_path, 0), patrol_bag(tmp_path, 1, None), patrol_bag(tmp_path, 2, None)]
    (leak,) = surveyor.report(*bags).leaks
    assert (len(leak.sightings), leak.passes_since_seen) == (1, 2)


def test_coverage_counts_the_patrols_of_each_cell(surveyor: Surveyor, tmp_path: Path) -> None:
    report = surveyor.report(patrol_bag(tmp_path, 0), patrol_bag(tmp_path, 1))
    (coverage,) = report.coverage
    assert (coverage.frame_id, coverage.cell_m, coverage.area_m2) == ("map", 2.0, 60.0)
    assert [(cell.i, cell.j, cell.patrols) for cell in coverage.cells] == [(i, 0, 2) for i in range(15)]


def test_verdicts_are_told_with_their_patrol_or_without(surveyor: Surveyor, tmp_path: Path) -> None:
    bag = patrol_bag(tmp_path)
    alarmed_ns = EPOCH + 25 * SECOND
    VerdictBook(surveyor.site).give(verdict(alarmed_ns, Said.FALSE_ALARM))
    VerdictBook(sidecar_of(bag)).give(verdict(alarmed_ns, Said.TRUE_LEAK, "Perfume", number=3))
    further = tmp_path / "further.db"
    VerdictBook(further).give(verdict(alarmed_ns, Said.NOT_KNOWN, robot="other", number=4))
    report = surveyor.report(bag, verdicts=(further,))
    assert [(one.number, one.said, one.patrol) for one in report.judgements] == [
        (1, "false alarm", 1),
        (3, "true leak", None),
        (4, "not known", None),
    ]
    assert (report.false_alarms, report.true_leaks, report.not_known, report.unjudged) == (1, 1, 1, 0)
    assert (report.patrols[0].false_alarms, report.patrols[0].true_leaks) == (1, 0)
    assert report.false_alarms_per_hour == pytest.approx(3600 / 59, rel=0.01)


def alarm_of(surveyor: Surveyor, number: int = 0, said: Said = Said.FALSE_ALARM) -> Judgement:
    """A word on the alarm of a patrol that is known."""
    patrol = PatrolLog(surveyor.site).patrols()[number]
    return verdict(patrol.alarms[0].since_ns, said, robot=patrol.robot, number=number)


def test_a_leak_whose_judged_alarms_are_false_is_judged_false(surveyor: Surveyor, tmp_path: Path) -> None:
    surveyor.report(patrol_bag(tmp_path), patrol_bag(tmp_path, 1))
    book = VerdictBook(surveyor.site)
    book.give(alarm_of(surveyor, 0))
    report = surveyor.report()
    (leak,) = report.leaks
    assert (leak.judged_false, leak.false_sightings, report.leaks_judged_false) == (True, 1, 1)
    html = site_html(report)
    assert "<dt>leaks</dt><dd>0</dd>" in html
    assert "<dt>leaks judged false</dt><dd>1</dd>" in html
    assert "<s>Smoke</s>" in html
    # Somebody found gas there, or did not know: it is a leak again.
    for said in (Said.TRUE_LEAK, Said.NOT_KNOWN):
        book.give(alarm_of(surveyor, 1, said))
        report = surveyor.report()
        (leak,) = report.leaks
        assert (leak.judged_false, leak.false_sightings, report.leaks_judged_false) == (False, 1, 0)
        assert "<s>" not in site_html(report)


@pytest.mark.parametrize(
    "change", [{"gas": "Perfume"}, {"robot": "r2"}, {"since_ns": EPOCH, "until_ns": EPOCH}]
)
def test_a_false_alarm_of_something_else_leaves_a_leak(
    surveyor: Surveyor, tmp_path: Path, change: dict[str, object]
) -> None:
    surveyor.report(patrol_bag(tmp_path))
    VerdictBook(surveyor.site).give(replace(alarm_of(surveyor), **change))  # type: ignore[arg-type]
    (leak,) = surveyor.report().leaks
    assert (leak.judged_false, leak.false_sightings) == (False, 0)


def test_of_two_robots_at_a_time_one_that_was_wrong_takes_no_leak_away(
    surveyor: Surveyor, tmp_path: Path
) -> None:
    surveyor.report(patrol_bag(tmp_path, robot="r1"), patrol_bag(tmp_path, robot="r2"))
    VerdictBook(surveyor.site).give(alarm_of(surveyor))
    report = surveyor.report()
    assert report.false_alarms == 1
    assert not any(leak.judged_false for leak in report.leaks)


def test_sensors_of_two_robots_are_kept_apart(surveyor: Surveyor, tmp_path: Path) -> None:
    drifted = [LOW[0], LOW[1] + 20.0, *LOW[2:]]
    report = surveyor.report(
        patrol_bag(tmp_path, 0), patrol_bag(tmp_path, 3, clean=drifted), patrol_bag(tmp_path, 1, robot="r2")
    )
    sensors = {(one.robot, one.channel): one for one in report.sensors}
    assert len(sensors) == 2 * len(PAPER_CHANNELS)
    mine = sensors["", PAPER_CHANNELS[1]]
    assert [one.counts for one in mine.points] == [LOW[1], LOW[1] + 20.0]
    assert [one.patrol for one in mine.points] == [1, 3]
    # Nobody has said how readings become resistances.
    assert (mine.points[0].log_ratio, mine.drift_per_day) == (None, None)


def test_bags_that_are_no_patrols_are_told_and_lose_no_other(surveyor: Surveyor, tmp_path: Path) -> None:
    other = write_bag(tmp_path / "other", [text("/chatter", EPOCH, "hello")])
    report = surveyor.report(other, tmp_path / "nothing", patrol_bag(tmp_path))
    assert len(report.patrols) == 1
    assert ["neither gas" in surveyor.failed[0], "nothing" in surveyor.failed[1]] == [True, True]
    assert PatrolLog(surveyor.site).bags() == {report.patrols[0].bag_sha256}


def test_the_page_shows_all_of_it_and_escapes_it(surveyor: Surveyor, tmp_path: Path) -> None:
    VerdictBook(surveyor.site).give(verdict(EPOCH + 25 * SECOND, Said.FALSE_ALARM))
    html = site_html(surveyor.report(patrol_bag(tmp_path), patrol_bag(tmp_path, 1)))
    assert "&lt;b&gt;Ada&lt;/b&gt;" in html
    assert "<b>Ada" not in html
    assert html.count("data:image/png;base64,") == 1
    for heading in ("Leaks by place", "Patrols", "Where the robots", "Drift of", "Alarms that were judged"):
        assert heading in html
    assert "1 false alarm<" in html


def test_bags_of_one_name_are_told_apart_by_their_folders(surveyor: Surveyor, tmp_path: Path) -> None:
    html = site_html(surveyor.report(patrol_bag(tmp_path / "d1"), patrol_bag(tmp_path / "d2", clean=HIGH)))
    assert "<td>d1/patrol0</td>" in html
    assert "<td>d2/patrol0</td>" in html


def test_a_page_of_an_empty_site_says_what_is_missing(surveyor: Surveyor) -> None:
    html = site_html(surveyor.report())
    assert html.count("<p>\u2013") == 5


def test_long_tables_show_the_latest(
    surveyor: Surveyor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_page, "MOST_ROWS", 1)
    html = site_html(surveyor.report(patrol_bag(tmp_path, 0), patrol_bag(tmp_path, 1)))
    assert "The latest 1 of 2" in html
    assert "patrol1" in html
    assert "patrol0" not in html


def test_drift_goes_by_resistances_where_the_array_is_told() -> None:
    states = CleanAirStates()
    clean = Verdict(0, "", Mode.GAS_ONLY, ("NoGas", "Smoke"), np.array([0.95, 0.05], np.float32), "m")
    unsure = replace(clean, probabilities=np.array([0.6, 0.4], np.float32))
    for second, counts in enumerate(([500.0, np.nan], [510.0, np.nan], [520.0, np.nan])):
        states.hear(GasReading(second * SECOND, ("a", "b"), np.array(counts, np.float32)), clean)
    states.hear(GasReading(9 * SECOND, ("a", "b"), np.array([900.0, 900.0], np.float32)), unsure)
    array = ArrayDescription((ArrayChannel("a", baseline=0.1), ArrayChannel("b")), full_scale=1023.0)
    (state,) = states.states(array)
    assert (state.channel, state.counts, state.readings) == ("a", 510.0, 3)
    assert state.log_ratio == pytest.approx(np.log(1023 / 510 - 1), abs=1e-4)
    assert state.baseline == 0.1
    other = replace(array, channels=(ArrayChannel("c"),))
    assert states.states(other)[0].log_ratio is None


def test_a_way_leaves_out_jumps_jitter_and_other_frames() -> None:
    way = Way()
    for x in (0.0, 0.1, 0.2, 0.1, 1.0, 500.0, 501.0):
        way.hear(RobotPose(x, 0.0))
    way.hear(RobotPose(900.0, 0.0, frame_id="odom"))
    way.hear(RobotPose(float("nan"), 0.0))
    assert way.length_m == pytest.approx(2.0)
    assert way.cells == {(0, 0), (250, 0)}


@pytest.mark.parametrize(
    ("topic", "robot"),
    [
        ("/gas/readings", ""),
        ("/robot1/gas/readings", "robot1"),
        ("/a/b/gas/readings", "a/b"),
        ("/mq", ""),
        (None, ""),
    ],
)
def test_the_robot_is_the_namespace_of_its_readings(topic: str | None, robot: str) -> None:
    assert robot_of(topic) == robot
