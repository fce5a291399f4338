"""Draws the pictures of docs/thermal.md: what real cameras show, kind by kind, drawn by the renderer.

`python scripts/draw_thermal_kinds.py` writes them anew; which ones they are stands here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, recolour  # noqa: E402
from gas_fusion_ros.model.thermal import network_input  # noqa: E402
from gas_fusion_ros.simulation.random_pictures import random_picture  # noqa: E402
from gas_fusion_ros.simulation.randomisation import WIDE, RandomisationSettings  # noqa: E402

FOLDER = ROOT / "docs" / "media" / "thermal"
SIDE, COLOURS = 150, 64

_APP = replace(WIDE, detectors=WIDE.detectors[-1:], hidden_share=0.0, clip_share=0.0)
_FLAT = replace(_APP, flat_share=1.0)
_WITH_THINGS = replace(_APP, flat_share=0.0, suspicious_share=1.0, objects=(0, 0), background_k=(0.3, 1.5))


@dataclass(frozen=True)
class Kind:
    """A picture: its class, how it varies, and which of those."""

    gas: str
    settings: RandomisationSettings
    seed: int


KINDS: Mapping[str, Kind] = {
    "flat": Kind("NoGas", _FLAT, 0),
    "machine": Kind("NoGas", _WITH_THINGS, 1),
    "face": Kind("NoGas", replace(_WITH_THINGS, background_k=(0.3, 1.0)), 31),
    "cut_off": Kind(
        "NoGas", replace(_WITH_THINGS, background_k=(0.3, 1.0), objects=(0, 1), clip_share=1.0), 54
    ),
    "vignetting": Kind("NoGas", _FLAT, 3),
    "spray": Kind("Perfume", replace(_FLAT, spread=(0.02, 0.12), length=(1.0, 2.5)), 12),
    "smoke": Kind("Smoke", replace(_FLAT, outside_share=1.0, hot_smoke_share=1.0), 10),
    "clutter": Kind("Perfume", replace(_WITH_THINGS, background_k=(5.0, 12.0), objects=(4, 6)), 2),
}


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, kind in KINDS.items():
        picture = random_picture(kind.gas, np.random.default_rng(kind.seed), kind.settings)
        seen = network_input(picture.pixels, picture.encoding, SIDE)[0]
        image = Image.fromarray(recolour(np.clip(seen, 0.0, 1.0), APP_PALETTE))
        image.quantize(COLOURS).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
