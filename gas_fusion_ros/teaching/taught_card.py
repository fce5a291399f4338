"""Writes the card of a bundle that was taught."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle

_TEMPLATE = """\
# {name}

Gas class from windows of readings of a calibrated array, with or without a thermal picture. It began with the
bundle `{origin}`, whose manifest has the sha256 `{sha256}`, and was taught by `gas-fusion teach`.

Classes: {classes}. Channels, as ln(Rs/R0): {channels}.

## Taught
{lessons}

Made by

    {command}

## Measured
Contiguous fifths of the taught readings were held out in turn, by gas alone:

| class | recall |
|---|---|
{recalls}

{samples} readings in all, of the taught recordings: not another day, and not another array. What the bundle
`{origin}` was measured at holds for its own classes, as far as the taught ones do not take from them.

## Use
- Pictures say nothing of taught classes: each gets the mean probability of those that have pictures.
- {advice}
- Taught gases raise critical alarms, unless `alarm.critical_classes` or `alarm.warning_classes` are changed:
  then name them in one of the two, or they raise none.

Not for safety-critical use: cheap sensors, few gases.

## Licence
That of whoever owns the taught readings. What the licence of `{origin}` asks for holds too: the weights began
with its weights.
"""


def write_card(bundle: Bundle, retuned: bool) -> None:
    """Write README.md into a taught bundle's folder.

    Args:
        bundle: as written.
        retuned: whether the alarm's advice was tuned on the taught readings.
    """
    lessons = bundle.trained_on["taught"]
    latest = lessons[-1]
    (figures,) = bundle.metrics.values()
    scores = figures["gas_only"]
    text = _TEMPLATE.format(
        name=bundle.name,
        origin=latest["from"]["name"],
        sha256=latest["from"]["sha256"],
        classes=", ".join(bundle.classes),
        channels=", ".join(bundle.channels),
        lessons="\n".join(line for lesson in lessons for line in _lesson(lesson)),
        command=latest["command"],
        recalls="\n".join(f"| {name} | {recall:.3f} |" for name, recall in scores["recall"].items()),
        samples=scores["samples"],
        advice=_advice(bundle, retuned),
    )
    (bundle.path / "README.md").write_text(text, encoding="utf-8")


def _lesson(lesson: dict[str, Any]) -> Iterator[str]:
    forgotten = f"; forgotten: {', '.join(lesson['forgotten'])}" if lesson["forgotten"] else ""
    new = ", ".join(lesson["new"]) or "none"
    yield f"- {lesson['date']}, from `{lesson['from']['name']}`; new: {new}{forgotten}."
    for source in lesson["sources"]:
        readings = ", ".join(f"{name} {count}" for name, count in source["readings"].items())
        yield (
            f"  - `{shown(source['path'])}`, sha256 `{source['sha256']}`: {readings} readings; array: "
            f"{source['array']}."
        )


def _advice(bundle: Bundle, retuned: bool) -> str:
    alarm = bundle.alarm
    on_s, off_s = (delay / NANOSECONDS_PER_SECOND for delay in (alarm.on_delay_ns, alarm.off_delay_ns))
    told = (
        f"Advice for the alarm: raise at a leak probability of {alarm.on_threshold} for {on_s:g} s, clear "
        "below "
        f"{alarm.off_threshold} for {off_s:g} s"
    )
    if retuned:
        return f"{told}; tuned on the taught readings, and no less cautious than before."
    return f"{told}; as before: the taught readings hold too little clean air to tune it."
