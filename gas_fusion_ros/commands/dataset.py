"""`gas-fusion dataset`: turns bags with labels into a folder to train on."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Optional

import typer

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME
from gas_fusion_ros.bags.reader import BagReadError
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.commands.channels import parse_channels
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    GasTopic,
    ImageTopic,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
)
from gas_fusion_ros.commands.progress import counted
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, complain_of, ends_on_signals, fail, say
from gas_fusion_ros.export.dataset_making import (
    DatasetMaking,
    DatasetMakingError,
    DatasetSettings,
    DatasetSummary,
)
from gas_fusion_ros.site.site_file import SiteError, is_site_file


@ends_on_signals
def dataset(
    bags: Annotated[list[Path], typer.Argument(help="rosbag2 directories or files.")],
    output: Annotated[Path, typer.Option(help="New or empty folder.")],
    labels: Annotated[
        Optional[list[Path]],
        typer.Option(
            help="CSV of intervals start,end,class; given once for each bag, in their order. "
            "Unless given the label topics are taken."
        ),
    ] = None,
    verdicts: Annotated[
        Optional[list[Path]],
        typer.Option(
            help="File with what operators say of alarms, such as the site's; stands for the label topics: a "
            "false alarm is clean air, a true leak the alarm's gas. Those beside the bags are found."
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(help="Take the channels of this bundle: a name below models/ or a folder."),
    ] = None,
    channels: Annotated[
        Optional[str],
        typer.Option(
            help="Names of the gas channels to take, separated by commas.",
            show_default="all of the first bag",
        ),
    ] = None,
    period: Annotated[
        float,
        typer.Option(help="Least seconds between two rows; 0 takes every reading.", min=0.0, max=3600.0),
    ] = 0.0,
    slop: Annotated[
        float, typer.Option(help="Most seconds between a reading and its image.", min=0.0, max=60.0)
    ] = 0.06,
    gas_topic: GasTopic = None,
    image_topic: ImageTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the labels.")] = None,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Take the readings alone, and miss no images.")
    ] = False,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
) -> None:
    """Make a training folder in the published layout from bags with labels."""
    problems = Problems()
    try:
        settings = DatasetSettings(
            topics=BagTopics(gas=gas_topic, image=image_topic, label=label_topic),
            with_images=not no_images,
            channels=_channels(model, channels),
            labels=tuple(labels or ()),
            verdicts=_verdict_files(verdicts or ()),
            slop_ns=round(slop * NANOSECONDS_PER_SECOND),
            period_ns=round(period * NANOSECONDS_PER_SECOND),
            limits=bag_limits(unpack_memory, unpack_disk),
        )
        making = DatasetMaking(bags, settings, problems)
        with counted("reading", making.messages) as tick:
            summary = making.write(output, _made_by(), tick)
    except (ValueError, BagReadError, SiteError) as error:
        fail(str(error))
    say(_described(output, summary))
    raise typer.Exit(EXIT_LOSSES if complain_of(problems) else 0)


def _verdict_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    for path in paths:
        if not is_site_file(path):
            raise DatasetMakingError(
                f"--verdicts {shown(path)} is no file that `gas-fusion watch` has written"
            )
    return tuple(paths)


def _channels(model: Optional[str], channels: Optional[str]) -> Optional[tuple[str, ...]]:
    if model is not None and channels is not None:
        raise DatasetMakingError("give --model or --channels, not both")
    if channels is not None:
        return parse_channels(channels)
    if model is None:
        return None
    # Imported here: only a bundle needs the runtime.
    from gas_fusion_ros.base.shipped_files import find_bundle
    from gas_fusion_ros.model.bundle import Bundle, BundleError

    try:
        return Bundle.load(find_bundle(model)).channels
    except (FileNotFoundError, BundleError) as error:
        raise DatasetMakingError(f"--model: {error}") from None


def _made_by() -> str:
    try:
        return f"gas-fusion dataset {version('gas_fusion_ros')}"
    except PackageNotFoundError:
        return "gas-fusion dataset, from a checkout"


def _described(output: Path, summary: DatasetSummary) -> str:
    classes = ", ".join(f"{shown(name)} {count}" for name, count in summary.rows.items())
    left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in summary.left_out.items())
    array = "" if summary.array is None else f", the array in {ARRAY_FILE_NAME}"
    return (
        f"{shown(output)}: {sum(summary.rows.values())} rows of {listed(summary.channels)} "
        f"({classes}), "
        f"{summary.images} images{array}; left out: {left_out or 'none'}"
    )
