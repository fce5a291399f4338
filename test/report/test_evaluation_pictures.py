"""What the pictures of an evaluated bag show, and that they stay small and legible."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from made_evaluations import (
    CONFUSION,
    HEAT_PLACE,
    made_alarm_picture,
    made_evaluation,
    made_heat,
    made_timeline,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.evaluation.evaluated_bag import OffsetHistogram
from gas_fusion_ros.report import figures as report_figures
from gas_fusion_ros.report.figure_style import PagePicture, figure_png, plain, row_png, time_text
from gas_fusion_ros.report.figures import (
    confusion_picture,
    offsets_picture,
    reliability_picture,
    timeline_picture,
)
from gas_fusion_ros.report.frames import ALARM_TILE, alarm_frame
from gas_fusion_ros.truth.scoring import ReliabilityBin

BINS = (
    *(ReliabilityBin(0, 0.0, 0.0),) * 8,
    ReliabilityBin(12, 0.84, 0.6),
    ReliabilityBin(3400, 0.97, 0.99),
)


def pixels(picture: PagePicture) -> np.ndarray:
    opened = Image.open(BytesIO(picture.png))
    assert opened.format == "PNG"
    return np.asarray(opened.convert("RGB")).astype(int)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn from now on, in place of their files."""
    drawn: list[Figure] = []

    def keep(size: tuple[float, float], draw: Callable[[Figure], None]) -> bytes:
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        draw(figure)
        drawn.append(figure)
        return b""

    monkeypatch.setattr(report_figures, "figure_png", keep)
    return drawn


def test_the_matrix_has_every_count_and_is_coloured_by_the_share_of_the_row(figures: list[Figure]) -> None:
    picture = confusion_picture(CONFUSION, PAPER_CLASSES)
    assert picture is not None
    (axes,) = figures[0].axes
    texts = {tuple(map(int, text.get_position()[::-1])): text.get_text() for text in axes.texts}
    assert texts == {place: str(count) for place, count in np.ndenumerate(CONFUSION)}
    assert [label.get_text() for label in axes.get_yticklabels()] == list(PAPER_CLASSES)
    assert [label.get_text() for label in axes.get_xticklabels()] == [*PAPER_CLASSES, "Unknown"]
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[3, 1] == pytest.approx(9 / 94)
    assert picture.alt == "Confusion matrix of 4 classes: 568 of 599 readings called by their class"


def test_a_class_without_readings_has_an_empty_row(figures: list[Figure]) -> None:
    confusion = CONFUSION.copy()
    confusion[2] = 0
    assert confusion_picture(confusion, PAPER_CLASSES) is not None
    assert not figures[0].axes[0].images[0].get_array()[2].any()


def test_a_matrix_of_many_classes_fits_a_page(figures: list[Figure]) -> None:
    names = [f"gas {number}" for number in range(20)]
    assert confusion_picture(np.full((20, 21), 123_456), names) is not None
    assert max(figures[0].get_size_inches()) < 9
    assert figures[0].axes[0].texts[0].get_text() == "123k"


def test_calibration_shows_each_bin_that_has_verdicts_and_the_gap_to_the_confidence(
    figures: list[Figure],
) -> None:
    picture = reliability_picture(BINS, 0.0213)
    assert picture is not None
    upper, lower = figures[0].axes
    bars = [(round(bar.get_x() + bar.get_width() / 2, 3), bar.get_height()) for bar in upper.patches]
    assert bars == [(0.85, 0.6), (0.95, 0.99)]
    gaps = [tuple(line.get_ydata()) for line in upper.lines[:2]]
    assert gaps == [(0.6, 0.84), (0.99, 0.97)]
    assert [bar.get_height() for bar in lower.patches] == [entry.count for entry in BINS]
    assert "ECE 0.021" in [text.get_text() for text in upper.texts]
    assert "3412 verdicts" in picture.alt
    assert "2.1 percentage points" in picture.alt


def test_offsets_are_shown_over_the_range_that_they_have(figures: list[Figure]) -> None:
    offsets = OffsetHistogram((-100.0, -10.0, 0.0, 10.0, 100.0), (0, 5, 7, 0))
    picture = offsets_picture(offsets)
    assert picture is not None
    (axes,) = figures[0].axes
    heights = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches]
    assert heights == [(-100, 90, 0), (-10, 10, 5), (0, 10, 7), (10, 90, 0)]
    low, high = axes.get_xlim()
    assert (low, high) == (-40, 40)
    assert picture.alt == "Histogram of 12 pairs by image stamp minus reading stamp, from -10 to 10 ms"


def test_offsets_far_from_zero_are_seen_beside_it(figures: list[Figure]) -> None:
    assert offsets_picture(OffsetHistogram((30.0, 40.0), (5,))) is not None
    low, high = figures[0].axes[0].get_xlim()
    assert low < 0
    assert high > 40


def test_what_was_not_measured_has_no_picture() -> None:
    assert confusion_picture(np.zeros((4, 5), dtype=np.int64), PAPER_CLASSES) is None
    assert reliability_picture(BINS[:8], 0.1) is None
    assert reliability_picture(BINS, None) is None
    assert offsets_picture(OffsetHistogram((0.0, 1.0), (0,))) is None


def test_the_timeline_is_drawn_without_its_headline() -> None:
    named, unnamed = (timeline_picture(made_timeline(title=title)) for title in ("a title", ""))
    assert named == unnamed
    assert named.alt == (
        "Over time: readings of 7 sensors, probabilities of 4 classes, 1 alarm, and the truth"
    )
    assert "truth" not in timeline_picture(made_timeline(truth=None)).alt


