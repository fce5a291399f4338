"""Renders pages: one frame and style for every report, and whatever text goes into them is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
"""`base.html.jinja`, which every page extends, its style, and the pages of this room."""


def page_environment(*folders: Path) -> Environment:
    """What loads templates from here and from further folders."""
    return Environment(
        loader=FileSystemLoader([TEMPLATES, *folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
