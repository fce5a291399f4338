"""Temporal fusion: a window of gas readings and a thermal picture, either of which may be missing.

Each sensor gives its evidence, the logarithm of its calibrated class probabilities, and these add up: as
they do where both sensors err independently. A missing sensor adds nothing, so one network serves all modes.
Of a class that was taught without pictures a picture says what it says of the others on average. What a
picture may say at most is bounded by how reliable pictures were that differ from those of training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from gas_fusion_ros.model.networks.folding import fold_batch_norm
from gas_fusion_ros.model.networks.head import classifier_head
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.thermal import PLUME_WIDTHS, PlumeFeatures, ThermalFeatures
from gas_fusion_ros.model.networks.window_encoders import (
    AttentionEncoder,
    BlendEncoder,
    ConvolutionEncoder,
    PatrolPrototypeEncoder,
    PrototypeEncoder,
    RecurrentEncoder,
    StatisticsEncoder,
    alive,
)

ENCODERS: Mapping[str, Callable[[Shape], nn.Module]] = {
    "prototypes": PrototypeEncoder,
    "patrols": PatrolPrototypeEncoder,
    "statistics": StatisticsEncoder,
    "blend": BlendEncoder,
    "convolution": ConvolutionEncoder,
    "recurrent": RecurrentEncoder,
    "attention": AttentionEncoder,
}
"""Encoders of a window of gas readings, by name."""

OUTPUTS = ("logits", "novelty", "gas_logits")
"""Names, in ONNX, of what `TemporalFusion` returns."""

EMBEDDING = 64
"""Length of the vector in which pictures are compared."""
_IMPOSSIBLE = 1e-30
"""Probability that stands for none: its logarithm is finite."""


class ThermalEncoder(nn.Module):
    """A network for pictures that also tells how far a picture lies from those of training.

    The distance is that of the last hidden layer to the nearest class's mean, in training's standard
    deviations: Lee et al. (2018), A Simple Unified Framework for Detecting Out-of-Distribution Samples,
    with a diagonal covariance.

    Weights may hold fewer classes than a fresh network: the first ones, those of which there are pictures.
    They may also be those of GasNet (Ahn, Kim, Kim 2023), which earlier bundles have here.
    """

    classes: nn.Linear
    centres: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.features: nn.Module = PlumeFeatures(shape.image_channels)
        head = classifier_head(PlumeFeatures.length(shape.image_size), shape)
        self.embedding, last = head[:-1], head[-1]
        assert isinstance(last, nn.Linear)
        self.classes = last
        self.register_buffer("centres", torch.zeros(shape.classes, EMBEDDING))
        self.register_buffer("deviation", torch.ones(EMBEDDING))
        self.register_load_state_dict_pre_hook(_fit_classes)
        self.register_load_state_dict_pre_hook(_fit_features)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn pictures (N, I, S, S) in 0..1 into logits of the classes with pictures and a distance (N,)."""
        embedded = self.embedding(self.features(image))
        apart = (embedded[:, None] - self.centres) / self.deviation
        return self.classes(embedded), apart.square().mean(dim=2).amin(dim=1)

    def place_centres(self, embedded: torch.Tensor, labels: torch.Tensor) -> None:
        """Set where each class's pictures lie, and how far they spread about it.

        Args:
            embedded: pictures of training in the last hidden layer, shape (N, `EMBEDDING`).
            labels: their classes, shape (N,).
        """
        with torch.no_grad():
            centres = torch.stack(
                [embedded[labels == label].mean(dim=0) for label in range(len(self.centres))]
            )
            self.centres.copy_(centres)
            spread = (embedded - centres[labels]).square().mean(dim=0).sqrt()
            # A unit that hardly a picture moves would make every difference endless.
            self.deviation.copy_(spread.clamp(min=float(spread.mean()) / 10))


