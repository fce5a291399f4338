"""One command makes everything of a folder of the published layout, stopped and taken up again."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from drawn_folder import write_drawn_folder
from typer.testing import CliRunner, Result

from gas_fusion_ros.base.dataset import IMAGE_FOLDER
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode
from gas_fusion_ros.model.bundle import Bundle
from training.fitting.fit import Machine
from training.pictures import __main__ as pictures
from training.published import units
from training.published.units import FinalBundle, FineTuning
from training.reproduce import report as paper_report

pytestmark = pytest.mark.timeout(300)

ROWS = 10
SMALL = (
    "--models", "gasnet", "--shares", "50", "--set", "epochs=1", "--set", "image_size=64",
    "--split", "blocked", "--embargo", "1", "--threads", "1",
)  # fmt: skip
ALL_UNITS = 9
"""A network trained on drawn pictures, asked, two shares fine-tuned and anew; readings; bundle; table."""
HALF = 8
"""Of the training rows, where embargo leaves 16 or less."""
FIRST = 2
"""Units before the first fine-tuning."""


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(pictures.main)
    given = [str(argument) for argument in (*SMALL, *arguments)]
    return CliRunner().invoke(app, given, env={"COLUMNS": "300", "GAS_FUSION_DATA": ""})


@dataclass(frozen=True)
class Story:
    """A run that was stopped at its first fine-tuning, and what the same command did then."""

    output: Path
    stopped: Result
    after_stop: dict[str, int]
    resumed: Result

    @property
    def results(self) -> dict:  # type: ignore[type-arg]
        return json.loads((self.output / "results.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_folder(tmp_path_factory.mktemp("drawn") / "data", ROWS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def fast() -> Iterator[None]:
    """Leave out what takes long and is tested elsewhere: a second network, inputs of the export, figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "STARTED", ("fusion1_field",))
        patch.setattr(units, "INPUTS", 20)
        patch.setattr(paper_report, "_pictures", lambda *_: ())
        yield


@pytest.fixture(scope="module")
def story(folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    output = tmp_path_factory.mktemp("output") / "out"
    command = ("--data", folder, "--output", output, "--cache", cache)

    def terminate(_: FineTuning, __: Machine) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FineTuning, "run", terminate)
        stopped = run(*command)
    return Story(output, stopped, _finished(output), run(*command))


def _finished(output: Path) -> dict[str, int]:
    """When each finished training was written, by its name."""
    return {path.parent.name: path.stat().st_mtime_ns for path in output.glob("runs/*/result.json")}


def test_stopped_it_says_so_and_reports_what_there_is(story: Story) -> None:
    assert story.stopped.exit_code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; the same command goes on where it was" in story.stopped.output
    assert f"{ALL_UNITS} of {ALL_UNITS} units to go" in story.stopped.output
    assert len(story.after_stop) == 1


def test_the_same_command_runs_the_rest_alone(story: Story) -> None:
    assert story.resumed.exit_code == 0, story.resumed.output
    assert f"{ALL_UNITS - FIRST} of {ALL_UNITS} units to go" in story.resumed.output
    finished = _finished(story.output)
    assert len(finished) > len(story.after_stop)
    assert story.after_stop.items() <= finished.items()


def test_the_time_is_stated_ahead_from_measured_steps_and_then_what_is_left(story: Story) -> None:
    lines = story.resumed.output.splitlines()
    stated = next(at for at, line in enumerate(lines) if line.startswith("about "))
    measured = next(at for at, line in enumerate(lines) if "s a step of 32" in line)
    first = next(at for at, line in enumerate(lines) if line.startswith(f"1/{ALL_UNITS - FIRST} "))
    assert measured < stated < first
    assert "to go" in lines[first]
    assert any(line.startswith("took ") and "stated were" in line for line in lines)


def test_a_run_in_one_go_gives_the_same_figures(
    story: Story, folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FinalBundle, "run", lambda *_: None)
    straight = tmp_path / "straight"
    done = run("--data", folder, "--output", straight, "--cache", cache)
    assert done.exit_code == 0, done.output
    found = json.loads((straight / "results.json").read_text())
    known = {entry["run"]: entry for entry in story.results["runs"]}
    assert len(found["runs"]) == 7
    for entry in found["runs"]:
        same = known[entry["run"]]
        assert (entry["confusion"], entry["accuracy"]) == (same["confusion"], same["accuracy"])
        # With the seconds that it took, no two would be alike.
        assert [epoch["val_loss"] for epoch in entry["history"]] == pytest.approx(
            [epoch["val_loss"] for epoch in same["history"]]
        )
    carried = {entry["run"]: entry for entry in story.results["carry_over"]}
    for entry in found["carry_over"]:
        assert carried[entry["run"]]["confusion"] == entry["confusion"]


def test_all_is_in_the_results(story: Story) -> None:
    results = story.results
    assert [entry["model"] for entry in results["carry_over"]] == ["fusion1_field"]
    for entry in results["carry_over"]:
        assert sum(map(sum, entry["confusion"])) == ROWS // 5 * len(PAPER_CLASSES)
    tuned = [entry for entry in results["runs"] if entry["fine_tuned_from"] is not None]
    assert sorted((entry["model"], entry["share"]) for entry in tuned) == [
        ("fusion1_field", 0.5),
        ("fusion1_field", 1.0),
    ]
    drawn = {entry["run"] for entry in results["runs"] if entry["thermal"] == "rendered"}
    assert {entry["fine_tuned_from"]["bundle"] for entry in tuned} == drawn
    assert {entry["rows"]["train"] for entry in tuned if entry["share"] == 0.5} == {HALF}
    assert {entry["rows"]["test"] for entry in tuned} == {8}


