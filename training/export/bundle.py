"""Trained runs as one bundle."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import Bundle, domain_to_json, window_to_json
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.bundle_folder import ExportError, whole, write_manifest
from training.data.images import Thermal
from training.export.card import AS_STORED, AS_TRAINED, RUNTIME, write_card
from training.export.networks import deployed, write_weights
from training.export.runtime import check_difference, measure_runtime
from training.fitting.trained import TrainedRun, load_inputs, load_run
from training.scoring.calibration import advise_thresholds, clean_leaks, fit_temperature
from training.scoring.scores import score

INPUTS = 1000
"""Random inputs on which they are compared."""
_SHARED = ("classes", "channels", "normalisation", "split", "seed", "data_file", "data_sha256")
_SHARED_BY_PICTURES = ("image_size", "preparation", "thermal")


def check_agreement(runs: Mapping[Mode, TrainedRun]) -> None:
    """Refuse runs that one bundle cannot hold.

    Raises:
        ExportError: they differ in a field that they must share; the message names it.
    """
    _check_shared(list(runs.values()), _SHARED)
    _check_shared([run for mode, run in runs.items() if mode is not Mode.GAS_ONLY], _SHARED_BY_PICTURES)


def _check_shared(runs: Sequence[TrainedRun], fields: Sequence[str]) -> None:
    for run in runs[1:]:
        for field in fields:
            first, other = getattr(runs[0].result, field), getattr(run.result, field)
            if first != other:
                raise ExportError(
                    f"{field} of {run.result.run} is {other}, of {runs[0].result.run} {first}: the runs of a "
                    "bundle must have the same"
                )


def export(
    runs: Mapping[Mode, TrainedRun],
    output: Path,
    name: str,
    command: str,
    data: Path | None,
    inputs: int = INPUTS,
) -> Bundle:
    """Write a bundle, whole or not at all.

    Args:
        runs: the run of each mode that the bundle is to have.
        output: its folder; must not exist or be empty.
        name: the model's name.
        command: what made it, for the card.
        data: folder of the data set: the networks are tested anew, in the form that is shipped. Without it
            the metrics are the runs', measured before the weights were rounded.
        inputs: random inputs on which ONNX Runtime is compared with torch.

    Raises:
        ExportError: the runs do not agree, `output` cannot be written, or ONNX Runtime's logits are further
            than `TOLERANCE` from torch's.
        DatasetError: the data set cannot be read.
        RunError: the data set is not the runs'.
    """
    check_agreement(runs)
    ordered = {mode: runs[mode] for mode in Mode if mode in runs}
    networks = {mode: deployed(copy.deepcopy(run.network)) for mode, run in ordered.items()}
    content = _content(ordered, networks, name, command, data)
    with whole(output) as folder:
        write_weights(folder, networks, _shape(ordered))
        write_manifest(folder, content)
        runtime = measure_runtime(Bundle.load(folder), ordered, inputs)
        check_difference(runtime)
        write_manifest(folder, {**content, "metrics": {**content["metrics"], RUNTIME: runtime}})
        write_card(Bundle.load(folder))
    return Bundle.load(output)


def _shape(runs: Mapping[Mode, TrainedRun]) -> Shape:
    """What all networks are sized by: the picture's side and channels are 0 only where there is none."""
    return max((run.shape for run in runs.values()), key=lambda shape: shape.image_size)


