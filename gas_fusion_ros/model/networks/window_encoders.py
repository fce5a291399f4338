"""What a window of gas readings says: encoders from windows to logits, each of which takes a dead channel.

Every encoder takes normalised counts `gas` (N, W, C), oldest first, and `valid` (N, W, C), 1 where a reading
stands behind a value, and returns logits (N, K) and a distance (N,), which grows as the input gets unlike
training. A channel counts as dead where its newest value is not valid; it then has no influence.
"""

from __future__ import annotations

import torch
from torch import nn

from gas_fusion_ros.model.networks.shape import Shape

STATISTICS = 16
"""Statistics per channel."""
PROTOTYPES = 64
"""Prototypes per class."""
PATROL_PROTOTYPES = 128
"""Further prototypes per class, of simulated patrols."""
CLIP = 5.0
"""Standard deviations from the training's mean beyond which a statistic says no more."""

_QUANTILES = (0.2, 0.5, 0.8)


def alive(valid: torch.Tensor) -> torch.Tensor:
    """Return which channels have a newest value, shape (N, C), from `valid`, shape (N, W, C)."""
    return valid[:, -1]


class WindowStatistics(nn.Module):
    """Sixteen statistics of each channel's window, standardised by training's mean and deviation.

    Level, distance from mean, minimum and maximum, spread, slope, extreme one-step and two-step
    changes, quantiles. W is at least 3.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    slope: torch.Tensor
    quantiles: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape.gas_channels, STATISTICS))
        self.register_buffer("deviation", torch.ones(shape.gas_channels, STATISTICS))
        time = torch.arange(shape.window, dtype=torch.float32) - (shape.window - 1) / 2
        self.register_buffer("slope", time / time.square().sum() * shape.window, persistent=False)
        places = [quantile * (shape.window - 1) for quantile in _QUANTILES]
        ranks = torch.arange(shape.window, dtype=torch.float32)
        # The linear interpolation between order statistics, as one matrix (W, 3).
        weights = torch.stack([(1 - (ranks - place).abs()).clamp(min=0) for place in places], dim=1)
        self.register_buffer("quantiles", weights, persistent=False)

    def raw(self, gas: torch.Tensor) -> torch.Tensor:
        """Return the statistics of windows (N, W, C) before they are standardised, shape (N, C, 16)."""
        last, mean = gas[:, -1], gas.mean(dim=1)
        least, most = gas.amin(dim=1), gas.amax(dim=1)
        step, leap = gas[:, 1:] - gas[:, :-1], gas[:, 2:] - gas[:, :-2]
        slope = (gas * self.slope[:, None]).sum(dim=1)
        ordered = gas.transpose(1, 2).sort(dim=2).values
        spread = (gas - mean[:, None]).square().mean(dim=1).sqrt()
        single = (
            last,
            last - mean,
            spread,
            last - least,
            most - last,
            slope,
            step.amin(dim=1),
            step.amax(dim=1),
            step.abs().mean(dim=1),
            leap.amin(dim=1),
            leap.amax(dim=1),
            mean,
            gas[:, 0],
        )
        return torch.cat((torch.stack(single, dim=2), ordered @ self.quantiles), dim=2)

    def fit(self, gas: torch.Tensor) -> None:
        """Take mean and deviation from training's windows, shape (N, W, C)."""
        statistics = self.raw(gas)
        self.mean.copy_(statistics.mean(dim=0))
        self.deviation.copy_(statistics.std(dim=0, correction=0).clamp(min=1e-5))

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return standardised statistics, shape (N, C, 16), 0 for a dead channel."""
        standardised = ((self.raw(gas) - self.mean) / self.deviation).clamp(-CLIP, CLIP)
        return standardised * alive(valid)[:, :, None]


class PrototypeEncoder(nn.Module):
    """Compares a window's statistics with prototypes of each class: a soft nearest neighbour.

    The squared distance to each prototype runs over the living channels alone and is scaled up to all of
    them. A class's logit is the logarithm of its summed similarities exp(prior - sharpness * distance).

    Attributes:
        recorded: how many prototypes of each class, the first ones, come from recorded windows.
        prototypes: shape (K, P, C, 16).
        log_sharpness: scalar.
        prior: shape (K, P), how much a prototype's similarity counts, as a logarithm.

    Weights may hold another number of prototypes than a fresh network, as those of a taught model do.
    """

    prior: torch.Tensor

    def __init__(self, shape: Shape, recorded: int = PROTOTYPES, further: int = 0) -> None:
        super().__init__()
        self.recorded = recorded
        self.statistics = WindowStatistics(shape)
        sizes = (shape.classes, recorded + further)
        self.prototypes = nn.Parameter(torch.zeros(*sizes, shape.gas_channels, STATISTICS))
        self.log_sharpness = nn.Parameter(torch.tensor(0.3).log())
        self.register_buffer("prior", torch.zeros(*sizes))
        self.register_load_state_dict_pre_hook(_fit_sizes)

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and the squared distance to the nearest prototype (N,), per statistic."""
        distances = self.distances(self.statistics(gas, valid), alive(valid))
        logits = (self.prior - self.log_sharpness.exp() * distances).logsumexp(dim=2)
        return logits, distances.flatten(1).amin(dim=1) / (gas.shape[2] * STATISTICS)

    def distances(self, statistics: torch.Tensor, living: torch.Tensor) -> torch.Tensor:
        """Return squared distances, shape (N, K, P), of statistics (N, C, 16); `living` (N, C) is 1 or 0."""
        classes, prototypes, channels, _ = self.prototypes.shape
        flat = self.prototypes.reshape(classes * prototypes, channels, STATISTICS)
        own = statistics.square().sum(dim=(1, 2))[:, None]
        cross = statistics.flatten(1) @ flat.flatten(1).T
        theirs = living @ flat.square().sum(dim=2).T
        scale = channels / living.sum(dim=1, keepdim=True).clamp(min=1)
        distances = (own - 2 * cross + theirs).clamp(min=0) * scale
        return distances.reshape(-1, classes, prototypes)


