"""The benchmark's report: tables, pictures, and how to read them, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from training.benchmark.figures import (
    MOST_BARS,
    MOST_MODELS,
    draw_reliability,
    draw_risk_coverage,
    draw_robustness,
    draw_windows,
)
from training.benchmark.summary import BenchmarkedModel, models, protocols, without_window_models
from training.benchmark.tables import (
    alarm_table,
    calibration_table,
    choice_table,
    model_table,
    reject_table,
    robustness_table,
    window_table,
)
from training.data.splits import BACKWARD, BLOCKED, FORWARD, RANDOM, STRICT
from training.report.document import REPORT, ReportPicture, ReportSection, ResultsReport, sources
from training.report.files import write_files
from training.report.markdown import to_markdown
from training.report.protocols import Protocol
from training.report.tables import Table
from training.results.benchmark_result import BenchmarkResult

ALARMS = "benchmark-alarms.png"
"""Name of the picture of alarms along the recording."""

_OWN_PICTURES = "benchmark-*.png"
_TITLE = "Gas classes over time: benchmark"
_HOW_TO_READ = (
    "Every figure is measured on test rows, by a model trained anew for that split and seed. Each protocol "
    "below holds other rows out; read a figure with its protocol.",
    "Nested choice. Where a model has several configurations, they are compared on inner folds of the "
    "training rows alone. The best one is trained again on all training rows and then tested. Temperature, "
    "the limit of rejection and the alarm's settings come from the same folds. Test rows choose nothing.",
    "A cell has the mean first. Under the blocked split, seeds are averaged at each position; the mean is "
    "over the positions, and 'worst' is the worst position. Under the others, the range from the lowest to "
    "the highest run follows. A dash is a figure that was not measured.",
)
_MEANINGS = {
    BLOCKED: "One stretch of each class is held out for test, once at each position. {embargo} {copies}",
    STRICT: "The strictest protocol published on this data. One stretch of each class is held out for test, "
    "at a place that the seed draws for each class. Windows have 20 readings, and only full ones count. "
    "{embargo} Copied stretches are not kept apart, as in the publication.",
    FORWARD: "The late rows of each class are held out for test; the early ones train. {embargo} {copies}",
    BACKWARD: "The early rows of each class are held out for test; the late ones train. {embargo} {copies}",
    RANDOM: "Test rows are drawn at random. A test row's neighbours, 2 s away, are in training, so these "
    "figures flatter every model.",
}
_EMBARGO = (
    "The {rows} rows on either side of the test rows are an embargo: nothing is trained on them. No window "
    "holds rows of both training and test."
)
_COPIES = "Where a stretch of readings stands twice in the data, its copy is kept out of training as well."
_RENDERED = (
    "Thermal pictures named 'rendered' are no real ones: the simulation's camera drew them for each row's "
    "class. Figures with them compare models among each other and say nothing of real pictures."
)


def write_report(
    results: Sequence[BenchmarkResult],
    output: Path,
    commands: Sequence[str],
    alarms: bytes | None = None,
) -> None:
    """Write `report.md` with its pictures in `figures/`.

    Each file is written whole or not at all, the pictures first.

    Args:
        results: finished runs.
        output: folder to write to; made where it is missing.
        commands: what was given to make the runs.
        alarms: the PNG of `figures.draw_alarms`; None where it was not drawn.

    Raises:
        OSError: a file cannot be written.
    """
    report = compose(results, commands, alarms)
    write_files(report, {f"{REPORT}.md": to_markdown(report)}, output, _OWN_PICTURES)


def compose(
    results: Sequence[BenchmarkResult], commands: Sequence[str], alarms: bytes | None = None
) -> ResultsReport:
    """Put the report together; nothing is written. Sections without a figure are left out."""
    if not results:
        return ResultsReport(_TITLE, (sources(results, commands),))
    main = without_window_models(results)
    sections = (
        ReportSection("How to read this", tuple(_how_to_read(results))),
        _models(main),
        _windows(results),
        _robustness(main),
        _calibration(main),
        _rejection(main),
        _alarms(main, alarms),
        _choice(main),
        sources(results, commands),
    )
    return ResultsReport(_TITLE, tuple(each for each in sections if each.paragraphs))


def _how_to_read(results: Sequence[BenchmarkResult]) -> Iterator[str]:
    yield _HOW_TO_READ[0]
    for protocol in protocols(results):
        embargo = _EMBARGO.format(rows=protocol.embargo) if protocol.embargo else "There is no embargo."
        meaning = _MEANINGS[protocol.name].format(embargo=embargo, copies=_COPIES)
        yield f"{protocol.heading[:1].upper()}{protocol.heading[1:]}. {meaning}"
    yield from _HOW_TO_READ[1:]
    if any(result.thermal == "rendered" for result in results):
        yield _RENDERED


def _models(results: Sequence[BenchmarkResult]) -> ReportSection:
    return _section(
        "Models",
        "Leak recall is the share of rows with a gas that are called a gas, whichever. Clean air called gas "
        "is the share of rows of clean air that are called a gas. The best mean on the blocked split comes "
        "first.",
        (model_table(results),),
    )


def _windows(results: Sequence[BenchmarkResult]) -> ReportSection:
    png = draw_windows(results)
    caption = "Accuracy by length of the window. Points: means; bars: from the lowest to the highest."
    return _section(
        "Length of the window",
        "How far back a model looks, all else alike. A window of one reading knows no past.",
        (window_table(results),),
        _pictures(("benchmark-windows.png", "accuracy by window length", caption, png)),
    )


def _robustness(results: Sequence[BenchmarkResult]) -> ReportSection:
    shown, protocol = _shown(results, "perturbed")
    subject = _subject(shown, protocol, MOST_BARS)
    caption = f"Points of accuracy lost, {subject}. Bars: mean; lines: to the worst of each kind."
    png = draw_robustness(shown, protocol) if protocol else None
    return _section(
        "Robustness",
        "Test rows are changed, and the same runs tested again. A point is a hundredth of accuracy. With "
        "one channel or two, the mean is over all channels or pairs; else it is over how strong the change "
        "is. 'Worst' is the one that costs most.",
        (robustness_table(results),),
        _pictures(("benchmark-robustness.png", "points lost under perturbation", caption, png)),
    )


def _calibration(results: Sequence[BenchmarkResult]) -> ReportSection:
    shown, protocol = _shown(results, "reliability")
    risky, held = _shown(results, "risk_coverage")
    reliability = (
        f"Accuracy by confidence, {_subject(shown, protocol)}. Dashed: confidence that can be trusted."
    )
    risk = f"Error among the rows answered, {_subject(risky, held)}."
    return _section(
        "Calibration",
        "ECE is the expected calibration error over 15 bins: how far confidence is from accuracy (Guo et "
        "al. 2017). AURC is the area under the risk-coverage curve: the error when only the most confident "
        "rows are answered, averaged over how many are (Geifman, El-Yaniv 2017). Lower is better for both. "
        "Rejected is the share of test rows called Unknown, though their class is known.",
        (calibration_table(results),),
        _pictures(
            (
                "benchmark-reliability.png",
                "reliability diagrams",
                reliability,
                draw_reliability(shown, protocol) if protocol else None,
            ),
            (
                "benchmark-risk-coverage.png",
                "risk by coverage",
                risk,
                draw_risk_coverage(risky, held) if held else None,
            ),
        ),
    )


def _rejection(results: Sequence[BenchmarkResult]) -> ReportSection:
    return _section(
        "Unknown gases",
        "A model is trained without one class. The figure says how well its rejection score tells that "
        "class from the others: 1 always, 0.5 by chance.",
        (reject_table(results),),
    )


def _alarms(results: Sequence[BenchmarkResult], png: bytes | None) -> ReportSection:
    caption = "The recording of each class: readings, leak probability, and where an alarm stands."
    return _section(
        "Alarms",
        "False readings are rows of clean air called gas; a false run is a stretch of consecutive ones. "
        "Both are counted without an alarm's delays. False alarms are those that the alarm raises with the "
        "advised thresholds and delays. All are per hour of clean air; 'clean air, h' says how much was "
        "tested over all runs, and little of it makes coarse figures. The detection delay is the median "
        "over leaks that raise the alarm; the missed ones do not. A leak is clean air from the test rows "
        "that gives way to a gas from them.",
        (alarm_table(results),),
        _pictures((ALARMS, "alarms along the recording", caption, png)),
    )


def _choice(results: Sequence[BenchmarkResult]) -> ReportSection:
    return _section(
        "Choice and cost",
        "What the nested choice compared and took. Where accuracy on the inner folds is far above that on "
        "test, the held-out time differs from the training rows more than these do among each other.",
        (choice_table(results),),
    )


def _section(
    heading: str, paragraph: str, tables: Iterable[Table], pictures: tuple[ReportPicture, ...] = ()
) -> ReportSection:
    """Make a section; without rows and pictures it has no paragraph either."""
    filled = tuple(table for table in tables if table.blocks)
    return ReportSection(heading, (paragraph,) if filled or pictures else (), filled, pictures)


def _pictures(*drawn: tuple[str, str, str, bytes | None]) -> tuple[ReportPicture, ...]:
    """Take name, subject, caption and PNG of each picture that there is."""
    return tuple(
        ReportPicture(name, subject, caption, png) for name, subject, caption, png in drawn if png is not None
    )


def _shown(
    results: Sequence[BenchmarkResult], field: str
) -> tuple[tuple[BenchmarkedModel, ...], Protocol | None]:
    """Return the models for a picture of a field, and the first protocol under which it was measured."""
    measured = [result for result in results if getattr(result, field)]
    if not measured:
        return (), None
    protocol = protocols(measured)[0]
    return models(result for result in measured if protocol.holds(result.split)), protocol


def _subject(shown: Sequence[BenchmarkedModel], protocol: Protocol | None, most: int = MOST_MODELS) -> str:
    """Say which runs a picture shows, and that it leaves out models beyond the first `most`."""
    heading = f"{protocol.name} split" if protocol else ""
    return f"{heading}, the first {most} models of the table" if len(shown) > most else heading
