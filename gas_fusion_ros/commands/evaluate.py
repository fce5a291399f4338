"""`gas-fusion evaluate`: what the live node would have said of a bag, beside the truth."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.memory import keep_freed_memory
from gas_fusion_ros.base.quoting import LONGEST_PATH, shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.commands.evaluation_jobs import (
    HTML,
    SUMMARY,
    Job,
    JobOutcome,
    ParallelError,
    jobs_of,
    run_in_processes,
    run_job,
    run_on_cluster,
)
from gas_fusion_ros.commands.evaluation_table import report_table, summary_table
from gas_fusion_ros.commands.options import (
    DEFAULT_DISK_GIB,
    DEFAULT_MEMORY_MIB,
    Device,
    GasTopic,
    ImageTopic,
    PrecisionChoice,
    UnpackDisk,
    UnpackMemory,
    bag_limits,
    output_folder,
)
from gas_fusion_ros.commands.terminal import EXIT_LOSSES, EXIT_USAGE, complain, ends_on_signals, fail, say
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.loaded_model import LoadedModel, LoadedModelError
from gas_fusion_ros.evaluation.predictions import PredictionError, PredictionFormat, check_format
from gas_fusion_ros.evaluation.run import EvaluationSettings, Watch
from gas_fusion_ros.evaluation.schema import EvaluationReport, Failure
from gas_fusion_ros.evaluation.summary import summarise
from gas_fusion_ros.pipeline.mapper_settings import read_mapper_settings
from gas_fusion_ros.pipeline.settings import (
    ClassifierSettings,
    SettingsError,
    read_settings,
    replay_parameters_file,
)
from gas_fusion_ros.settings.parameter_spec import ParameterValue

_KEPT_BYTES = 1 << 26
"""Of freed memory: chunks and pictures come again and again."""


@ends_on_signals
def evaluate(
    bag: Annotated[list[Path], typer.Argument(help="rosbag2 directories or files.", show_default=False)],
    model: Annotated[
        Optional[str],
        typer.Option(help="Model bundle: a name below models/ or a folder.", show_default=DEFAULT_MODEL),
    ] = None,
    params: Annotated[
        Optional[Path],
        typer.Option(
            help="Parameter file of the node gas_classifier, such as config/robot.yaml; what it does not set "
            "is as on the robot. config/replay.yaml unless given."
        ),
    ] = None,
    array: Annotated[
        Optional[Path],
        typer.Option(
            help="Array file: what the readings are, in front of what the bag and the parameter file say."
        ),
    ] = None,
    labels: Annotated[
        Optional[Path],
        typer.Option(
            help="CSV of intervals start,end,class; or a folder with one named as each bag. Unless given, "
            "the bag's own labels, if any."
        ),
    ] = None,
    gas_topic: GasTopic = None,
    image_topic: ImageTopic = None,
    label_topic: Annotated[Optional[str], typer.Option(help="Topic of the labels.")] = None,
    pose_topic: Annotated[
        Optional[str],
        typer.Option(
            help="Topic of the robot's pose, which the alarm's events tell: PoseStamped, "
            "PoseWithCovarianceStamped or Odometry. Unless given, `pose`, if any."
        ),
    ] = None,
    no_images: Annotated[
        bool,
        typer.Option(
            "--no-images",
            help="Classify every reading alone, and miss no images; so does expect_images: false of the "
            "parameter file, unless --image-topic names one.",
        ),
    ] = False,
    slop: Annotated[
        Optional[float],
        typer.Option(
            help="Largest offset between a reading and its image, s, as the parameter pairing.slop."
        ),
    ] = None,
    wait: Annotated[
        Optional[float],
        typer.Option(help="How long a reading waits for its image, s, as the parameter pairing.wait."),
    ] = None,
    acknowledge: Annotated[
        bool,
        typer.Option(
            "--acknowledge",
            help="Play an operator who acknowledges each alarm when it is over, so that the next leak has "
            "one of its own, with its own gas. Unless given nobody does.",
        ),
    ] = False,
    output: Annotated[
        Optional[Path], typer.Option(help="New or empty folder.", show_default="output/<time>")
    ] = None,
    predictions: Annotated[
        PredictionFormat, typer.Option(help="How the verdicts are written.")
    ] = PredictionFormat.CSV,
    device: Annotated[Optional[Device], typer.Option(help="Where the network runs.")] = None,
    precision: Annotated[
        Optional[PrecisionChoice], typer.Option(help="In which numbers the network computes on the CPU.")
    ] = None,
    threads: Annotated[Optional[int], typer.Option(help="Inference threads on the CPU.")] = None,
    jobs: Annotated[int, typer.Option(help="How many bags at a time.", min=1)] = 1,
    scheduler: Annotated[
        Optional[str],
        typer.Option(help="Address of a dask scheduler whose workers evaluate the bags: tcp://host:8786."),
    ] = None,
    unpack_memory: UnpackMemory = DEFAULT_MEMORY_MIB,
    unpack_disk: UnpackDisk = DEFAULT_DISK_GIB,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no report.html.")] = False,
) -> None:
    """Evaluate bags with the code of the live node: classes, leaks and alarms beside the truth."""
    began_s = time.perf_counter()
    folder = output_folder(output)
    try:
        classifier = _classifier(params, model, array, slop, wait, device, precision, threads)
        check_format(predictions)
        _prepare(folder)
        settings = EvaluationSettings(
            topics=BagTopics(gas_topic, image_topic, label_topic, pose=pose_topic),
            with_images=not no_images and (classifier.expect_images or image_topic is not None),
            labels=labels,
            predictions=predictions,
            acknowledges=acknowledge,
            with_heat=not no_html,
            limits=bag_limits(unpack_memory, unpack_disk),
            mapping=read_mapper_settings(params if params is not None else replay_parameters_file()),
        )
        loaded = LoadedModel.load(classifier)
        work = jobs_of(bag, folder, settings, writes_html=not no_html)
        keep_freed_memory(_KEPT_BYTES)
        gc.freeze()  # what has been loaded stays: the collector need not look at it again and again
        outcomes = list(_outcomes(work, loaded, jobs, scheduler))
    except (SettingsError, LoadedModelError, PredictionError, ParallelError, OSError) as error:
        fail(str(error))
    raise typer.Exit(_report(outcomes, folder, time.perf_counter() - began_s, no_html))


def _classifier(
    params: Optional[Path],
    model: Optional[str],
    array: Optional[Path],
    slop: Optional[float],
    wait: Optional[float],
    device: Optional[Device],
    precision: Optional[PrecisionChoice],
    threads: Optional[int],
) -> ClassifierSettings:
    """The parameters of a file, and over them what was given as an option."""
    options: dict[str, Optional[ParameterValue]] = {
        "model": model,
        "array_file": None if array is None else str(array),
        "pairing.slop": slop,
        "pairing.wait": wait,
        "device": device.value if device is not None else None,
        "precision": precision.value if precision is not None else None,
        "threads": threads,
    }
    return read_settings(
        params if params is not None else replay_parameters_file(),
        {name: value for name, value in options.items() if value is not None},
    )


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise SettingsError(f"--output {shown(folder)} cannot be made a folder: {error.strerror}") from None
    if not is_empty:
        raise SettingsError(f"--output {shown(folder)} is not empty; name a new or an empty folder")


def _outcomes(
    work: Sequence[Job], model: LoadedModel, jobs: int, scheduler: Optional[str]
) -> Iterator[tuple[Job, JobOutcome]]:
    """Evaluate the bags, and show how far they are."""
    with _bar() as progress:
        if scheduler is None and (jobs == 1 or len(work) == 1):
            for job in work:
                yield job, run_job(job, model, _watch(progress, job.name))
            return
        if scheduler is not None:
            outcomes = run_on_cluster(work, model.settings, scheduler)
        else:
            outcomes = run_in_processes(work, model.settings, jobs)
        task = progress.add_task("bags", total=len(work))
        for outcome in outcomes:
            progress.advance(task)
            yield outcome


@contextmanager
def _bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def _watch(progress: Progress, name: str) -> Watch:
    task = progress.add_task(shown(name), total=1.0)
    return lambda share: progress.update(task, completed=share)


def _report(outcomes: Sequence[tuple[Job, JobOutcome]], folder: Path, wall_s: float, no_html: bool) -> int:
    """Say what came out, write the summary of several bags, and return the exit code."""
    failed = [outcome for _, outcome in outcomes if isinstance(outcome, Failure)]
    done = [(job, outcome) for job, outcome in outcomes if isinstance(outcome, Evaluation)]
    for failure in failed:
        its_name = shown(failure.bag, LONGEST_PATH)
        complain(failure.reason if its_name in failure.reason else f"{its_name}: {failure.reason}")
    if not done:
        return EXIT_USAGE
    for job, evaluation in done:
        _complain_of_losses(job, evaluation.report)
    console = Console()
    if len(outcomes) == 1:
        console.print(report_table(done[0][1].report))
    else:
        _summarise(console, done, failed, folder, wall_s, no_html)
    say(str(folder))
    return 0 if not failed and all(evaluation.report.is_whole for _, evaluation in done) else EXIT_LOSSES


def _complain_of_losses(job: Job, report: EvaluationReport) -> None:
    for cause, loss in report.losses.items():
        times = f" ({loss.count} times)" if loss.count > 1 else ""
        complain(f"{shown(job.name)}: {cause}{times}: {loss.detail}")


def _summarise(
    console: Console,
    done: Sequence[tuple[Job, Evaluation]],
    failed: Sequence[Failure],
    folder: Path,
    wall_s: float,
    no_html: bool,
) -> None:
    summary = summarise({job.name: evaluation for job, evaluation in done}, failed, wall_s)
    summary.write(folder / SUMMARY)
    if not no_html:
        # Imported here: drawing takes as long to load as a small bag to evaluate.
        from gas_fusion_ros.report.document import write_html

        write_html([evaluation for _, evaluation in done], folder / HTML, failed)
    console.print(summary_table([(job.name, evaluation.report) for job, evaluation in done], summary))
