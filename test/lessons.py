"""A small model of prototypes and labelled recordings to teach it from: each gas at levels of its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gas_fusion_ros.alarm.settings import AlarmAdvice, DepartureAdvice
from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, write_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.base.dataset import CSV_NAME
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.model.bundle import MANIFEST, Bundle, domain_to_json, window_to_json
from gas_fusion_ros.model.networks.temporal import OUTPUTS
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.gas_branch import STATISTICS, GasBranch, window_statistics
from gas_fusion_ros.teaching.lesson import Normal, Teacher
from gas_fusion_ros.teaching.sources import array_of, read_table, together
from gas_fusion_ros.teaching.sources import deviations as deviations_of
from gas_fusion_ros.teaching.taught_bundle import Origin, Taught, TeachingSettings, known_classes, teach
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording

WINDOW = WindowSettings(8)
PICTURE = 64
ROWS = 120
CHANNELS = len(PAPER_CHANNELS)
CLEAN = PAPER_CLASSES.index("NoGas")
ARRAY = ArrayDescription(
    tuple(
        ArrayChannel(name, f"MQ-{place}", -0.5 - 0.1 * place, 0.05)
        for place, name in enumerate(PAPER_CHANNELS)
    )
)
LEVELS: Mapping[str, npt.NDArray[np.float64]] = {
    "Mixture": np.linspace(-2.4, -1.2, CHANNELS),
    "NoGas": np.zeros(CHANNELS),
    "Perfume": np.linspace(-0.2, -1.0, CHANNELS),
    "Smoke": np.linspace(-1.5, -0.3, CHANNELS),
    "Methane": np.array([0.2, -1.5, 0.2, -1.5, 0.2, -1.5, 0.2]),
    "Butane": np.array([-1.5, 0.2, -1.5, 0.2, -1.5, 0.2, -1.5]),
}
"""ln(Rs/R0) of each gas, about."""
NORMAL = Normal(np.full(CHANNELS, -0.8, np.float32), np.full(CHANNELS, 0.8, np.float32))


def deviations(gas: str, rows: int = ROWS, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return ln(Rs/R0) that wanders about a gas's levels, shape (rows, C)."""
    rng = np.random.default_rng((seed, len(gas), rows))
    wander = np.cumsum(rng.normal(0, 0.01, (rows, CHANNELS)), axis=0)
    return (LEVELS[gas] + wander + rng.normal(0, 0.01, wander.shape)).astype(np.float32)


def recording(*gases: str, first: int = 0, rows: int = ROWS) -> Recording:
    """Return readings of gases, labelled from `first` on."""
    labels = np.repeat(np.arange(first, first + len(gases)), rows)
    values = np.concatenate([deviations(gas, rows) for gas in gases])
    return Recording(values, labels, np.arange(len(labels)) * ROW_PERIOD_NS)


def empty_branch(classes: int) -> GasBranch:
    """Return a branch that knows nothing yet, with statistics standardised by those of all the gases.

    Its first place says by its prior how little prototypes of changing air count.
    """
    windows = recording(*LEVELS).windows(np.arange(len(LEVELS) * ROWS), np.zeros(0, np.int64), WINDOW)
    statistics = window_statistics(NORMAL.inputs(windows)[0])
    nothing = np.zeros((classes, 192, CHANNELS, STATISTICS), np.float32)
    deviation = np.maximum(statistics.std(axis=0), 1e-5)
    prior = np.full((classes, 192), -1e4, np.float32)
    prior[0, 0] = -3.0
    return GasBranch(statistics.mean(axis=0), deviation, nothing, prior, 0.3, 2.0, 3.0)


def known_branch() -> GasBranch:
    """Return a branch that knows the paper's classes."""
    known = recording(*PAPER_CLASSES)
    branch = Teacher(empty_branch(4), NORMAL, WINDOW, known, CLEAN).learn(np.arange(len(known.labels)))
    return replace(branch, prototypes=branch.prototypes[:, 1:], prior=branch.prior[:, 1:])


