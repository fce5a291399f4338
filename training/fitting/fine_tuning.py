"""Starts a training from a bundle's or another run's weights instead of random ones.

A bundle holds no batch normalisation any more: it is folded into the layers before it. Here it is put back so
that the network says what the bundle's says, and so that it trains as one that never was folded: its
statistics are measured on the rows to train on, and scale and shift undo them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle, BundleError, file_sha256
from gas_fusion_ros.model.networks.folding import foldable
from gas_fusion_ros.model.runtimes import load_networks
from training.fitting.catalog import Model, all_models
from training.fitting.layouts import LAYOUTS, Axes, Labels, Purpose, axes_of
from training.fitting.material import Normalisation
from training.fitting.norms import restore_norms
from training.results.run_result import RUN, FineTuningOrigin

SAMPLE = 512
"""Rows at most on which the statistics of batch normalisation are measured."""


class StartError(ValueError):
    """A training cannot start from a bundle; the message names both and what would be right."""


class AnyStart(Protocol):
    """Weights that a training starts from."""

    @property
    def sha256(self) -> str:
        """Tells them from others."""

    @property
    def mode(self) -> Mode:
        """What their network takes."""

    def scale(self, fitted: Normalisation, channels: Sequence[str]) -> Normalisation:
        """Return what normalises the readings, given what was fitted to the training rows."""

    def begin(
        self,
        network: nn.Module,
        classes: tuple[str, ...],
        channels: tuple[str, ...],
        image_size: int,
        run_rows: Callable[[nn.Module], object],
    ) -> FineTuningOrigin:
        """Give a fresh network the weights, in place, and say what was taken over; see `take_over`."""


@dataclass(frozen=True)
class Start:
    """A bundle's network that a training starts from.

    Attributes:
        bundle: the bundle; the same one where `sha256` is the same.
        sha256: of its manifest, which holds those of all its files.
        mode: which of its networks.
    """

    bundle: Bundle = field(compare=False)
    sha256: str
    mode: Mode

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Read the network's weights.

        Raises:
            BundleError: they cannot be read.
            StartError: the bundle is another one by now.
        """
        if self.bundle.sha256 != self.sha256:
            raise StartError(f"{self.bundle.path} has changed since the training began")
        return load_networks(self.bundle)[self.mode].state_dict()

    def scale(self, fitted: Normalisation, channels: Sequence[str]) -> Normalisation:
        """Return the bundle's mean and std for the channels that it knows."""
        return kept_normalisation(fitted, channels, self.bundle)

    def begin(
        self,
        network: nn.Module,
        classes: tuple[str, ...],
        channels: tuple[str, ...],
        image_size: int,
        run_rows: Callable[[nn.Module], object],
    ) -> FineTuningOrigin:
        """Take over what the bundle knows; see `take_over`."""
        return take_over(network, self, classes, channels, image_size, run_rows)


@dataclass(frozen=True)
class RunStart:
    """A finished run's network that a training of the same model, classes and channels goes on from.

    Attributes:
        run: the run's name.
        sha256: of its weights.
        mode: what its network takes.
        weights: their file.
        normalisation: the run's.
    """

    run: str
    sha256: str
    mode: Mode
    weights: Path = field(compare=False)
    normalisation: Normalisation = field(compare=False)

    def scale(self, *_: object) -> Normalisation:
        """Return the run's mean and std."""
        return self.normalisation

    def begin(self, network: nn.Module, *_: object) -> FineTuningOrigin:
        """Take over all weights.

        Raises:
            StartError: they are others by now.
        """
        if file_sha256(self.weights) != self.sha256:
            raise StartError(f"{self.weights} has changed since the training began")
        network.load_state_dict(load_file(self.weights))
        return FineTuningOrigin(self.run, self.sha256, self.mode.value, 1.0, kind=RUN)


