"""Every network by its name: what it takes and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from gas_fusion_ros.networks.backbones import googlenet, resnet34, vgg16
from gas_fusion_ros.networks.fusion import (
    EarlyFusion2021,
    FusionI,
    FusionII,
    FusionIIIMax,
    FusionIIIMean,
    FusionIV,
)
from gas_fusion_ros.networks.gas import GasCnn, GasDnn, GasLstm
from gas_fusion_ros.networks.thermal import Cnn2021, GasNet
from gas_fusion_ros.observation import Mode


@dataclass(frozen=True)
class Shape:
    """What a network's layers are sized by.

    Attributes:
        classes: length of the logits.
        gas_channels: sensors of a reading, C.
        image_channels: channels of a picture, I: 1 or 3.
        image_size: side of a picture, S, pixels.
        dropout: share of units dropped in training.
    """

    classes: int = 4
    gas_channels: int = 7
    image_channels: int = 1
    image_size: int = 224
    dropout: float = 0.3


@dataclass(frozen=True)
class Architecture:
    """One network family.

    Attributes:
        name: its name.
        mode: what it takes: normalised counts (N, C), pictures (N, I, S, S) in 0..1, or both in this order.
        build: makes one of a shape, with fresh weights.
    """

    name: str
    mode: Mode
    build: Callable[[Shape], nn.Module]


def _cnn1d(shape: Shape) -> nn.Module:
    return GasCnn(shape.classes, shape.gas_channels, shape.dropout)


def _lstm(shape: Shape) -> nn.Module:
    return GasLstm(shape.classes, shape.gas_channels, 1, shape.dropout)


def _lstm5(shape: Shape) -> nn.Module:
    return GasLstm(shape.classes, shape.gas_channels, 5, shape.dropout)


def _dnn(shape: Shape) -> nn.Module:
    return GasDnn(shape.classes, shape.gas_channels, shape.dropout)


def _gasnet(shape: Shape) -> nn.Module:
    return GasNet(shape.classes, shape.image_channels, shape.image_size, shape.dropout)


def _cnn2021(shape: Shape) -> nn.Module:
    return Cnn2021(shape.classes, shape.image_channels, shape.image_size, shape.dropout)


def _vgg16(shape: Shape) -> nn.Module:
    return vgg16(shape.classes, shape.image_channels, shape.dropout)


def _resnet34(shape: Shape) -> nn.Module:
    return resnet34(shape.classes, shape.image_channels)


def _googlenet(shape: Shape) -> nn.Module:
    return googlenet(shape.classes, shape.image_channels, shape.dropout)


def _joint_fusion(
    family: type[FusionI | FusionII | FusionIV | EarlyFusion2021],
) -> Callable[[Shape], nn.Module]:
    def build(shape: Shape) -> nn.Module:
        return family(
            shape.classes, shape.gas_channels, shape.image_channels, shape.image_size, shape.dropout
        )

    return build


def _fusion3(family: type[FusionIIIMax | FusionIIIMean]) -> Callable[[Shape], nn.Module]:
    def build(shape: Shape) -> nn.Module:
        return family(_cnn1d(shape), _gasnet(shape))

    return build


_ALL = (
    Architecture("cnn1d", Mode.GAS_ONLY, _cnn1d),
    Architecture("lstm", Mode.GAS_ONLY, _lstm),
    Architecture("lstm5", Mode.GAS_ONLY, _lstm5),
    Architecture("dnn", Mode.GAS_ONLY, _dnn),
    Architecture("gasnet", Mode.THERMAL_ONLY, _gasnet),
    Architecture("cnn2021", Mode.THERMAL_ONLY, _cnn2021),
    Architecture("vgg16", Mode.THERMAL_ONLY, _vgg16),
    Architecture("resnet34", Mode.THERMAL_ONLY, _resnet34),
    Architecture("googlenet", Mode.THERMAL_ONLY, _googlenet),
    Architecture("fusion1", Mode.FUSION, _joint_fusion(FusionI)),
    Architecture("fusion2", Mode.FUSION, _joint_fusion(FusionII)),
    Architecture("fusion3_max", Mode.FUSION, _fusion3(FusionIIIMax)),
    Architecture("fusion3_mean", Mode.FUSION, _fusion3(FusionIIIMean)),
    Architecture("fusion4", Mode.FUSION, _joint_fusion(FusionIV)),
    Architecture("early2021", Mode.FUSION, _joint_fusion(EarlyFusion2021)),
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