def _fit_classes(network: nn.Module, state: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
    """Make room for as many classes as weights hold."""
    assert isinstance(network, ThermalEncoder)
    weight = state.get(f"{prefix}classes.weight")
    if weight is not None and weight.dim() == 2:
        network.classes = nn.Linear(EMBEDDING, len(weight))
        network.centres = network.centres.new_zeros(len(weight), EMBEDDING)


def _fit_features(network: nn.Module, state: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
    """Make the convolutions those that weights hold: GasNet has one more, and other widths."""
    assert isinstance(network, ThermalEncoder)
    first = state.get(f"{prefix}features.layers.0.0.weight")
    if first is None or f"{prefix}features.layers.{len(PLUME_WIDTHS)}.0.weight" not in state:
        return
    features = ThermalFeatures(first.shape[1]).train(network.training)
    is_folded = f"{prefix}features.layers.0.1.weight" not in state
    network.features = fold_batch_norm(features.eval()) if is_folded else features
    width, length = state[f"{prefix}embedding.0.weight"].shape
    network.embedding[0] = nn.Linear(length, width)


def with_unseen(logits: torch.Tensor, temperature: torch.Tensor, seen: int, unseen: int) -> torch.Tensor:
    """Complete logits by those of the classes of which there are no pictures.

    Each gets the mean probability of the others: so a picture moves it neither up nor down on average.

    Args:
        logits: shape (N, seen), of the first classes.
        temperature: scalar, what makes calibrated probabilities of them.
        seen: how many these are.
        unseen: how many there are of the others.

    Returns:
        Shape (N, seen + unseen).
    """
    if not unseen:
        return logits
    mean = ((logits / temperature).logsumexp(dim=1, keepdim=True) - math.log(seen)) * temperature
    return torch.cat((logits, *[mean] * unseen), dim=1)


def bounded(evidence: torch.Tensor, reliability: torch.Tensor) -> torch.Tensor:
    """Return evidence of an observer that is at times wrong, whatever it believes.

    In the share `reliability` of cases the probabilities hold, in the others any class is as likely as
    another. So the log-odds of two of K classes are at most log(1 + K reliability / (1 - reliability)).

    Args:
        evidence: shape (N, K), logarithm of probabilities.
        reliability: scalar, 0..1; 1 leaves the evidence as it is.
    """
    believed = evidence.exp()
    held = reliability * believed + (1 - reliability) * believed.mean(dim=1, keepdim=True)
    return held.clamp(min=_IMPOSSIBLE).log()


class TemporalFusion(nn.Module):
    """A window encoder and a network for pictures, joined by their evidence.

    Attributes:
        gas: encoder of the window.
        thermal: encoder of the picture.
        temperatures: shape (2,), of gas and thermal: probabilities are calibrated before they are joined.
        limits: shape (2,), distances of gas and thermal beyond which an input is unlike training.
        reliability: scalar, see `bounded`: of pictures of kinds that training has not seen.
        least_sure: scalar, probability of a picture's likeliest class below which it says nothing.
    """

    classes: int
    thermal: ThermalEncoder
    temperatures: torch.Tensor
    limits: torch.Tensor
    reliability: torch.Tensor
    least_sure: torch.Tensor

    def __init__(self, shape: Shape, encoder: Callable[[Shape], nn.Module]) -> None:
        super().__init__()
        self.classes = shape.classes
        self.gas = encoder(shape)
        self.thermal = ThermalEncoder(shape)
        self.register_buffer("temperatures", torch.ones(2))
        self.register_buffer("limits", torch.ones(2))
        self.register_buffer("reliability", torch.ones(()))
        self.register_buffer("least_sure", torch.zeros(()))
        self.register_load_state_dict_pre_hook(_trust_pictures)

    def forward(
        self, gas: torch.Tensor, valid: torch.Tensor, image: torch.Tensor, has_image: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return logits, novelty, and the logits of the readings alone.

        A picture unlike training, or of which too little is sure, says nothing where there is a reading.

        Args:
            gas: shape (N, W, C), normalised counts; 0 without a reading.
            valid: shape (N, W, C), 1 or 0; all 0 without a reading.
            image: shape (N, I, S, S), 0..1; anything without a picture.
            has_image: shape (N, 1), 1 or 0.

        Returns:
            Logits (N, K); novelty (N,), 1 at the limit, of the window or, without a reading, of the picture;
            logits (N, K) as they were without the picture.
        """
        gas_logits, gas_distance = self.gas(gas, valid)
        seen_logits, thermal_distance = self.thermal(image)
        seen = self.thermal.classes.out_features
        thermal_logits = with_unseen(seen_logits, self.temperatures[1], seen, self.classes - seen)
        has_gas = alive(valid).amax(dim=1, keepdim=True)
        # Both at once, so that temperatures and limits are initializers of their own in ONNX.
        novelty = torch.stack((gas_distance, thermal_distance), dim=1) / self.limits
        evidence = (torch.stack((gas_logits, thermal_logits), dim=2) / self.temperatures).log_softmax(dim=1)
        gas_novelty, thermal_novelty = novelty[:, :1], novelty[:, 1:]
        shown = bounded(evidence[:, :, 1], self.reliability)
        is_sure = evidence[:, :, 1].exp().amax(dim=1, keepdim=True) >= self.least_sure
        speaks = ((thermal_novelty <= 1) & is_sure).to(gas.dtype)
        trusted = has_image * torch.maximum(speaks, 1 - has_gas)
        alone = has_gas * evidence[:, :, 0]
        logits = alone + trusted * shown
        return logits, (has_gas * gas_novelty + (1 - has_gas) * thermal_novelty)[:, 0], alone


def _trust_pictures(_: nn.Module, state: dict[str, torch.Tensor], prefix: str, *__: object) -> None:
    """Take pictures of weights that were made before their evidence was bounded at their word."""
    state.setdefault(f"{prefix}reliability", torch.ones(()))
    state.setdefault(f"{prefix}least_sure", torch.zeros(()))
