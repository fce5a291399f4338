"""Looks at one thermal picture: what field it holds, what a model makes of it, and what in it spoke."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame, Verdict
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, as_frame
from gas_fusion_ros.drivers.thermal.picture_series import PictureSeries, open_series
from gas_fusion_ros.drivers.thermal.raw_frames import RawPicture, RawReader, RawSettings, is_raw
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.grad_cam import Map, strongest_place
from gas_fusion_ros.model.picture_evidence import PictureEvidence
from gas_fusion_ros.model.pseudo_colour import BarEdge, Field, Rgb, read_screenshot
from gas_fusion_ros.model.runtimes import Runtime
from gas_fusion_ros.model.thermal import celsius_of_counts, field_range, to_field

DRAWN_ONLY = (
    "this model has seen drawn pictures only: what it says of a real one may be wrong (docs/thermal.md)"
)


def class_in(name: str, classes: Iterable[str]) -> str:
    """Return the class that a picture's name holds; empty where it holds none, or several."""
    found = [one for one in classes if one in name]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class FieldFigures:
    """The field that a picture holds.

    Attributes:
        encoding: how its file was read: `mono8`, `mono16`, `32FC1` or `rgb8`.
        read_as: the same in words, and what to set where a unit is not known.
        height: rows of the field.
        width: columns of the field.
        unit: of the range: `degC`, `counts`, or `relative` to the picture's own scale, 0 cold to 1 hot.
        low: 1st percentile.
        high: 99th percentile.
        is_flat: whether it has too little contrast to be stretched to the full range.
    """

    encoding: str
    read_as: str
    height: int
    width: int
    unit: str
    low: float
    high: float
    is_flat: bool

    @property
    def range_told(self) -> str:
        """The range with its unit, and whether it is flat."""
        digits = {"degC": 1, "counts": 0}.get(self.unit, 2)
        flat = ", flat" if self.is_flat else ""
        return f"{self.low:.{digits}f} to {self.high:.{digits}f} {self.unit}{flat}"


@dataclass(frozen=True)
class LookedAt:
    """One picture, looked at.

    Attributes:
        file: its path.
        place: where in the file it is, such as `page 3`; empty of a file of one picture.
        pixels: as read, shape (H, W) or (H, W, 3).
        field: what the network's input was made of, shape (H, W), 0 cold to 1 hot.
        figures: of the field.
        verdict: of the model's network for pictures alone.
        heat: what spoke for the likeliest class, shape (S, S), 0..1; None where no map can be made.
    """

    file: Path
    place: str
    pixels: npt.NDArray[np.generic]
    field: Field
    figures: FieldFigures
    verdict: Verdict
    heat: Map | None

    @property
    def title(self) -> str:
        """The file's name, and where in it."""
        return f"{self.file.name} {self.place}".rstrip()

    @property
    def frame(self) -> ThermalFrame:
        """The picture as a camera would give it, at stamp 0."""
        return ThermalFrame(0, self.pixels, self.figures.encoding)

    @property
    def named(self) -> str:
        """The class that its name holds, as those of the published pictures do; empty without one."""
        return class_in(self.title, self.verdict.classes)

    @property
    def is_right(self) -> bool:
        """Whether the verdict is the class that its name holds."""
        return self.verdict.label == self.named

    @property
    def strongest_at(self) -> tuple[float, float] | None:
        """Where the map is largest, as shares of width and height; None without a map, or where all is 0."""
        if self.heat is None or not self.heat.any():
            return None
        row, column = np.unravel_index(int(self.heat.argmax()), self.heat.shape)
        return (float(column) + 0.5) / self.heat.shape[1], (float(row) + 0.5) / self.heat.shape[0]

    @property
    def novelty_told(self) -> str:
        """How unlike training it is; a dash where the model cannot tell."""
        return "-" if self.verdict.novelty is None else f"{self.verdict.novelty:.2f}"

    @property
    def spoke_told(self) -> str:
        """Where the most spoke for the likeliest class, in words."""
        if self.heat is None:
            return "-"
        return strongest_place(self.heat) if self.heat.any() else "nothing"

    def to_json(self) -> Mapping[str, Any]:
        """Return what is said of it, without its pixels."""
        return {
            "file": str(self.file),
            "place": self.place,
            "label": self.verdict.label,
            "named": self.named,
            "probabilities": self.verdict.by_class,
            "novelty": self.verdict.novelty,
            "field": asdict(self.figures),
            "strongest_at": self.strongest_at,
        }


