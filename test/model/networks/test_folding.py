"""Folding batch normalisation changes no result."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gas_fusion_ros.model.networks.folding import fold_batch_norm  # noqa: E402
from gas_fusion_ros.model.networks.fusion import FusionI  # noqa: E402


def test_folding_keeps_the_results_and_leaves_no_batch_norm() -> None:
    torch.manual_seed(0)
    network = FusionI()
    gas, image = torch.randn(4, 7), torch.rand(4, 1, 224, 224)
    network.train()
    network(gas, image)  # gives the running statistics other values than their first ones
    network.eval()
    folded = fold_batch_norm(copy.deepcopy(network))
    with torch.no_grad():
        torch.testing.assert_close(folded(gas, image), network(gas, image), atol=1e-4, rtol=1e-4)
    assert not [name for name in folded.state_dict() if "running" in name]


class Branching(nn.Module):
    """Batch normalisation as attributes, and behind all that it can stand behind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.conv_norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.shared, self.shared_norm = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.pool, self.pool_norm = nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4)
        self.linear, self.linear_norm = nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        first = self.conv_norm(self.conv(image)).relu()
        second = self.shared(first)
        pooled = self.pool_norm(self.pool(self.shared_norm(second) + second))
        return self.linear_norm(self.linear(pooled.flatten(1)))


def test_only_a_layer_that_alone_feeds_a_batch_norm_takes_it_in() -> None:
    torch.manual_seed(0)
    network, image = Branching(), torch.rand(8, 1, 12, 12)
    network(image)
    network.eval()
    folded = fold_batch_norm(copy.deepcopy(network))
    with torch.no_grad():
        torch.testing.assert_close(folded(image), network(image), atol=1e-5, rtol=1e-5)
    kept = {name.partition(".")[0] for name in folded.state_dict() if "running" in name}
    assert kept == {"shared_norm", "pool_norm"}


def test_weights_folded_once_load_into_a_network_folded_anew() -> None:
    trained = Branching()
    trained(torch.rand(8, 1, 12, 12))
    state = fold_batch_norm(trained.eval()).state_dict()
    fresh = fold_batch_norm(Branching().eval())
    fresh.load_state_dict(state)
    image = torch.rand(2, 1, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(fresh(image), trained(image))
