"""Captures of other people's boards, where they are at hand: right names, or a reason and a remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from in_process import invoke

from gas_fusion_ros.base.observation import PAPER_CHANNELS

FIRST = dict(zip(PAPER_CHANNELS, (555, 515, 377, 338, 666, 451, 416), strict=True))
"""What each of them begins with, in counts of a 10-bit converter."""

_FOLDER = os.environ.get("GAS_FUSION_FIELD", "")
CAPTURES = sorted((Path(_FOLDER) / "serial").glob("*.txt")) if _FOLDER else []


@pytest.mark.skipif(not CAPTURES, reason="GAS_FUSION_FIELD names no folder with serial/*.txt")
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_is_read_under_the_right_names_or_refused(capture: Path) -> None:
    _, said = invoke("listen", capture, "--json")
    found = json.loads(said)
    if found["first"] is None:
        assert found["refused"]
        assert all(one["reason"] and one["remedy"] for one in found["refused"])
        return
    assert set(found["first"]) == set(PAPER_CHANNELS)
    ratios = {
        round(value / FIRST[name], 1 if value > 10 else 4)
        for name, value in found["first"].items()
        if value is not None
    }
    # Another scale has one factor for all; a value under another name has not.
    assert max(ratios) <= 1.02 * min(ratios)
    assert found["readings"] == found["rows"]
