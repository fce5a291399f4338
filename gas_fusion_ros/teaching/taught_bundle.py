"""A bundle that was taught further classes: learned, held out, calibrated, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from gas_fusion_ros.alarm.settings import BALANCED, AlarmAdvice
from gas_fusion_ros.base.documents import read_json
from gas_fusion_ros.base.observation import CLEAN_AIR, RESERVED_CLASSES, Mode
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import MANIFEST, Bundle
from gas_fusion_ros.teaching.alarm_tuning import GRID, TARGETS, AlarmGrid, tune_alarm
from gas_fusion_ros.teaching.bundle_folder import whole, write_manifest
from gas_fusion_ros.teaching.calibration import fit_temperature, log_softmax
from gas_fusion_ros.teaching.gas_branch import GasBranch
from gas_fusion_ros.teaching.lesson import (
    HeldOut,
    Normal,
    Teacher,
    embargo_kept_ns,
    hold_out,
    remembered,
    with_calibration,
)
from gas_fusion_ros.teaching.onsets import splice_onsets
from gas_fusion_ros.teaching.sources import Material
from gas_fusion_ros.teaching.taught_card import write_card
from gas_fusion_ros.teaching.taught_network import check_taught, read_network
from gas_fusion_ros.teaching.windows import ROW_PERIOD_S, Recording

LEAST_ROWS = 60
"""Readings of a class, two seconds apart, below which it is not taught."""
LEAST_RECALL = 0.8
"""Held-out recall below which a taught class cannot be told from another."""
LEAST_REMEMBERED = 0.8
"""Share of a known class's prototypes below which too much of it is taken for a taught class."""
_QUANTILE = 0.99


class TeachingError(ValueError):
    """A model cannot be taught so; the message says why and what would be right."""


@dataclass(frozen=True)
class TeachingSettings:
    """How a model is taught.

    Attributes:
        name: the new model's.
        forget: classes of the model that it is to lose.
        embargo_ns: how near in time to held-out readings nothing is learned; None for the window's span.
        command: as it was given, for the card.
        seed: decides copies and clusters.
    """

    name: str
    forget: tuple[str, ...] = ()
    embargo_ns: int | None = None
    command: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Origin:
    """Where taught readings are from, for the card.

    Attributes:
        path: as it was given.
        sha256: over the file or files.
        array: whose word the array is.
        readings: labelled readings, by class.
    """

    path: str
    sha256: str
    array: str
    readings: Mapping[str, int]


@dataclass(frozen=True)
class ClassReport:
    """How a taught class did on readings held out.

    Attributes:
        name: the class.
        readings: how many were given.
        rows: how many of them, two seconds apart, were learned from.
        recall: held-out recall.
        confused: the class that was said most besides, and how often; None where no other was.
        is_new: whether the model did not know it.
    """

    name: str
    readings: int
    rows: int
    recall: float
    confused: tuple[str, float] | None
    is_new: bool


@dataclass(frozen=True)
class Taught:
    """What came of teaching.

    Attributes:
        bundle: the new bundle.
        classes: of each taught class how it did.
        remembered: by known class, the share of its prototypes that are still taken for it.
        retuned: whether the alarm's advice is new.
        notes: what is to be known besides, a sentence each.
        warnings: what is wrong with it, a sentence each.
    """

    bundle: Bundle
    classes: tuple[ClassReport, ...]
    remembered: Mapping[str, float]
    retuned: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def teach(
    bundle: Bundle, material: Material, origins: Sequence[Origin], output: Path, settings: TeachingSettings
) -> Taught:
    """Teach a bundle the classes of some readings, and write what comes of it as a new bundle.

    Args:
        bundle: what it begins with.
        material: what is taught; its first classes are those of `known_classes`.
        origins: where that is from.
        output: a new or empty folder.
        settings: how.

    Raises:
        TeachingError: too few readings, or classes that cannot be taught or forgotten.
        TaughtNetworkError: the bundle's network cannot be taught.
        ExportError: `output` cannot be written.
    """
    old = read_network(bundle)
    usable, notes = _usable(material, len(known_classes(bundle, settings.forget)))
    kept = [bundle.classes.index(name) for name in known_classes(bundle, settings.forget)]
    known = old.branch.with_classes(kept, len(material.classes) - len(kept))
    clean = material.classes.index(CLEAN_AIR)
    teacher = Teacher(known, Normal(bundle.mean, bundle.std), bundle.window, usable, clean, settings.seed)
    embargo_ns = bundle.window.span_ns if settings.embargo_ns is None else settings.embargo_ns
    held = hold_out(teacher, embargo_ns)
    branch = _calibrated(teacher.learn(np.arange(len(usable.labels))), held)
    network = old.taught(branch, kept)
    check_taught(bundle, network, old, kept)
    places = [kept.index(label) if label in kept else -1 for label in range(len(bundle.classes))]
    shares = remembered(old.branch, branch, places)
    advice = _advice(teacher, held, branch, bundle)
    reports = _reports(material, usable, held, len(kept))
    content = {
        **read_json(bundle.path / MANIFEST),
        "name": settings.name,
        "classes": list(material.classes),
        "trained_on": _trained_on(bundle, origins, settings, reports, embargo_ns),
        "metrics": _metrics(held, reports),
        **_advised(advice),
    }
    # Its networks in eight bits are those of other classes.
    for field in ("files", "format_version", "int8"):
        content.pop(field, None)
    with whole(output) as folder:
        network.write(folder)
        write_manifest(folder, content)
        write_card(Bundle.load(folder), retuned=bool(advice))
    still = {name: share for name, share in zip(bundle.classes, shares, strict=True) if np.isfinite(share)}
    return Taught(
        Bundle.load(output),
        reports,
        still,
        bool(advice),
        (*notes, *_notes(usable, embargo_ns, advice)),
        tuple(_warnings(reports, still)),
    )


