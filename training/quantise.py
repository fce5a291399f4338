"""Adds networks in eight bits to a bundle: `python -m training.quantise BUNDLE --output DIR`.

Their ranges are set on what the network for pictures learned from. Whether `precision: auto` may take them is
decided on what its training left out and on patrols of their own; a bundle with a block held out
(`training.temporal --hold-out`) is tested on that block besides. See docs/bundle.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import typer

from benchmarks.patrols import PatrolRun
from gas_fusion_ros.base.documents import read_json
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import (
    MANIFEST,
    Bundle,
    BundleError,
    Precision,
    bundle_files,
    onnx_files,
    upgraded,
)
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.teaching.bundle_folder import ExportError, whole, write_manifest
from training.command_line import options
from training.command_line.options import CONSOLE
from training.data.images import Images, choose_thermal, load_images
from training.data.readings import array_of, read_readings
from training.data.splits import EMBARGO, Indices, SplitSettings
from training.export.card import write_card
from training.export.quantised import quantised
from training.fitting.fit import threads
from training.temporal.bench import Bench
from training.temporal.bundle import ALL_ROWS
from training.temporal.int8 import TAKES, Compared, Drawn, Lessons, compare

SEED = 1
"""Of drawn pictures and rows; those that networks are trained on have another."""
PATROLS = range(10, 14)
"""Seeds of the patrols that decide; those of reported figures are others."""


@dataclass(frozen=True)
class Alarms:
    """What alarms come of patrols."""

    leaks: int
    missed: int
    false: int
    misnamed: int
    delays_s: tuple[float | None, ...]

    def is_kept_by(self, other: Alarms) -> bool:
        """Whether another's are no worse: one alarm more or less is many points of so few."""
        return all(getattr(other, name) <= getattr(self, name) for name in ("missed", "false", "misnamed"))


def main(
    bundle: Annotated[str, typer.Argument(help="Bundle of windows: a name below models/ or a folder.")],
    output: Annotated[Path, typer.Option(help="New or empty folder for the bundle with both precisions.")],
    data: options.DataOption = None,
    thermal: options.ThermalOption = "auto",
    array: options.ArrayOption = None,
    embargo: options.EmbargoOption = EMBARGO,
    cache: options.CacheOption = None,
) -> None:
    """Add networks in eight bits to a bundle, and measure whether they say the same."""
    with options.stoppable("training.quantise", "nothing was written"), options.refusing("training.quantise"):
        begun = _open(bundle)
        check_bundle(begun)
        folder = options.data_folder(data)
        with threads(1):
            lessons, test = _lessons(begun, folder, array, thermal, embargo, options.cache_folder(cache))
            done = quantise(lessons, test, output, _command(begun, embargo), _note)
    assert done.int8 is not None
    verdict = "may" if done.int8.admissible else "may not"
    CONSOLE.print(f"{output}: `precision: auto` {verdict} take int8", highlight=False, soft_wrap=True)


def _open(name: str) -> Bundle:
    """Read a bundle.

    Raises:
        ExportError: it cannot be used.
    """
    try:
        return Bundle.load(find_bundle(name))
    except BundleError as error:
        raise ExportError(str(error)) from error


def check_bundle(bundle: Bundle) -> None:
    """Refuse a bundle that cannot be brought into eight bits here.

    Raises:
        ExportError: it is such a one; the message says why.
    """
    if not bundle.is_windowed:
        raise ExportError(
            f"model '{bundle.name}' is for single readings: only models of windows, as `training.temporal` "
            "makes them, are brought into eight bits"
        )
    if "taught" in bundle.trained_on:
        raise ExportError(
            f"model '{bundle.name}' was taught classes of which the data know nothing: bring the model that "
            "it began with into eight bits"
        )


