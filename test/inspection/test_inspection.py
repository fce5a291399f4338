"""An inspection finds what is in a bag, and warns of what an evaluation trips over, and of nothing else."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_bags import EPOCH, SECOND, Made, image, pose, reading, text, write_bag

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource
from gas_fusion_ros.inspection.look import inspect
from gas_fusion_ros.inspection.schema import ArrayFound, Inspection
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.array_choice import ArrayFigures
from gas_fusion_ros.ros.source_messages import encode_source_status

PERIOD = SECOND // 2
PAIRING = PairingSettings()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("fusion1"))


@pytest.fixture
def look(tmp_path: Path, bundle: Bundle) -> Callable[..., Inspection]:
    def inspected(messages: Iterable[Made], model: Bundle = bundle, **topics: str) -> Inspection:
        problems = Problems()
        with BagReader(write_bag(tmp_path / "bag", messages), problems) as reader:
            return inspect(reader, BagTopics(**topics), model, PAIRING, problems, lambda: None)

    return inspected


def counts(number: int) -> list[float]:
    """Seven values of the data set's array that never stand still."""
    return [level + number % 7 for level in (600.0, 460.0, 400.0, 390.0, 560.0, 540.0, 410.0)]


def celsius(number: int) -> np.ndarray:
    """A picture from 20 to 30 degC, each different."""
    pixels = np.linspace(20, 30, 12 * 16, dtype=np.float32).reshape(12, 16)
    pixels[0, 0] = 20 + 0.01 * (number % 1000)
    return pixels


def stamp(number: int) -> int:
    return EPOCH + number * PERIOD