def _fit_sizes(network: nn.Module, state: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
    """Make room for as many prototypes as weights hold; older ones have one prior for all classes."""
    assert isinstance(network, PrototypeEncoder)
    prototypes = state.get(f"{prefix}prototypes")
    if prototypes is None or prototypes.dim() != 4:
        return
    classes, channels, statistics = (network.prototypes.shape[place] for place in (0, 2, 3))
    count = prototypes.shape[1]
    prior = state.get(f"{prefix}prior")
    if prior is not None and prior.dim() == 1:
        state[f"{prefix}prior"] = prior.expand(classes, -1)
    network.prototypes = nn.Parameter(network.prototypes.new_zeros(classes, count, channels, statistics))
    network.prior = network.prior.new_zeros(classes, count)


class PatrolPrototypeEncoder(PrototypeEncoder):
    """Prototypes of recorded windows, and further ones of windows in which the air changes.

    The further ones have a smaller prior: they decide where no recorded one is near.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, further=PATROL_PROTOTYPES)


def energy(logits: torch.Tensor) -> torch.Tensor:
    """Return the energy of logits (N, K), shape (N,): high where no class speaks up.

    Source: Liu et al. (2020), Energy-based Out-of-distribution Detection.
    """
    return -logits.logsumexp(dim=1)


class StatisticsEncoder(nn.Module):
    """A small perceptron over the window's statistics."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.statistics = WindowStatistics(shape)
        inputs = shape.gas_channels * (STATISTICS + 1)
        self.layers = nn.Sequential(
            nn.Linear(inputs, 128),
            nn.LayerNorm(128),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(128, 64),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(64, shape.classes),
        )

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and their energy (N,)."""
        values = torch.cat((self.statistics(gas, valid).flatten(1), alive(valid)), dim=1)
        logits = self.layers(values)
        return logits, energy(logits)


class BlendEncoder(nn.Module):
    """Prototypes and perceptron side by side: the mean of their probabilities, the prototypes' distance."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.prototypes = PrototypeEncoder(shape)
        self.perceptron = StatisticsEncoder(shape)

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and the squared distance to the nearest prototype (N,), per statistic."""
        near, distance = self.prototypes(gas, valid)
        learned, _ = self.perceptron(gas, valid)
        return torch.logaddexp(near.log_softmax(dim=1), learned.log_softmax(dim=1)), distance


def _series(gas: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return values and validity side by side, shape (N, W, 2C); a dead channel is 0 throughout."""
    living = valid * alive(valid)[:, None]
    return torch.cat((gas.clamp(-CLIP, CLIP) * living, living), dim=2)


class ConvolutionEncoder(nn.Module):
    """A temporal convolutional network: four causal, dilated, residual convolutions.

    Source: Bai, Kolter, Koltun (2018), An Empirical Evaluation of Generic Convolutional and Recurrent
    Networks for Sequence Modeling.
    """

    def __init__(self, shape: Shape, width: int = 48) -> None:
        super().__init__()
        inputs = (2 * shape.gas_channels, width, width, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.ConstantPad1d((2 * dilation, 0), 0.0),
                nn.Conv1d(channels, width, kernel_size=3, dilation=dilation),
                nn.BatchNorm1d(width),
                nn.GELU(),
                nn.Dropout(shape.dropout),
            )
            for channels, dilation in zip(inputs, (1, 2, 4, 8), strict=True)
        )
        self.head = nn.Linear(3 * width, shape.classes)

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and their energy (N,)."""
        first, *further = self.layers
        values = first(_series(gas, valid).transpose(1, 2))
        for layer in further:
            values = values + layer(values)
        logits = self.head(torch.cat((values[:, :, -1], values.mean(dim=2), values.amax(dim=2)), dim=1))
        return logits, energy(logits)


class RecurrentEncoder(nn.Module):
    """A gated recurrent unit, read out at its last step and on average.

    Source: Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder.
    """

    def __init__(self, shape: Shape, units: int = 64) -> None:
        super().__init__()
        self.recurrent = nn.GRU(2 * shape.gas_channels, units, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(shape.dropout), nn.Linear(2 * units, shape.classes))

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and their energy (N,)."""
        states, _ = self.recurrent(_series(gas, valid))
        logits = self.head(torch.cat((states[:, -1], states.mean(dim=1)), dim=1))
        return logits, energy(logits)