def _content(
    runs: Mapping[Mode, TrainedRun],
    networks: Mapping[Mode, nn.Module],
    name: str,
    command: str,
    data: Path | None,
) -> dict[str, Any]:
    """Return the manifest's fields, the measured runtime aside."""
    result = next(iter(runs.values())).result
    shape = _shape(runs)
    temperatures = {
        mode: fit_temperature(run.validation.logits, run.validation.labels) for mode, run in runs.items()
    }
    pictures = [run for mode, run in runs.items() if mode is not Mode.GAS_ONLY]
    return {
        "name": name,
        "networks": {mode.value: run.result.architecture for mode, run in runs.items()},
        "classes": list(result.classes),
        "channels": list(result.channels),
        "window": window_to_json(WindowSettings(1)),
        "preparation": pictures[0].result.preparation if pictures else None,
        "image_size": shape.image_size,
        "image_channels": shape.image_channels,
        "normalisation": dict(result.normalisation),
        "temperature": {mode.value: temperature for mode, temperature in temperatures.items()},
        "alarm": advise_thresholds(_clean_leaks(runs, temperatures)).to_json(),
        **domain_to_json(None),
        "profiles": {},
        "departure": None,
        "novelty": None,
        "reproduction": bool(pictures) and pictures[0].result.thermal == Thermal.RENDERED.value,
        "trained_on": {
            "readings": result.data_file,
            "readings_sha256": result.data_sha256,
            "thermal": pictures[0].result.thermal if pictures else Thermal.NONE.value,
            "split": asdict(result.split),
            "protocol": result.split.protocol,
            "seed": result.seed,
            "runs": {mode.value: _provenance(run) for mode, run in runs.items()},
            "command": command,
        },
        "metrics": _metrics(runs, networks, data),
    }


def _provenance(run: TrainedRun) -> dict[str, Any]:
    names = (
        "run",
        "model",
        "title",
        "rows",
        "unusable_images",
        "parameters",
        "macs",
        "epochs",
        "best_epoch",
        "hyperparameters",
        "branches",
        "code_version",
    )
    origin = run.result.fine_tuned_from
    return {
        **{name: getattr(run.result, name) for name in names},
        "fine_tuned_from": None if origin is None else asdict(origin),
    }


def _clean_leaks(
    runs: Mapping[Mode, TrainedRun], temperatures: Mapping[Mode, float]
) -> npt.NDArray[np.float32]:
    """Return the clean validation rows' leak probabilities, of the networks that see the readings.

    The network for pictures alone counts only where there is no other: it speaks while the array is silent.
    """
    seeing = set(runs) - {Mode.THERMAL_ONLY}
    counting = seeing or set(runs)
    return np.concatenate(
        [
            clean_leaks(
                runs[mode].validation.logits / temperatures[mode],
                runs[mode].validation.labels,
                runs[mode].result.classes,
            )
            for mode in counting
        ]
    )


def _metrics(
    runs: Mapping[Mode, TrainedRun], networks: Mapping[Mode, nn.Module], data: Path | None
) -> dict[str, Any]:
    """Return each network's scores on test under its protocol's name."""
    metrics: dict[str, Any] = {}
    for mode, run in runs.items():
        result = run.result
        if data is None:
            logits, measured = run.test.logits, AS_TRAINED
        else:
            rows = load_inputs(result, data, run.test.rows.tolist())
            logits, measured = rows.logits(networks[mode]), AS_STORED
        rendered = ", rendered thermal" if result.thermal == Thermal.RENDERED.value else ""
        protocol = f"{result.split.protocol}, seed {result.seed}{rendered}"
        scores = {**asdict(score(logits, run.test.labels)), "samples": len(logits)}
        metrics.setdefault(protocol, {})[mode.value] = {**scores, "network": measured}
    return metrics


def load_runs(run: Path, gas_only: Path | None, thermal_only: Path | None) -> dict[Mode, TrainedRun]:
    """Read the runs of a bundle.

    Raises:
        ExportError: a run is not of the modality that it is given for, or two are of the same.
        ResultError: a folder holds no finished run.
        RunError: a run has no network, or a file is missing or does not fit.
    """
    first = load_run(run)
    runs = {first.mode: first}
    for mode, option, folder in (
        (Mode.GAS_ONLY, "--gas-only", gas_only),
        (Mode.THERMAL_ONLY, "--thermal-only", thermal_only),
    ):
        if folder is None:
            continue
        further = load_run(folder)
        if further.mode is not mode:
            raise ExportError(f"{option} {folder}: the run's modality is {further.mode.value}")
        if mode in runs:
            raise ExportError(f"{option} {folder}: {run} is of the modality {mode.value} already")
        runs[mode] = further
    return runs
