"""Scores a model on many simulated patrols: `python -m benchmarks.patrols --seeds 10`.

Drives the pipeline that evaluates bags, with the nodes' default parameters and the demo's rates, so a patrol
of ten minutes takes seconds. The demo scores the same patrols over DDS.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.alarm.settings import default_alarm
from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, RobotPose, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, SIMULATED_ARRAY, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.programme import GAS_PERIOD_S, IMAGE_PERIOD_S
from gas_fusion_ros.evaluation.tally import Tally
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.precision import PRECISIONS
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.array_choice import array_of_file
from gas_fusion_ros.pipeline.offline import Decision, Pipeline, PipelineSettings
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.ground_truth import START_S, patrol_truth
from gas_fusion_ros.truth.scoring import Score, ScoreSettings

START_NS = round(START_S * NANOSECONDS_PER_SECOND)


class PatrolRun:
    """One patrol through pairing, classifier and alarm."""

    def __init__(self, patrol: Patrol, bundle: Bundle, runtime: Runtime) -> None:
        self._patrol = patrol
        self._alarm = default_alarm(bundle.alarm, bundle.departure)
        settings = PipelineSettings(PairingSettings(), self._alarm, array=array_of_file(SIMULATED_ARRAY))
        self._pipeline = Pipeline(bundle, runtime, settings, Problems(), self)
        scoring = ScoreSettings.for_alarm(self._alarm.off_delay_ns)
        self._truth = patrol_truth(patrol).track(scoring.grace_ns)
        self.tally = Tally(bundle.classes, PAPER_CHANNELS, settings.pairing.slop_ns, scoring, START_NS)
        self._end_ns = START_NS + round(patrol.duration_s * NANOSECONDS_PER_SECOND)

    def run(self, with_images: bool) -> Score:
        """Play the patrol and score it."""
        step_ns = round(min(GAS_PERIOD_S, IMAGE_PERIOD_S) * NANOSECONDS_PER_SECOND)
        for stamp_ns in range(START_NS, self._end_ns, step_ns):
            if (stamp_ns - START_NS) % round(GAS_PERIOD_S * NANOSECONDS_PER_SECOND) == 0:
                self._pipeline.add_reading(self._reading(stamp_ns), stamp_ns)
            if with_images and (stamp_ns - START_NS) % round(IMAGE_PERIOD_S * NANOSECONDS_PER_SECOND) == 0:
                self._pipeline.add_frame(self._frame(stamp_ns), stamp_ns)
        self._pipeline.finish()
        self.tally.pass_time(self._end_ns)
        score = self.tally.score(self._truth)
        assert score is not None, "a patrol has a truth"
        return score

    def on_reading(self, reading: GasReading, recorded_ns: int) -> None:
        """Nothing to do: the patrol knows its readings."""

    def on_decision(self, decision: Decision) -> None:
        """Count a verdict."""
        self.tally.add_decision(decision, self._truth)

    def on_alarm(self, event: AlarmEvent) -> None:
        """Count an event; nobody acknowledges."""
        self.tally.add_alarm(event)

    def where(self, _: int) -> RobotPose | None:
        """Nobody asks where the robot was."""
        return None

    def _seconds(self, stamp_ns: int) -> float:
        return (stamp_ns - START_NS) / NANOSECONDS_PER_SECOND

    def _reading(self, stamp_ns: int) -> GasReading:
        return GasReading(stamp_ns, PAPER_CHANNELS, self._patrol.reading(self._seconds(stamp_ns)))

    def _frame(self, stamp_ns: int) -> ThermalFrame:
        return ThermalFrame(stamp_ns, self._patrol.frame(self._seconds(stamp_ns)), "32FC1")


def delays(score: Score) -> str:
    return ", ".join("-" if delay is None else f"{delay:.1f}" for delay in score.detection_delays_s)


def row(seed: str, scores: list[Score], tallies: list[Tally]) -> list[str]:
    def mean(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{sum(known) / len(known):.3f}" if known else "-"

    return [
        seed,
        str(sum(score.leaks for score in scores)),
        str(sum(score.alarms for score in scores)),
        str(sum(score.missed_leaks for score in scores)),
        str(sum(score.false_alarms for score in scores)),
        str(sum(score.misnamed_alarms for score in scores)),
        "; ".join(delays(score) for score in scores) if len(scores) == 1 else "",
        mean([tally.class_accuracy() for tally in tallies]),
        mean([tally.settled_accuracy() for tally in tallies]),
    ]


def main(
    seeds: Annotated[int, typer.Option(help="How many patrols, from --first on.", min=1)] = 10,
    first: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    duration: Annotated[float, typer.Option(help="Length of each patrol, s.")] = 600.0,
    leaks: Annotated[int, typer.Option(help="Leaks on each patrol.", min=0)] = 3,
    model: Annotated[str, typer.Option(help="Model bundle: a name or a folder.")] = DEFAULT_MODEL,
    precision: Annotated[str, typer.Option(help=f"One of {', '.join(PRECISIONS)}.")] = "float32",
    images: Annotated[bool, typer.Option(help="With the camera, or by gas alone.")] = True,
) -> None:
    """Play patrols and print what was found; exit code 1 on any missed, false or misnamed."""
    console = Console()
    try:
        bundle = Bundle.load(find_bundle(model))
        runtime = create_runtime(bundle, device="cpu", threads=1, precision=precision)
    except (FileNotFoundError, BundleError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    heads = ("seed", "leaks", "alarms", "missed", "false", "misnamed", "delays [s]", "accuracy", "settled")
    table = Table(
        *heads, title=f"{bundle.name}, {runtime.precision}, {'with images' if images else 'gas alone'}"
    )
    scores, tallies = [], []
    for seed in range(first, first + seeds):
        run = PatrolRun(Patrol(seed, duration, leaks), bundle, runtime)
        scores.append(run.run(with_images=images))
        tallies.append(run.tally)
        table.add_row(*row(str(seed), scores[-1:], tallies[-1:]))
    table.add_section()
    table.add_row(*row("all", scores, tallies))
    console.print(table)
    if any(score.missed_leaks or score.false_alarms or score.misnamed_alarms for score in scores):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
