"""VGG16, ResNet-34 and GoogLeNet of torchvision, from scratch, for pictures of one or three channels.

Sources: Simonyan and Zisserman (2014), He et al. (2015), Szegedy et al. (2014). VGG16 is the variant with
batch normalisation, which the protocol of Ahn, Kim, Kim (2023) asks for; GoogLeNet goes without its
auxiliary classifiers. torchvision is imported where one is built: the other networks do without.
"""

from __future__ import annotations

from torch import nn

from gas_fusion_ros.model.networks.shape import Shape

RGB = 3


def vgg16(shape: Shape) -> nn.Module:
    """Build VGG16: pictures (N, I, S, S) in 0..1, S at least 32, to logits (N, K)."""
    from torchvision.models import vgg16_bn

    network = vgg16_bn(weights=None, num_classes=shape.classes, dropout=shape.dropout)
    network.features[0] = _for_channels(network.features[0], shape.image_channels)
    return network


def resnet34(shape: Shape) -> nn.Module:
    """Build ResNet-34: pictures (N, I, S, S) in 0..1, S at least 32, to logits (N, K)."""
    from torchvision.models import resnet34 as torchvision_resnet34

    network = torchvision_resnet34(weights=None, num_classes=shape.classes)
    network.conv1 = _for_channels(network.conv1, shape.image_channels)
    return network


def googlenet(shape: Shape) -> nn.Module:
    """Build GoogLeNet: pictures (N, I, S, S) in 0..1, S at least 32, to logits (N, K)."""
    from torchvision.models import googlenet as torchvision_googlenet

    network = torchvision_googlenet(
        weights=None, num_classes=shape.classes, aux_logits=False, init_weights=True, dropout=shape.dropout
    )
    network.conv1.conv = _for_channels(network.conv1.conv, shape.image_channels)
    return network


def _for_channels(first: nn.Module, channels: int) -> nn.Module:
    """Return the first convolution for pictures of `channels` channels; itself for RGB."""
    assert isinstance(first, nn.Conv2d)
    if channels == RGB:
        return first
    convolution = nn.Conv2d(
        channels,
        first.out_channels,
        kernel_size=first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution
