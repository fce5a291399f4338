"""The file that configures the robot configures the evaluation."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from gas_fusion_ros.alarm.settings import DEFAULT_SEVERITIES
from gas_fusion_ros.alarm.types import Severity
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle, shipped_folder
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.pipeline.settings import (
    ClassifierSettings,
    SettingsError,
    described,
    offline_settings,
    read_settings,
    replay_parameters_file,
)

S = 1_000_000_000


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(find_bundle("temporal_fusion"))


def written(folder: Path, parameters: object, section: str = "gas_classifier") -> Path:
    path = folder / "parameters.yaml"
    path.write_text(yaml.safe_dump({section: {"ros__parameters": parameters}}))
    return path


def test_the_shipped_file_of_the_replay_is_read() -> None:
    settings = read_settings(replay_parameters_file())
    assert settings.pairing == PairingSettings(slop_ns=S // 10, wait_ns=S, future_tolerance_ns=5 * S)
    assert settings.model == DEFAULT_MODEL


def test_the_shipped_file_of_the_robot_is_read() -> None:
    settings = read_settings(shipped_folder() / "config" / "robot.yaml")
    assert settings.pairing == PairingSettings(slop_ns=S // 10, wait_ns=S // 4)
    assert settings.alarm.severities == DEFAULT_SEVERITIES
    assert settings.channels == ()


@pytest.mark.parametrize("section", ["gas_classifier", "/**/gas_classifier", "/robot1/gas_classifier", "/**"])
def test_the_section_may_be_named_as_ros_names_it(tmp_path: Path, section: str) -> None:
    path = written(tmp_path, {"pairing.slop": 0.25}, section)
    assert read_settings(path).pairing.slop_ns == S // 4


def test_sections_count_in_the_files_order_and_other_nodes_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(
        "/**: {ros__parameters: {use_sim_time: true, threads: 2, device: cpu}}\n"
        "robot1: {gas_classifier: {ros__parameters: {threads: 3, inbox: 4}}}\n"
        "gas_sensor: {ros__parameters: {driver: serial}}\n"
    )
    settings = read_settings(path)
    assert (settings.threads, settings.device) == (3, "cpu")


def test_a_section_for_all_goes_before_the_nodes_own_where_it_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text("gas_classifier: {ros__parameters: {threads: 3}}\n/**: {ros__parameters: {threads: 2}}\n")
    assert read_settings(path).threads == 2, "as ROS has it"


def test_parameters_may_be_nested(tmp_path: Path) -> None:
    path = written(tmp_path, {"pairing": {"wait": 2.0}, "alarm": {"on_delay": 1.5, "off_delay": -1.0}})
    settings = read_settings(path)
    assert settings.pairing.wait_ns == 2 * S
    assert (settings.alarm.on_delay_ns, settings.alarm.off_delay_ns) == (3 * S // 2, None)


def test_every_setting_of_the_pairing_can_be_set(tmp_path: Path) -> None:
    values = {
        f"pairing.{field.name.removesuffix('_ns')}": 7 if field.name == "image_history" else 1.5
        for field in fields(PairingSettings)
    }
    pairing = read_settings(written(tmp_path, values)).pairing
    for field in fields(PairingSettings):
        assert getattr(pairing, field.name) == (7 if field.name == "image_history" else 3 * S // 2)


def test_what_is_not_given_is_as_the_model_advises(tmp_path: Path, bundle: Bundle) -> None:
    settings = read_settings(written(tmp_path, {"alarm.on_threshold": 0.95, "alarm.timeout": 4.0}))
    alarm = settings.alarm_settings(bundle)
    assert alarm.severities == {**DEFAULT_SEVERITIES, UNKNOWN: Severity.WARNING}
    assert alarm.on_threshold == 0.95
    assert alarm.off_threshold == bundle.alarm.off_threshold
    assert alarm.on_delay_ns == bundle.alarm.on_delay_ns
    assert alarm.timeout_ns == 4 * S


def test_one_list_of_gases_leaves_the_other_as_the_node_has_it(tmp_path: Path, bundle: Bundle) -> None:
    settings = read_settings(written(tmp_path, {"alarm.critical_classes": ["Smoke"]}))
    expected = {"Smoke": Severity.CRITICAL, "Perfume": Severity.WARNING, UNKNOWN: Severity.WARNING}
    assert settings.alarm_settings(bundle).severities == expected
    settings = read_settings(
        written(tmp_path, {"alarm.critical_classes": ["Smoke"], "alarm.warning_classes": [""]})
    )
    assert settings.alarm_settings(bundle).severities == {
        "Smoke": Severity.CRITICAL,
        UNKNOWN: Severity.WARNING,
    }


def test_a_model_of_other_gases_has_its_own_alarm(bundle: Bundle) -> None:
    other = replace(bundle, classes=("NoGas", "Perfume", "Ethanol"))
    severities = offline_settings({}).alarm_settings(other).severities
    assert severities == {
        "Perfume": Severity.WARNING,
        "Ethanol": Severity.CRITICAL,
        UNKNOWN: Severity.WARNING,
    }


def test_a_gas_that_the_model_does_not_know_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    settings = read_settings(written(tmp_path, {"alarm.critical_classes": ["Tea"]}))
    with pytest.raises(SettingsError, match="Tea"):
        settings.alarm_settings(bundle)


def test_thresholds_that_contradict_the_advice_are_refused(tmp_path: Path, bundle: Bundle) -> None:
    settings = read_settings(written(tmp_path, {"alarm.on_threshold": 0.001}))
    with pytest.raises(SettingsError, match=r"as the model advises: alarm\.off_threshold"):
        settings.alarm_settings(bundle)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"pairing.slob": 0.1, "modell": "x"}, r"no parameter modell, pairing\.slob; it has"),
        (
            {"pairing.slop": "wide"},
            r"pairing\.slop is 'wide'; it must be a number with a point.* 0 \.\.\. 10",
        ),
        ({"pairing.slop": -0.5}, r"pairing\.slop is -0\.5; it must be within 0 \.\.\. 10"),
        ({"pairing.slop": True}, r"pairing\.slop is True; it must be a number"),
        ({"pairing.slop": 1}, r"pairing\.slop is 1; it must be a number with a point, as 1\.0 is"),
        ({"pairing.slop": 60.0}, r"pairing\.slop is 60\.0; it must be within 0 \.\.\. 10"),
        ({"pairing.silence": 0.0}, r"pairing\.silence is 0\.0; it must be within 0\.1 \.\.\. 3600"),
        ({"pairing.image_history": 2.5}, r"pairing\.image_history is 2\.5; it must be a whole number"),
        ({"alarm.timeout": float("nan")}, r"alarm\.timeout is nan; it must be within 0\.1 \.\.\. 3600"),
        ({"alarm.timeout": 0.001}, r"alarm\.timeout is 0\.001; it must be within"),
        ({"alarm.on_delay": -2.0}, r"alarm\.on_delay is -2\.0; it must be within 0 \.\.\. 600, or -1\.0"),
        ({"alarm.on_delay": 5000.0}, r"alarm\.on_delay is 5000\.0; it must be within 0 \.\.\. 600"),
        ({"alarm.warning_classes": "Smoke"}, "it must be a list of texts"),
        ({"alarm.warning_classes": []}, r"is \[\]; it must be a list of texts, \[''\] for none"),
        ({"alarm.warning_classes": [""], "alarm.critical_classes": [""]}, "name no gas"),
        ({"device": "tpu"}, "device is 'tpu'; it must be one of: auto, cpu, cuda"),
        ({"threads": 0}, r"threads is 0; it must be within 1 \.\.\. 64"),
        ({"threads": 500, "inbox": 0}, "inbox is 0; .*; threads is 500; it must be within"),
        ({"pose_type": "Twist"}, "pose_type is 'Twist'; it must be one of: PoseStamped"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, parameters: object, complaint: str) -> None:
    path = written(tmp_path, parameters)
    with pytest.raises(SettingsError, match=complaint) as caught:
        read_settings(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[1, 2]", "is no ROS parameter file"),
        ("a: [", "cannot be read as a parameter file"),
        ("[" * 5000, "cannot be read as a parameter file"),
        ("gas_classifier: {ros__parameters: {a: &x 1, b: *x}}", "it has an alias in line 1"),
        ("gas_classifier: {ros__parameters: {channels: [a, 1]}}", "channels is a list of several types"),
        ("gas_classifier: {ros__parameters: {channels: [[a]]}}", "line 1: channels is nested in a list"),
        ("gas_classifier:\n  ros__parameters:\n    model:\n", "line 3: model has no value"),
        (
            "leak_mapper: {ros__parameters: {}}",
            r"parameters\.yaml: it has no section for gas_classifier; there is leak_mapper; "
            "add your sections to a copy of config/replay.yaml",
        ),
        ("gas_classifier: {threads: 1}", "section gas_classifier has no ros__parameters"),
        (
            "/a/gas_classifier: {ros__parameters: {}}\n/b/gas_classifier: {ros__parameters: {}}",
            "several sections for gas_classifier: /a/gas_classifier, /b/gas_classifier",
        ),
    ],
)
def test_a_file_that_is_no_parameter_file_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=complaint):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        read_settings(tmp_path / "nowhere.yaml")


def test_an_option_goes_before_the_file_and_is_judged_alike(tmp_path: Path) -> None:
    path = written(tmp_path, {"pairing.slop": 0.25, "threads": 2})
    assert read_settings(path, {"pairing.slop": 0.5}).pairing.slop_ns == S // 2
    with pytest.raises(SettingsError, match=r"--slop: pairing\.slop is nan; it must be within 0"):
        read_settings(path, {"pairing.slop": float("nan")})
    with pytest.raises(SettingsError, match="--threads: threads is 65; it must be within 1"):
        read_settings(path, {"threads": 65})


def test_what_was_used_can_be_given_back_to_the_node(tmp_path: Path, bundle: Bundle) -> None:
    given = {"pairing.slop": 0.02, "alarm.off_delay": 7.5, "alarm.warning_classes": [""]}
    settings = read_settings(written(tmp_path, given))
    used = described(settings, bundle, settings.alarm_settings(bundle))
    again = read_settings(written(tmp_path, used))
    assert again.pairing == settings.pairing
    assert again.alarm_settings(bundle) == settings.alarm_settings(bundle)
    assert again.channels == bundle.channels


def test_a_taught_gas_raises_a_critical_alarm_unless_the_lists_say_otherwise(bundle: Bundle) -> None:
    taught = replace(bundle, classes=(*bundle.classes, "Ammonia"))
    for settings in (offline_settings({}), ClassifierSettings()):
        assert settings.alarm_settings(taught).severities["Ammonia"] is Severity.CRITICAL
    chosen = offline_settings({"alarm.critical_classes": ("Smoke",)})
    assert "Ammonia" not in chosen.alarm_settings(taught).severities