def open_bundle(name_or_path: str | Path) -> Bundle:
    """Read a bundle of single readings, given by its path or by the name of a shipped one.

    Raises:
        StartError: there is none, it cannot be read, or it looks at windows of readings.
    """
    try:
        bundle = Bundle.load(find_bundle(name_or_path))
    except (FileNotFoundError, BundleError) as error:
        raise StartError(f"--from: {error}") from error
    if bundle.is_windowed:
        raise StartError(
            f"--from: the bundle '{bundle.name}' looks at windows of readings; such a model is trained anew "
            "within minutes, by `python -m training.temporal`"
        )
    return bundle


def find_start(bundle: Bundle, model: Model) -> Start:
    """Return the bundle's network that a model's training can start from.

    Raises:
        StartError: it has none of the model's architecture, or the model trains nothing itself, or nobody has
            said yet which of its weights belong to which class and channel.
    """
    if model.branches:
        raise StartError(
            f"--from: the model '{model.name}' trains nothing itself; fine-tune the models that it combines, "
            f"{' and '.join(model.branches)}"
        )
    if model.architecture not in LAYOUTS:
        raise StartError(
            f"--from: weights of the architecture {model.architecture} cannot be taken over yet; those of "
            f"{', '.join(LAYOUTS)} can, see training/fitting/layouts.py"
        )
    for mode, architecture in bundle.networks.items():
        if architecture == model.architecture:
            return Start(bundle, bundle.sha256, mode)
    there = ", ".join(f"{architecture} ({mode.value})" for mode, architecture in bundle.networks.items())
    raise StartError(
        f"--from: the bundle '{bundle.name}' has the networks {there}; the model '{model.name}' is of the "
        f"architecture {model.architecture}"
    )


def prepared_alike(model: Model, start: Start) -> Model:
    """Return a model that sees pictures as the network does that its training starts from."""
    if start.mode is Mode.GAS_ONLY:
        return model
    size = replace(model.hyperparameters, image_size=start.bundle.image_size)
    return replace(model, preparation=start.bundle.preparation, hyperparameters=size)


def default_model(bundle: Bundle) -> Model:
    """Return the model that is trained where only the bundle is named: that of its first network.

    Raises:
        StartError: no model has that network and prepares pictures likewise.
    """
    mode, architecture = next(iter(bundle.networks.items()))
    preparation = None if mode is Mode.GAS_ONLY else bundle.preparation
    for model in all_models():
        if (model.architecture, model.preparation) == (architecture, preparation):
            return model
    raise StartError(f"--from: no model is of the architecture {architecture}; name one by --model")


