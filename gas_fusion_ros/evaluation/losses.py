"""What of a bag was not, or not wholly, evaluated: one line for each cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.evaluation.schema import BagLoss
from gas_fusion_ros.pairing.types import PairingCounters

_COUNTED = {
    "duplicate_readings": "readings with the stamp of an earlier one were dropped",
    "duplicate_images": "images with the stamp of an earlier one were dropped",
    "future_readings": "readings were stamped ahead of their recording by more than pairing.future_tolerance "
    "and went on without an image",
    "future_images": "images were stamped ahead of their recording by more than pairing.future_tolerance and "
    "were dropped",
    "late_readings": "readings came after later ones had gone on: stamps out of order",
    "stale_images": "images came far behind later ones and were dropped: stamps out of order",
    "history_overruns": "readings came so late that their image may have been dropped; pairing.image_history "
    "would have to be larger",
    "interval_violations": "images came closer together than pairing.min_image_interval says",
    "resets": "jumps back in the stamps or the clock; each begins a new run, without the readings before",
}
"""What the pairing counts that is no matter of course, with what it means."""

_UNUSED_MESSAGES = ("reading_", "image_", "message_")
_UNUSED = ("unusable_observation", "classification_failed")
_DROPPED_BY_PAIRING = (
    "zero_stamp_readings",
    "zero_stamp_images",
    "duplicate_readings",
    "duplicate_images",
    "future_images",
    "stale_images",
)


def losses_of(tallies: Iterable[Problems], counters: PairingCounters) -> dict[str, BagLoss]:
    """Return all that went wrong, by cause.

    Args:
        tallies: the problems counted; their causes are taken as reported.
        counters: what became of the readings and images.
    """
    losses: dict[str, BagLoss] = {}
    for tally in tallies:
        details = {problem.cause: problem.detail for problem in tally.take_unreported()}
        losses |= {cause: BagLoss(count, details.get(cause, "")) for cause, count in tally.counts().items()}
    counts = counters.as_dict()
    losses |= {name: BagLoss(counts[name], text) for name, text in _COUNTED.items() if counts[name]}
    return losses


def dropped_of(losses: Mapping[str, BagLoss], counters: PairingCounters) -> dict[str, int]:
    """Return the messages that led to no verdict, by reason."""
    counts = counters.as_dict()
    return {
        **{
            cause: loss.count
            for cause, loss in losses.items()
            if cause.startswith(_UNUSED_MESSAGES) or cause in _UNUSED
        },
        **{name: counts[name] for name in _DROPPED_BY_PAIRING if counts[name]},
    }