def run(count: int = 60) -> list[Made]:
    """Half a minute in which nothing is wrong: readings, images of the same stamps, labels."""
    messages = [text("/truth/label", stamp(0), "NoGas"), text("/truth/label", stamp(count // 2), "Smoke")]
    for number in range(count):
        messages += [reading(stamp(number), counts(number)), image(stamp(number), celsius(number), "32FC1")]
    return sorted(messages, key=lambda made: made.stamp_ns)


def changed(messages: Iterable[Made], topic: str, change: Callable[[int, Made], Made | None]) -> list[Made]:
    """The messages with those of `topic`, counted from 0, changed; None leaves one out."""
    result: list[Made | None] = []
    number = 0
    for made in messages:
        result.append(change(number, made) if made.topic == topic else made)
        number += made.topic == topic
    return [made for made in result if made is not None]


CALIBRATED = ArrayDescription(
    tuple(ArrayChannel(name, baseline=0.5) for name in PAPER_CHANNELS),
    serial_id="7",
    calibration=ArrayCalibration("2026-01-02T03:04:05+00:00", 300),
)
BARE = replace(CALIBRATED, channels=(*CALIBRATED.channels[1:], ArrayChannel("mq2")), calibration=None)


def array_info(array: ArrayDescription | None, number: int) -> Made:
    source = Source("serial", True, "running")
    message = encode_source_status(source, stamp(number), "", "gas_sensor", BagMessages(), array)
    return Made("/gas/array_info", message.__msgtype__, stamp(number), message)


def test_the_array_is_the_one_told_of_last(look: Callable[..., Inspection]) -> None:
    told = [array_info(BARE, 0), array_info(CALIBRATED, 9), array_info(CALIBRATED, 20)]
    found = look(sorted([*run(), *told], key=lambda made: made.stamp_ns))
    assert found.warnings == ()
    figures = ArrayFigures("/gas/array_info", "7", "2026-01-02T03:04:05+00:00", "counts", 1023.0)
    assert found.array == ArrayFound(figures, (), 1)


def test_an_array_without_a_baseline_is_warned_of_where_the_model_goes_by_it(
    look: Callable[..., Inspection], bundle: Bundle, tmp_path: Path
) -> None:
    messages = [array_info(BARE, 0), *run()]
    found = look(messages)
    assert found.warnings == ()
    assert found.array is not None
    assert found.array.without_baseline == ("mq2",)
    shutil.rmtree(tmp_path / "bag")
    told = only_warning(look(messages, replace(bundle, array=CALIBRATED)))
    assert told.startswith("by /gas/array_info the array has no baseline of mq2, which fusion1 goes by")


def test_an_array_that_describes_itself_wrongly_is_warned_of(look: Callable[..., Inspection]) -> None:
    wrong = array_info(CALIBRATED, 0)
    wrong.message.status[0].values[3].value = "amps"
    found = look([wrong, array_info(None, 0), *run()])
    assert "unit is 'amps'" in only_warning(found)
    assert found.array is None


def only_warning(found: Inspection) -> str:
    assert len(found.warnings) == 1, found.warnings
    return found.warnings[0]


def test_a_run_without_faults(look: Callable[..., Inspection]) -> None:
    found = look(run())
    assert found.warnings == ()
    assert found.losses == {}
    assert (found.storage, found.files) == ("mcap", 1)
    assert found.start_ns == EPOCH
    assert found.duration_s == pytest.approx(29.5)
    assert [(topic.name, topic.messages) for topic in found.topics] == [
        ("/gas/readings", 60),
        ("/thermal/image", 60),
        ("/truth/label", 2),
    ]
    assert found.topics[0].rate_hz == pytest.approx(2.0)
    assert found.topics[0].largest_gap_s == 0.5

    assert found.gas is not None
    assert found.gas.frames == ("gas_array",)
    assert found.gas.stamps.period_s == pytest.approx(0.5)
    assert (found.gas.stamps.gaps, found.gas.stamps.largest_gap_s, found.gas.stamps.offset_s) == (0, 0.5, 0.0)
    assert tuple(channel.name for channel in found.gas.channels) == PAPER_CHANNELS
    last = found.gas.channels[-1]
    values = [counts(number)[-1] for number in range(60)]
    assert (last.least, last.greatest) == (min(values), max(values))
    assert last.mean == pytest.approx(np.mean(values))
    assert (last.nan_share, last.out_of_range_share, last.stuck_share) == (0, 0, 0)

    assert found.images is not None
    assert found.images.sizes == {"16x12": 60}
    pixels = found.images.encodings["32FC1"]
    assert (pixels.images, pixels.unit, pixels.nan_share) == (60, "degC", 0)
    assert (pixels.least, pixels.greatest) == (pytest.approx(20, abs=0.1), pytest.approx(30))
    assert found.images.frozen == 0
    assert found.pairing is not None
    assert (found.pairing.pairs, found.pairing.gas_only, found.pairing.paired_share) == (60, 0, 1.0)
    assert found.labels is not None
    assert found.labels.seconds == {"NoGas": pytest.approx(15), "Smoke": pytest.approx(14.5)}


def test_stamps_of_zero(look: Callable[..., Inspection]) -> None:
    def unset(number: int, made: Made) -> Made:
        return reading(0, counts(number), recorded_ns=made.stamp_ns) if number % 10 == 9 else made

    found = look(changed(run(), "/gas/readings", unset))
    assert found.gas is not None
    assert found.gas.stamps.zero == 6
    assert found.gas.unreadable == {"reading_zero_stamp": 6}
    assert "/gas/readings: header.stamp of a reading is 0 ns" in only_warning(found)
    assert "(6 times)" in only_warning(found)


def test_stamps_that_jump_back(look: Callable[..., Inspection]) -> None:
    def looped(number: int, made: Made) -> Made:
        first = number - 30 if number >= 30 else number
        return reading(stamp(first), counts(number), recorded_ns=made.stamp_ns)

    found = look(changed(run(), "/gas/readings", looped))
    assert found.gas is not None
    assert (found.gas.stamps.jumps_back, found.gas.stamps.out_of_order) == (1, 0)
    assert found.gas.stamps.largest_jump_back_s == 14.5
    jump, apart = found.warnings
    assert "jump back once, by up to 14.5 s" in jump
    assert "have an image within 0.06 s" in apart


def test_stamps_out_of_order_and_repeated(look: Callable[..., Inspection]) -> None:
    def disturbed(number: int, made: Made) -> Made:
        moved = {20: stamp(19), 31: stamp(30) - PERIOD // 2}.get(number, made.stamp_ns)
        return reading(moved, counts(number), recorded_ns=made.stamp_ns)

    found = look(changed(run(), "/gas/readings", disturbed))
    assert found.gas is not None
    assert (found.gas.stamps.duplicates, found.gas.stamps.out_of_order) == (1, 1)
    order, repeated = found.warnings
    assert "1 of 60 stamps of /gas/readings are older than the one before" in order
    assert "1 of 60 messages of /gas/readings repeat a stamp" in repeated


def test_stamps_of_another_clock(look: Callable[..., Inspection]) -> None:
    def simulated(number: int, made: Made) -> Made:
        return reading(stamp(number) - EPOCH + 5 * SECOND, counts(number), recorded_ns=made.stamp_ns)

    found = look(changed(run(), "/gas/readings", simulated))
    assert "stamps of /gas/readings are of another clock than the recording" in found.warnings[0]


def test_stamps_ahead_of_the_recording(look: Callable[..., Inspection]) -> None:
    def early(number: int, made: Made) -> Made:
        ahead = 2 * SECOND if number == 30 else 0
        return image(made.stamp_ns + ahead, celsius(number), "32FC1", recorded_ns=made.stamp_ns)

    found = look(changed(run(), "/thermal/image", early))
    assert any("lie up to 2.0 s after their recording" in warning for warning in found.warnings)


def test_readings_recorded_late(look: Callable[..., Inspection]) -> None:
    found = look(
        [
            made if made.topic == "/truth/label" else replace(made, stamp_ns=made.stamp_ns + SECOND)
            for made in run()
        ]
    )
    assert "recorded 1.0 s after its stamps" in found.warnings[0]


def test_silence(look: Callable[..., Inspection]) -> None:
    found = look(changed(run(), "/gas/readings", lambda number, made: None if 10 <= number < 40 else made))
    assert found.gas is not None
    assert (found.gas.stamps.gaps, found.gas.stamps.largest_gap_s) == (1, 15.5)
    assert "silent for up to 15.5 s" in only_warning(found)


def test_readings_too_sparse_for_windows(look: Callable[..., Inspection], bundle: Bundle) -> None:
    windowed = replace(bundle, window=WindowSettings(10, SECOND // 10))
    assert "too sparse for the windows" in only_warning(look(run(), windowed))


def test_channels_that_the_model_needs(look: Callable[..., Inspection]) -> None:
    def fewer(number: int, made: Made) -> Made:
        return reading(made.stamp_ns, counts(number)[:5], channels=PAPER_CHANNELS[:5])

    warning = only_warning(look(changed(run(), "/gas/readings", fewer)))
    assert "fusion1 learned from 7 channels, of which mq8, mq135 are missing; there are mq2, mq3" in warning
    assert "it needs all of them" in warning


def test_channels_that_fail(look: Callable[..., Inspection]) -> None:
    def failing(number: int, made: Made) -> Made:
        values = counts(number)
        values[0] = 600.0
        values[1] = float("nan") if number % 2 else values[1]
        values[2] = 0.0 if number % 4 == 0 else values[2]
        return reading(made.stamp_ns, values)

    # 300 s: a stuck channel is told after 180 s.
    found = look(changed(run(600), "/gas/readings", failing))
    assert found.gas is not None
    stuck, missing, broken = found.gas.channels[:3]
    assert stuck.stuck_share == pytest.approx(0.4, abs=0.01)
    assert missing.nan_share == 0.5
    assert (broken.out_of_range_share, broken.least) == (0.25, 0.0)
    assert [warning.split()[0] for warning in found.warnings] == ["mq5", "mq2", "mq3"]


def test_readings_of_another_scale_are_told_with_the_remedy_and_not_channel_by_channel(
    look: Callable[..., Inspection],
) -> None:
    def of_twelve_bits(number: int, made: Made) -> Made:
        return reading(made.stamp_ns, [4.003 * value for value in counts(number)])

    found = look(changed(run(), "/gas/readings", of_twelve_bits))
    warning = only_warning(found)
    assert found.gas is not None
    assert warning == f"/gas/readings: {found.gas.scale}"
    assert "a 12-bit converter (--full-scale 4095)" in warning
    assert "Model 'fusion1' knows the counts of one array only" in warning


def test_readings_without_channels(look: Callable[..., Inspection]) -> None:
    found = look(reading(stamp(number), [1.0, 2.0, 3.0], channels=("x", "y", "z")) for number in range(5))
    assert found.gas is not None
    assert found.gas.unreadable == {"reading_channels": 5}
    assert any("channels must be different names, at least one" in warning for warning in found.warnings)


def test_images_that_cannot_be_read(look: Callable[..., Inspection]) -> None:
    def coloured(number: int, made: Made) -> Made:
        return image(made.stamp_ns, np.zeros((12, 16, 3), np.uint8), "rgb16") if number < 6 else made

    found = look(changed(run(), "/thermal/image", coloured))
    assert found.images is not None
    assert found.images.unreadable == {"image_encoding": 6}
    assert "/thermal/image: encoding 'rgb16'" in only_warning(found)


def test_images_that_are_frozen(look: Callable[..., Inspection]) -> None:
    def frozen(number: int, made: Made) -> Made:
        return image(made.stamp_ns, celsius(max(number, 50)), "32FC1")

    found = look(changed(run(), "/thermal/image", frozen))
    assert found.images is not None
    assert found.images.frozen == 50
    assert "50 of 60 images" in only_warning(found)


@pytest.mark.parametrize(
    ("shift", "warning"), [(273.15, "as kelvin would"), (29_000.0, "must be degrees Celsius"), (0.0, None)]
)
def test_temperatures_of_another_unit(
    look: Callable[..., Inspection], shift: float, warning: str | None
) -> None:
    def moved(number: int, made: Made) -> Made:
        return image(made.stamp_ns, celsius(number) + np.float32(shift), "32FC1")

    found = look(changed(run(), "/thermal/image", moved))
    if warning is None:
        assert found.warnings == ()
    else:
        assert warning in only_warning(found)


def test_images_of_raw_counts(look: Callable[..., Inspection]) -> None:
    def raw(number: int, made: Made) -> Made:
        return image(made.stamp_ns, np.arange(192, dtype=np.uint16).reshape(12, 16) + number, "mono16")

    found = look(changed(run(), "/thermal/image", raw))
    assert found.images is not None
    pixels = found.images.encodings["mono16"]
    assert (pixels.least, pixels.greatest, pixels.unit) == (0, 191 + 59, "counts")
    assert found.warnings == ()


def test_images_too_small_blank_and_without_finite_pixels(look: Callable[..., Inspection]) -> None:
    def poor(number: int, made: Made) -> Made:
        pixels = np.full((4, 8), np.nan, np.float32) if number % 2 else np.full((4, 8), number, np.uint8)
        return image(made.stamp_ns, pixels, "32FC1" if number % 2 else "mono8")

    text_of = "\n".join(look(changed(run(), "/thermal/image", poor)).warnings)
    assert "are 8x4: a side needs 8 pixels at least" in text_of
    assert "of several encodings: mono8, 32FC1" in text_of
    assert "no pixel of the 32FC1 images of /thermal/image is finite" in text_of


def test_images_that_lag_behind_the_readings(look: Callable[..., Inspection]) -> None:
    def lagging(number: int, made: Made) -> Made:
        return image(made.stamp_ns + PERIOD // 2, celsius(number), "32FC1")

    assert "0.0% of the readings have an image within 0.06 s" in only_warning(
        look(changed(run(), "/thermal/image", lagging))
    )


def test_labels_that_the_model_does_not_know(look: Callable[..., Inspection]) -> None:
    warning = only_warning(look([*run(), text("/truth/label", stamp(59), "Methane")]))
    assert "fusion1 knows no class Methane, it knows Mixture, NoGas, Perfume, Smoke" in warning


def test_topics_that_are_missing_or_two(look: Callable[..., Inspection]) -> None:
    found = look([reading(stamp(number), counts(number), f"/mq{number % 2}") for number in range(9)])
    two, missing = found.warnings
    assert "/mq0 is taken, --gas-topic chooses" in two
    assert "there are no thermal images" in missing
    assert missing.endswith("with --no-images")
    assert found.pairing is None


def test_poses_are_listed_and_nothing_else(look: Callable[..., Inspection]) -> None:
    poses = [pose(stamp(0), 1.0, topic=topic) for topic in ("/arm/pose", "/base/pose")]
    found = look([*run(), *poses])
    assert {"/arm/pose", "/base/pose"} < {topic.name for topic in found.topics}
    assert found.losses == {}


def test_a_topic_that_is_asked_for_is_looked_at(look: Callable[..., Inspection]) -> None:
    found = look(
        [reading(stamp(number), counts(number), f"/mq{number % 2}") for number in range(9)], gas="/mq1"
    )
    assert found.gas is not None
    assert (found.gas.topic, found.gas.stamps.messages) == ("/mq1", 4)


def test_the_real_recording(gas_fusion_data: Path, tmp_path: Path, bundle: Bundle) -> None:
    source = FolderSource(gas_fusion_data, FolderSettings(PAPER_CHANNELS))
    make_bag(source, BagTarget(tmp_path / "bag"), lambda: None)
    problems = Problems()
    with BagReader(tmp_path / "bag", problems) as reader:
        found = inspect(reader, BagTopics(), bundle, PAIRING, problems, lambda: None)
    assert found.losses == {}
    assert found.gas is not None
    assert (found.gas.stamps.messages, found.gas.stamps.period_s, found.gas.stamps.gaps) == (6400, 2.0, 0)
    assert all(channel.nan_share == channel.stuck_share == 0 for channel in found.gas.channels)
    assert found.labels is not None
    assert sum(found.labels.seconds.values()) == found.duration_s == 12_798


def test_memory_does_not_grow_with_the_bag(tmp_path: Path, bundle: Bundle) -> None:
    noise = np.random.default_rng(0)
    peaks = []
    for count in (100, 400):
        pictures = (noise.integers(29_000, 29_100, (120, 160), np.uint16) for _ in range(count))
        made = (image(stamp(number), pixels, "mono16") for number, pixels in enumerate(pictures))
        path = write_bag(tmp_path / f"{count}", made)
        problems = Problems()
        tracemalloc.start()
        with BagReader(path, problems) as reader:
            found = inspect(reader, BagTopics(), bundle, PAIRING, problems, lambda: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.images is not None
        assert found.images.encodings["mono16"].images == count
    assert peaks[1] < 1.2 * peaks[0]
