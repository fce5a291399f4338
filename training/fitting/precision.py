"""In what precision networks train: bfloat16 where the machine computes in it, else float32.

A CPU without it converts each product forth and back, and takes five times as long as in float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

_CPU_SIGNS = ("avx512_bf16", "amx_bf16", "bf16")
"""What torch calls the ability: of x86 with vectors, with tiles, and of ARM."""


def cpu_has_bfloat16() -> bool:
    """Whether torch says that this CPU computes in bfloat16; one that it does not know does not."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(sign)) for sign in _CPU_SIGNS)


def lightning_precision(wanted: str, has_gpu: bool) -> str:
    """Return a precision in Lightning's words; `auto` is what this machine computes in fastest."""
    if wanted != "auto":
        return wanted
    if has_gpu:
        return "16-mixed"
    return "bf16-mixed" if cpu_has_bfloat16() else "32-true"


def cpu_autocast() -> AbstractContextManager[None]:
    """Compute in bfloat16 where the CPU does."""
    return torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bfloat16())
