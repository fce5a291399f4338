"""Which rows and columns of a network's weights belong to which class and to which channel.

Two networks of one architecture, for other classes, channels or pictures, have weights that mean the same
where their labels here are equal: so weights are taken over by name, not by place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from gas_fusion_ros.model.networks.gas import GasFeatures, LstmFeatures
from gas_fusion_ros.model.networks.thermal import Cnn2021Features, ThermalFeatures

Labels = Sequence[Hashable]
"""What each index of an axis stands for."""
Axes = dict[tuple[str, int], Labels]
"""Labels by the name of a tensor and the number of its axis."""


@dataclass(frozen=True)
class Purpose:
    """What a network is for, by name.

    Attributes:
        classes: names in the order of the logits, length K.
        channels: gas channels in the order of the input, length C.
        known: the channels, in their order, of the network that its weights are compared with.
        image_size: side of the picture, pixels; 0 without one.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    known: tuple[str, ...]
    image_size: int = 0


def axes_of(architecture: str, purpose: Purpose) -> Axes:
    """Return the labels of every axis whose length or meaning follows from classes, channels or picture.

    Args:
        architecture: one for single readings that trains something itself, by its name in the registry.
        purpose: what the network is for.
    """
    return LAYOUTS[architecture](purpose)


def _classes(purpose: Purpose, role: str = "class") -> Labels:
    return [(role, name) for name in purpose.classes]


def _channels(purpose: Purpose) -> Labels:
    return [("channel", name) for name in purpose.channels]


def _convolved(purpose: Purpose) -> Labels:
    """Label the features of `GasFeatures`: 128 filters, each at every pair of neighbouring channels.

    A pair has the label of the known pair with which it shares most channels, the first of equals.
    """
    pairs, known = _pairs(purpose.channels), _pairs(purpose.known)
    places = [_nearest(pair, known) for pair in pairs]
    filters = GasFeatures.length(len(purpose.channels)) // len(pairs)
    # A place that is like none gets a label that the other network does not have.
    return [
        ("filter", number, ("new", at) if place is None else place)
        for number in range(filters)
        for at, place in enumerate(places)
    ]


def _pairs(channels: Sequence[str]) -> list[frozenset[str]]:
    return [frozenset(channels[at : at + 2]) for at in range(0, len(channels) - 1, 2)]


def _nearest(pair: frozenset[str], known: Sequence[frozenset[str]]) -> int | None:
    shared = [len(pair & other) for other in known]
    return shared.index(max(shared)) if any(shared) else None


def _stepped(purpose: Purpose) -> Labels:
    """Label the features of `LstmFeatures`: the states of 64 units after each channel."""
    units = range(LstmFeatures.length(1))
    return [("state", name, unit) for name in purpose.channels for unit in units]


def _seen(length: Callable[[int], int]) -> Callable[[Purpose], Labels]:
    """Label a picture's features: those of pictures of another size lie elsewhere."""
    return lambda purpose: [("place", purpose.image_size, at) for at in range(length(purpose.image_size))]


_thermal = _seen(ThermalFeatures.length)
_thermal_2021 = _seen(Cnn2021Features.length)


def _layers(name: str, last: int, features: Labels, purpose: Purpose) -> Axes:
    """Label fully connected layers from features to logits, the last of which is number `last`."""
    return {(f"{name}.0.weight", 1): features, **_answer(f"{name}.{last}", purpose)}


def _answer(name: str, purpose: Purpose) -> Axes:
    """Label a layer that ends in one value per class."""
    return {(f"{name}.{tensor}", 0): _classes(purpose) for tensor in ("weight", "bias")}


def _cnn1d(purpose: Purpose) -> Axes:
    return _layers("head", 6, _convolved(purpose), purpose)


def _gasnet(purpose: Purpose) -> Axes:
    return _layers("head", 6, _thermal(purpose), purpose)


def _fusion1(purpose: Purpose) -> Axes:
    return _layers("head", 3, [*_thermal(purpose), *_convolved(purpose)], purpose)


def _fusion2(purpose: Purpose) -> Axes:
    return {
        **_within("gas", _cnn1d(purpose)),
        **_within("thermal", _gasnet(purpose)),
        **_joint_answer(purpose),
    }


def _fusion4(purpose: Purpose) -> Axes:
    return {
        ("joint.0.weight", 1): [*_thermal(purpose), *_convolved(purpose)],
        **_answer("image_predictor", purpose),
        **_answer("sensor_predictor", purpose),
        **_joint_answer(purpose),
    }


def _within(branch: str, axes: Axes) -> Axes:
    return {(f"{branch}.{name}", axis): labels for (name, axis), labels in axes.items()}


def _joint_answer(purpose: Purpose) -> Axes:
    """Label a layer that reads the picture's answer and the readings', and ends in one value per class."""
    answers = [*_classes(purpose, "by picture"), *_classes(purpose, "by readings")]
    return {("head.weight", 1): answers, **_answer("head", purpose)}


LAYOUTS: Mapping[str, Callable[[Purpose], Axes]] = {
    "cnn1d": _cnn1d,
    "lstm": lambda purpose: _layers("head", 6, _stepped(purpose), purpose),
    "lstm5": lambda purpose: _layers("head", 6, _stepped(purpose), purpose),
    "dnn": lambda purpose: _layers("layers", 12, _channels(purpose), purpose),
    "gasnet": _gasnet,
    "cnn2021": lambda purpose: _layers("head", 6, _thermal_2021(purpose), purpose),
    "vgg16": lambda purpose: _answer("classifier.6", purpose),
    "resnet34": lambda purpose: _answer("fc", purpose),
    "googlenet": lambda purpose: _answer("fc", purpose),
    "fusion1": _fusion1,
    "fusion2": _fusion2,
    "fusion4": _fusion4,
    "early2021": lambda purpose: _layers("head", 3, [*_thermal_2021(purpose), *_stepped(purpose)], purpose),
}
"""Of the networks that can be begun with another's weights, by architecture."""