def test_pictures_of_the_folder_are_never_called_real(story: Story) -> None:
    report = (story.output / "report.md").read_text()
    assert "pictures are those of the folder given. Its readings are not the published ones." in report
    assert "whether a camera or a program made its pictures" in report
    assert "thermal: folder" in report
    page = (story.output / "report.html").read_text()
    for text in (report, page, json.dumps(story.results)):
        assert "thermal: real" not in text
        assert '"real"' not in text
    assert "thermal: rendered" not in report


def test_the_report_has_carrying_over_fine_tuning_and_the_papers_tables(story: Story) -> None:
    report = (story.output / "report.md").read_text()
    for heading in ("Carrying over", "Fine-tuning", "Table 5 (images)", "Table 6 (fusion)", "Bundle"):
        assert f"## {heading}" in report.replace("\\", "")
    assert f"| 50 %<br>{HALF} training rows |" in report
    assert "| 0 % |" in report
    assert "python -m training.pictures" in report
    assert str(story.output) not in report


def test_the_bundle_is_whole_and_says_what_it_comes_from(story: Story) -> None:
    (name,) = story.results["bundles"]
    bundle = Bundle.load(story.output / name)
    assert set(bundle.networks) == {Mode.FUSION, Mode.GAS_ONLY}
    assert bundle.classes == PAPER_CLASSES
    runs = bundle.trained_on["runs"]
    assert {mode: run["fine_tuned_from"] is not None for mode, run in runs.items()} == {
        "fusion": True,
        "gas_only": False,
    }
    card = (bundle.path / "README.md").read_text()
    assert "began with the weights of the run `fusion1_field-blocked0.4-seed0-" in card
    assert "Thermal pictures: files beside the readings" in card


def test_nothing_is_left_to_do_for_a_third_command(story: Story, folder: Path, cache: Path) -> None:
    third = run("--data", folder, "--output", story.output, "--cache", cache)
    assert third.exit_code == 0, third.output
    assert f"0 of {ALL_UNITS} units to go" in third.output
    assert "about" not in third.output


def test_other_pictures_or_settings_do_not_mix_with_finished_ones(
    story: Story, folder: Path, cache: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "data"
    shutil.copytree(folder, changed)
    picture = changed / IMAGE_FOLDER / "Smoke" / "3_Smoke.png"
    shutil.copyfile(changed / IMAGE_FOLDER / "NoGas" / "3_NoGas.png", picture)
    for arguments, other in (
        (("--data", changed), "pictures"),
        (("--data", folder, "--set", "dropout=0.2"), "settings"),
    ):
        refused = run(*arguments, "--output", story.output, "--cache", cache)
        assert refused.exit_code == 2
        assert f"holds results of other {other} than" in refused.output
        assert "name another --output" in refused.output


def test_a_damaged_picture_is_named_and_left_out(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, output = tmp_path / "data", tmp_path / "out"
    shutil.copytree(folder, damaged)
    broken = damaged / IMAGE_FOLDER / "Smoke" / "3_Smoke.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    monkeypatch.setattr(pictures, "run_all", lambda *_: None)
    done = run("--data", damaged, "--output", output, "--cache", cache)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if "3_Smoke.png" in line]
    assert "its row is in no part; to have it too, get the published folder whole" in line


def test_many_damaged_pictures_are_refused_by_the_first(folder: Path, tmp_path: Path) -> None:
    damaged, output = tmp_path / "data", tmp_path / "out"
    shutil.copytree(folder, damaged)
    for serial in (2, 3, 5):
        (damaged / IMAGE_FOLDER / "NoGas" / f"{serial}_NoGas.png").write_bytes(b"cut")
    refused = run("--data", damaged, "--output", output, "--cache", tmp_path / "cache")
    assert refused.exit_code == 2
    (line,) = refused.stderr.splitlines()
    assert "3 of 40 thermal images cannot be read; at most 5% may be damaged" in line
    assert "2_NoGas.png" in line
    assert "get the published folder whole" in line
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ((), "no data: name the data set's folder by --data or GAS_FUSION_DATA"),
        (("--real", "somewhere"), "--real belongs to a board; name its folder by --board"),
        (("--data", "DATA", "--shares", "0"), "--shares has 0; expected percent, above 0 and at most 100"),
        (("--data", "DATA", "--split", "shuffled"), "split is 'shuffled'"),
        (("--data", "DATA", "--models", "fusion9"), "no model is called 'fusion9'"),
        (("--data", "DATA", "--set", "image_size=32"), "image_size is 32; 6 halvings leave nothing"),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(
    arguments: tuple[str, ...], detail: str, folder: Path, tmp_path: Path
) -> None:
    output, cache = tmp_path / "out", tmp_path / "cache"
    given = (folder if argument == "DATA" else argument for argument in arguments)
    refused = run("--output", output, "--cache", cache, *given)
    assert refused.exit_code == 2, refused.output
    (line,) = refused.stderr.splitlines()
    assert detail in line
    assert not output.exists()
    assert not list(cache.rglob("*.npy"))
