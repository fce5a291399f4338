"""What in a thermal picture spoke for an alarm's gas: Grad-CAM for a bundle's networks, without torch.

Source: Selvaraju et al. (2017), Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization. It weighs each of the last maps by the gradient of a class's logit, averaged over the map. That
average is the logit's slope where the whole map rises at once, and so is measured by letting it fall a
little: behind the last convolution that costs next to nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import ONNX_FILES, Bundle

if TYPE_CHECKING:
    from gas_fusion_ros.model.split_network import Double, SplitNetwork

_STEP = 1e-5
"""How far a map falls, as a share of the largest value in all. Downwards, because a network that rectifies
these maps once more has no slope upwards from 0. Against torch's gradients in double precision the slopes are
right to a thousandth up to probabilities of 1 - 1e-7."""

Map = npt.NDArray[np.float32]


class GradCamUnavailable(RuntimeError):  # noqa: N818 - a state, not a fault
    """No maps can be made here; the message says why, and what to install where that would help."""


class GradCam:
    """Makes Grad-CAM maps of a bundle's networks.

    Args:
        bundle: the bundle whose verdicts are to be explained.

    Raises:
        GradCamUnavailable: onnx is not installed, or no network takes pictures.
    """

    def __init__(self, bundle: Bundle) -> None:
        if importlib.util.find_spec("onnx") is None:
            raise GradCamUnavailable("Grad-CAM needs onnx: pip install onnx")
        if bundle.preparation is None:
            raise GradCamUnavailable(f"no network of the model '{bundle.name}' takes pictures")
        self._bundle = bundle
        self._networks: dict[str, SplitNetwork] = {}

    def heat(self, inputs: Mapping[str, npt.NDArray[np.float32]], mode: Mode, class_index: int) -> Map:
        """Return how much each part of a picture speaks for a class.

        Args:
            inputs: as for `Runtime.run`: float32, batch 1, by name; what the network does not take is
                passed over.
            mode: of the verdict; one with a picture.
            class_index: index of the class in the bundle's classes.

        Returns:
            Shape (S, S), 0..1, the most telling part 1; 0 everywhere if nothing in the picture speaks for
            the class, or the network did not use the picture.

        Raises:
            ValueError: the mode is `gas_only`, an input is missing, or there is no such class.
            GradCamUnavailable: the network cannot be split into what sees and what decides.
        """
        self._check(inputs, mode, class_index)
        return grad_cam(self._network(mode), inputs, class_index)

    def _check(self, inputs: Mapping[str, npt.NDArray[np.float32]], mode: Mode, class_index: int) -> None:
        if mode is Mode.GAS_ONLY:
            raise ValueError(f"a verdict of mode {mode.value} was made without a picture")
        missing = [name for name in self._bundle.inputs(mode) if name not in inputs]
        if missing:
            raise ValueError(f"mode {mode.value} needs the input '{missing[0]}'")
        if not 0 <= class_index < len(self._bundle.classes):
            raise ValueError(f"class_index is {class_index}; there are {len(self._bundle.classes)} classes")

    def _network(self, mode: Mode) -> SplitNetwork:
        # onnx is imported where a map is wanted, and not before.
        from gas_fusion_ros.model.split_network import NetworkSplitError, SplitNetwork

        file = ONNX_FILES[Mode.FUSION if self._bundle.is_windowed else mode]
        if file not in self._networks:
            try:
                self._networks[file] = SplitNetwork(self._bundle.path / file)
            except NetworkSplitError as error:
                raise GradCamUnavailable(str(error)) from error
        return self._networks[file]


def grad_cam(network: SplitNetwork, inputs: Mapping[str, npt.NDArray[np.float32]], class_index: int) -> Map:
    """Return how much each part of a picture speaks for a class, as `GradCam.heat` does, by one network."""
    values = network.front(inputs)
    # Every network rectifies these maps, if only after pooling.
    maps = np.maximum(values[network.maps], 0.0)
    weights = _slopes(network, {**values, network.maps: maps}, class_index)
    speaking = np.maximum(np.tensordot(weights, maps[0], axes=1), 0.0)
    height, width = inputs["image"].shape[2:]
    spread = cv2.resize(speaking, (width, height), interpolation=cv2.INTER_LINEAR)
    peak = float(spread.max())
    return (spread / peak if peak > 0 else spread).astype(np.float32)


def strongest_place(heat: Map) -> str:
    """Return where a map is largest, in words."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    down = ("at the top", "in the middle", "at the bottom")[3 * int(row) // heat.shape[0]]
    across = (" left", "", " right")[3 * int(column) // heat.shape[1]]
    return f"{down}{across}"


def _slopes(network: SplitNetwork, values: dict[str, npt.NDArray[np.generic]], class_index: int) -> Double:
    """Return the slope of a class's logit where each map rises as a whole, shape (F,)."""
    maps = values[network.maps]
    step = _STEP * float(maps.max())
    if step == 0:
        return np.zeros(maps.shape[1])
    logit = network.back(values)[class_index]

    def after(number: int) -> float:
        fallen = maps.copy()
        fallen[0, number] -= step
        return float(network.back({**values, network.maps: fallen})[class_index])

    return np.array([(logit - after(number)) / step for number in range(maps.shape[1])])
