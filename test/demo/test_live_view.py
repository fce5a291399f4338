"""What a user sees while a run plays, in a terminal and in a pipe."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from rich.console import Console

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.demo.live_view import (
    PlainView,
    TerminalView,
    clock_text,
    create_view,
    plain_line,
    render,
    sparkline,
)
from gas_fusion_ros.demo.snapshot import Snapshot


def snapshot(**changes: object) -> Snapshot:
    history = np.arange(21, dtype=np.float32).reshape(3, 7) + 400
    history[-1, 2] = math.nan
    values: dict[str, object] = {
        "elapsed_s": 65.0,
        "duration_s": 600.0,
        "channels": PAPER_CHANNELS,
        "history": history,
        "probabilities": (("Mixture", 0.1), ("NoGas", 0.2), ("Smoke", 0.7)),
        "label": "Smoke",
        "mode": "fusion",
        "truth": "Smoke",
        "alarm": "active",
        "gas": "Smoke",
        "readings": 130,
        "images": 260,
        "classified": 129,
    }
    return Snapshot(**{**values, **changes})  # type: ignore[arg-type]


def rendered(shown: Snapshot) -> str:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(render(shown, "patrol"))
    return console.export_text()


def test_the_live_view_shows_readings_classes_alarm_and_progress() -> None:
    text = rendered(snapshot())
    lines = {line.strip("│ ").split(" ")[0]: line for line in text.splitlines()}
    assert "patrol" in text
    assert "414" in lines["MQ2"]
    assert "--" in lines["MQ5"], "an invalid channel has no number"
    assert "0.70" in lines["Smoke"]
    assert "< truth" in lines["Smoke"]
    assert lines["Smoke"].count("█") > 3 * lines["NoGas"].count("█") > 0
    assert "ACTIVE" in lines["alarm"]
    assert "1:05 / 10:00" in text


def test_an_unknown_verdict_is_said_and_its_bars_stay() -> None:
    assert "Unknown" not in rendered(snapshot())
    text = rendered(snapshot(label="Unknown", alarm="clear", gas=""))
    assert "Unknown: unlike training" in text
    assert len(text.splitlines()) == len(rendered(snapshot()).splitlines())
    assert "0.70" in text
    assert "class Unknown" in plain_line(snapshot(label="Unknown"))


def test_the_live_view_stands_before_the_first_message() -> None:
    text = rendered(Snapshot(elapsed_s=0.0, duration_s=600.0))
    assert "CLEAR" in text
    assert "0:00 / 10:00" in text


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [(100, 24, ("MQ2", "Smoke")), (60, 14, ("Smoke",)), (60, 6, ())],
)
def test_a_small_terminal_keeps_the_alarm(width: int, height: int, shown: tuple[str, ...]) -> None:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(render(snapshot(), "patrol", height))
    lines = console.export_text().splitlines()
    assert len(lines) <= height
    starts = [line.strip("│ ").split(" ")[0] for line in lines]
    assert "alarm" in starts
    assert tuple(name for name in ("MQ2", "Smoke") if name in starts) == shown


def test_sparkline_runs_from_lowest_to_highest() -> None:
    assert sparkline([0, 7, math.nan, 3]) == "▁█ ▄"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([math.nan]) == " "
    assert sparkline([]) == ""


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (3600, "1:00:00")])
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_a_pipe_gets_plain_lines_and_one_for_each_change_of_the_alarm() -> None:
    output = io.StringIO()
    view = create_view(Console(file=output), "patrol, seed 0")
    assert isinstance(view, PlainView)
    with view:
        view.show(snapshot(alarm="clear", gas=""))
        view.show(snapshot(alarm="clear", gas=""))
        view.show(snapshot())
        view.show(snapshot())
    lines = output.getvalue().splitlines()
    assert lines[0] == "patrol, seed 0"
    assert [line.split("alarm ")[1] for line in lines[1:]] == ["clear", "active Smoke"]
    assert "\x1b" not in output.getvalue()


def test_a_terminal_gets_the_live_view() -> None:
    output = io.StringIO()
    view = create_view(Console(file=output, force_terminal=True, width=100), "patrol")
    assert isinstance(view, TerminalView)
    with view:
        view.show(snapshot())
    assert "ACTIVE" in output.getvalue()
