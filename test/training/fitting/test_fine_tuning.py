"""A training starts from a bundle's weights by the names of classes and channels, and says what it took."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from run_folders import SIZE, random_inputs, untrained, write_run
from safetensors.torch import save_file
from torch import nn

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.networks.folding import fold_batch_norm
from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.thermal import Preparation
from training.fitting.catalog import load_model
from training.fitting.fine_tuning import (
    StartError,
    aligned,
    default_model,
    find_start,
    kept_normalisation,
    open_bundle,
    prepared_alike,
    transfer,
)
from training.fitting.layouts import LAYOUTS, Purpose, axes_of
from training.fitting.material import Normalisation
from training.fitting.runs import WEIGHTS
from training.fitting.trained import load_run, start_from

TRAINED = list(LAYOUTS)
PAPERS = {
    "cnn1d",
    "lstm",
    "lstm5",
    "dnn",
    "gasnet",
    "cnn2021",
    "vgg16",
    "resnet34",
    "googlenet",
    "fusion1",
    "fusion2",
    "fusion4",
    "early2021",
}
SMALL = [name for name in TRAINED if name not in ("vgg16", "resnet34", "googlenet")]
ENDING_IN_CLASSES = [name for name in SMALL if name not in ("fusion2", "fusion4")]
"""Architectures in which nothing but the last layer's rows belongs to a class."""
OLD = Purpose(PAPER_CLASSES, PAPER_CHANNELS, PAPER_CHANNELS, SIZE)


def test_every_network_of_the_paper_that_trains_something_can_be_begun_with() -> None:
    assert set(TRAINED) >= PAPERS


def test_a_run_is_gone_on_from_with_its_very_weights_and_scale(tiny_folder: Path, tmp_path: Path) -> None:
    result = write_run(tmp_path / "run", "fusion1", tiny_folder)
    start = start_from(tmp_path / "run")
    network = build("fusion1", Shape(image_size=SIZE))
    origin = start.begin(network)
    inputs = random_inputs(Mode.FUSION, Shape(image_size=SIZE), 4)
    with torch.inference_mode():
        same = load_run(tmp_path / "run").network(*inputs)
        torch.testing.assert_close(network.eval()(*inputs), same, rtol=0, atol=0)
    assert start.scale() == Normalisation(**result.normalisation)
    assert (origin.bundle, origin.kind, origin.network, origin.weights) == ("run", "run", "fusion", 1.0)


def test_a_run_that_was_trained_anew_is_another_start(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder)
    start = start_from(tmp_path / "run")
    save_file(build("cnn1d", Shape()).state_dict(), tmp_path / "run" / WEIGHTS)
    assert start_from(tmp_path / "run") != start
    with pytest.raises(StartError, match="has changed since the training began"):
        start.begin(build("cnn1d", Shape()))


def shape_of(purpose: Purpose) -> Shape:
    return Shape(len(purpose.classes), len(purpose.channels), 1, purpose.image_size, dropout=0.0)


def moved(
    architecture: str, new: Purpose, inputs: Sequence[torch.Tensor]
) -> tuple[nn.Module, nn.Module, float]:
    """Return a folded network, one that has taken over its weights, and which share."""
    old = fold_batch_norm(copy.deepcopy(untrained(architecture, shape_of(OLD))))
    torch.manual_seed(1)
    network = build(architecture, shape_of(new))

    def run_rows(started: nn.Module) -> None:
        with torch.inference_mode():
            started(*inputs)

    share = transfer(network, architecture, old.state_dict(), new, OLD, run_rows)
    return old, network, share


