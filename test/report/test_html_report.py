"""report.html says what the report says, needs no other file, and escapes what others have named."""

from __future__ import annotations

import base64
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from made_evaluations import (
    CONFUSION,
    START,
    S,
    made_alarm_picture,
    made_evaluation,
    made_report,
    made_timeline,
    unlabelled_report,
)
from PIL import Image

from gas_fusion_ros.evaluation.evaluated_bag import Evaluation, OffsetHistogram
from gas_fusion_ros.evaluation.schema import (
    BagLoss,
    Failure,
    LabelSource,
    LeakOutcome,
    LeakPose,
    LeakVerdict,
    Percentiles,
    Place,
)
from gas_fusion_ros.report import document, figures
from gas_fusion_ros.report.document import report_html, write_html
from gas_fusion_ros.report.figure_style import PagePicture
from gas_fusion_ros.report.figures import FIGURES
from gas_fusion_ros.truth.scoring import Interval

FRAMES = 2
"""Of alarms, of a made evaluation."""
VOID = {"meta", "img"}
HOSTILE = "<script>alert(1)</script>&\"'$x$"


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it must be.

    Attributes:
        texts: text by the tag that it stands in directly.
        tables: of each table its rows of cells.
        images: attributes of each picture.
        captions: texts below the pictures.
        links: the addresses of all links.
        ids: the ids of all elements.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.images: list[dict[str, str]] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "img":
            self.images.append(given)
        if tag == "figcaption":
            self.captions.append("")
        if tag == "a":
            self.links.append(given["href"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        self.texts.append((self._open[-1], data))
        if "figcaption" in self._open:
            self.captions[-1] += data
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        """Everything that is to be read."""
        return "".join(data for tag, data in self.texts if tag != "style")

    def table(self, *columns: str) -> list[list[str]]:
        """The rows of the first table whose headings begin so."""
        for rows in self.tables:
            if rows[0][: len(columns)] == list(columns):
                return rows[1:]
        raise AssertionError(f"no table has the columns {columns}")

    def figures(self) -> dict[str, str]:
        """The values of the table of all figures, by name."""
        return {row[0]: row[1] for row in self.table("figure", "value")}


def page_of(*evaluations: Evaluation, failed: Sequence[Failure] = ()) -> Page:
    return Page(report_html(evaluations, failed))


def decoded(image: dict[str, str]) -> Image.Image:
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(BytesIO(base64.b64decode(data, validate=True)))
    picture.load()
    assert picture.format == "PNG"
    return picture


def drawn_once(draw: Callable[..., PagePicture | None]) -> Callable[..., PagePicture | None]:
    """Remember what was drawn of what: the tests look at many pages with the same pictures."""
    pictures: dict[bytes, PagePicture | None] = {}

    def look_up(*given: object) -> PagePicture | None:
        key = pickle.dumps(given)
        if key not in pictures:
            pictures[key] = draw(*given)
        return pictures[key]

    return look_up


@pytest.fixture(scope="module", autouse=True)
def _quick_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("timeline_picture", "confusion_picture", "reliability_picture", "offsets_picture"):
            patch.setattr(figures, name, drawn_once(getattr(figures, name)))
        yield


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(made_evaluation())


def test_the_first_sentence_is_the_verdict(page: Page) -> None:
    assert (
        "1 of 2 leaks found, 1 missed, 1 false alarm (33.6 per hour of clean air). Class accuracy 0.9482 "
        "over 599 judged readings. Labels: from the bag's own topics."
    ) in page.text
    assert page.texts.index(("h1", "Evaluation of morning_patrol")) < 5


def test_the_tables_have_the_figures_of_the_report(page: Page) -> None:
    figures = page.figures()
    assert figures["class accuracy"] == "0.9482"
    assert figures["class accuracy, fusion"] == "0.9511"
    assert figures["class accuracy, gas_only"] == "0.8929"
    assert figures["settled accuracy"] == "0.9713"
    assert figures["macro F1"] == "0.9391"
    assert figures["leak recall"] == "0.9567"
    assert figures["clean air called gas"] == "0.0217"
    assert figures["Unknown"] == "0.0067"
    assert figures["probability error (ECE)"] == "0.0312"
    assert figures["false alarms per hour"] == "33.6"
    assert figures["images"] == "1,187"
    assert figures["verdicts"] == "612"
    assert figures["judged"] == "599"
    assert figures["time for a verdict"] == "2.1 ms"
    assert figures["rate"] == "1,234 readings/s"


def test_leaks_and_alarms_are_listed_with_what_became_of_them(page: Page) -> None:
    assert page.table("leak", "gas") == [
        ["1", "Smoke", "0:20", "32.0 s", "3.2 s", "Smoke", "\u2714 found"],
        ["2", "Perfume", "1:10", "35.0 s", "\u2013", "\u2013", "\u2716 missed"],
    ]
    assert page.table("alarm", "gas") == [
        ["1", "Smoke", "0:23", "37.8 s", "\u2714 right"],
        ["2", "Mixture", "1:50", "7.5 s", "\u2716 false"],
    ]


def test_an_alarm_that_names_another_gas_is_told_apart_and_its_distance_told() -> None:
    first, second = made_report().alarms
    place = Place(1.0, 2.0, "map", START)
    misnamed = replace(first, pose=place, leak=1, names_leak=False, distance_m=5.94)
    table = page_of(made_evaluation(made_report(alarms=(misnamed, second)))).table(
        "alarm", "gas", "start", "duration", "place", "robot to the leak"
    )
    assert [row[-2:] for row in table] == [["5.9 m", "\u26a0 another gas"], ["\u2013", "\u2716 false"]]


def test_how_far_an_estimated_leak_is_off_stands_beside_it() -> None:
    first, second = made_report().alarms
    at = LeakPose(1.0, 2.0, ((1.0, 0.0), (0.0, 4.0)), "map")
    placed = replace(first, leak=1, distance_m=5.94, leak_pose=at, leak_pose_distance_m=1.26)
    table = page_of(made_evaluation(made_report(alarms=(placed, second)))).table(
        "alarm", "gas", "start", "duration", "leak at", "estimate off by", "robot to the leak"
    )
    assert table[0][4:7] == ["1.0, 2.0 m in map \u00b1 2.0 m", "1.3 m", "5.9 m"]
    assert table[1][4:7] == ["\u2013"] * 3


def test_places_of_alarms_stand_where_one_is_known(page: Page) -> None:
    assert not any("place" in rows[0] for rows in page.tables)
    first, second = made_report().alarms
    places = (Place(12.26, -4.5, HOSTILE, START), None, Place(-0.04, 1234.5, "", START))
    alarms = tuple(
        replace(alarm, pose=place) for alarm, place in zip((first, second, first), places, strict=True)
    )
    table = page_of(made_evaluation(made_report(alarms=alarms))).table(
        "alarm", "gas", "start", "duration", "place"
    )
    assert [row[4] for row in table] == [
        f"12.3, \u22124.5 m in {HOSTILE}",
        "\u2013",
        "0.0, 1234.5 m",
    ]
    assert table[1] == ["2", "Mixture", "1:50", "7.5 s", "\u2013", "\u2716 false"]


def test_classes_have_their_scores_and_the_matrix_stands_as_a_table_too(page: Page) -> None:
    assert page.table("class", "precision")[1] == ["NoGas", "0.9200", "0.8200", "0.7200", "102"]
    matrix = page.table("truth", "Mixture", "NoGas", "Perfume", "Smoke", "Unknown")
    assert [[int(cell) for cell in row[1:]] for row in matrix] == CONFUSION.tolist()


def test_pairing_is_told(page: Page) -> None:
    counts = dict(page.table("observations", "number"))
    assert counts == {
        "readings with an image": "571",
        "readings alone": "28",
        "images alone, while there were no readings": "13",
        "dropped: all_channels_invalid": "17",
    }
    assert "half of them at most 4.4 ms, 95 % at most 11.1 ms, all at most 22.9 ms" in page.text


def test_the_origin_is_told(page: Page) -> None:
    origin = dict(page.table("what", "which"))
    assert origin["bag"] == "/recordings/morning_patrol"
    assert origin["bag, sha256"] == "a" * 64
    assert origin["model"] == "fusion1"
    assert origin["model, sha256 of bundle.json"] == "b" * 64
    assert origin["topic, leaks"] == "\u2013"
    assert origin["first stamp"] == "2023-11-14 22:13:20 UTC (1700000000.000 s)"
    assert "numpy" in origin["versions"]
    settings = dict(page.table("parameter of the classifier node", "value"))
    assert settings == {"pairing.tolerance": "0.05", "alarm.critical_classes": "Mixture, Smoke"}


def test_a_stamp_of_a_simulation_is_no_date() -> None:
    origin = dict(page_of(made_evaluation(made_report(started_ns=12 * S))).table("what", "which"))
    assert origin["first stamp"] == "12.000 s"


def test_frames_of_false_alarms_are_marked(page: Page) -> None:
    right, false = (caption for caption in page.captions if " %, " in caption)
    assert right == "Smoke at 0:23; verdict Smoke 97.3 %, fusion"
    assert false == "Mixture at 1:50; verdict Mixture 81.2 %, fusion, \u2716 false alarm"


def test_every_picture_is_a_png_in_the_page_with_its_content_in_words(page: Page) -> None:
    assert len(page.images) == len(FIGURES) + FRAMES
    for image in page.images:
        assert len(image["alt"]) > 20
        assert min(decoded(image).size) > 100


def test_every_entry_of_the_list_is_a_figure_with_its_heading_and_caption(page: Page) -> None:
    headings = [text for tag, text in page.texts if tag == "h3"]
    evaluation = made_evaluation()
    for entry in FIGURES:
        assert entry.heading in headings
        assert entry.caption(evaluation) in page.captions


def test_another_entry_is_another_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = FIGURES[0].draw(made_evaluation())
    more = figures.ReportFigure(HOSTILE, "chart", lambda _: picture, lambda _: "of all")
    nothing = figures.ReportFigure("Nothing", "chart", lambda _: None, lambda _: "of none", lambda _: "none")
    monkeypatch.setattr(document, "FIGURES", (*FIGURES, more, nothing))
    page = page_of(made_evaluation())
    assert len(page.images) == len(FIGURES) + FRAMES + 1
    assert "of all" in page.captions
    assert ("h3", HOSTILE) in page.texts
    assert ("p", "\u2013 none") in page.texts


def test_the_page_needs_no_other_file(page: Page) -> None:
    html = report_html([made_evaluation(), made_evaluation()])
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert page.tags.isdisjoint({"script", "link", "iframe", "object", "form"})
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_names_of_others_are_shown_as_they_are_and_never_run() -> None:
    classes = (HOSTILE, "NoGas", "Perfume", "Smoke")
    report = made_report(
        bag=f"/recordings/{HOSTILE}",
        bundle=HOSTILE,
        classes=classes,
        topics={"gas": HOSTILE, "image": None, "label": None, "leaks": None},
        settings={HOSTILE: HOSTILE},
        dropped={HOSTILE: 1},
        losses={HOSTILE: BagLoss(1, HOSTILE)},
        confusion={HOSTILE: {HOSTILE: 3}},
        per_class={HOSTILE: made_report().per_class["Smoke"]},
        leaks=(LeakOutcome(HOSTILE, 20.0, 52.0, True, 3.0, LeakVerdict.FOUND),),
        alarms=(replace(made_report().alarms[0], gas=HOSTILE),),
    )
    evaluation = made_evaluation(
        report,
        timeline=made_timeline(
            title=HOSTILE,
            classes=classes,
            channels=(HOSTILE, *made_timeline().channels[1:]),
            truth=(Interval(HOSTILE, START, START + 60 * S),),
        ),
        alarm_pictures=(made_alarm_picture(gas=HOSTILE, label=HOSTILE, mode=HOSTILE),),
        without_heat=HOSTILE,
    )
    html = report_html([evaluation, evaluation], [Failure(HOSTILE, HOSTILE)])
    page = Page(html)
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) > 20
    assert page.table("leak", "gas")[0][1] == HOSTILE
    assert any(HOSTILE in image["alt"] for image in page.images)


def test_losses_stand_before_everything_else_and_say_what_happened_first() -> None:
    losses = {
        "bag_truncated": BagLoss(1, "night.mcap ends early"),
        "message_undecodable": BagLoss(1234, "/gas: short"),
    }
    page = page_of(made_evaluation(made_report(losses=losses)))
    assert page.table("cause", "times") == [
        ["bag_truncated", "1", "night.mcap ends early"],
        ["message_undecodable", "1,234", "/gas: short"],
    ]
    assert page.text.index("Evaluated with losses") < page.text.index("Timeline")


def test_a_whole_bag_has_no_losses(page: Page) -> None:
    assert "losses" not in page.text
    assert "To be noted" not in page.text


def test_what_needs_care_is_noted() -> None:
    page = page_of(made_evaluation(made_report(runs=3, faults=2, judged=500)))
    assert "it holds 3 runs" in page.text
    assert "2 faults: no valid reading" in page.text
    assert "99 classified readings without a label: not judged." in page.text


def test_without_labels_figures_are_dashes_with_the_reason() -> None:
    page = page_of(made_evaluation(unlabelled_report()))
    assert (
        "2 alarms in 0:02:00. There are no labels, so nothing says whether the verdicts and alarms were "
        "right."
    ) in page.text
    assert page.figures()["class accuracy"] == "\u2013"
    assert page.figures()["false alarms per hour"] == "\u2013"
    reasons = {row[0]: row[2] for row in page.table("figure", "value")}
    assert reasons["macro F1"] == "no classified reading's truth is known"
    assert [row[-1] for row in page.table("alarm", "gas")] == ["\u2013 not known: no labels there"] * 2
    assert "not known when there was a leak" in page.text
    assert "0.9482" not in page.text
    assert len(page.images) == len(FIGURES) + FRAMES - 2, "neither matrix nor calibration"


def test_a_bag_without_anything_is_told_of() -> None:
    report = unlabelled_report(
        readings=0,
        images=0,
        pairs=0,
        gas_only=0,
        thermal_only=0,
        classified=0,
        dropped={},
        alarms=(),
        unknown_share=None,
        duration_s=0.0,
        pair_offset_ms=Percentiles(),
        latency_ms=Percentiles(),
        losses={"topic_missing_gas": BagLoss(1, "no PointCloud2 topic")},
    )
    nothing = made_timeline(
        end_ns=START,
        reading_stamps_ns=np.zeros(0, dtype=np.int64),
        counts=np.zeros((0, 7), dtype=np.float32),
        verdict_stamps_ns=np.zeros(0, dtype=np.int64),
        probabilities=np.zeros((0, 4), dtype=np.float32),
        truth=None,
        alarms=(),
    )
    evaluation = made_evaluation(
        report, timeline=nothing, offsets=OffsetHistogram((0.0, 1.0), (0,)), alarm_pictures=()
    )
    page = page_of(evaluation)
    assert "Nothing could be classified." in page.text
    assert "topic_missing_gas" in page.text
    assert "No alarm was raised." in page.text
    assert "There is no pair" in page.text


def test_frames_without_maps_say_why() -> None:
    reason = "Grad-CAM needs torch: pip install torch"
    evaluation = made_evaluation(alarm_pictures=(made_alarm_picture(heat=None),), without_heat=reason)
    page = page_of(evaluation)
    assert f"Without maps: {reason}" in page.text
    frame = decoded(next(image for image in page.images if "Thermal frame" in image["alt"]))
    assert frame.width == frame.height


def test_a_map_of_nothing_is_told() -> None:
    nothing = made_alarm_picture(heat=np.zeros((64, 64), dtype=np.float32))
    assert "nothing in the picture spoke for it" in page_of(made_evaluation(alarm_pictures=(nothing,))).text


def test_an_unknown_input_is_explained_by_its_likeliest_class() -> None:
    page = page_of(made_evaluation(alarm_pictures=(made_alarm_picture(label="Unknown"),)))
    assert "Smoke at 0:23; verdict Unknown, the likeliest class 97.3 %, fusion" in page.captions
    assert any("what in it speaks for the likeliest class" in image["alt"] for image in page.images)


def test_alarms_without_images_have_no_frames() -> None:
    page = page_of(made_evaluation(alarm_pictures=()))
    assert "No alarm was raised on a verdict with an image." in page.text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"leaks": (), "false_alarms": 2}, "\u26a0 No leak in the labels, 2 false alarms"),
        (
            {"leaks": made_report().leaks[:1], "false_alarms": 0, "false_alarms_per_hour": 0.0},
            "\u2714 1 of 1 leak found, 0 missed, 0 false alarms (0 per hour of clean air).",
        ),
        (
            {
                "leaks": (
                    *made_report().leaks[:1],
                    LeakOutcome("Smoke", 60.0, 90.0, False, None, LeakVerdict.ALARM_STOOD),
                    LeakOutcome("Smoke", 90.0, 95.0, False, None, LeakVerdict.TOO_SHORT),
                )
            },
            "\u26a0 1 of 3 leaks found, 0 missed, 1 while an alarm stood already, 1 too short, 1 false alarm",
        ),
        ({"labels_from": LabelSource.CSV}, "Labels: from the CSV file given."),
        ({"judged": 0}, "No classified reading lies in a labelled time."),
        ({"classified": 0}, "\u2716 Nothing could be classified."),
    ],
)
def test_the_verdict_fits_what_happened(changed: dict[str, object], sentence: str) -> None:
    assert sentence in page_of(made_evaluation(made_report(**changed))).text