def right_told(looked: Sequence[LookedAt]) -> str:
    """Of how many pictures whose names hold a class the verdict is that class; empty without such ones."""
    named = [at for at in looked if at.named]
    if not named:
        return ""
    return f"{sum(at.is_right for at in named)} of {len(named)} whose names hold a class are right"


@dataclass(frozen=True)
class OpenedPictures:
    """The pictures of a file or folder; a context manager.

    Attributes:
        file: its path.
        series: the pictures.
        raw: reads those that are raw frames.
    """

    file: Path
    series: PictureSeries
    raw: RawReader

    def __enter__(self) -> OpenedPictures:
        return self

    def __exit__(self, *_: object) -> None:
        self.series.close()

    def place(self, index: int) -> str:
        """Where in the file or folder a picture is; empty where there is one alone."""
        return self.series.name(index).removeprefix(str(self.file)).strip(" /")


class PictureLook:
    """Looks at pictures with one model.

    Args:
        bundle: a model with a network for pictures alone.
        runtime: what runs it.
        raw: how 16-bit frames are read.

    Attributes:
        caveat: why a verdict is not to be relied on, whatever the picture; empty without a reason.

    Raises:
        PictureEvidenceError: the model has no such network.
        DriverError: a file of `raw` cannot be used.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime, raw: RawSettings) -> None:
        self._evidence = PictureEvidence(bundle, runtime)
        self.caveat = DRAWN_ONLY if bundle.has_seen_drawn_pictures_only else ""
        self._raw = RawReader(raw)

    @property
    def without_maps(self) -> str:
        """Why no map can be made; empty where they can."""
        return self._evidence.without_maps

    def open(self, file: Path) -> OpenedPictures:
        """Open what holds a picture or several.

        Raises:
            UnreadableImageError: it is not there; the message does not name it.
            DriverError: it holds none that can be read.
        """
        if not file.exists():
            raise UnreadableImageError("cannot be read (No such file or directory)")
        series = open_series(file, Problems(), NANOSECONDS_PER_SECOND)
        return OpenedPictures(file, series, self._raw.or_profile(series.profile))

    def at(self, opened: OpenedPictures, index: int) -> LookedAt | None:
        """Look at one of the pictures; None of a raw camera's closed shutter, and where there is none.

        Raises:
            UnreadableImageError: it cannot be decoded; the message does not name it.
            RawFrameError: it is a raw frame and no picture; likewise.
            ThermalError: it is no thermal picture that can be used; likewise.
            ClassifierError: the network answers with something that is no number.
        """
        if not opened.series.has(index):
            return None
        image = opened.series.load(index)
        raw = opened.raw.read(image) if is_raw(image) else None
        if raw is None and is_raw(image):
            return None
        pixels, encoding = as_frame(image) if raw is None else (raw.pixels, raw.encoding)
        field = to_field(pixels, encoding)
        found = self._evidence.of(ThermalFrame(0, pixels, encoding))
        return LookedAt(
            file=opened.file,
            place=opened.place(index),
            pixels=pixels,
            field=field,
            figures=_figures(pixels, encoding, field, raw),
            verdict=found.verdict,
            heat=found.heat,
        )


def _figures(pixels: npt.NDArray[Any], encoding: str, field: Field, raw: RawPicture | None) -> FieldFigures:
    bulk = field_range(pixels, encoding)
    unit, read_as, low, high = "relative", "", bulk.low, bulk.high
    if raw is not None:
        read_as = f"{raw.told}: {raw.doubt}" if raw.doubt else raw.told
        unit = "degC" if raw.has_unit else "counts"
        if raw.has_unit and encoding == "mono16":
            low, high = celsius_of_counts(low), celsius_of_counts(high)
    elif encoding == "32FC1":
        unit, read_as = "degC", "temperatures"
    elif encoding == "mono8":
        read_as, low, high = "grey levels, stretched by an app", low / 255, high / 255
    else:
        read_as = _colours_told(pixels)
    height, width = field.shape
    return FieldFigures(encoding, read_as, height, width, unit, low, high, bulk.is_flat)


def _colours_told(rgb: Rgb) -> str:
    shot = read_screenshot(rgb)
    if shot is None:
        return "colours without a bar along an edge: their brightness"
    place = "at its left" if shot.edge is BarEdge.LEFT else f"at its {shot.edge.value}"
    return f"screenshot: colours by the bar {place}, cropped to what nothing is burnt into"
