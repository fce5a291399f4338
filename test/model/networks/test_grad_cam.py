"""Grad-CAM points at what decides, for every network that takes pictures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

import numpy as np  # noqa: E402
from pictured_networks import SEED, WINDOWED, WITH_PICTURES, inputs_of, untrained  # noqa: E402
from torch import nn  # noqa: E402

from gas_fusion_ros.model.networks.grad_cam import Explainer, grad_cam, lay_open  # noqa: E402

SIDE = 32


def dim(generator: torch.Generator) -> torch.Tensor:
    """A dim picture, shape (1, SIDE, SIDE)."""
    return 0.3 * torch.rand(1, SIDE, SIDE, generator=generator)


def with_square(quadrant: int, generator: torch.Generator) -> torch.Tensor:
    """A dim picture with a bright square somewhere in one of its quadrants."""
    picture = dim(generator)
    down, right = (int(place) for place in torch.randint(0, 9, (2,), generator=generator))
    top, left = (quadrant // 2) * SIDE // 2 + down, (quadrant % 2) * SIDE // 2 + right
    picture[:, top : top + 7, left : left + 7] = 1.0
    return picture


@pytest.fixture(scope="module")
def square_finder() -> nn.Module:
    """A network trained to tell a picture with a bright square (1) from one without (0)."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(60):
        squares = [with_square((step + place) % 4, generator) for place in range(16)]
        pictures = torch.stack([*squares, *(dim(generator) for _ in range(16))])
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(pictures), torch.tensor([1] * 16 + [0] * 16)).backward()
        optimiser.step()
    return network.eval()


def as_arrays(inputs: Sequence[torch.Tensor]) -> list[np.ndarray]:
    return [value.numpy() for value in inputs]


@pytest.mark.parametrize("quadrant", range(4))
def test_the_map_points_at_the_square_that_decides(quadrant: int, square_finder: nn.Module) -> None:
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        picture = with_square(quadrant, generator)[None]
        assert int(square_finder(picture).argmax()) == 1
        heat = grad_cam(square_finder, square_finder[4], [picture], 1)
        assert heat.shape == (SIDE, SIDE)
        assert heat.dtype == np.float32
        assert heat.min() >= 0
        assert heat.max() == 1
        half = SIDE // 2
        top, left = (quadrant // 2) * half, (quadrant % 2) * half
        assert heat[top : top + half, left : left + half].sum() > 0.75 * heat.sum()


def test_the_map_is_of_the_class_that_was_asked_for(square_finder: nn.Module) -> None:
    picture = with_square(0, torch.Generator().manual_seed(2))[None]
    square, none = (grad_cam(square_finder, square_finder[4], [picture], target) for target in (1, 0))
    place = np.unravel_index(square.argmax(), square.shape)
    assert square[place] == 1
    assert none[place] < 0.1


def test_a_picture_that_does_not_speak_for_the_class_gives_an_empty_map() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 4)).eval()
    with torch.no_grad():
        network[2].weight.zero_()
    heat = grad_cam(network, network[0], [torch.rand(1, 1, 8, 8)], 0)
    assert not heat.any()


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_every_network_with_pictures_can_be_explained(name: str) -> None:
    network = untrained(name)
    explainer = Explainer(network, name)
    heats = [explainer.heat(as_arrays(inputs_of(name, seed=1)), target) for target in range(4)]
    assert all(heat.shape == (64, 64) and heat.min() >= 0 and heat.max() <= 1 for heat in heats)
    assert any(heat.any() for heat in heats)


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_laying_a_network_open_does_not_change_what_it_says(name: str) -> None:
    network = untrained(name)
    inputs = inputs_of(name, seed=1)
    with torch.no_grad():
        before = network(*inputs)
        lay_open(network, name)
        torch.testing.assert_close(network(*inputs), before, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in WITH_PICTURES if name not in WINDOWED])
def test_the_map_is_that_of_captum(name: str) -> None:
    attr = pytest.importorskip("captum.attr", reason="what our maps are compared with")
    network = untrained(name)
    layer = lay_open(network, name)
    inputs = inputs_of(name, seed=1)
    for target in range(4):
        theirs = attr.LayerGradCam(network.requires_grad_(True), layer).attribute(
            tuple(inputs), target=target, relu_attributions=True
        )
        theirs = attr.LayerAttribution.interpolate(theirs, (64, 64), "bilinear")[0, 0].detach()
        ours = grad_cam(network, layer, inputs, target)
        np.testing.assert_allclose(ours, theirs / theirs.max().clamp(min=1e-30), atol=1e-4)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_temporal_network_is_explained_only_where_it_uses_the_picture(name: str) -> None:
    network = untrained(name)
    gas, valid, image, has_image = as_arrays(inputs_of(name, seed=1))

    def speaks(*inputs: np.ndarray) -> bool:
        explainer = Explainer(network, name)
        return any(explainer.heat(inputs, target).any() for target in range(4))

    assert speaks(gas, valid, image, has_image)
    assert speaks(0 * gas, 0 * valid, image, has_image)
    assert not speaks(gas, valid, image, 0 * has_image)
    network.limits.fill_(1e-6)  # every picture is unlike training, and is not used beside a reading
    assert not speaks(gas, valid, image, has_image)
    assert speaks(0 * gas, 0 * valid, image, has_image)


def test_a_softmax_that_is_sure_hides_nothing() -> None:
    """Its gradient is as good as 0, and in single precision the part of the class itself is lost."""
    torch.manual_seed(SEED)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2)).requires_grad_(False)
    sure = nn.Sequential(*plain, nn.LogSoftmax(dim=1))
    plain[2].bias += torch.tensor([25.0, 0.0])
    difference = nn.Sequential(*plain, nn.Linear(2, 1, bias=False)).requires_grad_(False)
    difference[3].weight.copy_(torch.tensor([[1.0, -1.0]]))
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()
    assert torch.softmax(plain(torch.from_numpy(image)), dim=1)[0, 0] == 1
    heat, expected = (Explainer(network, "").heat([image], 0) for network in (sure, difference))
    assert expected.any()
    np.testing.assert_allclose(heat, expected, atol=1e-3)


def test_explaining_leaves_the_network_as_it_is() -> None:
    network = untrained("gasnet")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    Explainer(network, "gasnet").heat(as_arrays(inputs_of("gasnet")), 0)
    assert list(network.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
