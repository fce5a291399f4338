"""The precision of training follows what the machine computes in."""

import pytest
import torch

from training.fitting.precision import cpu_autocast, cpu_has_bfloat16, lightning_precision


def _give(monkeypatch: pytest.MonkeyPatch, **capabilities: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"avx2": True, "avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
        ({"bf16": True, "sve": True}, "bf16-mixed"),
        ({}, "32-true"),
    ],
)
def test_auto_is_bfloat16_only_where_the_cpu_computes_in_it(
    capabilities: dict[str, bool], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _give(monkeypatch, **capabilities)
    assert lightning_precision("auto", has_gpu=False) == wanted
    with cpu_autocast():
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert made.dtype is (torch.bfloat16 if wanted == "bf16-mixed" else torch.float32)


def test_a_torch_that_does_not_tell_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not cpu_has_bfloat16()


def test_a_gpu_takes_float16_and_a_wish_is_kept() -> None:
    assert lightning_precision("auto", has_gpu=True) == "16-mixed"
    assert lightning_precision("bf16-mixed", has_gpu=False) == "bf16-mixed"