def write_lesson(folder: Path, gases: Mapping[str, int], array: ArrayDescription | None = ARRAY) -> Path:
    """Write so many rows of each gas as a folder in the data set's layout, with its array's file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / CSV_NAME).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Serial Number", *PAPER_CHANNELS, "Gas"])
        for gas, rows in gases.items():
            known = gas if gas in LEVELS else "Methane"
            counts = ARRAY.readings_of(deviations(known, rows, seed=1))
            writer.writerows([row, *np.round(one, 2), gas] for row, one in enumerate(counts))
    if array is not None:
        write_array(folder / ARRAY_FILE_NAME, array)
    return folder


def taught(bundle: Bundle, output: Path, gases: Mapping[str, int], forget: tuple[str, ...] = ()) -> Taught:
    """Teach a bundle so many rows of each gas, from a folder beside the output."""
    problems = Problems()
    folder = write_lesson(output.with_name(f"{output.name}_lesson"), gases)
    known = array_of(folder, None, bundle)
    source = read_table(folder, known.array.names, problems)
    material = together(
        [(source, deviations_of(source, known, bundle.channels))], known_classes(bundle, forget)
    )
    origin = Origin(str(folder), source.sha256, known.told, gases)
    return teach(bundle, material, [origin], output, TeachingSettings(output.name, forget))


def write_prototype_bundle(folder: Path) -> Bundle:
    """Write a bundle of temporal fusion that knows the paper's classes; its GasNet is untrained.

    Skips where what export needs is absent.
    """
    for module in ("torch", "onnx", "onnxscript", "safetensors"):
        pytest.importorskip(module, reason="the test bundle is written with it")
    import onnx
    import torch

    from gas_fusion_ros.model.networks.registry import build
    from gas_fusion_ros.model.networks.shape import Shape
    from gas_fusion_ros.model.networks.temporal import TemporalFusion
    from gas_fusion_ros.teaching.bundle_folder import write_manifest
    from training.export.networks import deployed, to_onnx, write_tensors

    torch.manual_seed(0)
    network = build("temporal_patrols", Shape(4, CHANNELS, 1, PICTURE, window=WINDOW.readings))
    assert isinstance(network, TemporalFusion)
    branch = known_branch()
    with torch.no_grad():
        network.gas.prototypes.copy_(torch.from_numpy(branch.prototypes))
        network.gas.prior.copy_(torch.from_numpy(branch.prior))
        network.gas.statistics.mean.copy_(torch.from_numpy(branch.mean))
        network.gas.statistics.deviation.copy_(torch.from_numpy(branch.deviation))
        network.thermal.classes.weight.mul_(30)
        network.thermal.centres.normal_()
        network.temperatures.copy_(torch.tensor([branch.temperature, 1.5]))
        network.limits.copy_(torch.tensor([branch.limit, 50.0]))
    deployed(network)
    folder.mkdir(parents=True)
    write_tensors(folder, {"model": network})
    window = torch.ones(2, WINDOW.readings, CHANNELS)
    examples = {
        "gas": window,
        "valid": window.clone(),
        "image": torch.zeros(2, 1, PICTURE, PICTURE),
        "has_image": torch.ones(2, 1),
    }
    onnx.save(to_onnx(network, examples, OUTPUTS), folder / "model.onnx")
    write_manifest(
        folder,
        {
            "name": "four",
            "networks": {mode.value: "temporal_patrols" for mode in Mode},
            "classes": list(PAPER_CLASSES),
            "channels": list(PAPER_CHANNELS),
            "window": window_to_json(WINDOW),
            "preparation": Preparation.FIELD.value,
            "image_size": PICTURE,
            "image_channels": 1,
            "normalisation": {"mean": NORMAL.mean.tolist(), "std": NORMAL.std.tolist()},
            "temperature": {mode.value: 1.0 for mode in Mode},
            **domain_to_json(ARRAY),
            "alarm": AlarmAdvice(0.8, 0.4).to_json(),
            "profiles": {"cautious": AlarmAdvice(0.9, 0.4).to_json()},
            "departure": DepartureAdvice(1.9).to_json(),
            "novelty": {"false_reject_rate": 0.01},
            "trained_on": {"readings": "made up"},
            "metrics": {},
        },
    )
    assert json.loads((folder / MANIFEST).read_text())["name"] == "four"
    return Bundle.load(folder)
