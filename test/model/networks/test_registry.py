"""Every network of the registry takes what its mode says and answers with logits."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from gas_fusion_ros.base.observation import Mode  # noqa: E402
from gas_fusion_ros.model.networks.fusion import FusionI, FusionII, FusionIIIMax, FusionIIIMean  # noqa: E402
from gas_fusion_ros.model.networks.gas import GasFeatures, LstmFeatures  # noqa: E402
from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build, find_architecture  # noqa: E402
from gas_fusion_ros.model.networks.shape import Shape  # noqa: E402
from gas_fusion_ros.model.networks.thermal import ThermalFeatures  # noqa: E402

SMALL = 64
SINGLE = [name for name, entry in ARCHITECTURES.items() if not entry.windowed]
"""Networks of one reading, one picture or both; test_window_networks.py has the others."""


def inputs(mode: Mode, shape: Shape, samples: int = 2) -> tuple[torch.Tensor, ...]:
    gas = torch.randn(samples, shape.gas_channels)
    image = torch.rand(samples, shape.image_channels, shape.image_size, shape.image_size)
    return {Mode.GAS_ONLY: (gas,), Mode.THERMAL_ONLY: (image,), Mode.FUSION: (gas, image)}[mode]


def test_the_paper_s_networks_are_all_there() -> None:
    assert set(SINGLE) >= {
        "cnn1d", "lstm", "lstm5", "dnn",
        "gasnet", "cnn2021", "vgg16", "resnet34", "googlenet",
        "fusion1", "fusion2", "fusion3_max", "fusion3_mean", "fusion4", "early2021",
    }  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("image_channels", [1, 3])
def test_logits_have_one_column_per_class(name: str, image_channels: int) -> None:
    shape = Shape(classes=3, gas_channels=5, image_channels=image_channels, image_size=SMALL)
    network = build(name, shape).eval()
    with torch.no_grad():
        logits = network(*inputs(ARCHITECTURES[name].mode, shape))
    assert logits.shape == (2, 3)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", [name for name in SINGLE if ARCHITECTURES[name].mode is Mode.FUSION])
def test_fusion_looks_at_both_inputs(name: str) -> None:
    torch.manual_seed(0)
    shape = Shape(image_size=SMALL)
    network = build(name, shape).eval()
    gas, image = inputs(Mode.FUSION, shape, samples=8)
    with torch.no_grad():
        logits = network(gas, image)
        assert not torch.allclose(logits, network(gas + 1, image))
        assert not torch.allclose(logits, network(gas, 1 - image))


def test_feature_vectors_have_the_paper_s_lengths() -> None:
    gas, image = torch.zeros(2, 7), torch.zeros(2, 1, 224, 224)
    assert GasFeatures.length(7) == GasFeatures()(gas).shape[1] == 384
    assert ThermalFeatures.length(224) == ThermalFeatures()(image).shape[1] == 2304
    assert FusionI().head[0].in_features == 2688
    assert LstmFeatures.length(7) == LstmFeatures(1, 0.0)(gas).shape[1] == 7 * 64


def test_late_fusion_joins_one_value_per_class_and_branch() -> None:
    assert FusionII().head.in_features == 8


@pytest.mark.parametrize(
    ("family", "combine"),
    [(FusionIIIMax, torch.maximum), (FusionIIIMean, lambda first, second: (first + second) / 2)],
)
def test_fusion_iii_combines_the_probabilities_of_both_branches(family: type, combine: object) -> None:
    torch.manual_seed(0)
    shape = Shape(image_size=SMALL)
    network = family(shape).eval()
    gas, image = inputs(Mode.FUSION, shape, samples=8)
    with torch.no_grad():
        answer = network(gas, image).softmax(dim=1)
        expected = combine(network.gas(gas).softmax(dim=1), network.thermal(image).softmax(dim=1))  # type: ignore[operator]
    torch.testing.assert_close(answer, expected / expected.sum(dim=1, keepdim=True))


def test_an_unknown_network_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'fusion5'; there are cnn1d, .*fusion4"):
        find_architecture("fusion5")


def test_a_picture_too_small_for_six_halvings_is_refused() -> None:
    with pytest.raises(ValueError, match="image_size is 32; 6 halvings"):
        build("gasnet", Shape(image_size=32))
