"""One command makes the tables, goes on where it was stopped, and refuses bad input in one line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import needs_training  # noqa: F401
import numpy as np
import pytest
import typer
from made_results import read_results
from typer.testing import CliRunner, Result

from gas_fusion_ros.base.dataset import CSV_NAME, IMAGE_FOLDER, Dataset
from training import train
from training.data.splits import split_rows
from training.fitting.runs import LOGITS, WEIGHTS
from training.reproduce import __main__ as reproduce

SMALL = ("--set", "epochs=1", "--set", "image_size=64", "--embargo", "1", "--threads", "1")


def invoke(main: Callable[..., None], *arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run(*arguments: str | Path) -> Result:
    return invoke(reproduce.main, *SMALL, *arguments)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def real_folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up rows with a made-up picture each, in the published layout."""
    folder = tmp_path_factory.mktemp("real") / "data"
    shutil.copytree(tiny_folder, folder)
    rng = np.random.default_rng(0)
    for row in Dataset.load(folder).rows:
        path = folder / IMAGE_FOLDER / row.label / f"{row.serial}_{row.label}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 48, 3), dtype=np.uint8))
    return folder


@pytest.fixture(scope="module")
def finished(tiny_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder after one command over all modalities and two splits."""
    output = tmp_path_factory.mktemp("output") / "out"
    result = run(
        "--models", "knn1,dnn,gasnet_field,fusion3_max",
        "--split", "random,blocked", "--positions", "0.4",
        "--data", tiny_folder, "--output", output, "--cache", cache,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return output


def test_every_run_is_in_the_results(finished: Path) -> None:
    results = read_results(finished / "results.json")
    # Fusion III brings its branches along.
    models = {"knn1", "dnn", "gasnet_field", "fusion3_max", "cnn1d", "gasnet"}
    assert {(result.model, result.split.name) for result in results} == {
        (model, split) for model in models for split in ("random", "blocked")
    }
    for result in results:
        assert sum(map(sum, result.confusion)) == result.rows["test"]
        correct = sum(row[at] for at, row in enumerate(result.confusion))
        assert result.accuracy == pytest.approx(correct / result.rows["test"], abs=1e-4)
        assert result.thermal == ("none" if result.modality == "gas_only" else "rendered")
        assert len(result.data_sha256) == 64


def test_results_hold_the_fields_that_others_read(finished: Path) -> None:
    runs = json.loads((finished / "results.json").read_text())["runs"]
    expected = {
        "model", "modality", "split", "seed", "accuracy", "macro_f1", "macro_precision", "macro_recall",
        "confusion", "parameters", "macs", "epochs", "seconds", "thermal", "data_sha256", "code_version",
    }  # fmt: skip
    assert all(expected <= set(entry) for entry in runs)
    assert {entry["split"]["position"] for entry in runs} == {None, 0.4}


def test_a_finished_run_leaves_weights_and_logits_and_no_checkpoint(finished: Path) -> None:
    for result in read_results(finished / "results.json"):
        files = {path.name for path in (finished / "runs" / result.run).iterdir()}
        assert LOGITS in files
        assert (WEIGHTS in files) == (result.model != "knn1")
        assert "checkpoints" not in files
        with np.load(finished / "runs" / result.run / LOGITS) as logits:
            assert len(logits["test_rows"]) == result.rows["test"]
            right = logits["test_logits"].argmax(axis=1) == logits["test_labels"]
        assert right.mean() == pytest.approx(result.accuracy, abs=1e-4)


def test_normalisation_is_fitted_on_training_rows_alone(finished: Path, tiny_folder: Path) -> None:
    dataset = Dataset.load(tiny_folder)
    for result in read_results(finished / "results.json"):
        rows = split_rows(dataset.labels, result.split, result.seed).train
        counts = dataset.counts[rows].astype(np.float64)
        np.testing.assert_allclose(result.normalisation["mean"], counts.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(result.normalisation["std"], counts.std(axis=0), atol=1e-4)
        assert not np.allclose(result.normalisation["mean"], dataset.counts.mean(axis=0), atol=1e-2)


def test_fusion_iii_answers_as_its_branches_do_together(finished: Path) -> None:
    results = {
        (r.model, r.split.name): finished / "runs" / r.run for r in read_results(finished / "results.json")
    }
    probabilities = {}
    for model in ("cnn1d", "gasnet", "fusion3_max"):
        with np.load(results[model, "random"] / LOGITS) as logits:
            exponentials = np.exp(logits["test_logits"].astype(np.float64))
            probabilities[model] = exponentials / exponentials.sum(axis=1, keepdims=True)
    combined = np.maximum(probabilities["cnn1d"], probabilities["gasnet"])
    np.testing.assert_allclose(
        probabilities["fusion3_max"], combined / combined.sum(axis=1, keepdims=True), atol=1e-4
    )


def test_the_report_is_there_and_its_command_names_no_folder_of_this_machine(
    finished: Path, tiny_folder: Path
) -> None:
    text = (finished / "report.md").read_text()
    assert "python -m training.reproduce" in text
    for folder in (tiny_folder, finished):
        assert str(folder) not in text
        assert str(folder) not in (finished / "report.html").read_text()


def test_finished_runs_are_not_run_again(finished: Path, tiny_folder: Path, cache: Path) -> None:
    before = (finished / "results.json").read_text()
    result = run(
        "--models", "dnn,gasnet_field", "--data", tiny_folder, "--output", finished, "--cache", cache
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "0 of 2 runs to go" in result.output
    assert (finished / "results.json").read_text() == before


def test_other_hyperparameters_make_another_run(finished: Path, tiny_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    result = run("--models", "dnn", "--set", "dropout=0.1", "--data", tiny_folder, "--output", output)
    assert "1 of 1 runs to go" in result.output
    dnn = [entry for entry in read_results(output / "results.json") if entry.model == "dnn"]
    assert sorted(entry.hyperparameters["dropout"] for entry in dnn) == [0.1, 0.3, 0.3]


def test_several_runs_at_a_time_give_the_same_results(
    finished: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    result = run(
        "--models", "knn1,dnn", "--data", tiny_folder, "--output", tmp_path / "out", "--jobs", "2"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    alone = {entry.run: entry.confusion for entry in read_results(finished / "results.json")}
    for entry in read_results(tmp_path / "out" / "results.json"):
        assert entry.confusion == alone[entry.run]


def test_a_folder_of_real_images_makes_the_real_tables(
    real_folder: Path, tmp_path: Path, cache: Path
) -> None:
    corrupt = tmp_path / "data"
    shutil.copytree(real_folder, corrupt)
    for serial in (3, 5):
        broken = corrupt / IMAGE_FOLDER / "Smoke" / f"{serial}_Smoke.png"
        broken.write_bytes(broken.read_bytes()[:100])

    result = run(
        "--models", "gasnet,gasnet_original,fusion1", "--data", corrupt, "--output", tmp_path / "out",
        "--cache", cache,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "3_Smoke.png" in result.output
    assert "5_Smoke.png" in result.output
    results = read_results(tmp_path / "out" / "results.json")
    assert {entry.thermal for entry in results} == {"real"}
    assert {entry.unusable_images for entry in results} == {2}
    assert sum(results[0].rows.values()) == 38
    assert "rendered" not in (tmp_path / "out" / "report.md").read_text()


def test_an_output_that_cannot_be_written_or_read_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broken = tmp_path / "out" / "runs" / "dnn-broken"
    broken.mkdir(parents=True)
    (broken / "result.json").write_text("{")
    for output, detail in ((tmp_path / "file" / "out", "file"), (tmp_path / "out", "dnn-broken")):
        result = run("--models", "knn1", "--data", tiny_folder, "--output", output)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert detail in line


def test_one_model_is_trained_by_its_own_command(tiny_folder: Path, tmp_path: Path) -> None:
    result = invoke(train.main, *SMALL, "--model", "dnn", "--data", tiny_folder, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "out" / "runs").iterdir()
    assert (folder / WEIGHTS).is_file()
    assert str(folder) in result.output


def replace_in(name: str, pattern: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(re.sub(pattern, text, path.read_text(), count=1))

    return change


def other_size(folder: Path) -> None:
    cv2.imwrite(str(folder / IMAGE_FOLDER / "NoGas" / "4_NoGas.png"), np.zeros((32, 32, 3), np.uint8))


def one_class(folder: Path) -> None:
    path = folder / CSV_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(line for line in lines if line.endswith("Smoke"))]) + "\n")


def few_rows(folder: Path) -> None:
    path = folder / CSV_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join([line for line in lines if not re.match(r"[3-9],.*Smoke", line)]) + "\n")


def untouched(_: Path) -> None:
    """Leave the folder as it is."""


@pytest.mark.parametrize(
    ("change", "arguments", "detail"),
    [
        (
            replace_in(CSV_NAME, "MQ5", "CO2"),
            (),
            "line 1: no column for mq5; the columns are 'Serial Number'",
        ),
        (
            replace_in(CSV_NAME, r"\n0,\d+,", "\n0,many,"),
            (),
            "line 2: channel mq2 is 'many'; expected a number",
        ),
        (lambda folder: shutil.rmtree(folder / IMAGE_FOLDER / "Perfume"), (), "Perfume"),
        (replace_in(CSV_NAME, "Gas", "Weather"), (), "line 1: no column for the class; expected 'Gas'"),
        (one_class, (), "has one class, Smoke; training needs at least two"),
        (other_size, (), "4_NoGas.png"),
        (few_rows, ("--models", "dnn", "--split", "blocked", "--embargo", "2"), "a class has 3 rows"),
        (untouched, ("--models", "fusion9"), "no model is called 'fusion9'; there are cnn1d"),
        (untouched, ("--models", ","), "--models is ','"),
        (untouched, ("--split", "shuffled"), "split is 'shuffled'; it must be one of random, blocked"),
        (untouched, ("--split", "blocked", "--positions", "0.9"), "position is 0.9"),
        (untouched, ("--positions", "a", "--split", "blocked"), "--positions is 'a'; it must be numbers"),
        (untouched, ("--seeds", "4-0"), "--seeds is '4-0'; it must be like 0, 0,3 or 0-4"),
        (
            untouched,
            ("--set", "epoch=3"),
            "--set is 'epoch=3'; it must be NAME=VALUE, NAME one of learning_rate",
        ),
        (untouched, ("--set", "epochs=three"), "epochs is 'three'; it must be a whole number"),
        (untouched, ("--set", "image_size=32"), "image_size is 32; 6 halvings leave nothing"),
        (untouched, ("--thermal", "painted"), "thermal is 'painted'; it must be one of auto, real, rendered"),
        (untouched, ("--data", "missing"), "missing does not exist"),
    ],
)
def test_bad_input_is_one_line_exit_code_2_and_nothing_written(
    change: Callable[[Path], None], arguments: tuple[str, ...], detail: str, real_folder: Path, tmp_path: Path
) -> None:
    folder, output, cache = tmp_path / "data", tmp_path / "out", tmp_path / "cache"
    shutil.copytree(real_folder, folder)
    change(folder)

    result = run(
        "--models", "fusion1", "--data", folder, "--output", output, "--cache", cache, *arguments
    )  # fmt: skip

    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert detail in line
    assert not output.exists()
    assert not list(cache.rglob("*.npy"))
