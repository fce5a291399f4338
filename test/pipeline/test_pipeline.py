"""The pipeline over a bag gives what the node's pieces give when they are ticked as the node ticks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bags import SECOND, image, reading
from scripted_runtime import ScriptedRuntime

from gas_fusion_ros.alarm.clock import SILENCE, AlarmClock, Instant
from gas_fusion_ros.alarm.settings import DEFAULT_SEVERITIES, AlarmSettings, DepartureAdvice
from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.alarm.types import AlarmEvent, AlarmState
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    GasReading,
    Mode,
    Observation,
    RobotPose,
    ThermalFrame,
    Verdict,
)
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.pairing.pairing import Pair, Pairing, PairingSettings
from gas_fusion_ros.pipeline.array_choice import MODELS_OWN, KnownArray
from gas_fusion_ros.pipeline.offline import Decision, Pipeline, PipelineSettings
from gas_fusion_ros.ros.messages import diagnostic_array
from gas_fusion_ros.ros.source_messages import encode_source_status

MAKER = BagMessages()

TICK = 50_000_000
START = 1000 * SECOND
SETTINGS = PipelineSettings(
    PairingSettings(slop_ns=2 * TICK, wait_ns=6 * TICK, silence_ns=2 * SECOND),
    AlarmSettings(DEFAULT_SEVERITIES, on_delay_ns=SECOND, off_delay_ns=2 * SECOND, timeout_ns=3 * SECOND),
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("fusion1"))


class HashingRuntime:
    """Says something else of every input, and the same of the same."""

    device, precision, note = "cpu", "float32", ""

    def run(self, _: Mode, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
        value = sum(float(np.abs(array).sum()) for array in inputs.values())
        logits = np.zeros(4, dtype=np.float32)
        logits[int(value * 1000) % 4] = 5.0
        return Answer(logits)


@dataclass
class Heard:
    """Keeps what comes out, and what a pipeline is asked to do on it."""

    readings: list[int] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    events: list[AlarmEvent] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    acknowledges: Pipeline | None = None

    def on_reading(self, _: GasReading, recorded_ns: int) -> None:
        self.readings.append(recorded_ns)

    def on_decision(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.verdicts.append(decision.verdict)

    def where(self, moment_ns: int) -> RobotPose:
        return RobotPose(float(moment_ns - START), 0.0)

    def on_alarm(self, event: AlarmEvent) -> None:
        self.events.append(event)
        assert event.pose is not None
        self.moments.append(START + round(event.pose.x))
        if self.acknowledges is not None and event.state is AlarmState.LATCHED:
            self.acknowledges.acknowledge()

    @property
    def said(self) -> list[tuple[int, str, str, int | None, list[float]]]:
        return [
            (one.stamp_ns, one.label, one.mode.value, one.pair_offset_ns, one.probabilities.tolist())
            for one in self.verdicts
        ]


class Node:
    """What the live node does with its messages, with its ticks every 50 ms of the clock."""

    def __init__(self, bundle: Bundle) -> None:
        self.heard = Heard()
        self._classifier = Classifier(bundle, HashingRuntime())
        self._pairing: Pairing[GasReading, ThermalFrame] = Pairing(SETTINGS.pairing)
        self._alarm = AlarmClock(SETTINGS.alarm, self._hear, where=self._where)
        self._now_ns = START - TICK

    def play(self, messages: Sequence[tuple[int, GasReading | ThermalFrame]], end_ns: int) -> Heard:
        self._tick_until(START)
        for recorded_ns, item in messages:
            self._tick_until(recorded_ns)
            if isinstance(item, GasReading):
                self._alarm.hear(item.stamp_ns, Instant.of(recorded_ns))
                self._deliver(self._pairing.add_reading(item.stamp_ns, item, recorded_ns, 0))
            else:
                self._deliver(self._pairing.add_image(item.stamp_ns, item, recorded_ns, 0))
        self._tick_until(end_ns)
        self._deliver(self._pairing.flush())
        return self.heard

    def _tick_until(self, now_ns: int) -> None:
        while self._now_ns < now_ns:
            self._now_ns += TICK
            self._deliver(self._pairing.tick(self._now_ns))
            self._alarm.tick(Instant.of(self._now_ns))

    def _deliver(self, pairs: list[Pair[GasReading, ThermalFrame]]) -> None:
        instant = Instant.of(self._now_ns)
        for pair in pairs:
            if pair.reading is None and pair.image_stamp_ns is not None:
                self._alarm.observe(pair.image_stamp_ns, instant)
            verdict = self._classifier.classify(Observation(pair.reading, pair.image, stretch=pair.stretch))
            self.heard.verdicts.append(verdict)
            self._alarm.update(verdict, instant)

    def _hear(self, _: object, __: int, events: tuple[AlarmEvent, ...]) -> None:
        self.heard.events += events

    def _where(self, stamp_ns: int) -> RobotPose:
        return self.heard.where(min(self._now_ns, self._alarm.clock_ns(stamp_ns)))


def play(
    bundle: Bundle, messages: Sequence[tuple[int, GasReading | ThermalFrame]], end_ns: int
) -> tuple[Heard, Pipeline]:
    heard = Heard()
    pipeline = Pipeline(bundle, HashingRuntime(), SETTINGS, Problems(), heard)
    pipeline.tick(START)
    for recorded_ns, item in messages:
        if isinstance(item, GasReading):
            pipeline.add_reading(item, recorded_ns)
        else:
            pipeline.add_frame(item, recorded_ns)
    pipeline.tick(end_ns)
    pipeline.finish()
    return heard, pipeline


# Ticks since the message before, delay from stamp to recording (sometimes far off), which, and content.
MESSAGES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 12), st.integers(0, 120)),
        st.one_of(st.integers(0, 4), st.integers(-40, 40), st.just(400)),
        st.booleans(),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=30,
)


@given(MESSAGES)
@settings(max_examples=60, deadline=None)
def test_it_gives_what_the_node_gives(bundle: Bundle, drawn: list[tuple[int, int, bool, int]]) -> None:
    messages: list[tuple[int, GasReading | ThermalFrame]] = []
    recorded_ns = START
    for since, delay, is_reading, content in drawn:
        recorded_ns += since * TICK
        stamp_ns = recorded_ns - delay * TICK
        if is_reading:
            counts = np.full(7, 300.0 + content, dtype=np.float32)
            messages.append((recorded_ns, GasReading(stamp_ns, PAPER_CHANNELS, counts)))
        else:
            pixels = np.full((8, 8), content, dtype=np.uint8)
            messages.append((recorded_ns, ThermalFrame(stamp_ns, pixels, "mono8")))
    end_ns = recorded_ns + 5 * SECOND
    heard, pipeline = play(bundle, messages, end_ns)
    expected = Node(bundle).play(messages, end_ns)
    assert heard.said == expected.said
    assert heard.events == expected.events
    counters = pipeline.counters
    assert counters.readings == counters.pairs + counters.gas_only + counters.dropped_readings
    assert len(heard.verdicts) == counters.pairs + counters.gas_only + counters.thermal_only


def test_a_wait_that_ends_in_a_pause_is_dated_where_it_ends(bundle: Bundle) -> None:
    only = GasReading(START, PAPER_CHANNELS, np.full(7, 300.0, dtype=np.float32))
    later = GasReading(START + 60 * SECOND, PAPER_CHANNELS, np.full(7, 300.0, dtype=np.float32))
    heard, _ = play(bundle, [(START, only), (START + 60 * SECOND, later)], START + 61 * SECOND)
    fault = next(event for event in heard.events if event.fault)
    assert fault.stamp_ns == START + SETTINGS.alarm.timeout_ns


def test_an_event_has_its_moment_on_the_clock_whenever_it_is_told(bundle: Bundle) -> None:
    heard, runtime = Heard(), ScriptedRuntime()
    pipeline = Pipeline(bundle, runtime, SETTINGS, Problems(), heard)
    heard.acknowledges = pipeline
    pipeline.tick(START)
    runtime.say({"Smoke": 0.97})
    # Recorded a second after they were sensed; the first one waits in vain for its image.
    for recorded_ns in (START + SECOND, START + 2 * SECOND, START + 60 * SECOND):
        counts = np.full(7, 300.0, dtype=np.float32)
        pipeline.add_reading(GasReading(recorded_ns - SECOND, PAPER_CHANNELS, counts), recorded_ns)
    pipeline.tick(START + 90 * SECOND)
    wait_ns, timeout_ns = SETTINGS.pairing.wait_ns, SETTINGS.alarm.timeout_ns
    silent_ns = START + 2 * SECOND + timeout_ns  # since it was heard
    assert [(event.state, event.fault) for event in heard.events] == [
        (AlarmState.CLEAR, False),
        (AlarmState.PENDING, False),
        (AlarmState.ACTIVE, False),
        (AlarmState.FAULT, True),
        (AlarmState.CLEAR, False),
        (AlarmState.FAULT, True),
    ]
    assert heard.moments == [
        START + SECOND + wait_ns,
        START + SECOND + wait_ns,
        START + 2 * SECOND + wait_ns,
        silent_ns,
        START + 60 * SECOND + wait_ns,
        START + 60 * SECOND + timeout_ns,
    ]


def test_messages_are_decoded_and_what_cannot_be_is_counted(bundle: Bundle) -> None:
    heard, problems = Heard(), Problems()
    runtime = ScriptedRuntime()
    pipeline = Pipeline(bundle, runtime, SETTINGS, problems, heard)
    counts = [400.0] * 7
    pixels = np.full((8, 8), 90, dtype=np.uint8)
    good, picture = reading(START, counts).message, image(START + TICK, pixels, "mono8").message
    pipeline.add_reading_message(good, START)
    pipeline.add_image_message(picture, START + TICK)
    for broken in (reading(0, counts), reading(START, counts[:3], channels=PAPER_CHANNELS[:3])):
        pipeline.add_reading_message(broken.message, START + 2 * TICK)
    pipeline.add_image_message(image(0, pixels, "mono8").message, START + 3 * TICK)
    pipeline.finish()
    assert problems.counts() == {
        "reading_zero_stamp": 1,
        "reading_missing_channel": 1,
        "image_zero_stamp": 1,
    }
    assert heard.readings == [START]
    (decision,) = heard.decisions
    assert decision.verdict.mode is Mode.FUSION
    assert decision.verdict.pair_offset_ns == TICK
    assert decision.recorded_ns == START
    assert decision.cost_ns > 0
    assert decision.sample.observation.frame is not None


def test_an_array_that_warms_up_inhibits_as_in_the_live_node(bundle: Bundle) -> None:
    heard, problems, runtime = Heard(), Problems(), ScriptedRuntime()
    pipeline = Pipeline(bundle, runtime, SETTINGS, problems, heard)
    runtime.say({"Smoke": 0.97})
    for second in range(40):
        now_ns = START + second * SECOND
        if second in (0, 20):
            state = "warming_up" if second == 0 else "running"
            message = encode_source_status(Source("serial", True, state), now_ns, "", "gas_sensor", MAKER)
            pipeline.add_array_message(message, now_ns)
        pipeline.add_reading(GasReading(now_ns, PAPER_CHANNELS, np.full(7, 400.0, np.float32)), now_ns)
    raised = [event for event in heard.events if event.raises_alarm]
    assert [event.alarm for event in raised] == [1]
    assert raised[0].stamp_ns >= START + 20 * SECOND + SETTINGS.alarm.on_delay_ns
    assert AlarmState.INHIBITED in {event.state for event in heard.events}
    pipeline.add_array_message(diagnostic_array([], START, maker=MAKER), START + 41 * SECOND)
    assert problems.counts() == {"source_wrong": 1}


ARRAY = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in PAPER_CHANNELS))


def array_message(array: ArrayDescription | None, now_ns: int = START) -> Any:
    return encode_source_status(Source("serial", True, "running"), now_ns, "", "gas_sensor", MAKER, array)


def log_ratio(bundle: Bundle) -> Bundle:
    """The bundle as one that looks at ln(Rs/R0) as it is."""
    return replace(bundle, array=ARRAY, mean=np.zeros(7, np.float32), std=np.ones(7, np.float32))


def test_readings_are_those_of_the_array_told_last_and_nonsense_changes_nothing(bundle: Bundle) -> None:
    problems, runtime = Problems(), ScriptedRuntime()
    pipeline = Pipeline(log_ratio(bundle), runtime, SETTINGS, problems, Heard())
    volts = replace(ARRAY, unit=Unit.VOLT, full_scale=5.0)
    bare = replace(ARRAY, channels=tuple(ArrayChannel(name) for name in PAPER_CHANNELS))
    nonsense = array_message(volts)
    nonsense.status[0].values[4].value = "-5"  # the full scale
    told = (None, array_message(volts), array_message(bare), nonsense, array_message(None))
    for second, message in enumerate(told):
        now_ns = START + second * SECOND
        if message is not None:
            pipeline.add_array_message(message, now_ns)
        pipeline.add_reading_message(reading(now_ns, [2.5] * 7).message, now_ns)
    pipeline.finish()
    own, of_volts = np.log(1023 / 2.5 - 1), np.log(5.0 / 2.5 - 1)
    seen = [given["gas"].ravel()[0] for given in runtime.given]
    np.testing.assert_allclose(seen, [own, *[of_volts] * 3, own], rtol=1e-5, atol=1e-6)
    assert problems.counts() == {"array_unusable": 1, "array_wrong": 1}
    assert "gas/array_info: the array has no baseline" in next(
        one.detail for one in problems.take_unreported() if one.cause == "array_unusable"
    )
    assert pipeline.array == MODELS_OWN


@pytest.mark.parametrize("is_usable", [True, False])
def test_a_reading_that_waits_is_of_the_array_told_when_it_was_heard(bundle: Bundle, is_usable: bool) -> None:
    heard, runtime = Heard(), ScriptedRuntime()
    pipeline = Pipeline(log_ratio(bundle), runtime, SETTINGS, Problems(), heard)
    twice = replace(ARRAY, full_scale=2046.0)
    bare = replace(twice, channels=tuple(ArrayChannel(name) for name in PAPER_CHANNELS))
    pipeline.add_array_message(array_message(ARRAY), START)
    pipeline.add_reading_message(reading(START, [500.0] * 7).message, START)
    pipeline.add_array_message(array_message(twice if is_usable else bare), START + TICK)
    pipeline.add_reading_message(reading(START + 10 * TICK, [500.0] * 7).message, START + 10 * TICK)
    picture = image(START + TICK, np.zeros((8, 8), np.uint8), "mono8")
    pipeline.add_image_message(picture.message, START + 11 * TICK)
    pipeline.finish()
    seen = [given["gas"].ravel()[0] for given in runtime.given]
    second = 2046.0 if is_usable else 1023.0
    np.testing.assert_allclose(seen, np.log([1023.0 / 500.0 - 1.0, second / 500.0 - 1.0]), rtol=1e-5)


def test_the_array_of_a_file_stays_whatever_is_told(bundle: Bundle) -> None:
    known, runtime = KnownArray("file mine.yaml", replace(ARRAY, full_scale=5.0)), ScriptedRuntime()
    settings = replace(SETTINGS, array=known)
    pipeline = Pipeline(log_ratio(bundle), runtime, settings, Problems(), Heard())
    pipeline.add_array_message(array_message(ARRAY), START)
    pipeline.add_reading_message(reading(START, [2.5] * 7).message, START)
    pipeline.finish()
    assert pipeline.array == known
    np.testing.assert_allclose(runtime.given[0]["gas"], 0.0, atol=1e-6)


def test_a_model_of_resistances_takes_an_array_that_lacks_some_of_its_channels(bundle: Bundle) -> None:
    heard, runtime, problems = Heard(), ScriptedRuntime(), Problems()
    few = replace(ARRAY, channels=(ArrayChannel("tgs2602", baseline=0.0), ArrayChannel("mq3", baseline=1.0)))
    settings = replace(SETTINGS, array=KnownArray("file mine.yaml", few))
    pipeline = Pipeline(log_ratio(bundle), runtime, settings, problems, heard)
    message = reading(START, [100.0, 511.5], channels=("tgs2602", "mq3")).message
    pipeline.add_reading_message(message, START)
    pipeline.finish()
    assert problems.counts() == {}
    (decision,) = heard.decisions
    assert decision.verdict.invalid_channels == tuple(name for name in PAPER_CHANNELS if name != "mq3")
    np.testing.assert_allclose(runtime.given[0]["gas"].ravel(), [0, -1, 0, 0, 0, 0, 0], atol=1e-6)
    assert decision.sample.observation.reading is not None
    assert decision.sample.observation.reading.channels == ("mq3", "tgs2602")


def test_a_model_of_resistances_takes_any_of_its_channels_before_an_array_is_told(bundle: Bundle) -> None:
    heard, runtime, problems = Heard(), ScriptedRuntime(), Problems()
    pipeline = Pipeline(log_ratio(bundle), runtime, SETTINGS, problems, heard)
    pipeline.add_reading_message(reading(START, [9.0, 511.5], channels=("co2", "mq3")).message, START)
    pipeline.add_reading_message(reading(START + SECOND, [9.0], channels=("co2",)).message, START + SECOND)
    pipeline.finish()
    assert problems.counts() == {"reading_missing_channel": 1}
    (decision,) = heard.decisions
    assert decision.verdict.invalid_channels == tuple(name for name in PAPER_CHANNELS if name != "mq3")


def test_channels_that_the_model_does_not_know_count_in_the_departure(bundle: Bundle) -> None:
    heard = Heard()
    names = ("mq4", "tgs2602", "mq3")
    told = replace(ARRAY, channels=tuple(ArrayChannel(name, baseline=0.0) for name in names))
    knowing = replace(log_ratio(bundle), departure=DepartureAdvice(0.5, SECOND, SECOND))
    pipeline = Pipeline(knowing, ScriptedRuntime(), SETTINGS, Problems(), heard)
    pipeline.add_array_message(array_message(told), START)
    counts = told.readings_of([-1.0, -0.75, 0.0]).tolist()
    pipeline.add_reading_message(reading(START, counts, channels=names).message, START)
    pipeline.finish()
    assert heard.verdicts[0].departure == pytest.approx(1.5, abs=1e-3)


def test_a_value_of_no_channel_of_the_model_is_no_reading_that_a_verdict_must_follow(bundle: Bundle) -> None:
    few = replace(ARRAY, channels=(ArrayChannel("tgs2602", baseline=0.0), ArrayChannel("mq3", baseline=0.0)))
    settings = replace(SETTINGS, array=KnownArray("file mine.yaml", few))
    heard = Heard()
    pipeline = Pipeline(log_ratio(bundle), ScriptedRuntime(), settings, Problems(), heard)
    for second in range(10):
        now_ns = START + second * SECOND
        counts = [511.5, 511.5 if second == 0 else np.nan]
        pipeline.add_reading_message(reading(now_ns, counts, channels=("tgs2602", "mq3")).message, now_ns)
    pipeline.tick(START + 10 * SECOND)
    assert pipeline.alarm_status is not None
    assert [reason.code for reason in pipeline.alarm_status.faults] == [SILENCE]


def test_channels_may_be_named_and_stand_in_any_order(bundle: Bundle) -> None:
    mixed = ("extra", *reversed(PAPER_CHANNELS))
    counts = [1.0, *reversed([300.0 + place for place in range(7)])]
    heard = Heard()
    for channels in ((), mixed):
        chosen = PipelineSettings(SETTINGS.pairing, SETTINGS.alarm, channels)
        pipeline = Pipeline(bundle, HashingRuntime(), chosen, Problems(), heard)
        pipeline.add_reading_message(reading(START, counts, channels=mixed).message, START)
        pipeline.finish()
    assert len({tuple(one.probabilities.tolist()) for one in heard.verdicts}) == 1
    assert len(heard.verdicts) == 2


class FailingRuntime(ScriptedRuntime):
    """Fails on every other observation."""

    def run(self, mode: Mode, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
        answer = super().run(mode, inputs)
        if len(self.given) % 2:
            raise RuntimeError("out of memory")
        return answer


def test_an_observation_that_cannot_be_classified_is_counted_and_the_others_go_on(bundle: Bundle) -> None:
    heard, problems = Heard(), Problems()
    pipeline = Pipeline(bundle, FailingRuntime(), SETTINGS, problems, heard)
    for second in range(4):
        stamp_ns = START + second * SECOND
        pipeline.add_reading_message(reading(stamp_ns, [400.0] * 7).message, stamp_ns)
    pipeline.add_reading_message(reading(START + 9 * SECOND, [np.nan] * 7).message, START + 9 * SECOND)
    pipeline.finish()
    assert problems.counts() == {"classification_failed": 2, "unusable_observation": 1}
    assert [one.stamp_ns for one in heard.verdicts] == [START + SECOND, START + 3 * SECOND]
    assert "RuntimeError: out of memory" in {one.detail for one in problems.take_unreported()}


def test_an_operator_lets_go_of_what_is_over(bundle: Bundle) -> None:
    heard, runtime = Heard(), ScriptedRuntime()
    pipeline = Pipeline(bundle, runtime, SETTINGS, Problems(), heard)
    heard.acknowledges = pipeline
    for second in range(20):
        runtime.say({"Smoke" if second % 10 < 4 else "NoGas": 0.97})
        stamp_ns = START + second * SECOND
        pipeline.add_reading(GasReading(stamp_ns, PAPER_CHANNELS, np.full(7, 400.0, np.float32)), stamp_ns)
        pipeline.tick(stamp_ns + SETTINGS.pairing.wait_ns)
    status = pipeline.alarm_status
    assert status is not None
    assert (status.state, status.raised) == (AlarmState.CLEAR, 2)


def test_jumping_back_begins_a_new_run_with_an_empty_window(bundle: Bundle) -> None:
    heard = Heard()
    pipeline = Pipeline(bundle, HashingRuntime(), SETTINGS, Problems(), heard)
    for loop in range(2):
        for second in range(5):
            stamp_ns = START + second * SECOND
            recorded_ns = stamp_ns + loop * 100 * SECOND
            pipeline.add_reading(
                GasReading(stamp_ns, PAPER_CHANNELS, np.full(7, 400.0, np.float32)), recorded_ns
            )
    pipeline.finish()
    assert [one.sample.observation.stretch for one in heard.decisions] == [0] * 6 + [1] * 4
    assert pipeline.counters.resets == 1


def test_readings_of_another_scale_are_counted_and_a_fault_until_they_fit_again(bundle: Bundle) -> None:
    heard, problems, runtime = Heard(), Problems(), ScriptedRuntime()
    runtime.say({"NoGas": 0.97})
    pipeline = Pipeline(bundle, runtime, SETTINGS, problems, heard)
    for second in range(100):
        counts = bundle.mean * np.float32(4.003 if second < 40 else 1.0)
        now_ns = START + second * SECOND
        pipeline.add_reading(GasReading(now_ns, PAPER_CHANNELS, counts), now_ns)
    assert problems.counts() == {"scale": 1}
    (problem,) = problems.take_unreported()
    assert "a 12-bit converter (--full-scale 4095)" in problem.detail
    scaled = [event for event in heard.events if "scale" in event.reasons]
    assert [(event.state, event.reasons) for event in scaled] == [(AlarmState.FAULT, ("scale",))]
    over = heard.events[heard.events.index(scaled[0]) + 1]
    assert (over.state, over.fault) == (AlarmState.CLEAR, False)
    # Ten readings are enough for so much; it ends once most of the latest sixty fit.
    assert scaled[0].stamp_ns - START == pytest.approx(9 * SECOND, abs=SECOND)
    assert 30 * SECOND <= over.stamp_ns - START - 40 * SECOND <= 50 * SECOND


def test_another_scale_hides_no_leak_and_no_warm_up(bundle: Bundle) -> None:
    heard, runtime = Heard(), ScriptedRuntime()
    pipeline = Pipeline(bundle, runtime, SETTINGS, Problems(), heard)
    runtime.say({"Smoke": 0.97})
    counts = bundle.mean * np.float32(4.003)
    for second in range(30):
        now_ns = START + second * SECOND
        pipeline.add_reading(GasReading(now_ns, PAPER_CHANNELS, counts), now_ns)
        if second == 20:
            source = Source("serial", True, "warming_up")
            message = encode_source_status(source, now_ns, "", "gas_sensor", MAKER)
            pipeline.add_array_message(message, now_ns)
    assert AlarmState.ACTIVE in {event.state for event in heard.events}
    assert heard.events[-1].reasons == ("scale", "warming_up")
