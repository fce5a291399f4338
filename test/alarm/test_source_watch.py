"""What is missing is named: which sensor, why, and by how much the clocks differ."""

from __future__ import annotations

import pytest

from gas_fusion_ros.alarm.source_watch import Publishers, Source, SourceSettings, SourceWatch

S = 1_000_000_000
SETTINGS = SourceSettings(timeout_ns=10 * S, expects_images=True)
STAMPS = 1_700_000_000 * S


class Rig:
    """A watch, its time, and what comes on both topics."""

    def __init__(self, settings: SourceSettings = SETTINGS) -> None:
        self.now = 100 * S
        self.pairs = 0
        self.watch = SourceWatch(settings, self.now)
        self.see(Publishers(heard=1), Publishers(heard=1))

    def see(
        self, gas: Publishers, images: Publishers, array: Publishers | None = None, alarms: int = 1
    ) -> None:
        self.watch.see_publishers(gas, images, array or Publishers(), Publishers(alarms))

    def pass_time(
        self, seconds: int, gas: str = "valid", images: bool = True, offset_s: float = 0.0, pairs: bool = True
    ) -> None:
        for _ in range(seconds):
            self.now += S
            if gas:
                channels = {"mq2": gas == "valid", "mq3": gas in ("valid", "one channel")}
                self.watch.hear_reading(STAMPS + self.now, self.now, channels)
            if images:
                self.watch.hear_image(STAMPS + self.now + round(offset_s * S), self.now)
            self.pairs += pairs

    def warnings(self, lag_s: float = 0.0) -> dict[str, str]:
        conditions = self.watch.conditions(self.pairs, round(lag_s * S), self.now)
        return {reason.code: reason.text for reason in conditions.warnings}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_is_missing_while_all_comes_and_pairs(rig: Rig) -> None:
    for _ in range(5):
        rig.pass_time(8)
        assert rig.warnings() == {}


@pytest.mark.parametrize(
    ("publishers", "code"),
    [
        (Publishers(heard=1), "gas_silent"),
        (Publishers(), "gas_no_publisher"),
        (Publishers(refused=1), "gas_qos"),
    ],
)
def test_silence_of_the_array_has_its_cause(rig: Rig, publishers: Publishers, code: str) -> None:
    rig.pass_time(3)
    rig.see(publishers, Publishers(heard=1))
    rig.pass_time(11, gas="", pairs=False)
    assert list(rig.warnings()) == [code]
    rig.pass_time(1)
    assert rig.warnings() == {}


def test_a_channel_that_has_no_value_any_more_is_named(rig: Rig) -> None:
    rig.pass_time(2)
    rig.pass_time(10, gas="one channel")
    assert rig.warnings() == {}
    rig.pass_time(1, gas="one channel")
    assert list(rig.warnings()) == ["channels_invalid"]
    assert "no value from mq2:" in rig.warnings()["channels_invalid"]
    rig.pass_time(1)
    assert rig.warnings() == {}


def test_several_arrays_on_one_topic_are_named(rig: Rig) -> None:
    rig.see(Publishers(heard=2), Publishers(heard=1))
    rig.pass_time(30)
    assert rig.warnings() == {}, "one of them may have been killed, and nobody noticed yet"
    rig.pass_time(1)
    assert list(rig.warnings()) == ["gas_publishers"]
    rig.see(Publishers(heard=1, refused=1), Publishers(heard=2))
    assert rig.warnings() == {}


def test_readings_have_begun_with_the_first_and_end_with_silence(rig: Rig) -> None:
    assert not rig.watch.has_readings(rig.now)
    rig.pass_time(1)
    assert rig.watch.has_readings(rig.now)
    assert not rig.watch.has_readings(rig.now + 11 * S)


def test_an_unplugged_array_is_named(rig: Rig) -> None:
    rig.watch.array = Source("serial", True, "disconnected")
    rig.pass_time(11, gas="", pairs=False)
    assert list(rig.warnings()) == ["gas_disconnected"]


def test_readings_without_a_valid_channel_are_named(rig: Rig) -> None:
    rig.pass_time(11, gas="invalid")
    assert list(rig.warnings()) == ["readings_invalid"]


@pytest.mark.parametrize(
    ("publishers", "code"),
    [(Publishers(heard=1), "images_silent"), (Publishers(), "images_no_publisher")],
)
def test_images_that_stop_are_named_where_they_are_expected(publishers: Publishers, code: str) -> None:
    for expects, codes in ((True, [code]), (False, [])):
        rig = Rig(SourceSettings(10 * S, expects))
        rig.see(Publishers(heard=1), publishers)
        rig.pass_time(11, images=False, pairs=False)
        assert list(rig.warnings()) == codes


