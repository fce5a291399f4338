"""Evaluates several bags: one after the other, in processes beside each other, or on a dask cluster."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.run import EvaluationError, EvaluationSettings, Watch, evaluate_bag
from gas_fusion_ros.evaluation.schema import Failure
from gas_fusion_ros.pipeline.settings import ClassifierSettings

HTML = "report.html"
SUMMARY = "summary.json"

JobOutcome = Evaluation | Failure

_CONNECT_S = 10
_NAMELESS = "bag"


class ParallelError(RuntimeError):
    """The bags cannot be evaluated beside each other; the message says what would help."""


@dataclass(frozen=True)
class Job:
    """A bag to evaluate.

    Attributes:
        name: what it is called in the output.
        bag: where it is.
        folder: where its report goes.
        settings: how it is evaluated.
        writes_html: whether `report.html` is written.
    """

    name: str
    bag: Path
    folder: Path
    settings: EvaluationSettings
    writes_html: bool


def jobs_of(bags: Sequence[Path], output: Path, settings: EvaluationSettings, writes_html: bool) -> list[Job]:
    """Return what is to be done for each bag: one goes into `output` itself, several into a folder each.

    Args:
        bags: at least one; two of the same name get different folders.
        output: folder for all.
        settings: how they are evaluated; where `labels` is a folder, each bag has a CSV of its name there.
        writes_html: whether HTML reports are written.
    """
    names = _names(bags)
    return [
        Job(
            name,
            bag,
            output if len(bags) == 1 else output / name,
            replace(settings, labels=_labels_of(bag, settings.labels)),
            writes_html,
        )
        for name, bag in zip(names, bags, strict=True)
    ]


def run_job(job: Job, model: LoadedModel, watch: Watch = lambda _: None) -> JobOutcome:
    """Evaluate a bag and write its reports; a bag that cannot be evaluated is no exception."""
    try:
        evaluation = evaluate_bag(job.bag, job.folder, model, job.settings, watch)
        if job.writes_html:
            # Imported here: drawing takes as long to load as a small bag to evaluate.
            from gas_fusion_ros.report.document import write_html

            write_html([evaluation], job.folder / HTML)
    except (EvaluationError, OSError) as error:
        return Failure(str(job.bag), str(error))
    except Exception as error:  # whatever is wrong with one bag, the others go on
        return Failure(str(job.bag), one_line(f"{type(error).__name__}: {error}"))
    return evaluation


def run_in_processes(
    jobs: Sequence[Job], classifier: ClassifierSettings, workers: int
) -> Iterator[tuple[Job, JobOutcome]]:
    """Evaluate bags in so many processes; yield each bag in the order of `jobs`.

    Raises:
        ParallelError: joblib is missing, or the processes cannot be kept.
    """
    if importlib.util.find_spec("joblib") is None:
        raise ParallelError("several bags at a time need joblib: pip install joblib, or give --jobs 1")
    import joblib
    from joblib.externals.loky import get_reusable_executor

    # joblib's keeper of semaphores warns, at the end, of those of processes that were ended on purpose.
    ignored = [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"]
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, ignored))
    parallel = joblib.Parallel(n_jobs=min(workers, len(jobs)), return_as="generator")
    outcomes = parallel(joblib.delayed(_run_in_process)(job, classifier) for job in jobs)
    try:
        yield from zip(jobs, outcomes, strict=True)
    except Exception as error:  # a process that was killed, for lack of memory say
        raise ParallelError(
            f"a process ended before its bag was evaluated: {one_line(str(error))}"
        ) from error
    except BaseException:
        # Nobody waits for what the processes are at.
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        raise


def run_on_cluster(
    jobs: Sequence[Job], classifier: ClassifierSettings, scheduler: str
) -> Iterator[tuple[Job, JobOutcome]]:
    """Evaluate bags on a dask cluster; yield each bag as it is done.

    The workers read the bags and write the reports by the same absolute paths, so folders must be shared.

    Args:
        jobs: the bags.
        classifier: parameters of the classifier.
        scheduler: the scheduler's address, such as `tcp://host:8786`.

    Raises:
        ParallelError: dask is missing, or there is no scheduler at the address.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ParallelError("--scheduler needs dask: pip install 'dask[distributed]'")
    from distributed import Client, as_completed

    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ParallelError(f"there is no dask scheduler at {scheduler}: {error}") from error
    with client:
        absolute = [_absolute(job) for job in jobs]
        if classifier.array_file:
            classifier = replace(classifier, array_file=str(Path(classifier.array_file).absolute()))
        futures = client.map(_run_remotely, absolute, classifier=classifier, pure=False)
        by_key = {future.key: job for future, job in zip(futures, jobs, strict=True)}
        for future in as_completed(futures):
            job, problem = by_key[future.key], future.exception()
            yield job, Failure(str(job.bag), f"on the cluster: {problem}") if problem else future.result()


_models: list[tuple[ClassifierSettings, LoadedModel]] = []
"""The model of this process, where it evaluates bags for another one."""


def _run_in_process(job: Job, classifier: ClassifierSettings) -> JobOutcome:
    # A terminal tells all processes of Ctrl-C; the one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _run_remotely(job, classifier)


def _run_remotely(job: Job, classifier: ClassifierSettings) -> JobOutcome:
    if not _models or _models[0][0] != classifier:
        _models[:] = [(classifier, LoadedModel.load(classifier))]
    return run_job(job, _models[0][1])


def _absolute(job: Job) -> Job:
    labels = job.settings.labels
    settings = replace(job.settings, labels=labels.absolute() if labels is not None else None)
    return replace(job, bag=job.bag.absolute(), folder=job.folder.absolute(), settings=settings)


def _names(bags: Sequence[Path]) -> list[str]:
    names: list[str] = []
    # Disks that take upper and lower case for the same have to hold them too.
    taken = {SUMMARY, HTML}
    for bag in bags:
        plain = name = _name_of(bag)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
        taken.add(name.casefold())
    return names


def _name_of(bag: Path) -> str:
    """A name for the bag's folder and its labels: one part of a path, whatever the way to the bag."""
    # `..` and `.` are the names of folders that have a better one, but for the root.
    absolute = Path(os.path.abspath(bag))
    return (absolute.name if absolute.is_dir() else absolute.name.split(".")[0]) or _NAMELESS


def _labels_of(bag: Path, labels: Path | None) -> Path | None:
    return labels / f"{_name_of(bag)}.csv" if labels is not None and labels.is_dir() else labels
