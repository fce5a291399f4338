"""docs/parameters.md says what the nodes declare."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_parameter_docs.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="runs from a checkout only")
def test_parameter_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("write_parameter_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PATH.read_text(encoding="utf-8") == script.render(), f"run python {SCRIPT.name}"