def test_nearly_all_is_not_all() -> None:
    confusion = 100_000 * np.eye(4, 5, dtype=np.int64)
    confusion[0, 1] = 1
    assert "Class accuracy >0.9999" in page_of(made_evaluation(confusion=confusion)).text


def test_of_several_bags_a_summary_comes_first_and_leads_to_each() -> None:
    evening = made_evaluation(
        made_report(
            bag="/recordings/evening",
            leaks=made_report().leaks[:1],
            alarms=made_report().alarms[:1],
            false_alarms=0,
            false_alarms_per_hour=0.0,
            judged=201,
            class_accuracy=1.0,
            losses={"bag_truncated": BagLoss(3, "cut")},
        ),
        confusion=np.array([[50], [50], [50], [51]]) * np.eye(4, 5, dtype=np.int64),
    )
    unlabelled = made_evaluation(unlabelled_report(bag="/recordings/night"))
    page = page_of(made_evaluation(), evening, unlabelled)
    assert (
        "2 of 3 leaks found, 1 missed, 1 false alarm (16.8 per hour of clean air). Class accuracy 0.9613 "
        "over 800 judged readings. "
        "Labels: from the bag's own topics. Bags without labels are not judged."
    ) in page.text
    common = ["0:02:00", "600"]
    dashes = ["\u2013"] * 4
    assert page.table("bag", "duration") == [
        ["morning_patrol", *common, "0.9482", "0.9391", "1 of 2", "1", "2", "1", "33.6", "none"],
        ["evening", *common, "1.0000", "0.9391", "1 of 1", "0", "1", "0", "0", "\u26a0 3"],
        ["night", *common, *dashes, "2", "\u2013", "\u2013", "none"],
    ]
    assert page.links == ["#bag-1", "#bag-2", "#bag-3"]
    assert page.ids == ["bag-1", "bag-2", "bag-3"]
    assert [text for tag, text in page.texts if tag == "h2"] == ["morning_patrol", "evening", "night"]
    assert len(page.images) == 3 * (len(FIGURES) + FRAMES) - 2


