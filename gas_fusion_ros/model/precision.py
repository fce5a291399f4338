"""Which of a bundle's networks runs on this CPU: that of float32 or that of eight bits."""

from __future__ import annotations

from pathlib import Path

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.model.bundle import Bundle, BundleError, Precision

AUTO = "auto"
PRECISIONS = (AUTO, *(precision.value for precision in Precision))
_EXACT_AND_FAST = {"avx512_vnni", "avx_vnni"}
"""Flags of CPUs that multiply in eight bits exactly, and were measured to be faster in them.

AVX2 and AVX-512 without VNNI are faster too, but some of their sums overflow: what they say is not what a
bundle's figures were measured with. With AVX alone eight bits are slower. ARM was not measured."""
_CPU_FACTS = Path("/proc/cpuinfo")


def choose_precision(bundle: Bundle, asked: str) -> Precision:
    """Return in which precision a bundle runs on this machine's CPU.

    `auto` takes eight bits where the bundle says that they may be taken unasked and the CPU is of a kind that
    was measured to be faster in them. It goes by the kind and times nothing, so that a machine says
    the same of the same recording every time.

    Args:
        bundle: the bundle.
        asked: one of `PRECISIONS`.

    Raises:
        ValueError: it is none of them.
        BundleError: `int8` is asked of a bundle without networks in eight bits.
    """
    if asked not in PRECISIONS:
        raise ValueError(f"precision is {shown(asked)}; it must be one of {', '.join(PRECISIONS)}")
    if asked == AUTO:
        is_better = bundle.int8 is not None and bundle.int8.admissible and has_fast_int8()
        return Precision.INT8 if is_better else Precision.FLOAT32
    if Precision(asked) not in bundle.precisions:
        raise BundleError(
            f"precision is '{asked}', but model '{bundle.name}' ({bundle.path}) has no network in eight "
            "bits: take precision 'auto' or 'float32', or add one by `python -m training.quantise`, which "
            "takes models of windows"
        )
    return Precision(asked)


def has_fast_int8(cpu_facts: Path = _CPU_FACTS) -> bool:
    """Tell whether this CPU is of a kind that was measured to be faster in eight bits, and exact.

    Args:
        cpu_facts: what Linux tells of it; without it nothing is known.
    """
    try:
        text = cpu_facts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = [line.partition(":")[2].split() for line in text.splitlines() if line.startswith("flags")]
    return bool(lines) and all(_EXACT_AND_FAST & set(flags) for flags in lines)