def aligned(channels: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return channels in the order that keeps most of a bundle's weights: its own first, in its order.

    Those that the bundle knows get its spelling, whatever their case.
    """
    wanted = {name.lower() for name in channels}
    first = [name for name in known if name.lower() in wanted]
    taken = {name.lower() for name in first}
    return (*first, *(name for name in channels if name.lower() not in taken))


def kept_normalisation(fitted: Normalisation, channels: Sequence[str], bundle: Bundle) -> Normalisation:
    """Return a bundle's mean and std for the channels that it knows, and fitted ones for the others.

    What a weight means follows from the scale of what it is multiplied with, so that scale is kept.
    """
    known = {
        name: (round(float(mean), 4), round(float(std), 4))
        for name, mean, std in zip(bundle.channels, bundle.mean, bundle.std, strict=True)
    }
    pairs = [
        known.get(name, own)
        for name, own in zip(channels, zip(fitted.mean, fitted.std, strict=True), strict=True)
    ]
    return Normalisation([mean for mean, _ in pairs], [std for _, std in pairs])


def take_over(
    network: nn.Module,
    start: Start,
    classes: tuple[str, ...],
    channels: tuple[str, ...],
    image_size: int,
    run_rows: Callable[[nn.Module], object],
) -> FineTuningOrigin:
    """Give a fresh network a bundle's weights, in place, and say what was taken over.

    Args:
        network: with fresh weights, of the architecture that the bundle's has.
        start: where from.
        classes: in the order of the logits.
        channels: in the order of the input.
        image_size: side of the picture, pixels; 0 without one.
        run_rows: runs the network, in evaluation mode, on rows to train on.

    Raises:
        BundleError: the bundle's weights cannot be read.
        StartError: the bundle has changed.
    """
    bundle = start.bundle
    # A bundle has one size of pictures for all its networks, also for one that takes none.
    old_size = 0 if start.mode is Mode.GAS_ONLY else bundle.image_size
    share = transfer(
        network,
        bundle.networks[start.mode],
        start.weights(),
        Purpose(classes, channels, bundle.channels, image_size),
        Purpose(bundle.classes, bundle.channels, bundle.channels, old_size),
        run_rows,
    )
    reads_gas = start.mode is not Mode.THERMAL_ONLY
    return FineTuningOrigin(
        bundle=bundle.name,
        sha256=start.sha256,
        network=start.mode.value,
        weights=round(share, 4),
        new_classes=tuple(name for name in classes if name not in bundle.classes),
        new_channels=tuple(name for name in channels if reads_gas and name not in bundle.channels),
    )


def transfer(
    network: nn.Module,
    architecture: str,
    old: Mapping[str, torch.Tensor],
    new_purpose: Purpose,
    old_purpose: Purpose,
    run_rows: Callable[[nn.Module], object],
) -> float:
    """Give a fresh network the weights of a folded one of its architecture, in place.

    Rows and columns are taken over by the names of classes and channels; what the old network does not know
    stays fresh.

    Args:
        network: with fresh weights.
        architecture: its name in the registry.
        old: the folded network's state.
        new_purpose: what the fresh network is for.
        old_purpose: what the folded one is for.
        run_rows: runs the network, in evaluation mode, on rows to train on.

    Returns:
        The share of the network's weights that were taken over, 0..1.
    """
    new_axes, old_axes = axes_of(architecture, new_purpose), axes_of(architecture, old_purpose)
    norms = {norm: layer for layer, norm in foldable(network.eval())}
    taken = _copy_weights(network, old, new_axes, old_axes, set(norms))
    restore_norms(network, {norm: _shift(network, layer, old) for norm, layer in norms.items()}, run_rows)
    taken += sum(value.numel() for norm in norms for value in network.get_submodule(norm).parameters())
    return taken / sum(parameter.numel() for parameter in network.parameters())


def _copy_weights(
    network: nn.Module, old: Mapping[str, torch.Tensor], new_axes: Axes, old_axes: Axes, norms: set[str]
) -> int:
    """Copy what both networks have, folded norms aside; return how many values of parameters that are."""
    parameters = dict(network.named_parameters())
    taken = 0
    for name, fresh in network.state_dict().items():
        if name.rpartition(".")[0] in norms:
            continue
        places = [
            _places(new_axes.get((name, axis)), old_axes.get((name, axis)), size)
            for axis, size in enumerate(fresh.shape)
        ]
        fresh[np.ix_(*(here for here, _ in places))] = old[name][np.ix_(*(there for _, there in places))]
        taken += math.prod(len(here) for here, _ in places) if name in parameters else 0
    return taken


def _places(new: Labels | None, old: Labels | None, size: int) -> tuple[list[int], list[int]]:
    """Return the indices of an axis that mean the same, in the new network and in the old one."""
    if new is None or old is None:
        return list(range(size)), list(range(size))
    known = {label: at for at, label in enumerate(old)}
    pairs = [(at, known[label]) for at, label in enumerate(new) if label in known]
    return [at for at, _ in pairs], [at for _, at in pairs]


def _shift(network: nn.Module, layer: str, old: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the folded bias that a layer has no place for; 0 where it has a bias itself."""
    bias = old[f"{layer}.bias"]
    return bias if network.get_submodule(layer).bias is None else torch.zeros_like(bias)