class AttentionEncoder(nn.Module):
    """Two transformer layers over time, then over channels: each channel's series is a token of the second.

    Source: Vaswani et al. (2017), Attention Is All You Need; pre-normalised.
    """

    def __init__(self, shape: Shape, width: int = 48) -> None:
        super().__init__()
        self.moment = nn.Linear(2 * shape.gas_channels, width)
        self.place = nn.Parameter(0.02 * torch.randn(shape.window, width))
        self.channel = nn.Linear(2 * shape.window, width)
        self.name = nn.Parameter(0.02 * torch.randn(shape.gas_channels, width))
        self.over_time = _attention(width)
        self.over_channels = _attention(width)
        self.head = nn.Sequential(nn.Dropout(shape.dropout), nn.Linear(3 * width, shape.classes))

    def forward(self, gas: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, K) and their energy (N,)."""
        series = _series(gas, valid)
        moments = self.over_time(self.moment(series) + self.place)
        values, living = series.chunk(2, dim=2)
        tokens = torch.cat((values.transpose(1, 2), living.transpose(1, 2)), dim=2)
        channels = self.over_channels(self.channel(tokens) + self.name)
        logits = self.head(torch.cat((moments[:, -1], moments.mean(dim=1), channels.mean(dim=1)), dim=1))
        return logits, energy(logits)


def _attention(width: int) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        width, 4, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
    )
