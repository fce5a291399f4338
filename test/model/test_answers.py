"""A model is tried before it is used: what answers no probabilities is refused with file and mode."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import WINDOW, edit_manifest, update_digests, write_windowed_bundle
from crafted import FORGED, nested

from gas_fusion_ros.base.observation import PAPER_CLASSES, GasReading, Mode, Observation
from gas_fusion_ros.model import bundle as bundles
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import MANIFEST, Bundle, BundleError
from gas_fusion_ros.model.classifier import Classifier, ClassifierError
from gas_fusion_ros.model.runtimes import check_networks, create_runtime

GOOD = (0.0, 1.0, 2.0, 3.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_windowed_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


class Answering:
    """Answers each mode what it is told to, and keeps what it was given."""

    device, precision, note = "cpu", "float32", ""
    files: Mapping[Mode, str] = dict.fromkeys(Mode, "model.onnx")

    def __init__(self, answers: Mapping[Mode, Answer] | None = None) -> None:
        self._answers = dict(answers or {})
        self.given: list[tuple[Mode, dict[str, Any]]] = []

    def run(self, mode: Mode, inputs: Mapping[str, Any]) -> Answer:
        self.given.append((mode, dict(inputs)))
        return self._answers.get(mode, Answer(np.array(GOOD, np.float32), 0.5))


def test_every_mode_is_run_on_all_its_inputs(folder: Path) -> None:
    runtime = Answering()
    bundle = Bundle.load(folder)
    check_networks(bundle, runtime)
    assert {mode for mode, _ in runtime.given} == set(Mode)
    for mode, inputs in runtime.given:
        assert {name: value.shape for name, value in inputs.items()} == {
            name: (1, *shape) for name, shape in bundle.inputs(mode).items()
        }
    # Nothing at all, and something.
    assert {float(inputs["gas"].max()) for _, inputs in runtime.given} == {0.0, 0.5}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(np.zeros(3, np.float32), 0.5),
            r"logits of shape \(3,\); expected \(4,\), one for each class",
        ),
        (Answer(np.zeros((1, 4), np.float32), 0.5), r"logits of shape \(1, 4\); expected \(4,\)"),
        (Answer(np.float32(1.0), 0.5), r"logits of shape \(\)"),  # type: ignore[arg-type]
        (Answer(np.array([0, np.nan, 0, 0], np.float32), 0.5), "every logit must be a finite number"),
        (Answer(np.array([0, np.inf, 0, 0], np.float32), 0.5), "every logit must be a finite number"),
        (Answer(np.array(GOOD, np.float32), np.nan), "the novelty nan; it must be a number"),
    ],
)
def test_an_answer_that_is_none_is_refused_by_file_and_mode(
    mode: Mode, answer: Answer, said: str, folder: Path
) -> None:
    with pytest.raises(BundleError, match=said) as raised:
        check_networks(Bundle.load(folder), Answering({mode: answer}))
    assert str(raised.value).startswith(f"{folder / 'model.onnx'}: the network for {mode.value} ")


def test_a_temperature_that_makes_no_probabilities_is_refused(folder: Path) -> None:
    bundle = replace(Bundle.load(folder), temperatures=dict.fromkeys(Mode, 1e-300))
    with pytest.raises(BundleError, match="at the temperature 1e-300 makes no probabilities that sum to 1"):
        check_networks(bundle, Answering())


@pytest.mark.parametrize("value", [1e-300, 0, -1, 1e9, float("inf"), float("nan")])
def test_a_temperature_out_of_range_is_refused_at_once(value: float, folder: Path) -> None:
    edit_manifest(folder, temperature={"fusion": 1.0, "gas_only": value, "thermal_only": 1.0})
    with pytest.raises(BundleError, match=r"temperature\.gas_only must be of 0\.001 to 1000, not"):
        Bundle.load(folder)


def test_a_network_that_cannot_be_run_is_refused(folder: Path) -> None:
    class Failing(Answering):
        def run(self, mode: Mode, inputs: Mapping[str, Any]) -> Answer:
            raise RuntimeError(f"node 5 is\nbroken for {mode.value}, {len(inputs)} inputs")

    with pytest.raises(BundleError, match=r"for fusion cannot be run: RuntimeError: node 5 is\\nbroken"):
        check_networks(Bundle.load(folder), Failing())


def with_classes(folder: Path, count: int) -> Bundle:
    """The bundle, whose network knows four classes, with another number of them."""
    edit_manifest(folder, classes=[f"gas{number}" for number in range(count)])
    return Bundle.load(folder)


@pytest.mark.parametrize("count", [3, 5])
def test_a_runtime_is_made_of_networks_that_fit_alone(count: int, folder: Path) -> None:
    assert create_runtime(Bundle.load(folder), "cpu").device == "cpu"
    with pytest.raises(BundleError, match=rf"logits of shape \(4,\); expected \({count},\)"):
        create_runtime(with_classes(folder, count), "cpu")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": FORGED}, "name must be of 1 to 80 printable characters"),
        ({"name": "x" * 81}, "name must be of 1 to 80 printable characters"),
        ({"classes": [*PAPER_CLASSES[:3], FORGED]}, "classes must be of 1 to 80 printable characters"),
        ({"channels": [f"c{number}" for number in range(300)]}, "channels must name at least one and 256 at"),
        ({"image_size": 100_000}, "image_size must be of 1 to 2048 pixels, not 100000"),
        ({"image_size": 1e400}, "cannot convert float infinity"),
        ({"normalisation": {"mean": [0.0] * 7, "std": [1e-30] * 7}}, "stds of 1e-06 to 1e"),
        ({"normalisation": {"mean": [1e30] * 7, "std": [1.0] * 7}}, "means up to 1e"),
        ({"metrics": json.loads(nested(60))}, "metrics must be an object"),
        ({"networks": {FORGED * 10_000: "x"}}, "networks must name an architecture"),
    ],
)
def test_a_manifest_keeps_to_limits_and_is_refused_in_a_line(
    fields: dict[str, Any], said: str, folder: Path
) -> None:
    edit_manifest(folder, **fields)
    with pytest.raises(BundleError, match=said) as raised:
        Bundle.load(folder)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("content", [nested(100_000), "[" * 100_000, "9" * 5000, " " * (5 << 20), "\xff"])
def test_a_manifest_that_is_a_trap_is_refused_in_a_line(content: str, folder: Path) -> None:
    (folder / MANIFEST).write_bytes(content.encode("latin-1"))
    with pytest.raises(BundleError, match=r"bundle\.json cannot be read") as raised:
        Bundle.load(folder)
    assert str(raised.value).isprintable()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [MANIFEST, "model.onnx", "weights.safetensors"])
def test_a_pipe_in_a_bundle_is_not_waited_for(name: str, folder: Path) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BundleError, match="cannot be read: it is a pipe; expected a regular file"):
        Bundle.load(folder)


def test_a_file_longer_than_any_model_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update_digests(folder)
    monkeypatch.setattr(bundles, "_MAX_FILE_BYTES", 10)
    with pytest.raises(BundleError, match="is longer than the 10 bytes of a model at most"):
        Bundle.load(folder)


def test_the_made_network_is_one_for_windows(folder: Path) -> None:
    assert Bundle.load(folder).window == WINDOW


def test_probabilities_that_are_none_are_no_verdict(folder: Path) -> None:
    bundle = replace(Bundle.load(folder), temperatures=dict.fromkeys(Mode, 1e-300))
    reading = GasReading(10**18, bundle.channels, np.full(len(bundle.channels), 400.0, np.float32))
    with pytest.raises(ClassifierError, match=r"for gas_only observations .* makes no probabilities"):
        Classifier(bundle, Answering()).classify(Observation(reading, None))
    answers = {Mode.GAS_ONLY: Answer(np.zeros(3, np.float32), 0.5)}
    with pytest.raises(ClassifierError, match=r"expected \(4,\), one for each class"):
        Classifier(Bundle.load(folder), Answering(answers)).classify(Observation(reading, None))
