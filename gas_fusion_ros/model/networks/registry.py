"""Every network by its name: what it takes and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.backbones import googlenet, resnet34, vgg16
from gas_fusion_ros.model.networks.fusion import (
    EarlyFusion2021,
    FusionI,
    FusionII,
    FusionIIIMax,
    FusionIIIMean,
    FusionIV,
)
from gas_fusion_ros.model.networks.gas import GasCnn, GasDnn, GasLstm
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion
from gas_fusion_ros.model.networks.thermal import Cnn2021, GasNet


@dataclass(frozen=True)
class Architecture:
    """One network family.

    Attributes:
        name: its name.
        mode: what it takes: normalised counts (N, C), pictures (N, I, S, S) in 0..1, or both in this order.
        build: makes one of a shape, with fresh weights.
        windowed: whether it takes windows of readings, and serves every mode; see `model.networks.temporal`.
    """

    name: str
    mode: Mode
    build: Callable[[Shape], nn.Module]
    windowed: bool = False


_ALL = (
    Architecture("cnn1d", Mode.GAS_ONLY, GasCnn),
    Architecture("lstm", Mode.GAS_ONLY, GasLstm),
    Architecture("lstm5", Mode.GAS_ONLY, partial(GasLstm, layers=5)),
    Architecture("dnn", Mode.GAS_ONLY, GasDnn),
    Architecture("gasnet", Mode.THERMAL_ONLY, GasNet),
    Architecture("cnn2021", Mode.THERMAL_ONLY, Cnn2021),
    Architecture("vgg16", Mode.THERMAL_ONLY, vgg16),
    Architecture("resnet34", Mode.THERMAL_ONLY, resnet34),
    Architecture("googlenet", Mode.THERMAL_ONLY, googlenet),
    Architecture("fusion1", Mode.FUSION, FusionI),
    Architecture("fusion2", Mode.FUSION, FusionII),
    Architecture("fusion3_max", Mode.FUSION, FusionIIIMax),
    Architecture("fusion3_mean", Mode.FUSION, FusionIIIMean),
    Architecture("fusion4", Mode.FUSION, FusionIV),
    Architecture("early2021", Mode.FUSION, EarlyFusion2021),
    *(
        Architecture(f"temporal_{name}", Mode.FUSION, partial(TemporalFusion, encoder=encoder), windowed=True)
        for name, encoder in ENCODERS.items()
    ),
)

ARCHITECTURES: Mapping[str, Architecture] = {entry.name: entry for entry in _ALL}
"""All networks, by name."""


def find_architecture(name: str) -> Architecture:
    """Return the architecture called `name`.

    Raises:
        ValueError: there is none; the message names those there are.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"no network is called '{name}'; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def build(name: str, shape: Shape) -> nn.Module:
    """Build the network called `name`, with fresh weights.

    Raises:
        ValueError: there is no such network, or the picture is too small for it.
    """
    return find_architecture(name).build(shape)
