"""From a folder with other classes, channels and stamps to a bundle that classifies its readings."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from own_gases import CHANNELS, LEVELS, ROWS, exported, invoke, picture, readings, trained, write_rows

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.dataset import CSV_NAME, IMAGE_FOLDER, Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Mode, Observation, ThermalFrame
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import create_runtime
from training import train
from training.benchmark import __main__ as benchmark
from training.data.images import Thermal
from training.data.splits import SplitSettings
from training.fitting.catalog import load_model
from training.fitting.runs import Study, TrainingRun
from training.reproduce import __main__ as reproduce
from training.results.run_result import read_result
from training.temporal import __main__ as temporal


@pytest.fixture(autouse=True)
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as it gets, and away from the data set that the environment names."""
    monkeypatch.delenv("GAS_FUSION_DATA", raising=False)
    monkeypatch.setattr("training.export.__main__.INPUTS", 4)
    monkeypatch.setattr("training.export.runtime.RUNS", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout that training data from bags have, at 4 Hz, without pictures."""
    start_ns = 1_700_000_000 * NANOSECONDS_PER_SECOND
    rows = [
        (row, *counts, name, f"yard of {name}", start_ns + row * NANOSECONDS_PER_SECOND // 4)
        for name in LEVELS
        for row, counts in enumerate(readings(name))
    ]
    return write_rows(tmp_path_factory.mktemp("own"), ("Bag", "Stamp"), rows)


@pytest.fixture(scope="module")
def with_pictures(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a picture for each row."""
    root = tmp_path_factory.mktemp("seen")
    (root / CSV_NAME).write_bytes((folder / CSV_NAME).read_bytes())
    for name in LEVELS:
        (root / IMAGE_FOLDER / name).mkdir(parents=True)
        for row in range(ROWS):
            cv2.imwrite(str(root / IMAGE_FOLDER / name / f"{row}_{name}.png"), picture(name, row))
    return root


@pytest.fixture(scope="module")
def small_bundles(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DNN and a Fusion I for the published classes and channels, trained for an epoch."""
    root = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        # Made before `few_inputs` is: away from the data set that the environment names.
        patch.delenv("GAS_FUSION_DATA", raising=False)
        patch.setattr("training.export.__main__.INPUTS", 4)
        patch.setattr("training.export.runtime.RUNS", 2)
        for name in ("dnn", "fusion1_field"):
            settings = ("--set", "epochs=1", "--set", "image_size=64")
            run, _ = trained(root / name, "--model", name, "--data", tiny_folder, *settings)
            exported(run, root / "models" / name)
    return root / "models"


def label_of(
    classifier: Classifier, counts: npt.NDArray[np.int64], pixels: npt.NDArray[np.uint8] | None
) -> str:
    """Classify a reading of an array that has its channels in another order, and one more."""
    channels = ("mq9", *reversed(CHANNELS))
    values = np.array([512, *reversed(counts)], dtype=np.float32)
    image = None if pixels is None else ThermalFrame(1, pixels, "mono8")
    verdict = classifier.classify(Observation(GasReading(1, channels, values), image))
    assert verdict.mode is (Mode.GAS_ONLY if pixels is None else Mode.FUSION)
    return verdict.label


@pytest.mark.parametrize("of_shipped", [True, False])
def test_new_gases_and_sensors_are_learned_from_a_bundle_for_others(
    of_shipped: bool, folder: Path, small_bundles: Path, tmp_path: Path
) -> None:
    begin = ("--model", "cnn1d", "--from", "fusion1") if of_shipped else ("--from", small_bundles / "dnn")
    run, result = trained(tmp_path, *begin, "--channels", ",".join(CHANNELS[::-1]), "--data", folder)
    assert (result.model, result.classes) == ("cnn1d" if of_shipped else "dnn", tuple(sorted(LEVELS)))
    # The bundle's channels come first, in its order.
    assert result.channels == CHANNELS
    assert result.accuracy > 0.9
    origin = result.fine_tuned_from
    assert origin is not None
    assert (origin.bundle, origin.network) == ("fusion1" if of_shipped else "mine", "gas_only")
    assert (origin.new_classes, origin.new_channels) == (("Ammonia",), ("mq137",))
    assert 0.5 < origin.weights < 1

    bundle = exported(run, tmp_path / "bundle")
    assert (bundle.classes, bundle.channels) == (result.classes, CHANNELS)
    assert bundle.alarm != AlarmAdvice()
    provenance = bundle.trained_on["runs"]["gas_only"]["fine_tuned_from"]
    assert (provenance["bundle"], provenance["sha256"]) == (origin.bundle, origin.sha256)
    card = (bundle.path / "README.md").read_text()
    assert f"of the bundle `{origin.bundle}`" in card
    assert "(new classes: Ammonia; new channels: mq137)" in card
    assert "real" not in card.split("## Trained on")[1].split("## Measured")[0]

    classifier = Classifier(bundle, create_runtime(bundle, "cpu"))
    for name in LEVELS:
        labels = [label_of(classifier, counts, None) for counts in readings(name)]
        assert labels.count(name) > 0.9 * ROWS


def test_the_bundle_to_start_from_is_loaded_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = Bundle.load
    monkeypatch.setattr(Bundle, "load", lambda path: loaded.append(path) or load(path))
    trained(tmp_path, "--model", "cnn1d", "--from", "fusion1", "--set", "epochs=1", "--data", folder,
            "--channels", ",".join(CHANNELS))  # fmt: skip
    assert len(loaded) == 1


@pytest.mark.parametrize("command", [train, reproduce, benchmark, temporal])
def test_help_speaks_of_a_bundle_s_channels_only_where_a_bundle_can_be_named(command: ModuleType) -> None:
    text = " ".join(invoke(command.main, "--help").stdout.replace("│", " ").split())
    channels = text[text.index("--channels") :]
    said = channels[: channels.index("]")]
    assert "mq2,mq3" in said
    assert ("bundle" in said) == ("--from" in text)


def test_pictures_are_prepared_as_the_bundle_s_were(
    with_pictures: Path, small_bundles: Path, tmp_path: Path
) -> None:
    """The model named fusion1 crops its pictures and takes 224 pixels; the bundle's network does neither."""
    run, result = trained(
        tmp_path, "--model", "fusion1", "--from", small_bundles / "fusion1_field",
        "--channels", ",".join(CHANNELS), "--data", with_pictures,
    )  # fmt: skip
    assert (result.preparation, result.image_size, result.thermal) == ("field", 64, "real")
    assert result.fine_tuned_from is not None
    assert result.fine_tuned_from.network == "fusion"
    assert result.accuracy > 0.9
    bundle = exported(run, tmp_path / "bundle")
    assert bundle.networks == {Mode.FUSION: "fusion1"}
    # A folder made of a simulated patrol has pictures too: nobody can know that they are real.
    assert "Thermal pictures: files beside the readings" in (bundle.path / "README.md").read_text()
    classifier = Classifier(bundle, create_runtime(bundle, "cpu"))
    for name in LEVELS:
        labels = [label_of(classifier, readings(name)[row], picture(name, row)) for row in range(0, ROWS, 6)]
        assert labels.count(name) > 0.8 * len(labels)


def test_a_bundle_s_scale_is_kept_where_it_has_one(folder: Path, small_bundles: Path, tmp_path: Path) -> None:
    _, result = trained(
        tmp_path, "--from", small_bundles / "dnn", "--channels", "mq3,mq137", "--data", folder
    )
    start = Bundle.load(small_bundles / "dnn")
    at = start.channels.index("mq3")
    assert result.normalisation["mean"][0] == pytest.approx(float(start.mean[at]), abs=1e-3)
    assert result.normalisation["std"][0] == pytest.approx(float(start.std[at]), abs=1e-3)
    counts = np.concatenate([readings(name)[:, 3] for name in LEVELS])
    assert result.normalisation["mean"][1] == pytest.approx(counts.mean(), abs=20)


def test_the_same_command_finds_its_run_and_another_beginning_is_another_run(
    folder: Path, small_bundles: Path, tmp_path: Path
) -> None:
    always = ("--set", "epochs=1", "--threads", "1", "--data", folder, "--output", tmp_path, "--model", "dnn")
    three, begin = ("--channels", "mq3,mq8,mq135"), ("--from", small_bundles / "dnn")
    for further in (
        three,
        (*three, *begin),
        three,
        (*three, *begin),
        ("--channels", "mq3,mq8"),
        (*three, *begin),
    ):
        result = invoke(train.main, *always, *further)
        assert result.exit_code == 0, result.output
    runs = [read_result(run) for run in (tmp_path / "runs").iterdir()]
    assert sorted((len(run.channels), run.fine_tuned_from is not None) for run in runs) == [
        (2, False), (3, False), (3, True),
    ]  # fmt: skip


def test_runs_of_earlier_versions_are_found_by_their_names(tmp_path: Path) -> None:
    """The names are those of the release before other channels and beginnings could be named."""
    header = ",".join([*PAPER_CHANNELS, "Gas"])
    (tmp_path / CSV_NAME).write_text(f"{header}\n1,2,3,4,5,6,7,NoGas\n2,2,3,4,5,6,7,Smoke\n")
    study = Study.of(Dataset.load(tmp_path), tmp_path, tmp_path, Thermal.RENDERED)
    study = replace(study, data_sha256="00")
    gas = TrainingRun(load_model("cnn1d"), SplitSettings(), 0)
    fusion = TrainingRun(load_model("fusion1"), SplitSettings("blocked", 0.2, 0.4, 60), 3)
    assert gas.name(study) == "cnn1d-random-seed0-6bbd6674"
    assert fusion.name(study) == "fusion1-blocked0.4-seed3-b909c609"


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (("--model", "dnn"), "no column for mq2, mq5, mq6, mq7; the columns are 'Serial Number', MQ3"),
        (("--model", "dnn"), "name the channels with --channels mq3"),
        (("--from", "fusion1"), "name the channels with --channels mq3"),
        (("--channels", "mq3"), "no model: name one by --model, or a bundle to start from by --from"),
        (
            ("--model", "dnn", "--channels", "mq3,MQ3"),
            "--channels is 'mq3,MQ3'; each channel must stand once",
        ),
        (("--model", "dnn", "--channels", "mq3,x"), "--channels: channels must not be named x"),
        (("--model", "cnn1d", "--channels", "mq3"), "a 1D CNN needs at least 2 channels"),
        (("--model", "dnn", "--from", "fusion1"), "the model 'dnn' is of the architecture dnn"),
        (("--from", "temporal_fusion"), "`python -m training.temporal`"),
        (("--from", "nothing", "--model", "dnn"), "no model bundle 'nothing'"),
        (
            ("--from", "fusion1", "--channels", "mq3,mq8"),
            "pictures of Ammonia cannot be rendered, only of Mixture, NoGas, Perfume, Smoke; give every row "
            f"a thermal image, such as '{IMAGE_FOLDER}/<Class>/<N>_<Class>.png', or train a model of "
            "readings alone, such as `--model cnn1d`",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    arguments: tuple[str, ...], detail: str, folder: Path, tmp_path: Path
) -> None:
    result = invoke(train.main, "--data", folder, "--output", tmp_path / "out", *arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert detail in line
    assert not (tmp_path / "out").exists()
