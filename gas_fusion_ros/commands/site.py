"""`gas-fusion site`: a site over all its patrols, as a report."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Optional

import typer

from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    GasTopic,
    ImageTopic,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
    output_folder,
)
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, complain, ends_on_signals, fail, say

HTML, JSON = "site.html", "site.json"
_NEW_SUFFIX = ".db"


class SiteCommandError(ValueError):
    """No report can be made; the message says why."""


@ends_on_signals
def site(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DB|BAG...",
            help="The site's file, as leak_mapper keeps it (a new one ends with .db), and recorded patrols; "
            "those that the file knows are not read again.",
        ),
    ],
    output: Annotated[
        Optional[Path],
        typer.Option(help="Folder for site.html and site.json.", show_default="output/<time>"),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(help="Model bundle: a name below models/ or a folder.", show_default=DEFAULT_MODEL),
    ] = None,
    params: Annotated[
        Optional[Path],
        typer.Option(
            help="Parameter file of the nodes gas_classifier and leak_mapper. config/replay.yaml unless "
            "given."
        ),
    ] = None,
    verdicts: Annotated[
        Optional[list[Path]],
        typer.Option(help="Further files with verdicts of operators; those beside the bags are found."),
    ] = None,
    gas_topic: GasTopic = None,
    image_topic: ImageTopic = None,
    pose_topic: Annotated[Optional[str], typer.Option(help="Topic of the robot's pose.")] = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
) -> None:
    """Report a site over all its patrols: leaks, coverage, drift of the sensors, false alarms.

    Exit code 0: all was read. 1: some was not. 2: nothing was, and no report was written.
    """
    # Imported here: --help needs none of it.
    from gas_fusion_ros.bags.topics import BagTopics
    from gas_fusion_ros.base.problems import Problems
    from gas_fusion_ros.evaluation.loaded_model import LoadedModel, LoadedModelError
    from gas_fusion_ros.pipeline.mapper_settings import read_mapper_settings
    from gas_fusion_ros.pipeline.settings import SettingsError, read_settings, replay_parameters_file
    from gas_fusion_ros.site.site_file import SiteError
    from gas_fusion_ros.survey.site_survey import SiteSurvey

    problems = Problems()
    folder = output_folder(output)
    try:
        with TemporaryDirectory(prefix="gas-fusion-") as spare:
            given = _Given.of(paths, Path(spare))
            _check_files(verdicts or ())
            survey = SiteSurvey(given.site, problems, bag_limits(unpack_memory, unpack_disk))
            file = params if params is not None else replay_parameters_file()
            options = {} if model is None else {"model": model}
            failed = survey.read(
                given.bags,
                lambda: LoadedModel.load(read_settings(file, options)),
                read_mapper_settings(file),
                BagTopics(gas=gas_topic, image=image_topic, pose=pose_topic),
            )
            report = survey.report(given.named, verdicts or ())
        is_empty = bool(failed) and not report.patrols and not report.leaks
        if not is_empty:
            _write(report, folder)
    except (SiteCommandError, SiteError, SettingsError, LoadedModelError, OSError) as error:
        fail(str(error))
    for cause, loss in report.losses.items():
        complain(f"{cause}{f' ({loss.count} times)' if loss.count > 1 else ''}: {loss.detail}")
    for reason in failed:
        complain(reason)
    if is_empty:
        fail("nothing could be read: no report was written")
    judged_false = report.leaks_judged_false
    besides = f" and {judged_false} judged false" if judged_false else ""
    say(
        f"{shown(folder)}: {len(report.leaks) - judged_false} leaks{besides}, "
        f"{len(report.patrols)} patrols, {report.alarms} alarms, {report.false_alarms} judged false"
    )
    raise typer.Exit(EXIT_LOSSES if failed or report.losses else 0)


@dataclass(frozen=True)
class _Given:
    """What was given.

    Attributes:
        site: the site's file.
        named: the same as it was named; empty where it is only for now.
        bags: the patrols.
    """

    site: Path
    named: str
    bags: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path], spare: Path) -> "_Given":
        """Tell the site's file from the bags.

        Args:
            paths: as given.
            spare: a folder for a file where none is named.

        Raises:
            SiteCommandError: several are files of a site.
        """
        from gas_fusion_ros.site.site_file import is_site_file

        files = [
            path for path in paths if is_site_file(path) or (not path.exists() and path.suffix == _NEW_SUFFIX)
        ]
        if len(files) > 1:
            raise SiteCommandError(f"{listed(files)} are files of sites; name one; --verdicts takes others")
        bags = tuple(path for path in paths if path not in files)
        if files and not bags and not files[0].exists():
            raise SiteCommandError(f"{shown(files[0])} is not there; name the site's file, or bags as well")
        return cls(files[0], str(files[0]), bags) if files else cls(spare / "site.db", "", bags)


def _check_files(verdicts: Sequence[Path]) -> None:
    from gas_fusion_ros.site.site_file import is_site_file

    for path in verdicts:
        if not is_site_file(path):
            raise SiteCommandError(f"--verdicts {shown(path)} is no file that `gas-fusion watch` has written")


def _write(report: object, folder: Path) -> None:
    from gas_fusion_ros.report.site_page import write_site_html
    from gas_fusion_ros.survey.schema import SiteReport

    assert isinstance(report, SiteReport)
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder / JSON)
    write_site_html(report, folder / HTML)
