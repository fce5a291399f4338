"""The process behind `GradCam`: `python -m gas_fusion_ros.replay.grad_cam_process BUNDLE`.

Reads requests from standard input, pickled one after the other, and answers each on standard output: with a
map, or with a text that says why there is none. Ends with its input.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.inference import Bundle, load_networks
from gas_fusion_ros.observation import Mode

Map = npt.NDArray[np.float32]
Request = tuple[str, list[npt.NDArray[np.float32]], int]
"""Mode, the network's inputs in its order, index of the class."""
Answer = Map | str
Heat = Callable[[Request], Map]


def heat_of(bundle: Bundle) -> Heat:
    """Load a bundle's networks and return what makes the map of a request.

    Raises:
        ImportError: torch is not installed.
        BundleError: the networks cannot be loaded.
    """
    from gas_fusion_ros.networks.grad_cam import Explainer

    networks = load_networks(bundle)
    if not bundle.is_windowed:
        networks.pop(Mode.GAS_ONLY, None)
    # By network: a windowed one stands under each of its modes.
    explainers = {network: Explainer(network, bundle.networks[mode]) for mode, network in networks.items()}

    def heat(request: Request) -> Map:
        mode, inputs, class_index = request
        return explainers[networks[Mode(mode)]].heat(inputs, class_index)

    return heat


def serve(bundle_path: str, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request until there are no more."""
    heat: Heat | None = None
    while True:
        try:
            request: Request = pickle.load(requests)
        except EOFError:
            return
        answer: Answer
        try:
            heat = heat or heat_of(Bundle.load(bundle_path))
            answer = heat(request)
        except Exception as error:  # whatever it is, the asking process has to hear of it
            answer = f"the networks of {bundle_path} cannot be explained: {error}"
        pickle.dump(answer, answers)
        answers.flush()


def main() -> None:
    """Serve the process's standard input and output."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # What a library prints must not get between the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.argv[1], sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
