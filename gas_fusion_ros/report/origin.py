"""The report's last part: what a bag was evaluated with, so that it can be done again."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import metadata

import gas_fusion_ros
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.schema import EvaluationReport
from gas_fusion_ros.report.texts import DASH
from gas_fusion_ros.truth.track import LabelSource

_LIBRARIES = ("numpy", "onnxruntime", "rosbags")
_FIRST_CALENDAR_STAMP_NS = 100_000_000 * NANOSECONDS_PER_SECOND
"""Stamps before are those of a simulation, and no date."""
_LABELS = {
    LabelSource.CSV: "a CSV of intervals",
    LabelSource.TOPIC: "topics of the bag",
    LabelSource.NONE: "none",
}


def origin_of(report: EvaluationReport) -> dict[str, str]:
    """Return hashes, topics and versions, by name."""
    return {
        "bag": report.bag,
        "bag, sha256": report.bag_sha256,
        "model": report.bundle,
        "model, sha256 of bundle.json": report.bundle_sha256,
        "array": report.array.told,
        "labels": _LABELS[report.labels_from],
        **{f"topic, {kind}": name or DASH for kind, name in report.topics.items()},
        **{f"choice, {choice.kind}": choice.sentence for choice in report.topic_choices},
        "first stamp": _stamp_text(report.started_ns),
        "alarms acknowledged": "each once it was over" if report.acknowledged else "none",
        "versions": ", ".join(f"{name} {version}" for name, version in _versions().items()),
    }


def settings_of(report: EvaluationReport) -> dict[str, str]:
    """Return the parameters that the bag was evaluated by, by name."""
    return {name: _setting_text(value) for name, value in report.settings.items()}


def _setting_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or DASH
    return str(value)


def _stamp_text(stamp_ns: int) -> str:
    seconds = f"{stamp_ns / NANOSECONDS_PER_SECOND:.3f} s"
    if stamp_ns < _FIRST_CALENDAR_STAMP_NS:
        return seconds
    date = datetime.fromtimestamp(stamp_ns / NANOSECONDS_PER_SECOND, timezone.utc)
    return f"{date:%Y-%m-%d %H:%M:%S} UTC ({seconds})"


def _versions() -> dict[str, str]:
    versions = {"gas_fusion_ros": gas_fusion_ros.__version__}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # as where a distribution packages it under another name
            continue
    return versions
