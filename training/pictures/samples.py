"""Pictures as a network sees them, drawn or read from files; the files are for tests alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gas_fusion_ros.base.dataset import IMAGE_SUFFIXES, files_below
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, read_image
from gas_fusion_ros.model.pseudo_colour import Field
from gas_fusion_ros.model.thermal import ThermalError, network_input, to_field
from gas_fusion_ros.simulation.random_pictures import RandomPicture, random_picture
from gas_fusion_ros.simulation.randomisation import WIDE, RandomisationSettings

SIDE = 112
"""Of what is compared, pixels."""


class NoPicturesError(ValueError):
    """A folder holds no picture that can be read; the message names it."""


@dataclass(frozen=True)
class Sample:
    """A picture.

    Attributes:
        name: of its file, or what was drawn.
        field: before it is resized, shape (H, W), 0..1.
        seen: as a network of that input sees it, shape (SIDE, SIDE), 0..1.
    """

    name: str
    field: Field
    seen: Field


def draw_pictures(count: int, seed: int, settings: RandomisationSettings = WIDE) -> Iterator[RandomPicture]:
    """Draw pictures of all classes in turn; the same seed draws the same ones."""
    for index in range(count):
        gas = PAPER_CLASSES[index % len(PAPER_CLASSES)]
        yield random_picture(gas, np.random.default_rng((seed, index)), settings)


def drawn_samples(count: int, seed: int, settings: RandomisationSettings = WIDE) -> list[Sample]:
    """Draw pictures as `draw_pictures` does, as the network sees them."""
    samples = []
    for picture in draw_pictures(count, seed, settings):
        name = f"{picture.gas}, {picture.situation.value}, {picture.camera}"
        field = to_field(picture.pixels, picture.encoding)
        samples.append(Sample(name, field, network_input(picture.pixels, picture.encoding, SIDE)[0]))
    return samples


def read_samples(places: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    """Read all pictures of some files and folders.

    Returns:
        The pictures, and a line for each file that cannot be read.

    Raises:
        NoPicturesError: a place is missing, or holds no picture that can be read.
    """
    samples: list[Sample] = []
    problems: list[str] = []
    for place in places:
        before = len(samples)
        for file in _files(place):
            try:
                pixels, encoding = read_image(file)
                seen = network_input(pixels, encoding, SIDE)[0]
                samples.append(Sample(file.name, to_field(pixels, encoding), seen))
            except (UnreadableImageError, ThermalError) as error:
                problems.append(f"{shown(file)}: {error}")
        if len(samples) == before:
            raise NoPicturesError(
                f"{shown(place)} holds no picture that can be read; expected files that end in "
                f"{', '.join(IMAGE_SUFFIXES)}"
            )
    return samples, problems


def _files(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return sorted(file for file in files_below(place, "*") if file.suffix.lower() in IMAGE_SUFFIXES)
