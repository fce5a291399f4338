"""What a demo plays agrees with its truth, and what cannot be played is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.demo.programme import Programme, ProgrammeError, patrol_programme, recorded_programme
from gas_fusion_ros.simulation.patrol import PatrolSettings
from gas_fusion_ros.truth.ground_truth import START_S

S = 1_000_000_000
HEADER = "Serial Number,MQ2,MQ3,MQ5,MQ6,MQ7,MQ8,MQ135,Gas,Corresponding Image Name\n"


def write_csv(folder: Path, labels: list[str]) -> None:
    rows = [
        f"{index},700,500,400,400,600,600,450,{label},{index}_{label}\n" for index, label in enumerate(labels)
    ]
    (folder / "Gas_Sensors_Measurements.csv").write_text(HEADER + "".join(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_csv(tmp_path, ["NoGas"] * 3 + ["Smoke"] * 4 + ["NoGas"] * 3)
    return tmp_path


def at(programme: Programme, seconds: float) -> int:
    return programme.start_ns + round(seconds * S)


def test_a_patrols_truth_is_the_patrols() -> None:
    programme = patrol_programme(seed=0, duration_s=None, leaks=3, speed=None)
    assert programme.patrol is not None
    assert programme.truth is not None
    assert (programme.duration_s, programme.readings) == (600.0, 1200)
    assert (programme.reading_stamps_ns[0], programme.reading_stamps_ns[-1]) == (
        at(programme, 0),
        at(programme, 599.5),
    )
    assert (len(programme.image_stamps_ns), programme.pairs) == (1200, 1200)
    for leak, encounter in zip(programme.truth.leaks, programme.patrol.encounters, strict=True):
        assert leak.label == encounter.gas
        assert leak.start_ns == pytest.approx(at(programme, encounter.start_s))
        middle = (leak.start_ns + leak.end_ns) // 2
        assert programme.truth.label(middle) == encounter.gas
        assert programme.truth.label(leak.start_ns - S) == "NoGas"
        assert programme.truth.label(leak.start_ns) == encounter.gas
        assert programme.truth.label(leak.end_ns) == "NoGas"
        assert leak.first_sign_ns < leak.start_ns
        assert leak.recovered_ns > leak.end_ns


def test_both_sensors_play_the_same_patrol() -> None:
    programme = patrol_programme(seed=7, duration_s=300.0, leaks=1, speed=None)
    assert programme.camera is not None
    for name in ("driver", "start_time", "simulated.seed", "simulated.duration", "simulated.leaks"):
        assert programme.gas[name] == programme.camera[name]
    assert programme.gas["simulated.seed"] == 7
    assert programme.gas["start_time"] == START_S


def test_a_recordings_truth_is_its_labels(folder: Path) -> None:
    programme = recorded_programme(folder, duration_s=None, speed=None)
    assert (programme.duration_s, programme.readings) == (20.0, 10)
    assert programme.camera is None, "the folder has no images"
    assert programme.truth is not None
    assert [programme.truth.label(at(programme, 2.0 * row)) for row in (0, 2, 3, 6, 7)] == [
        "NoGas",
        "NoGas",
        "Smoke",
        "Smoke",
        "NoGas",
    ]
    (leak,) = programme.truth.leaks
    assert (leak.label, leak.start_ns, leak.end_ns) == ("Smoke", at(programme, 6), at(programme, 14))


def test_a_recording_with_images_has_a_camera(folder: Path) -> None:
    (folder / "3_Smoke.png").write_bytes(b"")
    programme = recorded_programme(folder, duration_s=None, speed=None)
    assert programme.gas == {**programme.camera, "health.warm_up": 0.0}


def test_duration_cuts_a_recording_and_does_not_stretch_it(folder: Path) -> None:
    assert recorded_programme(folder, duration_s=7.0, speed=None).readings == 4
    assert recorded_programme(folder, duration_s=999.0, speed=None).duration_s == 20.0


def test_an_unreadable_row_is_not_expected_and_the_others_keep_their_times(folder: Path) -> None:
    path = folder / "Gas_Sensors_Measurements.csv"
    lines = path.read_text().splitlines()
    lines[2] = "1,not a number,500,400,400,600,600,450,NoGas,1_NoGas"
    path.write_text("\n".join(lines) + "\n")
    programme = recorded_programme(folder, duration_s=None, speed=None)
    assert programme.readings == 9
    assert at(programme, 2) not in programme.reading_stamps_ns
    assert programme.unreadable_rows == 1
    assert "line 3: channel mq2 is 'not a number'" in programme.first_unreadable
    assert programme.truth is not None
    assert programme.truth.label(at(programme, 6)) == "Smoke"


def test_a_recording_of_unreadable_rows_alone_is_refused_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_text(HEADER + "0,x,1,1,1,1,1,1,NoGas,0_NoGas\n" * 3)
    with pytest.raises(ProgrammeError, match=r"no readable row.*; the first: .*line 2: channel mq2 is 'x'"):
        recorded_programme(tmp_path, None, None)


@pytest.mark.parametrize("speed", [1.0, 10.0, 300.0, 1000.0])
def test_waits_stretch_with_the_speed_so_that_none_raises_a_fault(speed: float) -> None:
    programme = patrol_programme(0, None, 3, speed)
    classifier = programme.classifier
    assert float(str(classifier["pairing.wait"])) < programme.lead_s
    assert programme.lead_s < float(str(classifier["alarm.timeout"]))
    assert programme.lead_s < float(str(classifier["pairing.silence"]))


@pytest.mark.parametrize("duration_s", [60.0, 100.0, 200.0, 600.0, 3600.0])
def test_without_a_number_as_many_leaks_as_fit_are_played_at_most_three(duration_s: float) -> None:
    truth = patrol_programme(0, duration_s, None, None).truth
    assert truth is not None
    assert len(truth.leaks) == min(3, PatrolSettings().max_leaks(duration_s))


def test_what_cannot_be_played_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ProgrammeError, match="--leaks: leaks must be within"):
        patrol_programme(0, 60.0, 3, None)
    with pytest.raises(ProgrammeError, match="--duration must be within"):
        patrol_programme(0, 1.0, 0, None)
    with pytest.raises(ProgrammeError, match="--speed must be above 0"):
        patrol_programme(0, None, 3, 0.0)
    with pytest.raises(ProgrammeError, match="--duration must be above 0"):
        recorded_programme(folder, -1.0, None)
    with pytest.raises(ProgrammeError, match="nowhere does not exist"):
        recorded_programme(tmp_path / "nowhere", None, None)


def test_a_class_that_is_not_there_cannot_be_renamed(folder: Path) -> None:
    with pytest.raises(
        ValueError, match="--classes names smoke, which is not there; the classes are NoGas, Smoke"
    ):
        recorded_programme(folder, None, None, TableOptions(classes={"smoke": "Ammonia"}))