def test_a_frame_stands_beside_its_map() -> None:
    picture = alarm_frame(made_alarm_picture(picture=np.full((64, 64), 90, dtype=np.uint8)))
    shown = pixels(picture)
    assert shown.shape[0] == ALARM_TILE
    frame, overlay = shown[:, :ALARM_TILE], shown[:, -ALARM_TILE:]
    assert np.abs(frame - 90).max() < 8
    warmth = (overlay[:, :, 0] - overlay[:, :, 2]).astype(float)
    row, column = np.unravel_index(warmth.argmax(), warmth.shape)
    assert abs(row * 64 / ALARM_TILE - HEAT_PLACE[0]) < 4
    assert abs(column * 64 / ALARM_TILE - HEAT_PLACE[1]) < 4
    assert picture.alt == (
        "Thermal frame at the alarm for Smoke; on the right what in it speaks for Smoke, "
        "most at the top right"
    )


@pytest.mark.parametrize("side", [16, 64, 224])
@pytest.mark.parametrize("colours", [(), (1,), (3,)])
def test_frames_of_every_shape_are_shown(side: int, colours: tuple[int, ...]) -> None:
    pixel = np.random.default_rng(0).integers(0, 256, (side, side, *colours), dtype=np.uint8)
    picture = made_alarm_picture(picture=pixel, heat=np.zeros((side, side), dtype=np.float32))
    shown = pixels(alarm_frame(picture))
    assert (shown[:, :ALARM_TILE] == shown[:, -ALARM_TILE:]).all()
    expected = pixel.reshape(side, side, -1).astype(float).mean(axis=(0, 1))
    assert np.abs(shown[:, :ALARM_TILE].mean(axis=(0, 1)) - expected).max() < 9


def test_a_map_may_be_of_another_size_than_its_frame() -> None:
    picture = made_alarm_picture(picture=np.zeros((120, 160), dtype=np.uint8), heat=made_heat(64))
    assert pixels(alarm_frame(picture)).shape == (ALARM_TILE, 2 * ALARM_TILE + 6, 3)


def test_a_map_of_nothing_is_told_in_words() -> None:
    empty = alarm_frame(made_alarm_picture(heat=np.zeros((64, 64), dtype=np.float32)))
    assert empty.alt.endswith("nothing in it speaks for Smoke")


def test_a_frame_without_a_map_stands_alone() -> None:
    picture = alarm_frame(made_alarm_picture(heat=None))
    assert pixels(picture).shape == (ALARM_TILE, ALARM_TILE, 3)
    assert picture.alt == "Thermal frame at the alarm for Smoke"


@pytest.mark.parametrize("name", ["$x$ $y$", r"\alpha $", "100 % _of_ ^it^", "", "\u6c23\u9ad4", "x" * 300])
def test_any_name_can_be_drawn(name: str, recwarn: pytest.WarningsRecorder) -> None:
    names = (name, *PAPER_CLASSES[1:])
    assert confusion_picture(CONFUSION, names) is not None
    timeline = made_timeline(classes=names, channels=(name, *made_timeline().channels[1:]))
    assert pixels(timeline_picture(timeline)).shape[1] < 2400
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_dollar_signs_are_no_formula() -> None:
    def texts(name: str) -> list[str]:
        figure = Figure()
        figure.text(0, 0, plain(name))
        FigureCanvasAgg(figure).draw()
        return [text._preprocess_math(text.get_text())[0] for text in figure.texts]

    assert texts("$x$") == ["$x$"]
    assert texts("a$b") == ["a$b"]


def test_long_names_are_cut() -> None:
    assert plain("x" * 24) == "x" * 24
    assert plain("x" * 25) == "x" * 23 + "\u2026"


def test_pictures_are_small() -> None:
    evaluation = made_evaluation()
    drawn = [
        confusion_picture(evaluation.confusion, PAPER_CLASSES),
        reliability_picture(evaluation.reliability, 0.1),
        offsets_picture(evaluation.offsets),
    ]
    assert all(picture is not None and len(picture.png) < 40_000 for picture in drawn)


def test_drawing_leaves_no_state_behind() -> None:
    import matplotlib
    from matplotlib import pyplot

    before, figures = dict(matplotlib.rcParams), pyplot.get_fignums()
    figure_png((2, 2), lambda figure: figure.subplots().plot([1, 2]))
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == figures


def test_pictures_side_by_side_keep_their_own_colours() -> None:
    grey = np.repeat(np.arange(0, 240, 4, dtype=np.uint8), 3).reshape(1, 60, 3).repeat(8, axis=0)
    colours = np.zeros((8, 30, 3), dtype=np.uint8)
    colours[:, :10], colours[:, 20:] = (255, 0, 0), (0, 80, 255)
    shown = pixels(PagePicture(row_png((grey, colours), 5, 64), ""))
    assert (shown[:, :60] == grey).all()
    assert (shown[:, 60:65] == 255).all()
    assert (shown[:, 65:] == colours).all()


@pytest.mark.parametrize(
    ("seconds", "total", "text"),
    [(0, 100, "0:00"), (65.4, 3599, "1:05"), (65.4, 3600, "0:01:05"), (12_345, 20_000, "3:25:45")],
)
def test_times_have_hours_where_the_run_has_any(seconds: float, total: float, text: str) -> None:
    assert time_text(seconds, total) == text