def test_bags_that_could_not_be_evaluated_are_named() -> None:
    page = page_of(made_evaluation(), failed=[Failure("/recordings/broken", "no storage file in it")])
    assert page.texts.count(("h1", "Evaluation of 2 bags")) == 1
    assert page.table("bag", "reason") == [["/recordings/broken", "no storage file in it"]]


def test_no_bag_at_all_is_told() -> None:
    page = page_of(failed=[Failure("/recordings/broken", "no storage file in it")])
    assert "No bag could be evaluated." in page.text


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    monkeypatch.setattr(Path, "write_bytes", _fail)
    with pytest.raises(OSError, match="disk is full"):
        write_html([made_evaluation()], path)
    monkeypatch.undo()
    assert path.read_text() == "before"
    write_html([made_evaluation()], path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def _fail(*_: object, **__: object) -> None:
    raise OSError("disk is full")


def test_a_report_with_24_frames_stays_small() -> None:
    """The pictures are of noise, which compresses worst."""
    rng = np.random.default_rng(0)
    pictures = tuple(
        made_alarm_picture(
            picture=rng.integers(0, 256, (224, 224), dtype=np.uint8),
            heat=rng.uniform(size=(224, 224)).astype(np.float32),
        )
        for _ in range(24)
    )
    html = report_html([made_evaluation(alarm_pictures=pictures)])
    assert len(html) < 1_500_000
    assert len(Page(html).images) == len(FIGURES) + 24