def _lessons(
    bundle: Bundle, data: Path, array: Path | None, thermal: str, embargo: int, cache: Path
) -> tuple[Lessons, Indices]:
    """Return what a bundle learned from, and the rows that were held out of all of it.

    Raises:
        ExportError: the data are not the bundle's.
    """
    dataset = read_readings(data, bundle.channels)
    bench = Bench.of(dataset, array_of(dataset, bundle.domain, array))
    told = bundle.trained_on["readings_sha256"]
    if bench.data_sha256 != told:
        raise ExportError(
            f"{dataset.csv_path} has the sha256 {bench.data_sha256}; model '{bundle.name}' learned from one "
            f"with {told}: --data must name its folder"
        )
    split = bundle.trained_on["split"]
    if split["name"] == ALL_ROWS:
        test, outside = np.zeros(0, dtype=np.int64), bench.everything(embargo)
    else:
        test, outside = bench.held_out(SplitSettings(**split), bundle.trained_on["seed"])
    assert bundle.preparation is not None  # a model of windows takes pictures
    _note("preparing pictures")
    kind = choose_thermal(dataset, thermal)
    load = partial(load_images, preparation=bundle.preparation, size=bundle.image_size, cache_dir=cache)
    images = load(dataset, kind, tick=lambda: None)

    def renew(rows: Indices) -> Images:
        chosen = replace(dataset, rows=dataset.rows.select(rows))
        return load(chosen, kind, tick=lambda: None, seed=SEED, takes=TAKES)

    is_drawable = set(bundle.classes) <= set(PAPER_CLASSES)
    if is_drawable:
        _note("drawing pictures")
    drawn = Drawn.of(bundle.classes, bundle.image_size, SEED) if is_drawable else None
    return Lessons(bundle, bench, outside, images, renew, drawn), test


def quantise(
    lessons: Lessons, test: Indices, output: Path, command: str, note: Callable[[str], None]
) -> Bundle:
    """Write a bundle that has its networks in eight bits besides, whole or not at all.

    Args:
        lessons: the bundle and what it learned from.
        test: rows held out of all of it; may be empty.
        output: its folder; must not exist or be empty.
        command: what makes it, for the card.
        note: is told how far it is.

    Raises:
        ExportError: `output` cannot be written, or the network cannot be brought into eight bits.
        BundleError: what came of it cannot be run.
    """
    bundle = lessons.bundle
    manifest = upgraded(read_json(bundle.path / MANIFEST))
    content = {name: value for name, value in manifest.items() if name not in ("files", "format_version")}
    with whole(output) as folder:
        for name in bundle_files(bundle.networks, bundle.window.readings):
            shutil.copy(bundle.path / name, folder / name)
        before, after = (_file(bundle, precision) for precision in (Precision.FLOAT32, Precision.INT8))
        note("setting ranges")
        onnx.save(quantised(bundle.path / before, lessons.calibration(SEED)), folder / after)
        write_manifest(folder, {**content, "int8": {"admissible": False, "measured": {}}})
        write_manifest(
            folder, {**content, "int8": _measured(Bundle.load(folder), lessons, test, command, note)}
        )
        write_card(Bundle.load(folder))
    return Bundle.load(output)


def _file(bundle: Bundle, precision: Precision) -> str:
    """Return the name of the file that holds the one network."""
    return onnx_files(bundle.networks, bundle.window.readings, precision)[next(iter(bundle.networks))]


def _measured(
    bundle: Bundle, lessons: Lessons, test: Indices, command: str, note: Callable[[str], None]
) -> dict[str, Any]:
    """Return the manifest's field `int8`."""
    float32, int8 = (create_runtime(bundle, "cpu", precision=one.value) for one in Precision)
    note("asking both of what training left out")
    decided = compare(bundle, float32, int8, lessons.left_out())
    note(f"playing patrols {PATROLS.start} to {PATROLS.stop - 1} with both")
    alarms = [_alarms(bundle, runtime) for runtime in (float32, int8)]
    tested = compare(bundle, float32, int8, lessons.tested(test)) if len(test) else {}
    for name, one in (*decided.items(), *tested.items()):
        note(f"{name}: {one.most_lost:+.2%} lost at most")
    return {
        "admissible": all(one.is_kept for one in decided.values()) and alarms[0].is_kept_by(alarms[1]),
        "command": command,
        "measured": {
            "left out of training": _as_json(decided),
            f"patrols {PATROLS.start} to {PATROLS.stop - 1}": {
                precision.value: asdict(heard) for precision, heard in zip(Precision, alarms, strict=True)
            },
            **({"held out": _as_json(tested)} if tested else {}),
        },
    }


def _as_json(compared: Mapping[str, Compared]) -> dict[str, Any]:
    return {name: one.to_json() for name, one in compared.items()}


def _alarms(bundle: Bundle, runtime: Runtime) -> Alarms:
    scores = [PatrolRun(Patrol(seed), bundle, runtime).run(with_images=True) for seed in PATROLS]
    return Alarms(
        sum(score.leaks for score in scores),
        sum(score.missed_leaks for score in scores),
        sum(score.false_alarms for score in scores),
        sum(score.misnamed_alarms for score in scores),
        tuple(delay for score in scores for delay in score.detection_delays_s),
    )


def _command(bundle: Bundle, embargo: int) -> str:
    return f"python -m training.quantise {bundle.name} --data DIR --embargo {embargo} --output DIR"


def _note(text: str) -> None:
    CONSOLE.print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
