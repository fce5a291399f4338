"""site.html: a site over all its patrols, on one page that needs no other file."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path, PurePath

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.report.page import page_environment
from gas_fusion_ros.report.site_figures import MOST_LINES, coverage_picture, drift_picture, strengths_picture
from gas_fusion_ros.report.texts import (
    DASH,
    number_text,
    place_text,
)
from gas_fusion_ros.site.verdicts import Said
from gas_fusion_ros.survey.schema import SiteReport

MOST_ROWS = 500
"""Of a table: of more the latest; site.json has all."""
_MARKS = {Said.TRUE_LEAK: "bad", Said.FALSE_ALARM: "good", Said.NOT_KNOWN: "warn"}


def write_site_html(report: SiteReport, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_whole(path, site_html(report).encode())


def site_html(report: SiteReport) -> str:
    """Return the page as HTML."""
    environment = page_environment()
    environment.filters |= {
        "day": _day,
        "last_parts": _last_parts,
        "or_dash": lambda figure: DASH if figure is None or figure == "" else figure,
        "place": _place,
    }
    named = PurePath(report.site).name if report.site else "a site"
    return environment.get_template("site.html.jinja").render(
        title=f"Patrols of {named}",
        report=report,
        key_figures={
            "leaks": str(len(report.leaks) - report.leaks_judged_false),
            "leaks judged false": str(report.leaks_judged_false),
            "patrols": str(len(report.patrols)),
            "hours of patrol": number_text(report.patrol_hours),
            "alarms": f"{report.alarms:,}",
            "alarms judged false": str(report.false_alarms),
            "alarms not judged": str(report.unjudged),
        },
        strengths=strengths_picture(report.leaks),
        drift=drift_picture(report.sensors),
        maps=[(coverage, coverage_picture(coverage, report.leaks)) for coverage in report.coverage],
        most_lines=MOST_LINES,
        most_rows=MOST_ROWS,
        marks={said.value: kind for said, kind in _MARKS.items()},
    )


def _last_parts(path: str) -> str:
    """The name of a bag after that of its folder: names such as `bag` recur from patrol to patrol."""
    pure = PurePath(path)
    return "/".join(part for part in (pure.parent.name, pure.name) if part) or path


def _day(stamp_ns: int) -> str:
    try:
        moment = datetime.fromtimestamp(stamp_ns / NANOSECONDS_PER_SECOND, timezone.utc)
    except (OverflowError, ValueError, OSError):  # of a clock that was never set
        return f"{stamp_ns} ns"
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _place(x: float | None, y: float | None, frame_id: str | None) -> str:
    from gas_fusion_ros.evaluation.schema import Place

    return DASH if x is None or y is None else place_text(Place(x, y, frame_id or "", 0))
