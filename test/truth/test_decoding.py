"""What the classifier publishes is read back as it was meant."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs the ROS message packages")

from diagnostic_msgs.msg import DiagnosticArray

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, LeakAlarm, Severity
from gas_fusion_ros.base.observation import PAPER_CLASSES, UNKNOWN, Mode, Verdict
from gas_fusion_ros.ros.classifier_messages import Classification, decode_classification
from gas_fusion_ros.ros.messages import encode_alarm_state, encode_classification

STAMP_NS = 12_345_678_901


def test_a_classification_comes_back() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
    verdict = Verdict(STAMP_NS, "gas_sensor_link", Mode.GAS_ONLY, PAPER_CLASSES, probabilities, "fusion1")
    decoded = decode_classification(
        encode_classification(verdict, latency_ms=2.5, node_name="gas_classifier")
    )
    assert (decoded.stamp_ns, decoded.label, decoded.mode) == (STAMP_NS, "Smoke", Mode.GAS_ONLY)
    assert decoded.latency_ms == 2.5
    assert tuple(decoded.probabilities) == PAPER_CLASSES
    assert list(decoded.probabilities.values()) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_an_unknown_verdict_comes_back_as_such() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
    verdict = Verdict(STAMP_NS, "link", Mode.FUSION, PAPER_CLASSES, probabilities, "m", novelty=2.0)
    decoded = decode_classification(encode_classification(verdict, 2.5, "gas_classifier"))
    assert decoded.label == UNKNOWN
    assert tuple(decoded.probabilities) == PAPER_CLASSES


@pytest.mark.parametrize(
    ("label", "mode", "clean", "probability"),
    [
        ("Smoke", Mode.FUSION, 0.25, 0.75),
        ("NoGas", Mode.GAS_ONLY, 1.0, 0.0),
        (UNKNOWN, Mode.FUSION, 1.0, None),
        ("NoGas", Mode.THERMAL_ONLY, 1.0, None),
        ("NoGas", Mode.FUSION, float("nan"), None),
    ],
)
def test_clean_air_is_never_made_of_what_is_not_known(
    label: str, mode: Mode, clean: float, probability: float | None
) -> None:
    said = Classification(STAMP_NS, label, {"NoGas": clean, "Smoke": 1.0 - clean}, mode, 1.0)
    assert said.leak_probability == probability


def test_messages_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="has a status, this one has none"):
        decode_classification(DiagnosticArray())
    alarm = LeakAlarm(AlarmSettings({"Smoke": Severity.CRITICAL}), start_ns=1)
    with pytest.raises(ValueError, match="no value mode, latency_ms"):
        decode_classification(encode_alarm_state(alarm.status, STAMP_NS, "gas_classifier"))
