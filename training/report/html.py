"""A report as one HTML file that needs no other."""

from __future__ import annotations

from pathlib import Path

from gas_fusion_ros.report.page import page_environment
from training.report.document import ResultsReport

_TEMPLATE = "report.html.jinja"


def to_html(report: ResultsReport) -> str:
    """The report as one HTML file that needs no other."""
    environment = page_environment(Path(__file__).parent)
    return environment.get_template(_TEMPLATE).render(title=report.title, report=report)
