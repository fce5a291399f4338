"""What is said of an evaluated bag on the terminal."""

from __future__ import annotations

from made_evaluations import made_evaluation, made_report
from rich.console import Console

from gas_fusion_ros.commands.evaluation_table import report_rows, summary_table
from gas_fusion_ros.evaluation.summary import summarise


def test_it_says_what_became_of_leaks_and_alarms() -> None:
    rows = report_rows(made_report())
    assert rows["leaks"] == "2, 1 found after 3.2 s, 1 missed"
    assert rows["alarms"].startswith("2, 1 false, 33.60 per hour of clean air")
    assert rows["dropped"] == "17 all_channels_invalid"
    assert rows["macro F1"] == "0.939, probability error (ECE) 0.031"
    assert rows["class accuracy"] == "0.948 of 599 readings, 0.971 in settled air"


def test_what_is_not_known_is_a_dash() -> None:
    rows = report_rows(made_report(judged=0, leaks=None, false_alarms=None, false_alarms_per_hour=None))
    assert rows["class accuracy"] == "- (no labels)"
    assert rows["leaks"] == "-"
    assert rows["alarms"].startswith("2, - false, - per hour")


def test_a_summary_fits_a_terminal() -> None:
    evaluations = {"morning": made_evaluation(), "evening": made_evaluation()}
    summary = summarise(evaluations, (), 3.0)
    console = Console(width=80, record=True, force_terminal=False)
    console.print(summary_table([(name, one.report) for name, one in evaluations.items()], summary))
    lines = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert lines[1] == ["bag", "readings", "accuracy", "F1", "found", "alarms", "false", "false/h", "losses"]
    report = evaluations["morning"].report
    assert lines[3][:3] == ["morning", str(report.readings), f"{report.class_accuracy:.3f}"]
    assert lines[-1][:2] == ["all", str(2 * report.readings)]
