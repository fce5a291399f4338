"""What pictures do beside clean air: `python -m benchmarks.pictures PICTURE... --data DIR`.

Each picture is paired with the last of five successive readings of clean air, at 80 places of a recording,
and the model asked. A picture without a plume must not make a gas of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.array.array_file import ArrayFileError, load_array
from gas_fusion_ros.base.dataset import Dataset, DatasetError, Row
from gas_fusion_ros.base.observation import CLEAN_AIR, GasReading, Observation, ThermalFrame
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_array, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError
from gas_fusion_ros.drivers.thermal.raw_frames import Profile, RawFrameError, RawSettings
from gas_fusion_ros.inspection.picture import LookedAt, PictureLook
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.picture_evidence import PictureEvidenceError
from gas_fusion_ros.model.runtimes import OnnxRuntime
from gas_fusion_ros.model.thermal import ThermalError

PERIOD_NS = 2 * NANOSECONDS_PER_SECOND
READINGS = 5
STRETCHES = 80


def pictures_of(looking: PictureLook, file: Path, note: Callable[[str], None]) -> Iterator[LookedAt]:
    """Yield each picture of a file or folder that can be read; of the others a line goes to `note`.

    Raises:
        DriverError: it is not there, or holds none.
    """
    try:
        opening = looking.open(file)
    except UnreadableImageError as error:
        raise DriverError(f"{file}: {error}") from None
    with opening as opened:
        for index in range(len(opened.series)):
            try:
                found = looking.at(opened, index)
            except (UnreadableImageError, RawFrameError, ThermalError) as error:
                note(f"{opened.place(index) or file}: {error}")
                continue
            if found is not None:
                yield found


def clean_stretches(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Choose stretches of successive rows of clean air, evenly spaced over the recording."""
    clean = [row for row in rows if row.label == CLEAN_AIR]
    starts = np.linspace(0, len(clean) - READINGS, STRETCHES).round().astype(int)
    return [clean[start : start + READINGS] for start in starts]


def label_beside(
    classifier: Classifier, channels: tuple[str, ...], stretch: Sequence[Row], frame: ThermalFrame | None
) -> str:
    """Return the verdict on a stretch's last reading, with a picture beside it or without."""
    classifier.forget()
    label = ""
    for number, row in enumerate(stretch, start=1):
        reading = GasReading(number * PERIOD_NS, channels, row.counts)
        picture = frame if number == len(stretch) else None
        label = classifier.classify(Observation(reading, picture)).label
    return label


def main(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, files of several, folders.")],
    data: Annotated[
        Path, typer.Option(help="Folder with readings, laid out as published.", envvar="GAS_FUSION_DATA")
    ],
    array: Annotated[str, typer.Option(help="Array file of these readings.")] = "multimodal_gas_data",
    profile: Annotated[Profile, typer.Option(help="How 16-bit frames are read.")] = Profile.AUTO,
    model: Annotated[str, typer.Option(help="Model bundle: a name or a folder.")] = DEFAULT_MODEL,
) -> None:
    """Say beside how many of 80 stretches of clean air each picture makes a gas of them."""
    try:
        bundle = Bundle.load(find_bundle(model))
        stretches = clean_stretches(Dataset.load(data, bundle.channels).rows)
        classifier = Classifier(bundle, OnnxRuntime(bundle), load_array(find_array(array)))
        looking = PictureLook(bundle, OnnxRuntime(bundle), RawSettings(profile=profile.value))
        note = partial(typer.echo, err=True)
        shown = [(at.title, at.frame) for file in pictures for at in pictures_of(looking, file, note)]
    except (BundleError, DatasetError, ArrayFileError, DriverError, PictureEvidenceError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    table = Table("picture", "called a gas", "as", title=f"{bundle.name}, {len(stretches)} stretches")
    for name, frame in [("(readings alone)", None), *shown]:
        labels = [label_beside(classifier, bundle.channels, stretch, frame) for stretch in stretches]
        gases = [label for label in labels if label != CLEAN_AIR]
        table.add_row(name, str(len(gases)), ", ".join(sorted(set(gases))))
    Console(markup=False).print(table)


if __name__ == "__main__":
    typer.run(main)
