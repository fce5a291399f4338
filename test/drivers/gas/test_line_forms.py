"""The forms of other people's lines: read under the right names, or refused with the remedy."""

from __future__ import annotations

import pytest
from serial_forms import READ, READINGS, REFUSED, Read

from gas_fusion_ros.base.observation import PAPER_CHANNELS

EXPECTED = [dict(zip(PAPER_CHANNELS, row, strict=True)) for row in READINGS]


@pytest.mark.parametrize("form", READ)
def test_a_form_is_read_under_the_right_names(form: str) -> None:
    assert Read(READ[form](READINGS)).named() == EXPECTED


@pytest.mark.parametrize("form", READ)
def test_whatever_names_are_there_are_found(form: str) -> None:
    assert Read(READ[form](READINGS), channels=None).named() == EXPECTED


@pytest.mark.parametrize("form", REFUSED)
def test_a_form_that_is_not_certain_is_refused_with_the_remedy(form: str) -> None:
    render, cause = REFUSED[form]
    read = Read(render(READINGS))
    assert read.readings == []
    assert cause in read.refused
    assert len(read.refused[cause].remedy) > 10
