"""Renders pages: one frame and style for every report, and whatever text goes into them is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gas_fusion_ros.report.texts import count_text, duration_text, leak_place_text, number_text

TEMPLATES = Path(__file__).parent / "templates"
"""`base.html.jinja`, which every page extends, its style, and the pages of this room."""


def page_environment(*folders: Path) -> Environment:
    """What loads templates from here and from further folders, with the filters that several pages need."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, *folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "counted": count_text,
        "duration": duration_text,
        "leak_place": leak_place_text,
        "number": number_text,
        "thousands": lambda count: f"{count:,}",
    }
    return environment
