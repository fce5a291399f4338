"""What in a thermal picture spoke for an alarm's gas: Grad-CAM for a bundle's networks.

torch takes half a gigabyte of memory as soon as it is imported. It therefore runs in a process of its own,
which starts with the first picture and ends with `GradCam.close`: evaluation itself stays small.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.closing import Closing
from gas_fusion_ros.inference import Bundle
from gas_fusion_ros.observation import Mode

if TYPE_CHECKING:
    from gas_fusion_ros.replay.grad_cam_process import Answer

PROCESS = "gas_fusion_ros.replay.grad_cam_process"

_NEEDED = ("torch", "safetensors")
_SECONDS_TO_END = 5.0

Map = npt.NDArray[np.float32]


class GradCamUnavailable(RuntimeError):  # noqa: N818 - a state, not a fault
    """No maps can be made here; the message says why, and what to install where that would help."""


class GradCam(Closing):
    """Makes Grad-CAM maps of a bundle's networks; a context manager.

    Args:
        bundle: the bundle whose verdicts are to be explained.

    Raises:
        GradCamUnavailable: torch or safetensors is not installed, or no network takes pictures.
    """

    def __init__(self, bundle: Bundle) -> None:
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise GradCamUnavailable(
                f"Grad-CAM needs {' and '.join(missing)}: pip install -r requirements/torch.txt safetensors"
            )
        if bundle.preparation is None:
            raise GradCamUnavailable(f"no network of the model '{bundle.name}' takes pictures")
        self._bundle = bundle
        self._process: subprocess.Popen[bytes] | None = None

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
            GradCamUnavailable: the bundle's weights cannot be loaded, or the process has ended.
        """
        self._check(inputs, mode, class_index)
        values = [inputs[name] for name in self._bundle.inputs(mode)]
        answer = self._ask((mode.value, values, class_index))
        if isinstance(answer, str):
            raise GradCamUnavailable(answer)
        return answer

    @property
    def pid(self) -> int | None:
        """Id of the process that makes the maps; None while there is none."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process, if one was started."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it may have ended already
            process.stdin.close()
        process.stdout.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _check(self, inputs: Mapping[str, npt.NDArray[np.float32]], mode: Mode, class_index: int) -> None:
        if mode is Mode.GAS_ONLY:
            raise ValueError(f"a verdict of mode {mode.value} was made without a picture")
        missing = [name for name in self._bundle.inputs(mode) if name not in inputs]
        if missing:
            raise ValueError(f"mode {mode.value} needs the input '{missing[0]}'")
        if not 0 <= class_index < len(self._bundle.classes):
            raise ValueError(f"class_index is {class_index}; there are {len(self._bundle.classes)} classes")

    def _ask(self, request: tuple[str, list[npt.NDArray[np.float32]], int]) -> Answer:
        if self._process is None:
            self._process = _start(self._bundle)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            answer: Answer = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.close()
            raise GradCamUnavailable(
                f"the process that makes the maps has ended with code {process.returncode}"
            ) from error
        return answer


def _start(bundle: Bundle) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        # Small networks; the other cores belong to the evaluation of other bags.
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", PROCESS, str(bundle.path.absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
