"""Keras in an interpreter of its own, asked for training steps by lines of text."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.model.networks.shape import Shape

_SCRIPT = Path(__file__).with_name("keras_step.py")
REMEDY = (
    "python3 -m venv keras_env && keras_env/bin/pip install tensorflow-cpu, "
    "then --python keras_env/bin/python"
)


class PeerError(RuntimeError):
    """Keras does not run; the message says what to do."""


@dataclass(frozen=True)
class KerasPeer:
    """Fusion I in Keras, ready to train.

    Attributes:
        name: Keras, its backend and their versions.
        parameters: trainable ones.
    """

    name: str
    parameters: int
    _process: subprocess.Popen[str]

    def step_ms(self, steps: int) -> float:
        """CPU time of a training step, mean of so many, milliseconds.

        Raises:
            PeerError: its process has ended.
        """
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        return float(_answer(self._process)["cpu_ms"])


@contextmanager
def keras_peer(python: Path, shape: Shape, batch: int, threads: int) -> Iterator[KerasPeer]:
    """Start Keras in another interpreter; it ends with the block.

    Args:
        python: that interpreter.
        shape: what the network is sized by.
        batch: observations per step.
        threads: threads that it computes with.

    Raises:
        PeerError: it has no Keras.
    """
    wanted = {
        "classes": shape.classes,
        "channels": shape.gas_channels,
        "image_channels": shape.image_channels,
        "size": shape.image_size,
        "dropout": shape.dropout,
        "batch": batch,
        "threads": threads,
    }
    try:
        process = subprocess.Popen(
            [str(python), str(_SCRIPT), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise PeerError(f"--python {python}: {error.strerror}: {REMEDY}") from None
    with process:
        try:
            told = _answer(process)
            yield KerasPeer(str(told["name"]), int(told["parameters"]), process)
        finally:
            process.kill()


def _answer(process: subprocess.Popen[str]) -> dict[str, float | str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise PeerError(f"Keras ended; its reason stands above. Where it is missing: {REMEDY}")
    told: dict[str, float | str] = json.loads(line)
    return told
