"""A finished run, read back: its result, its network, its logits, and the inputs it had."""

from __future__ import annotations

import tempfile
import textwrap
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import file_sha256
from gas_fusion_ros.model.networks.registry import ARCHITECTURES, build
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.thermal import Preparation
from training.data.images import Thermal, load_images
from training.fitting.fine_tuning import RunStart
from training.fitting.material import Normalisation, as_inputs
from training.fitting.runs import LOGITS, WEIGHTS, Answers
from training.results.run_result import RunResult, read_result

_BATCH = 32


class RunError(ValueError):
    """A run cannot be used; the message names its folder, file or field."""


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        result: what it says of itself.
        network: as trained, in evaluation mode, float32.
        validation: its answers on validation.
        test: its answers on test.
    """

    result: RunResult
    network: nn.Module
    validation: Answers
    test: Answers

    @property
    def mode(self) -> Mode:
        """What its network takes."""
        return Mode(self.result.modality)

    @property
    def preparation(self) -> Preparation | None:
        """How its pictures are prepared; None without pictures."""
        return None if self.result.preparation is None else Preparation(self.result.preparation)

    @property
    def shape(self) -> Shape:
        """What its network is sized by."""
        return shape_of(self.result)


def shape_of(result: RunResult) -> Shape:
    """What a run's network is sized by; no picture counts as one of 0 pixels and 0 channels."""
    channels = 0 if result.preparation is None else Preparation(result.preparation).channels
    return Shape(len(result.classes), len(result.channels), channels, result.image_size or 0)


def load_run(folder: Path) -> TrainedRun:
    """Read a finished run.

    Raises:
        ResultError: the folder holds no result, or it cannot be read.
        RunError: the run has no network, or a file is missing or does not fit.
    """
    result = read_result(folder)
    if result.architecture not in ARCHITECTURES:
        raise RunError(
            f"{folder}: '{result.architecture}' is no network, so there are no weights; the networks are "
            f"{', '.join(ARCHITECTURES)}"
        )
    network = build(result.architecture, shape_of(result))
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise RunError(f"{folder / WEIGHTS} cannot be read: {error}") from error
    except RuntimeError as error:
        # torch lists every tensor, each on a line.
        reason = textwrap.shorten(str(error), 200)
        raise RunError(f"{folder / WEIGHTS} does not fit '{result.architecture}': {reason}") from error
    return TrainedRun(
        result, network.eval(), *(_answers(folder, part, result) for part in ("validation", "test"))
    )


def start_from(folder: Path) -> RunStart:
    """Return a finished run's network as what another training starts from.

    Raises:
        ResultError: the folder holds no result, or it cannot be read.
        OSError: its weights cannot be read.
    """
    result = read_result(folder)
    weights = folder / WEIGHTS
    return RunStart(
        result.run,
        file_sha256(weights),
        Mode(result.modality),
        weights,
        Normalisation(**result.normalisation),
    )


def _answers(folder: Path, part: str, result: RunResult) -> Answers:
    path = folder / LOGITS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            logits, labels, rows = (
                torch.from_numpy(arrays[f"{part}_{name}"]) for name in ("logits", "labels", "rows")
            )
    except KeyError as error:
        raise RunError(f"{path} lacks an array: {error}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    expected = (result.rows[part], len(result.classes))
    if tuple(logits.shape) != expected or len(labels) != len(rows) or len(rows) != expected[0]:
        raise RunError(f"{path}: {part}_logits have shape {tuple(logits.shape)}; the run has {expected}")
    if not torch.isfinite(logits).all():
        raise RunError(f"{path}: {part}_logits hold values that are no finite numbers")
    return Answers(logits.float(), labels.long(), rows.long())


@dataclass(frozen=True)
class RowInputs:
    """What a run's network sees of some rows.

    Attributes:
        values: the network's inputs in its order: normalised counts (N, C), float32, pictures
            (N, I, S, S), uint8, or both.
    """

    values: tuple[torch.Tensor, ...]

    def logits(self, network: nn.Module) -> torch.Tensor:
        """Return a network's answers, shape (N, K)."""
        batches = zip(*(value.split(_BATCH) for value in self.values), strict=True)
        with torch.inference_mode():
            return torch.cat([network(*as_inputs(batch)) for batch in batches]).clone()


def load_inputs(result: RunResult, data: Path, rows: Sequence[int]) -> RowInputs:
    """Read what a run's network sees of some rows; of rendered pictures the first of each row.

    Args:
        result: the run.
        data: folder of the data set that it was trained on.
        rows: indices into its rows.

    Raises:
        DatasetError: the data set cannot be read.
        RunError: it is another one, or the picture of a row cannot be read.
    """
    dataset = Dataset.load(data, result.channels)
    sha256 = file_sha256(dataset.csv_path)
    if sha256 != result.data_sha256:
        raise RunError(
            f"{dataset.csv_path} is not what {result.run} was trained on: sha256 is {sha256}, the run's "
            f"data_sha256 {result.data_sha256}"
        )
    chosen = replace(dataset, rows=dataset.rows.select(np.asarray(rows, dtype=np.int64)))
    gas = torch.from_numpy(Normalisation(**result.normalisation).apply(chosen.counts))
    values = {
        Mode.FUSION: lambda: (gas, _pictures(result, chosen)),
        Mode.GAS_ONLY: lambda: (gas,),
        Mode.THERMAL_ONLY: lambda: (_pictures(result, chosen),),
    }[Mode(result.modality)]
    return RowInputs(values())


def _pictures(result: RunResult, chosen: Dataset) -> torch.Tensor:
    """Return the first picture of each row, shape (N, I, S, S), uint8."""
    assert result.preparation is not None
    assert result.image_size is not None
    # Only these rows are prepared, so there is nothing worth keeping.
    with tempfile.TemporaryDirectory() as cache:
        images = load_images(
            chosen,
            Thermal(result.thermal),
            Preparation(result.preparation),
            result.image_size,
            Path(cache),
            tick=lambda: None,
        )
        if not images.usable.all():
            row = chosen.rows[int(np.argmin(images.usable))]
            raise RunError(f"{chosen.root}: the picture of CSV line {row.line} is missing or cannot be read")
        count = len(chosen.rows)
        return images.of(np.arange(count), np.zeros(count, dtype=np.int64))
