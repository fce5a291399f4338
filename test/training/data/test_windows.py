"""Windows of training: what they may hold, and that they are the ones which the running pipeline makes."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import small_benchmark as small
from hypothesis import given, settings
from hypothesis import strategies as st
from made_windows import any_windows, made_windows
from scripted_runtime import ScriptedRuntime, windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Observation, ThermalFrame
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.pairing.pairing import Pairing, PairingSettings
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording, TrainingPart, Windows
from training.data.copies import Copies
from training.fitting.material import Normalisation
from training.temporal.encoder_fitting import as_tensors

NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Cut:
    """A recording, rows that windows end at, rows that they may not hold, and how they are cut."""

    recording: Recording
    rows: npt.NDArray[np.int64]
    barred: npt.NDArray[np.int64]
    settings: WindowSettings
    paces: npt.NDArray[np.float64]

    def windows(self, counts: npt.NDArray[np.float32]) -> Windows:
        """Cut them out of the recording with other counts."""
        return replace(self.recording, counts=counts).windows(
            self.rows, self.barred, self.settings, self.paces
        )


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """Classes in any order of rows, with rows missing here and there, parts in blocks or row by row."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(2, 60))
    labels = rng.integers(0, draw(st.integers(1, 3)), size)
    stamps = np.cumsum(rng.choice([1, 1, 1, 2, 9], size)) * ROW_PERIOD_NS
    block = draw(st.integers(1, 12))
    part = np.repeat(rng.integers(0, 3, size // block + 1), block)[:size]
    rows = np.flatnonzero(part == 0)
    return Cut(
        Recording(rng.uniform(0, 1023, (size, 2)).astype(np.float32), labels, stamps),
        rows,
        np.flatnonzero(part == 1),
        WindowSettings(draw(st.integers(1, 20)), draw(st.sampled_from((1, 2, 3))) * ROW_PERIOD_NS // 2),
        rng.uniform(0.5, 2.0, len(rows)),
    )


@settings(max_examples=150, deadline=None)
@given(cuts(), st.sampled_from((np.nan, 1e6)))
def test_nothing_but_its_own_part_and_class_and_past_moves_a_window(cut: Cut, poison: float) -> None:
    windows = cut.windows(cut.recording.counts)
    everything = np.arange(len(cut.recording.labels))
    for place, row in enumerate(cut.rows):
        line = everything[cut.recording.labels == cut.recording.labels[row]]
        before = line[line <= row]
        forbidden = before[np.isin(before, cut.barred)]
        allowed = before[before > forbidden[-1]] if len(forbidden) else before
        counts = np.full_like(cut.recording.counts, poison)
        counts[allowed] = cut.recording.counts[allowed]
        poisoned = replace(cut.recording, counts=counts).windows(
            cut.rows[[place]], cut.barred, cut.settings, cut.paces[[place]]
        )
        np.testing.assert_array_equal(poisoned.valid[0], windows.valid[place])
        np.testing.assert_array_equal(poisoned.values[0], windows.values[place])


@settings(max_examples=60, deadline=None)
@given(cuts())
def test_a_window_ends_with_its_row(cut: Cut) -> None:
    windows = cut.windows(cut.recording.counts)
    assert windows.valid[:, -1].all()
    np.testing.assert_array_equal(windows.values[:, -1], cut.recording.counts[cut.rows])
    np.testing.assert_array_equal(windows.labels, cut.recording.labels[cut.rows])
    np.testing.assert_array_equal(windows.rows, cut.rows)


@settings(max_examples=25, deadline=None)
@given(
    position=st.sampled_from((0.0, 0.3, 0.5, 0.8)),
    first=st.integers(0, 20),
    second=st.integers(75, 105),
    pace=st.floats(0.5, 1.5),
)
def test_a_copied_reading_is_in_windows_of_one_part_only(
    position: float, first: int, second: int, pace: float
) -> None:
    """As long as no window reaches back further than the embargo."""
    plain = small.made_recording()
    stretch = np.arange(25)
    counts = plain.values.copy()
    counts[second + stretch] = counts[first + stretch]
    recording = replace(plain, counts=counts)
    embargo = 12
    window = WindowSettings(1 + int(embargo / pace))
    test, outside = small.held_out(recording, position, Copies(first + stretch, second + stretch), embargo)
    tested = np.isin(np.arange(len(counts)), test)
    tested[first + stretch] = tested[second + stretch] = tested[first + stretch] | tested[second + stretch]
    marked = replace(recording, counts=tested[:, np.newaxis].astype(np.float32))
    trained = marked.windows(outside.rows, outside.barred, window, pace)
    assert trained.valid[:, -1].all()
    assert not trained.values.any()


@dataclass(frozen=True)
class Stream:
    """Readings of one class with stamps and channels that are NaN here and there."""

    stamps_ns: npt.NDArray[np.int64]
    counts: npt.NDArray[np.float32]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """At 10 Hz or every 2 s, with jitter and a gap."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    period_ns = draw(st.sampled_from((ROW_PERIOD_NS // 20, ROW_PERIOD_NS)))
    size = draw(st.integers(1, 160 if period_ns < ROW_PERIOD_NS else 40))
    steps = period_ns + rng.integers(-period_ns // 4, period_ns // 4 + 1, size)
    steps[draw(st.integers(0, size - 1))] += draw(st.sampled_from((0, 2, 7, 30))) * ROW_PERIOD_NS
    counts = rng.uniform(0, 1023, (size, len(PAPER_CHANNELS))).astype(np.float32)
    counts[rng.random(counts.shape) < draw(st.sampled_from((0.0, 0.3)))] = np.nan
    counts[:, 2] = counts[:, 2] if draw(st.booleans()) else np.nan
    return Stream(ROW_PERIOD_NS + np.cumsum(steps), counts)


def _until(recording: Recording, end: int) -> Recording:
    return Recording(recording.counts[:end], recording.labels[:end], recording.stamps_ns[:end])


@settings(max_examples=60, deadline=None)
@given(streams(), st.sampled_from((1, 4, 10)))
def test_the_pipeline_and_training_make_the_same_windows(stream: Stream, readings: int) -> None:
    """A value that no reading stands behind may differ: the pipeline has forgotten what lies far back."""
    size = len(stream.stamps_ns)
    recording = Recording(stream.counts, np.zeros(size, dtype=np.int64), stream.stamps_ns)
    bundle = windowed_bundle(readings, AlarmAdvice(0.8, 0.4))
    pairing: Pairing[GasReading, ThermalFrame] = Pairing(PairingSettings())
    pairs = []
    for stamp_ns, counts in zip(stream.stamps_ns.tolist(), stream.counts, strict=True):
        pairs += pairing.add_reading(stamp_ns, GasReading(stamp_ns, PAPER_CHANNELS, counts), stamp_ns, 0)
    pairs += pairing.flush()
    assert len(pairs) == size
    classifier = Classifier(bundle, ScriptedRuntime())
    for place, pair in enumerate(pairs):
        window = classifier.prepare(Observation(pair.reading, pair.image, 0, pair.stretch)).window
        if not np.isfinite(stream.counts[place]).any():
            assert not window.valid.any()
            continue
        # Where a channel is NaN, a line to a later reading would tell what the pipeline cannot know.
        cut = _until(recording, place + 1).windows(np.array([place]), NOTHING, bundle.window)
        np.testing.assert_array_equal(window.valid, cut.valid)
        np.testing.assert_array_equal(window.values[cut.valid], cut.values[cut.valid])


@settings(max_examples=25, deadline=None)
@given(streams())
def test_networks_are_fed_alike(stream: Stream) -> None:
    """Without a gap, what is fed in is the same to the last bit, where nothing is valid too."""
    size = min(len(stream.stamps_ns), 12)
    stamps_ns = (1 + np.arange(size)) * ROW_PERIOD_NS
    counts = stream.counts[:size].copy()
    # A channel is dead throughout or not at all.
    counts[np.isnan(counts) & ~np.isnan(stream.counts).all(axis=0)] = 500
    bundle = windowed_bundle(20, AlarmAdvice(0.8, 0.4))
    recording = Recording(counts, np.zeros(size, dtype=np.int64), stamps_ns)
    gas, valid = as_tensors(
        recording.windows(np.arange(size), NOTHING, bundle.window),
        Normalisation(bundle.mean.tolist(), bundle.std.tolist()),
    )
    runtime = ScriptedRuntime()
    classifier = Classifier(bundle, runtime)
    for place in range(size):
        reading = GasReading(int(stamps_ns[place]), PAPER_CHANNELS, counts[place])
        classifier.classify(Observation(reading, None))
        np.testing.assert_array_equal(runtime.given[-1]["valid"][0], valid[place].numpy())
        np.testing.assert_array_equal(runtime.given[-1]["gas"][0], gas[place].numpy())


def test_a_faster_pace_holds_more_time() -> None:
    recording = small.made_recording(channels=1)
    numbered = replace(recording, counts=np.arange(len(recording.labels), dtype=np.float32)[:, np.newaxis])
    windows = numbered.windows(np.array([50, 50]), NOTHING, WindowSettings(5), np.array([0.5, 2.0]))
    np.testing.assert_array_equal(windows.values[0, :, 0], [48, 48.5, 49, 49.5, 50])
    np.testing.assert_array_equal(windows.values[1, :, 0], [42, 44, 46, 48, 50])


def test_a_row_that_cannot_be_read_leaves_a_gap(tmp_path: object) -> None:
    recording = small.made_recording()
    dataset = Dataset.load(small.write_folder(tmp_path, recording))  # type: ignore[arg-type]
    fewer = replace(dataset, rows=dataset.rows.select(np.delete(np.arange(len(dataset.rows)), 20)))
    np.testing.assert_array_equal(Recording.of(dataset).stamps_ns, recording.stamps_ns)
    np.testing.assert_array_equal(Recording.of(fewer).stamps_ns, np.delete(recording.stamps_ns, 20))
    window = Recording.of(fewer).windows(np.array([22]), NOTHING, WindowSettings(4))
    assert window.valid.all()
    between = (recording.counts[19] + recording.counts[21]) / 2
    np.testing.assert_allclose(window.values[0, 0], between)


def test_a_training_part_knows_its_sizes() -> None:
    recording = small.made_recording()
    part = TrainingPart(recording, np.array([3, 200]), np.array([2]), None)
    assert (part.classes, part.channels) == (4, 7)
    np.testing.assert_array_equal(part.counts, recording.counts[[3, 200]])
    windows = part.windows(WindowSettings(3))
    np.testing.assert_array_equal(windows.valid[:, :, 0], [[False, False, True], [True, True, True]])


@given(any_windows(), st.integers(0, 5))
def test_taking_and_putting_together_are_inverse(windows: Windows, at: int) -> None:
    index = np.arange(len(windows))
    both = Windows.concatenate([windows.take(index < at), windows.take(index[at:])])
    for name in ("values", "valid", "labels", "rows"):
        np.testing.assert_array_equal(getattr(both, name), getattr(windows, name))


def test_other_readings_leave_labels_and_validity() -> None:
    windows = made_windows([0, 1], readings=3, channels=2)
    other = windows.with_readings(windows.values + 1)
    assert other.valid is windows.valid
    assert other.labels is windows.labels
    np.testing.assert_array_equal(other.values, windows.values + 1)