def known_classes(bundle: Bundle, forget: Sequence[str]) -> tuple[str, ...]:
    """Return a bundle's classes without those to be forgotten.

    Raises:
        TeachingError: one of these is none of its, or clean air.
    """
    unknown = [name for name in forget if name not in bundle.classes]
    if unknown:
        raise TeachingError(
            f"--forget: {', '.join(map(shown, unknown))} is no class of model '{bundle.name}', which knows "
            f"{', '.join(bundle.classes)}"
        )
    if CLEAN_AIR not in bundle.classes or CLEAN_AIR in forget:
        raise TeachingError(f"a model must know {CLEAN_AIR}: an alarm is what is not clean air")
    return tuple(name for name in bundle.classes if name not in forget)


def _usable(material: Material, known: int) -> tuple[Recording, list[str]]:
    """Return the readings of classes with enough of them, and of which there were too few.

    Raises:
        TeachingError: they are of a new class, or nothing is left.
    """
    recording = material.recording
    for name in RESERVED_CLASSES:
        if name in material.classes:
            raise TeachingError(
                f"a class must not be named {name}: the name is reserved for what is no class; leave such "
                "readings without a label, or name the gas"
            )
    notes, left_out = [], []
    for label in np.unique(recording.labels).tolist():
        rows = int((recording.labels == label).sum())
        if rows >= LEAST_ROWS:
            continue
        told = (
            f"{shown(material.classes[label])}: {rows} readings, {ROW_PERIOD_S:g} s apart, are too few; at "
            "least "
            f"{LEAST_ROWS} are needed, {LEAST_ROWS * ROW_PERIOD_S / 60:g} minutes, and ten minutes are better"
        )
        if label >= known:
            raise TeachingError(told)
        notes.append(f"{told}; left as it was")
        left_out.append(label)
    kept = np.flatnonzero(~np.isin(recording.labels, left_out))
    if not len(kept):
        raise TeachingError("; ".join(notes))
    bags = None if recording.bags is None else recording.bags[kept]
    return (
        replace(
            recording,
            counts=recording.counts[kept],
            labels=recording.labels[kept],
            stamps_ns=recording.stamps_ns[kept],
            bags=bags,
        ),
        notes,
    )


def _calibrated(branch: GasBranch, held: HeldOut) -> GasBranch:
    return with_calibration(
        branch, fit_temperature(held.logits, held.labels), float(np.quantile(held.distances, _QUANTILE))
    )


def _advice(
    teacher: Teacher, held: HeldOut, branch: GasBranch, bundle: Bundle
) -> dict[str, dict[str, float | None]]:
    """Return the alarm's advice of each profile, tuned on what was held out; none without clean air in it.

    It is never less cautious than the bundle's own: minutes do not undo what hours have said.
    """
    recording, clean = teacher.recording, teacher.clean
    quiet, leaks = [], []
    for one in held.folds:
        is_air = recording.labels[one.fold.held] == clean
        if is_air.any():
            quiet.append(_leaks(one.answers.logits[is_air], branch, clean))
        for onset in splice_onsets(recording, one.fold.held, clean, teacher.window):
            logits = teacher.answer_windows(one.branch, onset.windows).logits
            leaks.append((_leaks(logits, branch, clean), onset.at))
    if not quiet or not leaks:
        return {}
    return {
        name: tune_alarm(
            quiet, leaks, recording.period_s, TARGETS[name], _grid(bundle.profiles[name])
        ).advice(recording.period_s)
        for name in bundle.profiles
    }


