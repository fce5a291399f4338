"""Drawn pictures as a network learns them: what it sees, where the plume is, if anybody could see it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import joblib
import numpy as np
import numpy.typing as npt
import torch

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.model.thermal import network_input
from gas_fusion_ros.simulation.random_pictures import random_picture
from gas_fusion_ros.simulation.randomisation import WIDE, RandomisationSettings

SIDE = 64
"""Of the network's input, pixels: that of temporal fusion."""
CELL = 8
"""Side, pixels, of the cells of a picture of which it is known whether there is a plume."""
_PER_PROCESS = 500
"""Starting a process takes as long as drawing about so many pictures."""


@dataclass(frozen=True)
class DrawnSet:
    """N drawn pictures of side S.

    Attributes:
        classes: names of the K classes.
        pixels: shape (N, S, S), uint8: the network's input, of 255.
        plumes: shape (N, 2, S // CELL, S // CELL), uint8: the share, of 255, of each cell in which a plume
            makes the picture clearly darker, and brighter.
        labels: shape (N,), index into the classes.
        is_seen: shape (N,), whether there is a plume that can be seen.
        cameras: shape (N,), names of detectors.
    """

    classes: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    plumes: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    is_seen: npt.NDArray[np.bool_]
    cameras: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shown_labels(self) -> npt.NDArray[np.int64]:
        """What the pictures show, shape (N,): clean air where no plume is seen, where that is a class."""
        if CLEAN_AIR not in self.classes:
            return self.labels
        return np.where(self.is_seen, self.labels, self.classes.index(CLEAN_AIR))

    def where(self, chosen: npt.NDArray[np.bool_]) -> DrawnSet:
        """Return the pictures that are chosen, shape (N,)."""
        return DrawnSet(
            self.classes,
            self.pixels[chosen],
            self.plumes[chosen],
            self.labels[chosen],
            self.is_seen[chosen],
            self.cameras[chosen],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[DrawnSet]) -> DrawnSet:
        """Put sets of the same classes one after another."""
        names = ("pixels", "plumes", "labels", "is_seen", "cameras")
        return cls(
            parts[0].classes, *(np.concatenate([getattr(one, name) for one in parts]) for name in names)
        )

    def beliefs(self, unseen_share: float) -> torch.Tensor:
        """Return what one should believe of each picture, shape (N, K), probabilities.

        Of a picture in which nothing is seen it is not clean air for sure: of each gas a share of the plumes
        cannot be seen.

        Args:
            unseen_share: that share, where classes are alike.
        """
        out = torch.zeros(len(self), len(self.classes))
        out[torch.arange(len(self)), torch.from_numpy(self.labels)] = 1.0
        nothing = torch.full((len(self.classes),), unseen_share)
        if CLEAN_AIR in self.classes:
            nothing[self.classes.index(CLEAN_AIR)] = 1.0
        out[torch.from_numpy(~self.is_seen)] = nothing / nothing.sum()
        return out


def draw_set(
    classes: Sequence[str], count: int, size: int, seed: int, settings: RandomisationSettings = WIDE
) -> DrawnSet:
    """Draw pictures of some of the paper's classes in turn; the same seed draws the same ones.

    Args:
        classes: which.
        count: how many pictures.
        size: their side, pixels; a multiple of `CELL`.
        seed: of all of them.
        settings: how they vary.
    """
    jobs = max(1, min(os.cpu_count() or 1, count // _PER_PROCESS))
    parts = [range(start, min(start + _PER_PROCESS, count)) for start in range(0, count, _PER_PROCESS)]
    run = joblib.Parallel(jobs)
    drawn = [
        one
        for part in run(joblib.delayed(_draw)(classes, part, size, seed, settings) for part in parts)
        for one in part
    ]
    return DrawnSet(
        tuple(classes),
        np.stack([one.pixels for one in drawn]),
        np.stack([one.plume for one in drawn]),
        np.arange(count) % len(classes),
        np.array([one.is_seen for one in drawn]),
        np.array([one.camera for one in drawn]),
    )


@dataclass(frozen=True)
class _Drawn:
    pixels: npt.NDArray[np.uint8]
    plume: npt.NDArray[np.uint8]
    is_seen: bool
    camera: str


def _draw(
    classes: Sequence[str], numbers: Sequence[int], size: int, seed: int, settings: RandomisationSettings
) -> list[_Drawn]:
    out = []
    for number in numbers:
        gas = classes[number % len(classes)]
        picture = random_picture(gas, np.random.default_rng((seed, number)), settings)
        pixels = np.rint(255 * network_input(picture.pixels, picture.encoding, size)[0]).astype(np.uint8)
        parts = [
            cv2.resize(part.astype(np.float32), (size // CELL,) * 2, interpolation=cv2.INTER_AREA)
            for part in (picture.plume < -settings.seen, picture.plume > settings.seen)
        ]
        plume = np.rint(255 * np.stack(parts)).astype(np.uint8)
        out.append(_Drawn(pixels, plume, picture.is_seen, picture.camera))
    return out