@pytest.mark.parametrize(
    ("offset_s", "told"),
    [
        (-3600.0, "local time: -1 h"),
        (0.4, "+0.400 s, more"),
        (7200.0, "local time: +2 h"),
        (37.1, "in TAI"),
        (-1.7e9, "since the camera's start"),
    ],
)
def test_images_on_another_clock_are_named_with_the_offset(rig: Rig, offset_s: float, told: str) -> None:
    rig.warnings()
    rig.pass_time(20, offset_s=offset_s, pairs=False)
    warning = rig.warnings()["images_unpaired"]
    assert f"{offset_s:+.3f} s" in warning
    assert told in warning
    assert f"pairing.image_offset to {-offset_s:.3f}" in warning
    assert rig.watch.image_offset_s == pytest.approx(offset_s)
    rig.pass_time(1)
    assert rig.warnings() == {}


def test_without_readings_images_are_not_blamed_for_pairing_with_none(rig: Rig) -> None:
    rig.warnings()
    rig.pass_time(11, gas="", pairs=False)
    assert list(rig.warnings()) == ["gas_silent"]


@pytest.mark.parametrize(("lag_s", "codes"), [(5.0, []), (5.1, ["classification_slow"])])
def test_late_classes_are_named_with_the_figure(rig: Rig, lag_s: float, codes: list[str]) -> None:
    rig.pass_time(1)
    assert list(rig.warnings(lag_s)) == codes
    assert all("5 s" in text for text in rig.warnings(lag_s).values())


def test_a_simulation_or_recording_is_shown_as_such(rig: Rig) -> None:
    rig.watch.array = Source("simulated", False, "running")
    rig.watch.camera = Source("recorded", False, "running")
    assert list(rig.warnings()) == ["array_not_a_sensor", "camera_not_a_sensor"]
    assert "simulated" in rig.warnings()["array_not_a_sensor"]


@pytest.mark.parametrize(
    ("state", "codes"),
    [("warming_up", ["warming_up"]), ("calibrating", ["calibrating"]), ("running", []), ("inactive", [])],
)
def test_an_array_that_is_not_ready_inhibits(rig: Rig, state: str, codes: list[str]) -> None:
    rig.watch.array = Source("serial", True, state)
    assert [reason.code for reason in rig.watch.conditions(0, 0, rig.now).inhibits] == codes


def test_an_array_that_speaks_of_itself_is_not_trusted_before_it_is_heard(rig: Rig) -> None:
    rig.see(Publishers(heard=1), Publishers(heard=1), array=Publishers(heard=1))
    conditions = rig.watch.conditions(0, 0, rig.now)
    assert conditions.faults == ()
    assert [reason.code for reason in conditions.inhibits] == ["array_unknown"]
    rig.pass_time(11)
    conditions = rig.watch.conditions(0, 0, rig.now)
    assert [reason.code for reason in conditions.faults] == ["array_unknown"]
    assert conditions.inhibits == (), "it hides no leak for good"
    rig.watch.array = Source("serial", True, "running")
    conditions = rig.watch.conditions(0, 0, rig.now)
    assert (conditions.faults, conditions.inhibits) == ((), ())


def test_several_alarms_on_one_topic_are_a_fault_once_a_killed_one_would_be_forgotten(rig: Rig) -> None:
    def faults() -> list[str]:
        return [reason.code for reason in rig.watch.conditions(0, 0, rig.now).faults]

    rig.see(Publishers(heard=1), Publishers(heard=1), alarms=2)
    assert faults() == []
    rig.pass_time(30)
    assert faults() == []
    rig.pass_time(1)
    assert faults() == ["alarm_publishers"]
    rig.see(Publishers(heard=1), Publishers(heard=1))
    assert faults() == []


def test_readings_of_another_scale_are_a_fault_as_long_as_they_are(rig: Rig) -> None:
    rig.watch.scale = "all channels are about 4 times what the array gave in clean air"
    (fault,) = rig.watch.conditions(0, 0, rig.now).faults
    assert (fault.code, fault.text) == ("scale", rig.watch.scale)
    rig.watch.scale = ""
    assert rig.watch.conditions(0, 0, rig.now).faults == ()