def _leaks(logits: np.ndarray, branch: GasBranch, clean: int) -> np.ndarray:
    return np.asarray(1 - np.exp(log_softmax(logits / branch.temperature))[:, clean])


def _grid(advice: AlarmAdvice) -> AlarmGrid:
    delay_s = advice.on_delay_ns / NANOSECONDS_PER_SECOND
    return AlarmGrid(
        tuple(
            sorted(
                {advice.on_threshold, *(x for x in GRID.on_thresholds if x >= advice.on_threshold)},
                reverse=True,
            )
        ),
        (advice.off_threshold,),
        tuple(sorted({delay_s, *(x for x in GRID.on_delays_s if x >= delay_s)}, reverse=True)),
        (advice.off_delay_ns / NANOSECONDS_PER_SECOND,),
    )


def _advised(advice: Mapping[str, Any]) -> dict[str, Any]:
    if not advice:
        return {}
    return {
        "alarm": advice[BALANCED],
        "profiles": {name: values for name, values in advice.items() if name != BALANCED},
    }


def _reports(material: Material, usable: Recording, held: HeldOut, known: int) -> tuple[ClassReport, ...]:
    reports = []
    for label in np.unique(usable.labels).tolist():
        name = material.classes[label]
        confused = held.confused_with(label)
        reports.append(
            ClassReport(
                name,
                material.readings[name],
                int((usable.labels == label).sum()),
                held.recall(label),
                None if confused is None else (material.classes[confused[0]], confused[1]),
                label >= known,
            )
        )
    return tuple(reports)


def _metrics(held: HeldOut, reports: Sequence[ClassReport]) -> dict[str, Any]:
    return {
        "taught readings, a fifth held out, five times": {
            Mode.GAS_ONLY.value: {
                "accuracy": round(float((held.said == held.labels).mean()), 4),
                "recall": {one.name: round(one.recall, 4) for one in reports},
                "samples": len(held.labels),
            }
        }
    }


def _trained_on(
    bundle: Bundle,
    origins: Sequence[Origin],
    settings: TeachingSettings,
    reports: Sequence[ClassReport],
    embargo_ns: int,
) -> dict[str, Any]:
    """Return what the bundle was trained on, and what it and those before it were taught."""
    lesson = {
        "from": {"name": bundle.name, "sha256": bundle.sha256},
        "sources": [
            {"path": one.path, "sha256": one.sha256, "array": one.array, "readings": dict(one.readings)}
            for one in origins
        ],
        "readings": {one.name: one.readings for one in reports},
        "new": [one.name for one in reports if one.is_new],
        "forgotten": list(settings.forget),
        "embargo_s": embargo_ns / NANOSECONDS_PER_SECOND,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": settings.command,
        "seed": settings.seed,
    }
    return {**bundle.trained_on, "taught": [*bundle.trained_on.get("taught", []), lesson]}


def _notes(recording: Recording, embargo_ns: int, advice: Mapping[str, Any]) -> list[str]:
    notes = []
    lines = [np.flatnonzero(recording.labels == label) for label in np.unique(recording.labels)]
    least_ns = min(embargo_kept_ns(recording, line, embargo_ns) for line in lines)
    if least_ns < embargo_ns:
        notes.append(
            f"of the shortest class only {least_ns / NANOSECONDS_PER_SECOND:.0f} s, not "
            f"{embargo_ns / NANOSECONDS_PER_SECOND:.0f} s, lie between what was learned and what was held "
            "out: its "
            "recall may flatter"
        )
    if not advice:
        notes.append(
            f"the alarm's advice is the old one: tuning it takes {CLEAN_AIR} among the taught readings, "
            "ten minutes, "
            "and five of a gas"
        )
    return notes


def _warnings(reports: Sequence[ClassReport], still: Mapping[str, float]) -> list[str]:
    warnings = [
        f"{shown(one.name)} cannot be told from {shown(one.confused[0])}: of its held-out readings "
        f"{one.recall:.0%} "
        f"are recognised, and {LEAST_RECALL:.0%} should be; record more of it, or nearer to the source"
        for one in reports
        if one.recall < LEAST_RECALL and one.confused is not None
    ]
    warnings += [
        f"{shown(name)}, which the model knew, is now often taken for a taught class: {share:.0%} of what "
        "it learned "
        "of it is still taken for it; are the taught readings labelled rightly?"
        for name, share in still.items()
        if share < LEAST_REMEMBERED
    ]
    return warnings
