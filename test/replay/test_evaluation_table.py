"""What is said of an evaluated bag on the terminal."""

from __future__ import annotations

from made_evaluations import made_report

from gas_fusion_ros.commands.evaluation_table import report_rows


def test_it_says_what_became_of_leaks_and_alarms() -> None:
    rows = report_rows(made_report())
    assert rows["leaks"] == "2, 1 found after 3.2 s, 1 missed"
    assert rows["alarms"].startswith("2, 1 false, 33.60 per hour of clean air")
    assert rows["dropped"] == "17 all_channels_invalid"
    assert rows["class accuracy"] == "0.948 of 599 readings, 0.971 in settled air"


def test_what_is_not_known_is_a_dash() -> None:
    rows = report_rows(made_report(judged=0, leaks=None, false_alarms=None, false_alarms_per_hour=None))
    assert rows["class accuracy"] == "- (no labels)"
    assert rows["leaks"] == "-"
    assert rows["alarms"].startswith("2, - false, - per hour")
