"""docs/parameters.md says what the nodes declare."""

from __future__ import annotations

import pytest
from checkout_scripts import FOLDER, load_script

SCRIPT = FOLDER / "write_parameter_docs.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="runs from a checkout only")
def test_parameter_page_is_up_to_date() -> None:
    script = load_script(SCRIPT.stem)
    assert script.PATH.read_text(encoding="utf-8") == script.render(), f"run python {SCRIPT.name}"