def answer(network: nn.Module, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return network(*inputs)


@pytest.mark.parametrize("architecture", [name for name in TRAINED if name != "vgg16"])
def test_a_network_for_the_same_says_what_the_bundle_s_says(architecture: str) -> None:
    inputs = random_inputs(ARCHITECTURES[architecture].mode, shape_of(OLD), 8)
    old, network, share = moved(architecture, OLD, inputs)
    assert share == 1
    torch.testing.assert_close(answer(network.eval(), inputs), answer(old, inputs), atol=2e-3, rtol=2e-3)
    # In training a batch is normalised by its own moments: those of the very rows change next to nothing.
    torch.testing.assert_close(answer(network.train(), inputs), answer(old, inputs), atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("architecture", SMALL)
def test_classes_are_taken_over_by_name(architecture: str) -> None:
    inputs = random_inputs(ARCHITECTURES[architecture].mode, shape_of(OLD), 4)
    old, network, share = moved(architecture, replace(OLD, classes=PAPER_CLASSES[::-1]), inputs)
    assert share == 1
    torch.testing.assert_close(
        answer(network.eval(), inputs).flip(1), answer(old, inputs), atol=2e-3, rtol=2e-3
    )


@pytest.mark.parametrize("architecture", ENDING_IN_CLASSES)
def test_a_new_class_starts_fresh_and_leaves_the_known_ones_as_they_are(architecture: str) -> None:
    inputs = random_inputs(ARCHITECTURES[architecture].mode, shape_of(OLD), 4)
    old, network, share = moved(architecture, replace(OLD, classes=("Ammonia", "NoGas", "Smoke")), inputs)
    assert 0.9 < share < 1
    expected = answer(old, inputs)[:, [PAPER_CLASSES.index(name) for name in ("NoGas", "Smoke")]]
    torch.testing.assert_close(answer(network.eval(), inputs)[:, 1:], expected, atol=2e-3, rtol=2e-3)
    assert answer(network, inputs)[:, 0].abs().max() > 0


def test_channels_are_taken_over_by_name() -> None:
    """The first layer of the DNN reads a channel by each column: a new one at its mean changes nothing."""
    (gas,) = random_inputs(Mode.GAS_ONLY, shape_of(OLD), 8)
    gas[:, PAPER_CHANNELS.index("mq6")] = 0
    channels = ("mq8", "mq137", *(name for name in PAPER_CHANNELS if name not in ("mq6", "mq8")))
    other = torch.stack(
        [gas[:, PAPER_CHANNELS.index(name)] if name != "mq137" else torch.zeros(8) for name in channels],
        dim=1,
    )
    old, network, share = moved("dnn", replace(OLD, channels=channels), (other,))
    assert 0.9 < share < 1
    torch.testing.assert_close(answer(network.eval(), (other,)), answer(old, (gas,)), atol=1e-3, rtol=1e-3)
    other[:, 1] = 3.0
    assert (answer(network, (other,)) - answer(old, (gas,))).abs().max() > 1e-2


def test_an_lstm_reads_the_known_channels_as_before() -> None:
    """A new channel comes last: without its columns the answer is the old one's."""
    (gas,) = random_inputs(Mode.GAS_ONLY, shape_of(OLD), 8)
    more = torch.cat((gas, torch.ones(8, 1)), dim=1)
    old, network, _ = moved("lstm", replace(OLD, channels=(*PAPER_CHANNELS, "mq137")), (more,))
    with torch.no_grad():
        network.get_submodule("head.0").weight[:, -64:] = 0
    torch.testing.assert_close(answer(network.eval(), (more,)), answer(old, (gas,)), atol=1e-4, rtol=1e-4)


def test_the_1d_cnn_s_features_are_taken_over_by_pairs_of_channels() -> None:
    """Of the new pairs, mq8+mq3 is first like mq2+mq3, mq7+mq5 like mq5+mq6, and mq9+mq137 like none."""
    new = Purpose(PAPER_CLASSES, ("mq8", "mq3", "mq7", "mq5", "mq9", "mq137"), PAPER_CHANNELS)
    inputs = (torch.randn(8, 6),)
    old, network, _ = moved("cnn1d", new, inputs)
    before, after = (each.state_dict()["head.0.weight"].reshape(128, 128, 3) for each in (old, network))
    torch.testing.assert_close(after[:, :, 0], before[:, :, 0])
    torch.testing.assert_close(after[:, :, 1], before[:, :, 1])
    assert not torch.isclose(after[:, :, 2], before[:, :, 2]).any(dim=0).all()


@pytest.mark.parametrize("architecture", ["gasnet", "fusion1"])
def test_a_picture_of_another_size_keeps_the_convolutions(architecture: str) -> None:
    new = replace(OLD, image_size=2 * SIZE)
    inputs = random_inputs(ARCHITECTURES[architecture].mode, shape_of(new), 4)
    old, network, share = moved(architecture, new, inputs)
    assert share < 1
    branch = "features.layers" if architecture == "gasnet" else "thermal.layers"
    image = (inputs[-1],)
    torch.testing.assert_close(
        answer(network.get_submodule(branch), image),
        answer(old.get_submodule(branch), image),
        atol=1e-3,
        rtol=1e-3,
    )


@pytest.mark.parametrize("architecture", TRAINED)
@pytest.mark.parametrize(
    "other",
    [
        replace(OLD, classes=(*PAPER_CLASSES, "Ammonia")),
        replace(OLD, channels=(*PAPER_CHANNELS, "mq136", "mq137")),
        replace(OLD, image_size=2 * SIZE),
    ],
    ids=["classes", "channels", "picture"],
)
def test_every_axis_that_follows_from_the_purpose_has_labels(architecture: str, other: Purpose) -> None:
    with torch.device("meta"):
        before, after = (build(architecture, shape_of(purpose)).state_dict() for purpose in (OLD, other))
    axes = axes_of(architecture, other)
    for name, tensor in after.items():
        for axis, size in enumerate(tensor.shape):
            if size != before[name].shape[axis]:
                assert (name, axis) in axes
            if (name, axis) in axes:
                assert len(axes[name, axis]) == len(set(axes[name, axis])) == size


@given(st.permutations(PAPER_CHANNELS), st.integers(1, 7), st.booleans())
def test_a_bundle_s_channels_come_first_in_its_order(names: list[str], count: int, upper: bool) -> None:
    wanted = [name.upper() if upper else name for name in names[:count]]
    channels = aligned(["CO", *wanted, "NH3"], PAPER_CHANNELS)
    assert channels[-2:] == ("CO", "NH3")
    assert channels[:-2] == tuple(name for name in PAPER_CHANNELS if name in names[:count])


def test_known_channels_keep_their_scale_and_new_ones_are_fitted() -> None:
    bundle = open_bundle("fusion1")
    fitted = Normalisation([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    kept = kept_normalisation(fitted, ("mq3", "mq137", "mq135"), bundle)
    assert kept.mean == [461.9844, 2.0, 416.5737]
    assert kept.std == [70.382, 5.0, 76.4932]


def test_the_shipped_bundle_starts_each_of_its_networks() -> None:
    bundle = open_bundle(find_bundle("fusion1"))
    assert default_model(bundle).name == "fusion1_field"
    for name, mode in (("fusion1", Mode.FUSION), ("cnn1d", Mode.GAS_ONLY), ("gasnet", Mode.THERMAL_ONLY)):
        model = load_model(name)
        start = find_start(bundle, model)
        assert start.mode is mode
        alike = prepared_alike(model, start)
        # The bundle's pictures are inverted fields; the models' own are cropped.
        assert alike.preparation is (None if mode is Mode.GAS_ONLY else Preparation.FIELD)


def test_a_bundle_that_cannot_start_a_training_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"--from: no model bundle 'nothing': give a folder .* fusion1"):
        open_bundle("nothing")
    with pytest.raises(
        StartError, match=r"'temporal_fusion' looks at windows .* `python -m training.temporal`"
    ):
        open_bundle("temporal_fusion")
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(StartError, match=r"--from: .*bundle.json: format_version is None"):
        open_bundle(tmp_path)
    bundle = open_bundle("fusion1")
    with pytest.raises(
        StartError,
        match=r"'fusion1' has the networks fusion1 \(fusion\), cnn1d \(gas_only\), gasnet \(thermal_only\); "
        "the model 'lstm5' is of the architecture lstm5",
    ):
        find_start(bundle, load_model("lstm5"))
    with pytest.raises(StartError, match=r"trains nothing itself; fine-tune .* cnn1d and gasnet"):
        find_start(bundle, load_model("fusion3_max"))


def test_a_bundle_that_changes_under_a_training_is_refused() -> None:
    bundle = open_bundle("fusion1")
    start = replace(find_start(bundle, load_model("cnn1d")), sha256="0" * 64)
    with pytest.raises(StartError, match="has changed since the training began"):
        start.weights()


def test_an_architecture_whose_weights_have_no_names_yet_is_refused() -> None:
    bundle = open_bundle("fusion1")
    model = replace(load_model("cnn1d"), architecture="perceptron")
    with pytest.raises(
        StartError, match=r"--from: weights of the architecture perceptron cannot be taken over yet"
    ):
        find_start(bundle, model)
