"""Temporal fusion: a window of gas readings and a thermal picture, either of which may be missing.

Each sensor gives its evidence, the logarithm of its calibrated class probabilities, and these add up: as
they do where both sensors err independently. A missing sensor adds nothing, so one network serves all modes.
Of a class that was taught without pictures a picture says what it says of the others on average.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from gas_fusion_ros.model.networks.head import classifier_head
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.thermal import ThermalFeatures
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


class ThermalEncoder(nn.Module):
    """GasNet (Ahn, Kim, Kim 2023) that also tells how far a picture lies from those of training.

    The distance is that of the last hidden layer to the nearest class's mean, in training's standard
    deviations: Lee et al. (2018), A Simple Unified Framework for Detecting Out-of-Distribution Samples,
    with a diagonal covariance.

    Weights may hold fewer classes than a fresh network: the first ones, those of which there are pictures.
    """

    classes: nn.Linear
    centres: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.features = ThermalFeatures(shape.image_channels)
        head = classifier_head(ThermalFeatures.length(shape.image_size), shape)
        self.embedding, last = head[:-1], head[-1]
        assert isinstance(last, nn.Linear)
        self.classes = last
        self.register_buffer("centres", torch.zeros(shape.classes, EMBEDDING))
        self.register_buffer("deviation", torch.ones(EMBEDDING))
        self.register_load_state_dict_pre_hook(_fit_classes)

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


class TemporalFusion(nn.Module):
    """A window encoder and GasNet, joined by their evidence.

    Attributes:
        gas: encoder of the window.
        thermal: encoder of the picture.
        temperatures: shape (2,), of gas and thermal: probabilities are calibrated before they are joined.
        limits: shape (2,), distances of gas and thermal beyond which an input is unlike training.
    """

    classes: int
    thermal: ThermalEncoder
    temperatures: torch.Tensor
    limits: torch.Tensor

    def __init__(self, shape: Shape, encoder: Callable[[Shape], nn.Module]) -> None:
        super().__init__()
        self.classes = shape.classes
        self.gas = encoder(shape)
        self.thermal = ThermalEncoder(shape)
        self.register_buffer("temperatures", torch.ones(2))
        self.register_buffer("limits", torch.ones(2))

    def forward(
        self, gas: torch.Tensor, valid: torch.Tensor, image: torch.Tensor, has_image: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return logits, novelty, and the logits of the readings alone.

        A picture unlike training is not used where there is a reading.

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
        trusted = has_image * torch.maximum((thermal_novelty <= 1).to(gas.dtype), 1 - has_gas)
        alone = has_gas * evidence[:, :, 0]
        logits = alone + trusted * evidence[:, :, 1]
        return logits, (has_gas * gas_novelty + (1 - has_gas) * thermal_novelty)[:, 0], alone
